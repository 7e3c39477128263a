//! Replay: the records of an earlier run in place of a model.
//!
//! A [`ReplayProvider`] answers from a run's journal, at level `standard` or `full`, and sends
//! nothing. A request and a record belong together when the fingerprints of their messages, model,
//! answer schema, tools, `temperature`, `max_output_tokens` and `extra` are equal; both sides are redacted
//! by the replaying side's sanitizer first, so a run that was recorded without one matches too (one
//! that was recorded with further rules does not). Among
//! equal requests the n-th one of an agent gets that agent's n-th record, in the order in which the
//! calls began; an agent that the records of this request do not name gets the first that is left.
//!
//! Everything replays as it happened, at once: answers with their usage, ids and provider data;
//! refusals, cut and filtered answers; failures with kind, message, hint and attempts, which are not
//! made again. A call that was cancelled, or whose caller went away, fails as `cancelled`. Nothing
//! goes over the wire, so a record of a replayed call has no `wire`, at no level; it names the call
//! it repeats in `replay_of`, and the provider of that call in `provider`.
//!
//! Tools are not run either: [`ReplayProvider::tools`] gives those of the recorded run, which answer
//! from the records of their calls.
//!
//! What cannot be replayed: a call that was [interrupted](crate::call_log::CallStatus::Interrupted)
//! or still runs, a run at level `minimal`, and, unless
//! [allowed](ReplayProviderBuilder::allow_redacted), an answer in which the sanitizer replaced
//! something.

mod answer;
mod builder;
mod excerpt;
mod key;
mod miss;
mod provider;
mod recording;
mod report;
mod tools;

pub use builder::ReplayProviderBuilder;
pub use provider::ReplayProvider;
pub use report::{ReplayReport, UnusedCall};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a replay does with a request that no record answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ReplayMode {
    /// It fails, and says which record is nearest and where the difference begins.
    #[default]
    Strict,
    /// It goes to another provider, and is recorded as usual.
    FallThrough,
    /// It takes the first unused record of the same agent, whatever was asked there.
    FirstUnused,
}

impl ReplayMode {
    /// `strict`, `fall_through` or `first_unused`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::FallThrough => "fall_through",
            Self::FirstUnused => "first_unused",
        }
    }
}
