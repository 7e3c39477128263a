//! [`Budget`]: tokens and dollars that runs share, reserved before a call and settled after it.

use std::fmt;
use std::sync::{Arc, Mutex};

use super::account::{self, Account, Amount, Reservation};
use crate::attempt::Attempts;
use crate::chat::Usage;
use crate::cost::{Cost, Decimal};
use crate::error::OverBudget;
use crate::pricing::ModelPrice;
use crate::text;

/// Most tokens and dollars that all runs with this budget may spend together.
///
/// Before a call, what it may need is *reserved*: the prompt's tokens as estimated, and
/// `max_output_tokens`. A call begins only if what is spent, what is reserved and what it needs fit;
/// else the run ends with [`ErrorKind::BudgetExhausted`](crate::ErrorKind::BudgetExhausted), and
/// nothing is sent. After the call, what it used takes the place of what was reserved.
///
/// - The prompt is estimated: a token for each four bytes of every message, of the schema and of
///   the tools, and four more for each message. That suits English; other scripts and figures may take more.
/// - Without `max_output_tokens`, the longest answer that this budget has paid for so far is
///   reserved, at first nothing: only with `max_output_tokens` can calls side by side not overrun.
/// - Unknown is not zero: figures that the provider does not report stay spent as reserved. So does
///   all of a call that failed, was cancelled or panicked, if a request may have been answered for
///   money: it left, and the server did not refuse it (by a status of 400 or above that is no
///   gateway's timeout). What was reserved for a call that sent nothing is free again.
/// - A streamed call that ended early spends what came of it: as the server told, else as estimated.
/// - Retries inside of a call are part of it; a repair, or another try with a higher cap, reserves anew.
///
/// Clones share what is spent; set the limits before you clone. A run that meets the same budget
/// twice, say at its runner and in its options, counts once.
///
/// ```
/// use duologue::agent::Budget;
/// use duologue::prompt::PromptLibrary;
/// use duologue::provider::{Reply, ScriptedProvider};
/// use duologue::{AgentRunner, AgentSpec, ErrorKind};
/// use serde_json::json;
///
/// let prompts = PromptLibrary::in_memory([("planner/system.tera", "Plan a talk.")]);
/// let provider = ScriptedProvider::new([Reply::json(json!({"title": "Tides"})).usage(20, 70)]);
/// let budget = Budget::new().tokens(100);
/// let runner = AgentRunner::builder(provider, prompts).budget(budget.clone()).build();
///
/// let planner = AgentSpec::new("planner", "planner", "gpt-5-mini");
/// pollster::block_on(runner.run(&planner, ()))?;
/// assert_eq!(budget.spending().tokens, 90);
///
/// let error = pollster::block_on(runner.run(&planner, ())).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::BudgetExhausted);
/// # Ok::<(), duologue::Error>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct Budget {
    tokens: Option<u64>,
    cost: Option<Decimal>,
    names: Names,
    account: Arc<Mutex<Account>>,
}

/// What the limits are called where they were set.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Names {
    pub(crate) tokens: &'static str,
    pub(crate) cost: &'static str,
}

impl Names {
    /// Those of the budget that a spec gives to each of its runs.
    pub(super) const OF_SPEC: Self = Self {
        tokens: "`token_budget`",
        cost: "`cost_budget_usd`",
    };
}

/// What a [`Budget`] has given out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Spending {
    /// Tokens of the calls that ended.
    pub tokens: u64,
    /// Dollars of the calls that ended, as far as prices are known.
    pub cost: Cost,
    /// Tokens reserved by the calls under way.
    pub reserved_tokens: u64,
    /// Dollars reserved by the calls under way.
    pub reserved_cost: Cost,
}

/// What a call may need.
#[derive(Debug, Clone, Copy)]
pub(super) struct Need {
    pub(super) input_tokens: u64,
    pub(super) max_output_tokens: Option<u64>,
    pub(super) price: Option<ModelPrice>,
}

/// Why a budget does not cover a call.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) name: &'static str,
    pub(super) limit: String,
    pub(super) spent: String,
    pub(super) reserved: String,
    pub(super) needed: String,
    pub(super) why: OverBudget,
}

impl Default for Budget {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Budget")
            .field("tokens", &self.tokens)
            .field("cost_usd", &self.cost)
            .field("spending", &self.spending())
            .finish_non_exhaustive()
    }
}

