//! Running the pipeline of a job.

use tracing::Instrument as _;

use super::plan::PipelinePlan;
use crate::call_log::Sanitizer;
use crate::error::{Error, ErrorKind, Result, with_causes};
use crate::flow::pipeline::{Output, PipelineOptions, PipelineReport, PipelineStatus};
use crate::flow::refuse_begun;
use crate::job::load::Job;
use crate::job::session::Session;
use crate::telemetry::run_span;

impl Job {
    /// Runs the job's documents through its stages, with the job's provider, tools, budget and log. The
    /// run's directory is `{output_dir}/{run_id}`, and a copy of the configuration goes there; `options`
    /// may say otherwise. The records are flushed before this returns.
    ///
    /// ```no_run
    /// use duologue::flow::pipeline::{PipelineOptions, PipelineStatus};
    /// use duologue::job::{Job, JobOverrides};
    ///
    /// # pollster::block_on(async {
    /// let job = Job::load("examples/jobs/pipeline.yaml", &JobOverrides::default())?;
    /// let report = job.run_pipeline(PipelineOptions::new()).await?;
    /// assert_eq!(report.status, PipelineStatus::Succeeded);
    /// # Ok::<(), duologue::Error>(())
    /// # })?;
    /// # Ok::<(), duologue::Error>(())
    /// ```
    ///
    /// # Errors
    /// What [`check`](Self::check) would find, and [`ErrorKind::Config`] for a job without a pipeline.
    /// After the first document nothing is an `Err`: it is in the report.
    pub async fn run_pipeline(&self, options: PipelineOptions) -> Result<PipelineReport> {
        let plan = self.plan()?;
        let sanitizer = self.llm_logging.sanitize.to_sanitizer()?;
        let open = run_span(&plan.name, &self.run_id, &|text| {
            sanitizer.or_default().clean(text)
        });
        let report = self
            .run_stages(plan, options, &sanitizer)
            .instrument(open.span())
            .await;
        open.end(match &report {
            Ok(report) => first_error(report),
            Err(error) => Some(error.kind()),
        });
        report
    }

    async fn run_stages(
        &self,
        plan: &PipelinePlan,
        options: PipelineOptions,
        sanitizer: &Sanitizer,
    ) -> Result<PipelineReport> {
        let pipeline = self.pipeline()?;
        let options = self.completed(plan, options)?;
        self.refuse_idle_clean(plan, &options)?;
        // Before servers are started and a journal is made.
        if let Some(directory) = options.directory.as_deref().filter(|_| !options.resume) {
            refuse_begun(directory)?;
        }
        let is_whole = options.limit.is_none() && !options.resume;
        let Session {
            runner,
            answering,
            tools,
        } = self.open(&options.cancel, sanitizer).await?;
        let report = pipeline.run(&runner, plan.source(), options).await;
        if let Some(tools) = tools {
            tools.close().await;
        }
        let flushed = runner.flush().await;
        let mut report = report?;
        let left_over = match answering.scripted {
            Some(scripted) if is_whole && report.status == PipelineStatus::Succeeded => {
                scripted.finish()
            }
            _ => Ok(()),
        };
        for error in [flushed.err(), left_over.err()].into_iter().flatten() {
            let problem = sanitizer.or_default().clean(&with_causes(&error));
            if !report.problems.contains(&problem) {
                report.problems.push(problem);
            }
        }
        Ok(report)
    }

    /// The options, and what the job says where they say nothing.
    fn completed(
        &self,
        plan: &PipelinePlan,
        mut options: PipelineOptions,
    ) -> Result<PipelineOptions> {
        if options.directory.is_none() {
            options.directory = Some(self.directory()?);
        }
        options.config = Some(options.config.unwrap_or_else(|| plan.kept_config()));
        options.limit = options.limit.or(plan.limit);
        options.resume |= plan.resume;
        Ok(options)
    }

    /// A new run whose files go to its own directory has nothing to remove.
    fn refuse_idle_clean(&self, plan: &PipelinePlan, options: &PipelineOptions) -> Result<()> {
        let has_directory = |output: &Output| output.directory.is_some() || options.resume;
        if !options.clean || plan.output.as_ref().is_some_and(has_directory) {
            return Ok(());
        }
        let key = self.key("pipeline.output.dir");
        let message = format!("{key}: is missing, so there is nothing that `--clean` could remove");
        Err(Error::new(ErrorKind::Config, message).with_hint(
            "set it to the directory that all runs write to, or leave out `--clean`: each run has files of its own",
        ))
    }
}

/// What stands for the whole run when it did not succeed.
fn first_error(report: &PipelineReport) -> Option<ErrorKind> {
    match report.status {
        PipelineStatus::Succeeded => None,
        PipelineStatus::Cancelled => Some(ErrorKind::Cancelled),
        PipelineStatus::Paused => Some(report.paused_by.unwrap_or(ErrorKind::Log)),
        _ => Some(
            report
                .failures
                .first()
                .map_or(ErrorKind::Internal, |failure| failure.kind),
        ),
    }
}
