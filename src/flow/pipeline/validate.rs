//! Whether the stages of a pipeline fit together, as far as it can be known without a runner.

use std::collections::HashMap;

use super::settings::Pipeline;
use super::stage::{ReworkTarget, Stage, Work};
use crate::agent::AgentSpec;
use crate::error::{Error, ErrorKind, Result};
use crate::text;

pub(super) fn validate(pipeline: &Pipeline) -> Result<()> {
    let checks = [
        names, targets, decisions, circles, reach, rework, agents, limits,
    ];
    let checked = checks.iter().try_for_each(|check| check(pipeline));
    checked.map_err(|error| error.within(&format!("pipeline `{}`", pipeline.name)))
}

fn wrong(message: impl Into<String>, hint: impl Into<String>) -> Error {
    Error::new(ErrorKind::Config, message).with_hint(hint)
}

fn names(pipeline: &Pipeline) -> Result<()> {
    if pipeline.stages.is_empty() {
        return Err(wrong("there are no stages", "add one by `.stage(…)`"));
    }
    for (index, stage) in pipeline.stages.iter().enumerate() {
        let name = &stage.name;
        if name.trim().is_empty() {
            let message = format!("stage {} has no name", index + 1);
            return Err(wrong(message, "give each stage a name of its own"));
        }
        if pipeline.stages[..index]
            .iter()
            .any(|known| known.name == *name)
        {
            let message = format!("two stages have the name `{name}`");
            return Err(wrong(message, "give each stage a name of its own"));
        }
    }
    Ok(())
}

/// Every stage that another one names.
fn targets(pipeline: &Pipeline) -> Result<()> {
    let names = pipeline.stages.iter().map(|stage| &*stage.name);
    for stage in &pipeline.stages {
        let then = stage.then.iter().map(|target| ("then".to_owned(), target));
        let routes = stage.routes.iter();
        let routes = routes.map(|(value, target)| (format!("routes.{value}"), target));
        let rework = stage
            .rework
            .iter()
            .filter_map(|rework| match &rework.target {
                ReworkTarget::Stage(target) => Some(("rework.target".to_owned(), target)),
                ReworkTarget::Same | ReworkTarget::Router => None,
            });
        for (key, target) in then.chain(routes).chain(rework) {
            if pipeline.place(target).is_none() {
                let message = format!(
                    "stage `{}`, key `{key}`: there is no stage `{target}`",
                    stage.name
                );
                return Err(wrong(message, text::did_you_mean(target, names.clone())));
            }
        }
    }
    Ok(())
}

/// What decides where a document goes is whole, and says one thing.
fn decisions(pipeline: &Pipeline) -> Result<()> {
    for stage in &pipeline.stages {
        let place = |error: Error| error.within(&format!("stage `{}`", stage.name));
        whole_decision(stage).map_err(place)?;
        for (index, (value, _)) in stage.routes.iter().enumerate() {
            let plain = plain(value);
            let mut before = stage.routes[..index].iter();
            if before.any(|(known, _)| self::plain(known) == plain) {
                let message = format!("two routes for `{value}`");
                return Err(place(wrong(
                    message,
                    "case and white space around do not count",
                )));
            }
        }
    }
    Ok(())
}

/// A route's value as it is compared when it does not fit exactly.
pub(super) fn plain(value: &str) -> String {
    value.trim().to_lowercase()
}

fn whole_decision(stage: &Stage) -> Result<()> {
    let routes = !stage.routes.is_empty();
    match (&stage.route_by, routes) {
        (Some(_), false) => {
            return Err(wrong(
                "`route_by` without `routes`",
                "say which value goes where",
            ));
        }
        (None, true) => {
            let hint = "name the key of the answer that holds the route";
            return Err(wrong("`routes` without `route_by`", hint));
        }
        _ => {}
    }
    if stage.route_by.is_some() && stage.then.is_some() {
        let hint = "keep one of them; a value that no route has is the document's failure";
        return Err(wrong("both `then` and `route_by`", hint));
    }
    if stage.rework.is_some() && stage.approve_by.is_none() {
        let hint = "name the key of the answer that says whether the document is approved";
        return Err(wrong("`rework` without `approve_by`", hint));
    }
    Ok(())
}

/// The stages that a document may go on to, rework aside.
fn onward<'a>(pipeline: &'a Pipeline, stage: &'a Stage) -> impl Iterator<Item = usize> + 'a {
    let routes = stage.routes.iter().map(|(_, target)| target);
    let targets = stage.then.iter().chain(routes);
    targets.filter_map(|target| pipeline.place(target))
}

/// Documents go in circles by rework alone, which counts them.
fn circles(pipeline: &Pipeline) -> Result<()> {
    let mut left: Vec<usize> = (0..pipeline.stages.len()).collect();
    // Stages that lead to none that is left cannot be in a circle.
    loop {
        let before = left.len();
        let leads_on =
            |at: &usize| onward(pipeline, &pipeline.stages[*at]).any(|to| left.contains(&to));
        let still: Vec<usize> = left.iter().copied().filter(leads_on).collect();
        left = still;
        if left.len() == before {
            break;
        }
    }
    if left.is_empty() {
        return Ok(());
    }
    let names = left.iter().map(|at| &*pipeline.stages[*at].name);
    let message = format!(
        "documents would go in a circle: {}",
        text::quoted_list(names)
    );
    let hint = "only `rework` leads back, at most `max_cycles` times";
    Err(wrong(message, hint))
}