impl Budget {
    /// A budget without limits, that only counts.
    pub fn new() -> Self {
        Self {
            tokens: None,
            cost: None,
            names: Names {
                tokens: "the token budget",
                cost: "the dollar budget",
            },
            account: Arc::default(),
        }
    }

    /// The same budget with at most this many tokens, of prompts and answers together.
    pub fn tokens(mut self, tokens: u64) -> Self {
        self.tokens = Some(tokens);
        self
    }

    /// The same budget with at most this many US dollars. A run whose model has no known price is
    /// then refused before its first request.
    pub fn cost_usd(mut self, dollars: Decimal) -> Self {
        self.cost = Some(dollars);
        self
    }

    /// What is spent and reserved right now.
    pub fn spending(&self) -> Spending {
        let account = account::lock(&self.account);
        Spending {
            tokens: account.spent.tokens,
            cost: Cost::from_usd(account.spent.cost),
            reserved_tokens: account.reserved.tokens,
            reserved_cost: Cost::from_usd(account.reserved.cost),
        }
    }

    pub(crate) fn named(mut self, names: Names) -> Self {
        self.names = names;
        self
    }

    /// Adds `budget`; where its spending is counted already, its limits alone.
    pub(super) fn join(budgets: &mut Vec<Self>, budget: Self) {
        let known = budgets
            .iter_mut()
            .find(|known| Arc::ptr_eq(&known.account, &budget.account));
        match known {
            Some(known) => {
                known.tokens = lower(known.tokens, budget.tokens);
                known.cost = lower(known.cost, budget.cost);
            }
            None => budgets.push(budget),
        }
    }

    pub(super) fn needs_prices(&self) -> bool {
        self.cost.is_some()
    }

    /// Sets aside what a call needs; `attempts` will tell what became of it.
    pub(super) fn reserve(
        &self,
        need: &Need,
        attempts: &Attempts,
    ) -> Result<Reservation, Box<Refusal>> {
        let mut account = account::lock(&self.account);
        let output = need.max_output_tokens.unwrap_or(account.longest_answer);
        let usage = Usage::new(need.input_tokens, output);
        let held = Amount {
            tokens: need.input_tokens.saturating_add(output),
            cost: account::cost_of(need.price, &usage).unwrap_or_default(),
        };
        self.fits(&account, held)?;
        account.reserved.add(held);
        let shared = Arc::clone(&self.account);
        Ok(Reservation::new(
            shared,
            attempts.clone(),
            held,
            usage,
            need.price,
        ))
    }

    fn fits(&self, account: &Account, needed: Amount) -> Result<(), Box<Refusal>> {
        let Account {
            spent, reserved, ..
        } = account;
        let mut alone = *spent;
        alone.add(needed);
        let mut all = alone;
        all.add(*reserved);
        if let Some(limit) = self.tokens.filter(|limit| all.tokens > *limit) {
            return Err(Box::new(Refusal {
                name: self.names.tokens,
                limit: text::counted(usize::try_from(limit).unwrap_or(usize::MAX), "token"),
                spent: spent.tokens.to_string(),
                reserved: reserved.tokens.to_string(),
                needed: needed.tokens.to_string(),
                why: account.over(&alone.tokens, &needed.tokens, &limit),
            }));
        }
        if let Some(limit) = self.cost.filter(|limit| all.cost > *limit) {
            let shown = |dollars| Cost::from_usd(dollars).to_string();
            return Err(Box::new(Refusal {
                name: self.names.cost,
                limit: shown(limit),
                spent: shown(spent.cost),
                reserved: shown(reserved.cost),
                needed: shown(needed.cost),
                why: account.over(&alone.cost, &needed.cost, &limit),
            }));
        }
        Ok(())
    }
}

impl Account {
    /// `alone` is what would be spent with this call and no other.
    fn over<A: Ord>(&self, alone: &A, needed: &A, limit: &A) -> OverBudget {
        if needed > limit {
            OverBudget::TooLarge
        } else if alone > limit {
            OverBudget::UsedUp
        } else {
            OverBudget::Reserved(self.settled.subscribe())
        }
    }
}

fn lower<L: Ord>(one: Option<L>, other: Option<L>) -> Option<L> {
    one.into_iter().chain(other).min()
}
