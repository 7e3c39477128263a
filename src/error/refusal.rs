//! Why a budget refused a call, for flows that decide what follows.

use tokio::sync::watch;

/// A call that a budget did not cover.
#[derive(Debug, Clone)]
pub(crate) struct BudgetRefusal {
    /// Whether it was the spec's own budget, which each run has anew.
    pub(crate) is_own: bool,
    pub(crate) why: OverBudget,
}

#[derive(Debug, Clone)]
pub(crate) enum OverBudget {
    /// The call needs more than all of the budget.
    TooLarge,
    /// Only what others reserve is in its way; the receiver is told when some of that is settled.
    Reserved(watch::Receiver<()>),
    /// What is left is not enough.
    UsedUp,
}
