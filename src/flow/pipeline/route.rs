//! Where a document goes from a stage, by the stage's answer.

use serde_json::Value;

use super::journey::Journey;
use super::settings::Pipeline;
use super::stage::{ReworkTarget, Stage};
use super::validate::plain;
use crate::error::{Error, ErrorKind, Result};
use crate::text;

/// Where a document goes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// It is done.
    Done,
    To(usize),
    /// It is not approved, and goes back.
    Back(usize),
}

impl Pipeline {
    /// Where the document goes after `answer`. `clean` makes a value fit to be shown.
    ///
    /// # Errors
    /// `InvalidAnswer` for an answer that does not say it, `NotApproved` when it was sent back often enough.
    pub(super) fn next(
        &self,
        at: usize,
        journey: &Journey,
        answer: &Value,
        clean: impl Fn(&str) -> String,
    ) -> Result<Next> {
        let stage = &self.stages[at];
        if let Some(key) = &stage.approve_by
            && !is_approved(stage, key, answer)?
        {
            return self.back(at, journey).map(Next::Back);
        }
        let target = match &stage.route_by {
            Some(key) => Some(route(stage, key, answer, clean)?),
            None => stage.then.as_deref(),
        };
        Ok(target
            .and_then(|target| self.place(target))
            .map_or(Next::Done, Next::To))
    }

    fn back(&self, at: usize, journey: &Journey) -> Result<usize> {
        let stage = &self.stages[at];
        let refused = |what: String| {
            let message = format!("stage `{}` did not approve the document{what}", stage.name);
            Error::new(ErrorKind::NotApproved, message)
        };
        let Some(rework) = &stage.rework else {
            return Err(refused(String::new()));
        };
        let sent = journey.sent_back[at];
        if sent >= rework.max_cycles {
            let rounds = text::counted(sent as usize, "round");
            return Err(refused(format!(" after {rounds} of rework")));
        }
        let target = match &rework.target {
            ReworkTarget::Same => journey.previous,
            ReworkTarget::Router => journey.router,
            ReworkTarget::Stage(name) => self.place(name),
        };
        target.ok_or_else(|| refused(", and there is no stage to go back to".to_owned()))
    }
}

fn is_approved(stage: &Stage, key: &str, answer: &Value) -> Result<bool> {
    if let Some(Value::Bool(approved)) = answer.get(key) {
        return Ok(*approved);
    }
    let found = if answer.get(key).is_some() {
        "is neither true nor false"
    } else {
        "is missing"
    };
    let message = format!("the answer of stage `{}`: `{key}` {found}", stage.name);
    Err(
        Error::new(ErrorKind::InvalidAnswer, message).with_hint(format!(
            "require `{key}`, a boolean, in the response schema"
        )),
    )
}

fn route<'a>(
    stage: &'a Stage,
    key: &str,
    answer: &Value,
    clean: impl Fn(&str) -> String,
) -> Result<&'a str> {
    let allowed = text::quoted_list(stage.routes.iter().map(|(value, _)| &**value));
    let wrong = |found: String| {
        let message = format!("the answer of stage `{}`: `{key}` {found}", stage.name);
        let hint = format!("allowed: {allowed}; an `enum` in the response schema makes sure of it");
        Error::new(ErrorKind::InvalidAnswer, message).with_hint(hint)
    };
    let value = match answer.get(key) {
        Some(Value::String(value)) => value,
        Some(_) => return Err(wrong("is no text".to_owned())),
        None => return Err(wrong("is missing".to_owned())),
    };
    let mut routes = stage.routes.iter();
    let exact = routes.find(|(known, _)| known == value);
    let mut routes = stage.routes.iter();
    let found = exact.or_else(|| routes.find(|(known, _)| plain(known) == plain(value)));
    let (_, target) =
        found.ok_or_else(|| wrong(format!("is `{}`", text::clip(&clean(value), 40))))?;
    Ok(target)
}
