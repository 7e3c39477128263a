//! One document from its first stage to its end.

use serde::Serialize;
use serde_json::Value;

use super::journey::Journey;
use super::report::DocumentFailure;
use super::route::Next;
use super::run::{FAILURES, Run};
use super::stage::Work;
use super::visit::Stopped;
use crate::error::{Error, ErrorKind, Result};
use crate::fingerprint;
use crate::flow::artifact::{Artifact, ArtifactContent, ArtifactWriter};
use crate::flow::directory::is_disk_trouble;
use crate::flow::document::{Document, Unreadable};
use crate::lifecycle::{LifecycleEvent, Phase, Subject};

const DEFAULT_EXTENSION: &str = "md";

/// A line of `documents.jsonl`.
#[derive(Serialize)]
struct DocumentLine<'a> {
    document_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<ErrorKind>,
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact: Option<&'a Artifact>,
    /// How often it was sent back.
    cycles: u32,
    time: String,
}

impl Run<'_> {
    pub(super) async fn drive(&self, document: Document) {
        let started = self.runner.clock().elapsed();
        let mut journey = Journey::new(document, self.pipeline.stages.len());
        self.tally().documents.begun += 1;
        let told = self.start(self.document_event(Phase::Started, &journey.document.id));
        let ended = self.go(&mut journey).await;
        let ended = match ended {
            Ok(()) => self
                .succeed(&journey)
                .await
                .map_err(|stopped| (None, stopped)),
            Err((at, stopped)) => Err((Some(at), stopped)),
        };
        let mut event = self.document_event(Phase::Finished, &journey.document.id);
        event.duration_ms = Some(self.elapsed_ms(started));
        match ended {
            Ok(resumed) => event.resumed = resumed,
            Err((at, stopped)) => {
                let error = self.end_badly(at, &journey, stopped);
                event.phase = Phase::Failed;
                event.error = Some(self.event_error(&error));
            }
        }
        told.end(event);
    }

    /// From stage to stage; what stops it stops it at a stage.
    async fn go(&self, journey: &mut Journey) -> Result<(), (usize, Stopped)> {
        let mut at = 0;
        loop {
            let stage = &self.pipeline.stages[at];
            let visited = self.visit(at, journey).await;
            let answer = visited.map_err(|stopped| (at, stopped))?;
            let reviews = stage.approve_by.is_some();
            journey.learn(&stage.name, &answer, self.pipeline.output.as_ref(), reviews);
            let clean = |text: &str| self.clean_text(text);
            let next = self.pipeline.next(at, journey, &answer, clean);
            match next.map_err(|error| (at, self.misled(at, journey, error)))? {
                Next::Done => return Ok(()),
                Next::To(next) => {
                    if reviews {
                        journey.feedback = None;
                    }
                    if stage.route_by.is_some() {
                        journey.router = Some(at);
                    }
                    journey.previous = Some(at);
                    at = next;
                }
                Next::Back(next) => {
                    self.send_back(at, next, journey, answer);
                    at = next;
                }
            }
        }
    }

    /// The stage did its work, and the document fails at it.
    fn misled(&self, at: usize, journey: &Journey, error: Error) -> Stopped {
        self.tally().stages[at].failed += 1;
        if error.kind() == ErrorKind::NotApproved {
            return Stopped::Failed(error);
        }
        self.unusable(at, journey, error)
    }

    /// The document fails by what the stage gave, and a resumption asks the stage again.
    fn unusable(&self, at: usize, journey: &Journey, error: Error) -> Stopped {
        let voided = match &self.store {
            Some(store) if !matches!(self.pipeline.stages[at].work, Work::Function(_)) => {
                store.void(&self.step(at, journey))
            }
            _ => Ok(()),
        };
        match voided {
            Ok(()) => Stopped::Failed(error),
            Err(trouble) => self.interrupt(&trouble),
        }
    }

    /// [`unusable`](Self::unusable), by the stage that gave what stands under `key`.
    fn unusable_key(&self, key: Option<&str>, journey: &Journey, error: Error) -> Stopped {
        let giver = key.and_then(|key| journey.giver(key));
        match giver.and_then(|stage| self.pipeline.place(stage)) {
            Some(at) => self.unusable(at, journey, error),
            None => Stopped::Failed(error),
        }
    }

    fn send_back(&self, at: usize, to: usize, journey: &mut Journey, answer: Value) {
        journey.sent_back[at] += 1;
        journey.cycle += 1;
        journey.feedback = Some(answer);
        self.tally().stages[at].sent_back += 1;
        let mut event = self.document_event(Phase::Retried, &journey.document.id);
        event.stage = Some(self.pipeline.stages[to].name.clone());
        event.attempt = Some(journey.visits[to] + 1);
        self.tell(event);
    }

    /// Writes the artifact and notes the end; whether an earlier process had done so.
    async fn succeed(&self, journey: &Journey) -> Result<bool, Stopped> {
        let id = &journey.document.id;
        let output = self.pipeline.output.as_ref();
        let content = self.content(journey).map_err(|error| {
            let key = output.map(|output| &*output.body);
            self.unusable_key(key, journey, error)
        })?;
        let print = fingerprint::of_json(&serde_json::json!([
            journey.prints,
            content
                .as_ref()
                .map(|content| [&content.name, &content.extension, &content.body])
        ]));
        if self.is_finished(id, &print).await {
            let documents = &mut self.tally().documents;
            documents.succeeded += 1;
            documents.resumed += 1;
            self.earlier.ended(&self.clean_text(id));
            return Ok(true);
        }
        let artifact = match (&self.artifacts, content) {
            (Some(artifacts), Some(content)) => {
                let written = artifacts.write(content).await;
                let key = output.and_then(|output| output.extension.as_deref());
                let written = written.map_err(|error| self.unwritten(key, journey, error))?;
                self.remove_stale(artifacts, id, &written).await;
                Some(written)
            }
            _ => None,
        };
        let noted = self.note_success(journey, &print, artifact.as_ref());
        noted.map_err(|error| self.interrupt(&error))?;
        self.tally().documents.succeeded += 1;
        self.earlier.ended(&self.clean_text(id));
        Ok(false)
    }

    async fn is_finished(&self, id: &str, print: &str) -> bool {
        let finished = self
            .store
            .as_ref()
            .and_then(|store| store.finished(id, print));
        match (finished, &self.artifacts) {
            (None, _) => false,
            (Some(Some(artifact)), Some(artifacts)) => {
                artifacts.holds(&artifact).await.unwrap_or(false)
            }
            (Some(_), _) => true,
        }
    }

    /// Removes what the document became before it changed.
    async fn remove_stale(&self, artifacts: &ArtifactWriter, id: &str, written: &Artifact) {
        let store = self.store.as_ref();
        let before = store.and_then(|store| store.last_artifact(id));
        let Some(before) = before.filter(|before| before.file != written.file) else {
            return;
        };
        if let Err(error) = artifacts.remove(&before).await {
            let problem = self.shown(&error);
            self.tally().problem(problem);
        }
    }

    fn note_success(
        &self,
        journey: &Journey,
        print: &str,
        artifact: Option<&Artifact>,
    ) -> Result<()> {
        if let Some(directory) = &self.directory {
            let line = self.line(journey, artifact, None);
            directory.append("documents.jsonl", &line)?;
        }
        match &self.store {
            Some(store) => store.finish(&journey.document.id, print, artifact),
            None => Ok(()),
        }
    }

    fn line<'a>(
        &self,
        journey: &Journey,
        artifact: Option<&'a Artifact>,
        kind: Option<ErrorKind>,
    ) -> DocumentLine<'a> {
        DocumentLine {
            document_id: self.clean_text(&journey.document.id),
            url: self.clean_url(journey),
            status: if kind.is_some() {
                "failed"
            } else {
                "succeeded"
            },
            kind,
            artifact,
            cycles: journey.cycle,
            time: self.now(),
        }
    }

    fn unwritten(&self, key: Option<&str>, journey: &Journey, error: Error) -> Stopped {
        if is_disk_trouble(&error) {
            return self.interrupt(&error);
        }
        if error.kind() == ErrorKind::Config {
            return self.unusable_key(key, journey, error);
        }
        Stopped::Failed(error)
    }

    /// What becomes the artifact; nothing where there is no output.
    fn content(&self, journey: &Journey) -> Result<Option<ArtifactContent>> {
        let Some(output) = &self.pipeline.output else {
            return Ok(None);
        };
        let body = journey.find(&output.body).ok_or_else(|| {
            let message = format!(
                "no stage answered with `{}`, the key of the artifact",
                output.body
            );
            Error::new(ErrorKind::InvalidAnswer, message).with_hint(
                "require it in a response schema, or name another key as the output's body",
            )
        })?;
        let found = |key: &Option<String>| journey.find(key.as_ref()?);
        Ok(Some(ArtifactContent {
            document_id: journey.document.id.clone(),
            name: found(&output.name).unwrap_or_else(|| journey.document.id.clone()),
            extension: found(&output.extension).unwrap_or_else(|| DEFAULT_EXTENSION.to_owned()),
            body,
        }))
    }

    /// Notes that the document did not get through; why, as an error.
    fn end_badly(&self, at: Option<usize>, journey: &Journey, stopped: Stopped) -> Error {
        let error = match stopped {
            Stopped::Failed(error) => error,
            Stopped::Interrupted => {
                self.tally().documents.interrupted += 1;
                let message = "the run ended before the document did";
                return Error::new(ErrorKind::Cancelled, message);
            }
        };
        let mut failure = self.failure(&journey.document.id, &error);
        failure.url = self.clean_url(journey);
        failure.stage = at.map(|at| self.pipeline.stages[at].name.clone());
        let line = self.line(journey, None, Some(error.kind()));
        let draft = journey.draft().map(|draft| (&*journey.document.id, draft));
        if let Err(trouble) = self.note_failure(failure, draft, Some(&line)) {
            self.pause(&trouble);
            self.tally().documents.interrupted += 1;
        }
        error
    }

    /// An item of the source is no document, or has the id of another one.
    pub(super) fn refuse(&self, unreadable: &Unreadable) {
        let Unreadable {
            position,
            id,
            error,
        } = unreadable;
        let id = id.clone().unwrap_or_else(|| format!("item {position}"));
        self.tally().documents.begun += 1;
        let told = self.start(self.document_event(Phase::Started, &id));
        let mut event = self.document_event(Phase::Failed, &id);
        event.error = Some(self.event_error(error));
        let failure = self.failure(&id, error);
        if let Err(trouble) = self.note_failure(failure, None, None) {
            self.pause(&trouble);
            self.tally().documents.interrupted += 1;
        }
        told.end(event);
    }

    fn failure(&self, id: &str, error: &Error) -> DocumentFailure {
        DocumentFailure {
            document_id: self.clean_text(id),
            url: None,
            stage: None,
            kind: error.kind(),
            message: self.shown(error),
            hint: error.hint().map(|hint| self.clean_text(hint)),
            time: self.now(),
            draft: None,
        }
    }

    fn note_failure(
        &self,
        mut failure: DocumentFailure,
        draft: Option<(&str, &str)>,
        line: Option<&DocumentLine<'_>>,
    ) -> Result<()> {
        if let Some(directory) = &self.directory {
            if let Some((id, draft)) = draft {
                failure.draft = Some(directory.write_draft(id, draft)?);
            }
            if let Some(line) = line {
                directory.append("documents.jsonl", line)?;
            }
            directory.append(FAILURES, &failure)?;
        }
        self.earlier.ended(&failure.document_id);
        self.tally().failed(failure);
        Ok(())
    }

    fn clean_url(&self, journey: &Journey) -> Option<String> {
        let url = journey.document.url.as_deref();
        url.map(|url| self.clean_text(url))
    }

    fn document_event(&self, phase: Phase, id: &str) -> LifecycleEvent {
        let mut event = self.event(Subject::Document, phase);
        event.document_id = Some(id.to_owned());
        event
    }
}
