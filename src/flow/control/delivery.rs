//! The delivery gate: what acts on the world needs to be allowed.

use async_trait::async_trait;

use super::context::FlowContext;
use super::event::Event;
use crate::agent::AgentGate;
use crate::error::{Error, ErrorKind, Result};
use crate::tool::{AskPermission, PermissionAnswer, PermissionQuestion};

/// Which runs may act on the world.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DeliveryPolicy {
    /// None, whatever events say.
    #[default]
    Forbidden,
    /// Those whose [event](Event::allow_delivery) allows it.
    ByEvent,
    /// All.
    Allowed,
}

impl DeliveryPolicy {
    pub(super) fn allows(self, event: &Event) -> bool {
        match self {
            Self::Forbidden => false,
            Self::ByEvent => event.allow_delivery,
            Self::Allowed => true,
        }
    }

    /// Why a run may not deliver.
    pub(super) fn refusal(self) -> &'static str {
        match self {
            Self::ByEvent => "the event does not allow delivery",
            _ => "the control plane does not allow delivery",
        }
    }
}

/// The error of a refused delivery.
pub(super) fn refused(what: &str, policy: DeliveryPolicy) -> Error {
    let message = format!(
        "`{what}` acts on the world and did not run: {}",
        policy.refusal()
    );
    Error::new(ErrorKind::NotPermitted, message)
}

/// Asked about each tool that acts on the world, and before each agent, where a run may not deliver.
pub(super) struct Gate(pub(super) FlowContext);

#[async_trait]
impl AskPermission for Gate {
    async fn ask(&self, question: &PermissionQuestion<'_>) -> PermissionAnswer {
        self.0.refuse(question.tool).await;
        PermissionAnswer::Reject(self.0.policy().refusal().to_owned())
    }
}

#[async_trait]
impl AgentGate for Gate {
    async fn admit(&self, agent: &str) -> Result<()> {
        self.0.admit(agent).await
    }
}
