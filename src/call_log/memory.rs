//! Records in memory, for tests and for programs that look at their own calls.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::logger::CallLogger;
use super::record::Record;
use super::tool_record::ToolRecord;
use crate::error::Result;
use crate::lifecycle::LifecycleEvent;

/// Keeps every record in memory; clones share the same list. It grows with every call.
#[derive(Debug, Clone, Default)]
pub struct MemoryCallLogger {
    records: Arc<Mutex<Vec<Record>>>,
    tools: Arc<Mutex<Vec<ToolRecord>>>,
    happened: Arc<Mutex<Vec<LifecycleEvent>>>,
}

impl MemoryCallLogger {
    /// An empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// The records so far, in the order in which the calls started. A running call has no status.
    pub fn records(&self) -> Vec<Record> {
        self.lock().clone()
    }

    /// The tool calls so far, in the order in which they started. One that runs has no status.
    pub fn tool_calls(&self) -> Vec<ToolRecord> {
        self.lock_tools().clone()
    }

    /// What happened to the run, its documents and its stages so far, in the order in which it was told.
    pub fn happened(&self) -> Vec<LifecycleEvent> {
        self.lock_happened().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Record>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_tools(&self) -> MutexGuard<'_, Vec<ToolRecord>> {
        self.tools.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_happened(&self) -> MutexGuard<'_, Vec<LifecycleEvent>> {
        self.happened.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl CallLogger for MemoryCallLogger {
    fn call_started(&self, record: &Record) -> Result<()> {
        self.lock().push(record.clone());
        Ok(())
    }

    fn call_finished(&self, record: &Record) -> Result<()> {
        let mut records = self.lock();
        match records
            .iter_mut()
            .rev()
            .find(|known| known.call_id == record.call_id)
        {
            Some(known) => *known = record.clone(),
            None => records.push(record.clone()),
        }
        Ok(())
    }

    fn tool_started(&self, record: &ToolRecord) -> Result<()> {
        self.lock_tools().push(record.clone());
        Ok(())
    }

    fn tool_finished(&self, record: &ToolRecord) -> Result<()> {
        let mut tools = self.lock_tools();
        let is_same = |known: &&mut ToolRecord| {
            known.call_id == record.call_id && known.index == record.index
        };
        match tools.iter_mut().rev().find(is_same) {
            Some(known) => *known = record.clone(),
            None => tools.push(record.clone()),
        }
        Ok(())
    }

    fn happened(&self, event: &LifecycleEvent) -> Result<()> {
        self.lock_happened().push(event.clone());
        Ok(())
    }

    async fn flush(&self) -> Result<()> {
        Ok(())
    }

    fn flush_blocking(&self) -> Result<()> {
        Ok(())
    }
}