fn reach(pipeline: &Pipeline) -> Result<()> {
    let mut reached = vec![false; pipeline.stages.len()];
    let mut waiting = vec![0];
    while let Some(at) = waiting.pop() {
        if std::mem::replace(&mut reached[at], true) {
            continue;
        }
        let stage = &pipeline.stages[at];
        waiting.extend(onward(pipeline, stage));
        waiting.extend(
            stage
                .rework
                .iter()
                .filter_map(|rework| match &rework.target {
                    ReworkTarget::Stage(target) => pipeline.place(target),
                    ReworkTarget::Same | ReworkTarget::Router => None,
                }),
        );
    }
    match reached.iter().position(|reached| !reached) {
        None => Ok(()),
        Some(lost) => {
            let message = format!(
                "no document can come to stage `{}`",
                pipeline.stages[lost].name
            );
            let hint = "name it in `then`, in `routes` or in `rework`, or take it out";
            Err(wrong(message, hint))
        }
    }
}

/// There is a stage to go back to, whichever way a document came.
fn rework(pipeline: &Pipeline) -> Result<()> {
    for (at, stage) in pipeline.stages.iter().enumerate() {
        let Some(rework) = &stage.rework else {
            continue;
        };
        let name = &stage.name;
        match &rework.target {
            ReworkTarget::Stage(target) if target == name => {
                let message = format!("stage `{name}` sends documents back to itself");
                return Err(wrong(message, "name the stage that works on them"));
            }
            ReworkTarget::Stage(target) => {
                let mut targets = pipeline.stages.iter();
                if let Some(other) = targets.find(|stage| stage.name == *target) {
                    is_no_reviewer(name, other)?;
                }
            }
            ReworkTarget::Same => {
                let is_before = |before: &&Stage| onward(pipeline, before).any(|to| to == at);
                let mut before = pipeline.stages.iter().filter(is_before);
                if at == 0 {
                    let message =
                        format!("stage `{name}` is the first: there is no stage to go back to");
                    return Err(wrong(message, "name one in `rework.target`"));
                }
                before.try_for_each(|other| is_no_reviewer(name, other))?;
            }
            ReworkTarget::Router => {
                let is_router = |router: &&Stage| {
                    router.route_by.is_some()
                        && router.name != *name
                        && leads_to(pipeline, router, at)
                };
                let mut routers = pipeline.stages.iter().filter(is_router).peekable();
                if routers.peek().is_none() {
                    let message = format!("stage `{name}`: no stage before it routes");
                    return Err(wrong(
                        message,
                        "use `same`, or name a stage in `rework.target`",
                    ));
                }
                routers.try_for_each(|router| is_no_reviewer(name, router))?;
            }
        }
    }
    Ok(())
}

/// A reviewer that is asked again may approve what it refused, and nobody has worked on it.
fn is_no_reviewer(name: &str, target: &Stage) -> Result<()> {
    if target.approve_by.is_none() {
        return Ok(());
    }
    let message = format!(
        "stage `{name}` would send documents back to the reviewer `{}`",
        target.name
    );
    let hint = "name the stage that works on them in `rework.target`";
    Err(wrong(message, hint))
}

fn leads_to(pipeline: &Pipeline, from: &Stage, to: usize) -> bool {
    // There are no circles.
    onward(pipeline, from).any(|at| at == to || leads_to(pipeline, &pipeline.stages[at], to))
}

fn agents(pipeline: &Pipeline) -> Result<()> {
    let mut known: HashMap<&str, &AgentSpec> = HashMap::new();
    for spec in pipeline.agents() {
        spec.validate()?;
        if let Some(other) = known.insert(&spec.name, spec)
            && other != spec
        {
            let message = format!("two different agents have the name `{}`", spec.name);
            return Err(wrong(message, "rename one of them"));
        }
    }
    Ok(())
}

fn limits(pipeline: &Pipeline) -> Result<()> {
    let limits = &pipeline.limits;
    let each = |key: &'static str| move |(name, limit)| (format!("{key}.{name}"), limit);
    let documents = [("documents".to_owned(), &limits.documents)];
    let models = limits.models.iter().map(each("models"));
    let agents = limits.agents.iter().map(each("agents"));
    let mut all = documents.into_iter().chain(models).chain(agents);
    if let Some((key, _)) = all.find(|(_, limit)| **limit == 0) {
        return Err(wrong(
            format!("key `limits.{key}`: is 0"),
            "allowed: 1 or more",
        ));
    }
    let models = pipeline.agents().map(|spec| &*spec.model);
    let agents = pipeline.agents().map(|spec| &*spec.name);
    for name in limits.models.keys() {
        if !models.clone().any(|known| known == name) {
            let message = format!("key `limits.models`: no agent has the model `{name}`");
            return Err(wrong(message, text::did_you_mean(name, models)));
        }
    }
    for name in limits.agents.keys() {
        if !agents.clone().any(|known| known == name) {
            let message = format!("key `limits.agents`: there is no agent `{name}`");
            return Err(wrong(message, text::did_you_mean(name, agents)));
        }
    }
    Ok(())
}

impl Pipeline {
    /// The agents of its stages, in their order.
    pub(crate) fn agents(&self) -> impl Iterator<Item = &AgentSpec> + Clone {
        self.stages.iter().filter_map(|stage| match &stage.work {
            Work::Agent(spec) => Some(&**spec),
            Work::Tool { .. } | Work::Function(_) => None,
        })
    }

    /// Where the stage of this name stands.
    pub(super) fn place(&self, name: &str) -> Option<usize> {
        self.stages.iter().position(|stage| stage.name == name)
    }
}
