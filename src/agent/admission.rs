//! Whether a call may begin: not cancelled, in time, within every budget.

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::account::Reservation;
use super::budget::{Budget, Names, Need, Refusal};
use super::execution::Execution;
use super::spec::AgentSpec;
use crate::attempt::Attempts;
use crate::chat::{Request, Usage};
use crate::cost::Cost;
use crate::error::{BudgetRefusal, Error, ErrorKind, OverBudget, Result};
use crate::pricing::PriceTable;

/// What a message takes besides its text.
const TOKENS_PER_MESSAGE: u64 = 4;

/// The right to make one call: where its attempts will be noted, and what is set aside for it.
#[derive(Debug)]
pub(super) struct Ticket {
    pub(super) attempts: Attempts,
    reservations: Vec<Reservation>,
}

impl Ticket {
    /// The call was answered. A ticket that is dropped instead settles by its attempts.
    pub(super) fn settle(self, usage: &Usage, cost: Option<Cost>) {
        for reservation in self.reservations {
            reservation.settle(usage, cost);
        }
    }
}

/// The budget that `spec` gives to each of its runs.
pub(super) fn budget_of(spec: &AgentSpec) -> Option<Budget> {
    if spec.token_budget.is_none() && spec.cost_budget_usd.is_none() {
        return None;
    }
    let mut budget = Budget::new().named(Names::OF_SPEC);
    if let Some(tokens) = spec.token_budget {
        budget = budget.tokens(tokens);
    }
    if let Some(cost) = spec.cost_budget_usd {
        budget = budget.cost_usd(cost.usd());
    }
    Some(budget)
}

/// Whether the costs that `budgets` limit can be known.
pub(super) fn check_price<'b>(
    spec: &AgentSpec,
    budgets: impl IntoIterator<Item = &'b Budget>,
    prices: &PriceTable,
) -> Result<()> {
    let model = &spec.model;
    if !budgets.into_iter().any(Budget::needs_prices) || prices.price(model).is_some() {
        return Ok(());
    }
    let message = format!(
        "agent `{}` has a budget in dollars, and the price of its model `{model}` is not known",
        spec.name
    );
    Err(Error::new(ErrorKind::Config, message).with_hint(format!(
        "name the price under `models.{model}` in a price file (`prices` in a job file), or by `PriceTable::with_price`"
    )))
}

impl Execution<'_> {
    /// A ticket for `request`.
    pub(super) fn admit(&self, request: &Request) -> Result<Ticket> {
        self.in_time()?;
        let attempts = Attempts::new(self.around.log.wire_capture());
        let mut reservations = Vec::new();
        let streams = self.options.events.is_on();
        if streams || !self.budgets.is_empty() {
            let need = self.need(request);
            attempts.estimate_input(need.input_tokens);
            for budget in &self.budgets {
                let reservation = budget
                    .reserve(&need, &attempts)
                    .map_err(|refusal| refused(&self.spec.name, *refusal))?;
                reservations.push(reservation);
            }
        }
        Ok(Ticket {
            attempts,
            reservations,
        })
    }

    pub(super) fn in_time(&self) -> Result<()> {
        let name = &self.spec.name;
        if self
            .options
            .cancel
            .as_ref()
            .is_some_and(CancellationToken::is_cancelled)
        {
            return Err(self.cancelled());
        }
        if self
            .deadline
            .is_some_and(|deadline| deadline <= Instant::now())
        {
            return Err(Error::new(
                ErrorKind::DeadlineExceeded,
                format!("agent `{name}` passed its deadline"),
            ));
        }
        Ok(())
    }

    pub(super) fn cancelled(&self) -> Error {
        let name = &self.spec.name;
        Error::new(
            ErrorKind::Cancelled,
            format!("agent `{name}` was cancelled"),
        )
    }

    fn need(&self, request: &Request) -> Need {
        let tokens = |text: &str| Usage::estimated_tokens(text.len());
        let messages = request.messages.iter();
        let messages: u64 = messages
            .map(|message| {
                let calls = message.tool_calls.iter();
                let calls =
                    calls.map(|call| tokens(&call.name) + tokens(&call.arguments.to_string()));
                tokens(&message.content) + calls.sum::<u64>() + TOKENS_PER_MESSAGE
            })
            .sum();
        let tools = self.tools.as_ref().map_or(0, |tools| tools.bytes);
        Need {
            input_tokens: messages + tokens(&self.schema.text) + Usage::estimated_tokens(tools),
            max_output_tokens: request.max_output_tokens.map(u64::from),
            price: self.around.prices.price(&request.model).copied(),
        }
    }
}

fn refused(agent: &str, refusal: Refusal) -> Error {
    let Refusal {
        name,
        limit,
        spent,
        reserved,
        needed,
        why,
    } = refusal;
    let message = format!(
        "agent `{agent}`: {name} of {limit} does not cover another call: {spent} spent, {reserved} reserved, {needed} needed"
    );
    let mut hint = format!(
        "raise {name}, or let a call need less: a shorter prompt, a lower `max_output_tokens`"
    );
    if matches!(why, OverBudget::Reserved(_)) {
        hint.push_str("; fewer runs at once reserve less");
    }
    let is_own = [Names::OF_SPEC.tokens, Names::OF_SPEC.cost].contains(&name);
    Error::new(ErrorKind::BudgetExhausted, message)
        .with_hint(hint)
        .with_refusal(BudgetRefusal { is_own, why })
}
