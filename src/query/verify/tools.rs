//! The tool calls: whether each that began has ended.

use super::super::run::Run;
use super::{Defect, Finding, Verification};
use crate::error::Result;

pub(super) fn look(run: &Run, verification: &mut Verification) -> Result<()> {
    let tools = run.unended_tools()?;
    verification.tool_calls = tools.all as u64;
    verification
        .findings
        .extend(tools.unended.iter().map(|tool| {
            let message = format!(
                "tool call {} of the call's answer began, and no line that can be read ends it; `duologue logs recover` does",
                tool.index + 1
            );
            Finding::new(Defect::NeverFinished, &run.paths.journal, message).of_call(&tool.call_id)
        }));
    Ok(())
}
