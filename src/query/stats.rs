//! Totals of one run or several: of all calls, by agent and by model.

use std::collections::{HashMap, HashSet};
use std::time::SystemTime;

use serde::Serialize;

use super::figures::Figures;
use super::filter::Filter;
use super::read::CallLine;
use super::run::Run;
use super::tools::{ToolSums, ToolTotals};
use super::totals::{Group, Sum, Totals};
use crate::call_log::ErrorLine;
use crate::clock::rfc3339;
use crate::error::Result;

/// How many errors are kept.
const MOST_ERRORS: usize = 10;

/// Totals of one run or several.
///
/// As JSON, the figures of [`total`](Self::total) stand beside `schema`, as those of a
/// [`Summary`](crate::call_log::Summary) do.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Stats {
    /// `duologue.stats/1`: name and version of this format.
    pub schema: String,
    /// The run; absent when there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_id: Option<String>,
    /// The runs.
    pub runs: Vec<String>,
    /// When the totals were taken: RFC 3339, UTC.
    pub updated_at: String,
    /// All calls.
    #[serde(flatten)]
    pub total: Totals,
    /// The calls of each agent, in the order of their first calls.
    pub agents: Vec<Group>,
    /// The calls of each model that was asked for, in the order of their first calls.
    pub models: Vec<Group>,
    /// The calls of each tool, in the order of their first calls.
    pub tools: Vec<ToolTotals>,
    /// The first ten errors that ended an execution.
    pub errors: Vec<ErrorLine>,
    /// Journal lines that could not be read; the totals lack what they said.
    pub unreadable_lines: u64,
}

impl Stats {
    /// Name and version of the format.
    pub const SCHEMA: &str = "duologue.stats/1";

    /// The totals of all calls of these runs.
    ///
    /// ```
    /// # use duologue::call_log::{create_llm_logger, LoggerConfig};
    /// # let folder = tempfile::tempdir()?;
    /// # let config = LoggerConfig { output_dir: folder.path().into(), run_id: Some("demo".into()), ..Default::default() };
    /// # drop(create_llm_logger(&config)?);
    /// # let directory = folder.path().join("demo");
    /// use duologue::query::{Run, Stats};
    ///
    /// let stats = Stats::of(&[Run::open(&directory)?])?;
    /// for agent in &stats.agents {
    ///     println!("{}: {:?} ms", agent.name, agent.totals.latency.p95_ms);
    /// }
    /// assert_eq!(stats.run_id.as_deref(), Some("demo"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Log`](crate::ErrorKind::Log) when a journal cannot be read any more.
    pub fn of(runs: &[Run]) -> Result<Self> {
        Self::of_calls(runs, &Filter::default())
    }

    /// The totals of the calls that pass `filter`.
    ///
    /// # Errors
    /// [`ErrorKind::Log`](crate::ErrorKind::Log) when a journal cannot be read any more.
    pub fn of_calls(runs: &[Run], filter: &Filter) -> Result<Self> {
        let mut all = Collected::default();
        let mut tools = ToolSums::default();
        for run in runs {
            all.has_tools = false;
            for batch in run.fold(&|found: &mut Collected, line| found.visit(&line, filter))? {
                all.merge(batch);
            }
            all.unreadable += run.unreadable();
            // The journals are read once more for them.
            if all.has_tools {
                tools.add(run, filter, filter.is_about_calls().then_some(&all.passed))?;
            }
        }
        let ids: Vec<String> = runs.iter().map(|run| run.run_id().to_owned()).collect();
        Ok(Self {
            schema: Self::SCHEMA.to_owned(),
            run_id: match &ids[..] {
                [id] => Some(id.clone()),
                _ => None,
            },
            runs: ids,
            updated_at: rfc3339(SystemTime::now()),
            total: all.total.into_totals(),
            agents: all.agents.into_groups(),
            models: all.models.into_groups(),
            tools: tools.into_totals(),
            errors: all.errors,
            unreadable_lines: all.unreadable,
        })
    }
}

/// What was added up so far.
#[derive(Debug, Default)]
struct Collected {
    total: Sum,
    agents: Named,
    models: Named,
    errors: Vec<ErrorLine>,
    unreadable: u64,
    /// Whether a model could call tools.
    has_tools: bool,
    /// The ids of the calls that passed, where their tool calls are to be found by them.
    passed: HashSet<String>,
}

impl Collected {
    fn visit(&mut self, line: &CallLine<'_>, filter: &Filter) {
        match Figures::of(line) {
            Ok(call) if filter.passes_figures(&call) => {
                self.has_tools |= call.has_tools();
                self.total.add(&call);
                self.agents.of(&call.agent).add(&call);
                self.models.of(&call.model).add(&call);
                if filter.is_about_calls() {
                    self.passed.insert(call.call_id.clone().into_owned());
                }
                if self.errors.len() < MOST_ERRORS {
                    self.errors.extend(call.into_error());
                }
            }
            Ok(_) => {}
            Err(_) => self.unreadable += 1,
        }
    }

    fn merge(&mut self, other: Self) {
        self.total.merge(other.total);
        self.agents.merge(other.agents);
        self.models.merge(other.models);
        self.errors.extend(other.errors);
        self.errors.truncate(MOST_ERRORS);
        self.unreadable += other.unreadable;
        self.passed.extend(other.passed);
        self.has_tools |= other.has_tools;
    }
}

/// Sums by name, in the order in which the names came up.
#[derive(Debug, Default)]
struct Named {
    sums: Vec<(String, Sum)>,
    places: HashMap<String, usize>,
}

impl Named {
    fn of(&mut self, name: &str) -> &mut Sum {
        let known = self.places.get(name).copied();
        let place = known.unwrap_or_else(|| {
            self.places.insert(name.to_owned(), self.sums.len());
            self.sums.push((name.to_owned(), Sum::default()));
            self.sums.len() - 1
        });
        &mut self.sums[place].1
    }

    fn merge(&mut self, other: Self) {
        for (name, sum) in other.sums {
            self.of(&name).merge(sum);
        }
    }

    fn into_groups(self) -> Vec<Group> {
        let groups = self.sums.into_iter().map(|(name, sum)| Group {
            name,
            totals: sum.into_totals(),
        });
        groups.collect()
    }
}
