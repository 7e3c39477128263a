//! The documents of a run and the stages that they went through, out of what was told of them and of
//! their calls.

use std::collections::HashMap;

use serde::Serialize;

use crate::call_log::Record;
use crate::cost::Cost;
use crate::error::ErrorKind;
use crate::lifecycle::{LifecycleEvent, Phase, Subject};

/// More stages than these of one document say nothing that a reader could use.
const MOST_PASSED: usize = 40;

/// Documents in the order in which they came up, and stages likewise.
#[derive(Debug, Default, Serialize)]
pub(super) struct Flow {
    documents: Vec<DocumentFigures>,
    stages: Vec<StageFigures>,
}

/// How far something has come.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    /// Only calls are known of it.
    #[default]
    Untold,
    Running,
    Succeeded,
    Failed,
}

#[derive(Debug, Default, Serialize)]
struct DocumentFigures {
    id: String,
    status: Status,
    error: Option<ErrorKind>,
    resumed: bool,
    /// The stages that it was at, one after the other.
    passed: Vec<String>,
    duration_ms: Option<u64>,
    spent: Spent,
}

#[derive(Debug, Default, Serialize)]
struct StageFigures {
    name: String,
    visits: u64,
    failed: u64,
    retried: u64,
    /// All visits together.
    duration_ms: u64,
    spent: Spent,
}

/// What calls took.
#[derive(Debug, Default, Serialize)]
struct Spent {
    calls: u64,
    /// `None` where no call has told of any.
    tokens: Option<u64>,
    cost_usd: Option<Cost>,
}

impl Spent {
    fn add(&mut self, record: &Record) {
        self.calls += 1;
        let tokens = self.tokens.into_iter().chain(record.usage.total_tokens());
        self.tokens = tokens.reduce(u64::saturating_add);
        let sum = self.cost_usd.into_iter().chain(record.cost_usd);
        self.cost_usd = sum.reduce(Cost::plus);
    }
}

/// Items by name, in the order in which the names came up.
struct ByName<T> {
    items: Vec<T>,
    places: HashMap<String, usize>,
}

impl<T> ByName<T> {
    fn new() -> Self {
        Self {
            items: Vec::new(),
            places: HashMap::new(),
        }
    }

    fn of(&mut self, name: &str, new: impl FnOnce(String) -> T) -> &mut T {
        let known = self.places.get(name).copied();
        let place = known.unwrap_or_else(|| {
            self.places.insert(name.to_owned(), self.items.len());
            self.items.push(new(name.to_owned()));
            self.items.len() - 1
        });
        &mut self.items[place]
    }
}

/// What is being put together.
struct Sums {
    documents: ByName<DocumentFigures>,
    stages: ByName<StageFigures>,
}

impl Flow {
    /// That of a run; `None` when it has neither documents nor stages. `events` are in order.
    pub(super) fn of(events: &[LifecycleEvent], records: &[Record]) -> Option<Self> {
        let mut sums = Sums {
            documents: ByName::new(),
            stages: ByName::new(),
        };
        for event in events {
            sums.hear(event);
        }
        let is_told = !events.is_empty();
        for record in records {
            sums.add(record, is_told);
        }
        let (documents, stages) = (sums.documents.items, sums.stages.items);
        (!documents.is_empty() || !stages.is_empty()).then_some(Self { documents, stages })
    }
}

impl Sums {
    fn document(&mut self, id: &str) -> &mut DocumentFigures {
        self.documents.of(id, |id| DocumentFigures {
            id,
            ..DocumentFigures::default()
        })
    }

    fn stage(&mut self, name: &str) -> &mut StageFigures {
        self.stages.of(name, |name| StageFigures {
            name,
            ..StageFigures::default()
        })
    }

    fn hear(&mut self, event: &LifecycleEvent) {
        match (event.subject, &event.document_id, &event.stage) {
            (Subject::Document, Some(id), _) => self.document(id).hear(event),
            (Subject::Stage, id, Some(stage)) => {
                self.stage(stage).hear(event);
                if let (Some(id), Phase::Started) = (id, event.phase) {
                    self.document(id).pass(stage);
                }
            }
            _ => {}
        }
    }

    fn add(&mut self, record: &Record, is_told: bool) {
        if let Some(stage) = &record.stage {
            self.stage(stage).spent.add(record);
        }
        let Some(id) = &record.document_id else {
            return;
        };
        let document = self.document(id);
        document.spent.add(record);
        if let (false, Some(stage)) = (is_told, &record.stage)
            && document.passed.last() != Some(stage)
        {
            document.pass(stage);
        }
    }
}

impl DocumentFigures {
    fn hear(&mut self, event: &LifecycleEvent) {
        self.status = match event.phase {
            Phase::Finished => Status::Succeeded,
            Phase::Failed => Status::Failed,
            Phase::Started | Phase::Retried => Status::Running,
            Phase::Slow | Phase::Unknown => return,
        };
        if event.phase == Phase::Started {
            // A resumption sends it through all stages again, though most of them are done.
            self.passed.clear();
        }
        self.resumed |= event.resumed;
        self.error = event.error.as_ref().map(|error| error.kind);
        if !(event.resumed && self.duration_ms.is_some()) {
            self.duration_ms = event.duration_ms.or(self.duration_ms);
        }
    }

    fn pass(&mut self, stage: &str) {
        if self.passed.len() < MOST_PASSED {
            self.passed.push(stage.to_owned());
        }
    }
}

impl StageFigures {
    fn hear(&mut self, event: &LifecycleEvent) {
        match event.phase {
            Phase::Started => self.visits += 1,
            Phase::Retried => self.retried += 1,
            Phase::Failed => self.failed += 1,
            // Nobody worked: it was done before.
            Phase::Finished if event.resumed => self.visits = self.visits.saturating_sub(1),
            Phase::Finished | Phase::Slow | Phase::Unknown => {}
        }
        if matches!(event.phase, Phase::Finished | Phase::Failed) {
            self.duration_ms += event.duration_ms.unwrap_or(0);
        }
    }
}
