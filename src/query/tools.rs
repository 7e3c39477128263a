//! The tool calls of a run, and their figures.

use std::collections::{HashMap, HashSet};

use memchr::memmem;
use serde::Serialize;

use super::filter::Filter;
use super::run::Run;
use crate::call_log::{ToolCalls, ToolRecord, ToolStatus, Tools};
use crate::error::Result;

/// How a journal line about a tool call begins.
const HEAD: &[u8] = b"{\"event\":\"tool_";

/// The figures of the calls of one tool.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ToolTotals {
    /// The tool's name.
    pub name: String,
    /// Calls that ended.
    pub calls: u64,
    /// Those that gave no result.
    pub failed: u64,
    /// Their durations added up, in milliseconds; calls side by side count each.
    pub duration_ms: u64,
    /// Calls that have begun and not ended.
    pub in_flight: u64,
}

impl Run {
    /// All tool calls in the order in which they started; the journals are read for them. One that
    /// still runs has no status. Lines that cannot be read are left out: [`problems`](Self::problems)
    /// has them.
    ///
    /// # Errors
    /// [`ErrorKind::Log`](crate::ErrorKind::Log) when a journal cannot be read any more.
    pub fn tool_calls(&self) -> Result<Vec<ToolRecord>> {
        self.tools_in(&|line| line.starts_with(HEAD))
    }

    /// The tool calls that the answer of `call_id` asked for, in its order.
    ///
    /// # Errors
    /// [`ErrorKind::Log`](crate::ErrorKind::Log) when a journal cannot be read any more.
    pub fn tool_calls_of(&self, call_id: &str) -> Result<Vec<ToolRecord>> {
        let id = memmem::Finder::new(call_id);
        let mut calls = self.tools_in(&|line| line.starts_with(HEAD) && id.find(line).is_some())?;
        calls.retain(|call| call.call_id == call_id);
        calls.sort_by_key(|call| call.index);
        Ok(calls)
    }

    /// How many tool calls there are, and those that no journal ends though their process is gone.
    pub(super) fn unended_tools(&self) -> Result<Unended> {
        let tools = self.read_tools(&|line| line.starts_with(HEAD))?;
        let unended = tools.unended.iter();
        Ok(Unended {
            unended: unended.map(|place| tools.records[*place].clone()).collect(),
            all: tools.records.len(),
        })
    }

    fn tools_in(&self, is_wanted: &(dyn Fn(&[u8]) -> bool + Sync)) -> Result<Vec<ToolRecord>> {
        Ok(self.read_tools(is_wanted)?.records)
    }

    fn read_tools(&self, is_wanted: &(dyn Fn(&[u8]) -> bool + Sync)) -> Result<Tools> {
        let mut calls = ToolCalls::default();
        self.each_line(is_wanted, &mut |mut line, live| calls.hear(&mut line, live))?;
        Ok(calls.end())
    }
}

/// Tool calls without an end.
pub(super) struct Unended {
    pub(super) all: usize,
    pub(super) unended: Vec<ToolRecord>,
}

/// Figures by name, in the order in which the names came up.
#[derive(Debug, Default)]
pub(super) struct ToolSums {
    sums: Vec<ToolTotals>,
    places: HashMap<String, usize>,
}

impl ToolSums {
    /// Adds the tool calls of `run` that pass; `calls` are the ids of the calls that did, where only
    /// they tell.
    pub(super) fn add(
        &mut self,
        run: &Run,
        filter: &Filter,
        calls: Option<&HashSet<String>>,
    ) -> Result<()> {
        for tool in run.tool_calls()? {
            let is_of_call = calls.is_none_or(|calls| calls.contains(&tool.call_id));
            if is_of_call && filter.passes_tool(&tool) {
                self.add_call(&tool);
            }
        }
        Ok(())
    }

    fn add_call(&mut self, tool: &ToolRecord) {
        let known = self.places.get(&tool.name).copied();
        let place = known.unwrap_or_else(|| {
            self.places.insert(tool.name.clone(), self.sums.len());
            self.sums.push(ToolTotals {
                name: tool.name.clone(),
                ..ToolTotals::default()
            });
            self.sums.len() - 1
        });
        let sum = &mut self.sums[place];
        let Some(status) = tool.status else {
            sum.in_flight += 1;
            return;
        };
        sum.calls += 1;
        sum.failed += u64::from(status != ToolStatus::Succeeded);
        sum.duration_ms = sum
            .duration_ms
            .saturating_add(tool.duration_ms.unwrap_or(0));
    }

    pub(super) fn into_totals(self) -> Vec<ToolTotals> {
        self.sums
    }
}
