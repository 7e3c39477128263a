//! A planner and a judge: drafts go back with feedback until one is good enough.
//!
//! ```text
//! planner → checks → judge → approved
//!    ↑         ↓       ↓
//!    └──── feedback ───┘        at most `max_iterations` drafts
//! ```
//!
//! # A round
//! 1. The **planner** makes a draft. In later rounds its `user_refinement` takes the place of `user`, and
//!    it is given what came of the last draft:
//!
//!    | variable | what it holds |
//!    |---|---|
//!    | `feedback` | what the judge said, or what the checks found when there was no judge |
//!    | `revision_request` | the score, what is needed, and every issue, a line each |
//!    | `preserve_elements` | the strengths that the judge named last: a list of texts |
//!    | `draft` | the last draft |
//!    | `issues` | what is wrong with it: `severity`, `message`, and `path` and `check` where known |
//!    | `iteration` | which round this is; the first one is 0 |
//!
//! 2. The **checks** look at it: functions, JSON Schemas, [rules](Rule). An error sends it back without a
//!    call of the judge; a warning goes to the judge.
//! 3. The **judge** is given the planner's variables, and `draft`, `issues`, `iteration`, `approve_at` and
//!    `soft_fail_at`. It answers with a score from 0 to 10; others are invalid answers, which it repairs.
//!    From `approve_at` (7) up the draft is approved, from `soft_fail_at` (5) up it is a soft fail, else a hard
//!    one. **The score decides**: the judge's own word for it is kept in [`Verdict::said`], and counts only
//!    where a schema of the judge's own has no score.
//!
//! # The end
//! [`ReviewOutcome::reason`] says why it ended, and [`ReviewOutcome::data`] is the best draft so far, even
//! where a budget, a deadline, a cancellation or a failure ended it; `error` holds that. Only without any
//! draft is a run an `Err`. A draft that was there before ends the loop
//! ([`NoProgress`](StopReason::NoProgress)): the same feedback would come again.
//!
//! Agents in mode `conversational` keep one conversation each through all rounds of a run. All calls are
//! in the same log: `iteration` is the round, `stage` is `plan` or `judge`, and `parent_call_id` the call
//! whose answer led to this one.
//!
//! ```
//! use duologue::flow::review::{Check, ReviewLoop, Rule};
//! use duologue::prompt::PromptLibrary;
//! use duologue::provider::{Reply, ScriptedProvider};
//! use duologue::{AgentRunner, AgentSpec};
//! use serde_json::json;
//!
//! let prompts = PromptLibrary::in_memory([
//!     ("planner/system.tera", "Plan."),
//!     ("planner/user.tera", "Topic: {{ topic }}"),
//!     ("planner/user_refinement.tera", "Again, {{ topic }}. {{ feedback }}"),
//!     ("judge/system.tera", "Judge: {{ draft.title }}"),
//! ]);
//! let provider = ScriptedProvider::new([
//!     Reply::json(json!({"title": "Tides", "steps": ["moon"]})),
//!     Reply::json(json!({"score": 6, "feedback": "Say what the Sun does."})),
//!     Reply::json(json!({"title": "Tides", "steps": ["moon", "sun"]})),
//!     Reply::json(json!({"score": 8, "feedback": "Good."})),
//! ]);
//! let runner = AgentRunner::new(provider, prompts);
//!
//! let planner = AgentSpec::new("planner", "planner", "gpt-5-mini");
//! let judge = AgentSpec::new("judge", "judge", "gpt-5");
//! let review = ReviewLoop::builder(planner, judge)
//!     .checked_by(Check::rule("steps", Rule::at("/steps").min_items(1)))
//!     .build()?;
//! let plan = pollster::block_on(review.run(&runner, json!({"topic": "tides"})))?;
//! assert!(plan.is_approved());
//! assert_eq!((plan.rounds.len(), plan.score()), (2, Some(8.0)));
//! assert_eq!(plan.data["steps"][1], "sun");
//! # Ok::<(), duologue::Error>(())
//! ```

mod check;
mod issue;
mod options;
mod outcome;
mod preflight;
mod problem;
mod rounds;
mod rule;
mod run;
mod settings;
mod telling;
mod variables;
mod verdict;

pub use check::Check;
pub use issue::{Issue, Severity};
pub use options::ReviewOptions;
pub use outcome::{ReviewOutcome, Round, StopReason};
pub use rule::Rule;
pub use settings::{ReviewLoop, ReviewLoopBuilder};
pub use verdict::{Verdict, VerdictStatus};
