//! What a budget has given out, and what is set aside for a call until it ends.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::attempt::{Attempt, Attempts};
use crate::chat::Usage;
use crate::cost::{Cost, Decimal};
use crate::pricing::ModelPrice;

/// Tokens and what they cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Amount {
    pub(super) tokens: u64,
    pub(super) cost: Decimal,
}

/// What a budget has given out.
#[derive(Debug, Default)]
pub(super) struct Account {
    pub(super) spent: Amount,
    pub(super) reserved: Amount,
    pub(super) longest_answer: u64,
    /// Told when what was reserved for a call is settled.
    pub(super) settled: watch::Sender<()>,
}

/// What is set aside for one call.
#[derive(Debug)]
pub(super) struct Reservation {
    account: Arc<Mutex<Account>>,
    attempts: Attempts,
    held: Amount,
    usage: Usage,
    price: Option<ModelPrice>,
    settled: bool,
}

impl Reservation {
    /// `held` has been added to what the account has reserved.
    pub(super) fn new(
        account: Arc<Mutex<Account>>,
        attempts: Attempts,
        held: Amount,
        usage: Usage,
        price: Option<ModelPrice>,
    ) -> Self {
        Self {
            account,
            attempts,
            held,
            usage,
            price,
            settled: false,
        }
    }

    /// The call was answered: what it used is spent, what it did not report stays as reserved.
    pub(super) fn settle(mut self, usage: &Usage, cost: Option<Cost>) {
        self.spend(usage, cost);
        self.settled = true;
    }

    fn spend(&self, usage: &Usage, cost: Option<Cost>) {
        let used = Usage {
            input_tokens: usage.input_tokens.or(self.usage.input_tokens),
            output_tokens: usage.output_tokens.or(self.usage.output_tokens),
            ..*usage
        };
        let spent = Amount {
            tokens: used.total_tokens().unwrap_or(self.held.tokens),
            cost: cost
                .map(Cost::usd)
                .or_else(|| cost_of(self.price, &used))
                .unwrap_or(self.held.cost),
        };
        self.close(spent, usage.output_tokens.unwrap_or(0));
    }

    fn close(&self, spent: Amount, longest: u64) {
        let mut account = lock(&self.account);
        account.reserved.subtract(self.held);
        account.spent.add(spent);
        account.longest_answer = account.longest_answer.max(longest);
        account.settled.send_replace(());
    }
}

/// The call had no answer.
impl Drop for Reservation {
    fn drop(&mut self) {
        if self.settled {
            return;
        }
        if let Some(remains) = self.attempts.remains() {
            self.spend(&remains.usage, None);
            return;
        }
        let spent = if self.attempts.to_vec().iter().any(may_cost) {
            self.held
        } else {
            Amount::default()
        };
        self.close(spent, 0);
    }
}

/// Whether somebody may want money for it: a refusal is free, silence is not.
fn may_cost(attempt: &Attempt) -> bool {
    let silent_or_served = |status| status < 400 || matches!(status, 504 | 524);
    !attempt.unsent && attempt.status.is_none_or(silent_or_served)
}

pub(super) fn cost_of(price: Option<ModelPrice>, usage: &Usage) -> Option<Decimal> {
    price?.cost(usage).map(Cost::usd)
}

impl Amount {
    pub(super) fn add(&mut self, other: Self) {
        self.tokens = self.tokens.saturating_add(other.tokens);
        self.cost = self.cost.saturating_add(other.cost);
    }

    fn subtract(&mut self, other: Self) {
        self.tokens = self.tokens.saturating_sub(other.tokens);
        self.cost = self.cost.saturating_sub(other.cost);
    }
}

pub(super) fn lock(account: &Mutex<Account>) -> MutexGuard<'_, Account> {
    account.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::agent::budget::{Budget, Need};
    use crate::attempt::WireCapture;

    /// What happens to one of the calls under way.
    #[derive(Debug, Clone)]
    enum Step {
        Begin {
            input: u64,
            output: u64,
        },
        /// It used no more than was reserved, in parts of 100.
        Answer {
            call: usize,
            part: u64,
        },
        Silence {
            call: usize,
        },
        DropUnsent {
            call: usize,
        },
        DropSent {
            call: usize,
        },
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => (0..50_u64, 0..50_u64).prop_map(|(input, output)| Step::Begin { input, output }),
            2 => (any::<usize>(), 0..=100_u64).prop_map(|(call, part)| Step::Answer { call, part }),
            1 => any::<usize>().prop_map(|call| Step::Silence { call }),
            1 => any::<usize>().prop_map(|call| Step::DropUnsent { call }),
            1 => any::<usize>().prop_map(|call| Step::DropSent { call }),
        ]
    }

    proptest! {
        #[test]
        fn no_order_of_events_overruns_a_budget_or_loses_a_token(
            steps in proptest::collection::vec(step(), 0..200),
            limit in 0..1_000_u64,
        ) {
            let price = ModelPrice::new(Decimal::ONE_HUNDRED, Decimal::ONE_HUNDRED);
            let dollars = Decimal::from(limit) / Decimal::from(20_000);
            let budget = Budget::new().tokens(limit).cost_usd(dollars);
            let mut open: Vec<(Reservation, Attempts, u64, u64)> = Vec::new();
            let (mut spent, mut reserved) = (0, 0);
            for step in steps {
                match step {
                    Step::Begin { input, output } => {
                        let attempts = Attempts::new(WireCapture::Off);
                        let need = Need { input_tokens: input, max_output_tokens: Some(output), price: Some(price) };
                        let needed = input + output;
                        // A dollar buys 10,000 tokens, so half of the tokens cost all of the dollars.
                        let fits = 2 * (spent + reserved + needed) <= limit;
                        match budget.reserve(&need, &attempts) {
                            Ok(reservation) => {
                                prop_assert!(fits);
                                reserved += needed;
                                open.push((reservation, attempts, input, output));
                            }
                            Err(_) => prop_assert!(!fits),
                        }
                    }
                    _ if open.is_empty() => {}
                    Step::Answer { call, part } => {
                        let (reservation, _, input, output) = open.swap_remove(call % open.len());
                        let usage = Usage::new(input * part / 100, output * part / 100);
                        reservation.settle(&usage, price.cost(&usage));
                        spent += input * part / 100 + output * part / 100;
                        reserved -= input + output;
                    }
                    Step::Silence { call } => {
                        let (reservation, _, input, output) = open.swap_remove(call % open.len());
                        reservation.settle(&Usage::default(), None);
                        spent += input + output;
                        reserved -= input + output;
                    }
                    Step::DropUnsent { call } => {
                        let (_, _, input, output) = open.swap_remove(call % open.len());
                        reserved -= input + output;
                    }
                    Step::DropSent { call } => {
                        let (reservation, attempts, input, output) = open.swap_remove(call % open.len());
                        drop(attempts.open());
                        drop(reservation);
                        spent += input + output;
                        reserved -= input + output;
                    }
                }
                let now = budget.spending();
                prop_assert_eq!((now.tokens, now.reserved_tokens), (spent, reserved));
                prop_assert!(now.tokens + now.reserved_tokens <= limit);
                prop_assert!(now.cost.plus(now.reserved_cost).usd() <= dollars);
            }
            drop(open);
            prop_assert_eq!(budget.spending().reserved_tokens, 0);
            prop_assert_eq!(budget.spending().reserved_cost, Cost::ZERO);
        }
    }
}
