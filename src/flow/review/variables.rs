//! The variables that the loop gives to the prompts of planner and judge.

use serde_json::{Map, Value, json};

use super::issue::{Issue, Severity};
use super::outcome::Round;
use super::problem::figure;
use super::settings::ReviewLoop;
use super::verdict::{Thresholds, Verdict};
use crate::text;

/// What the planner is given from the second round on.
pub(super) const OF_PLANNER: [&str; 6] = [
    "feedback",
    "revision_request",
    "preserve_elements",
    "draft",
    "issues",
    "iteration",
];

/// What the judge is given in every round.
pub(super) const OF_JUDGE: [&str; 5] =
    ["draft", "issues", "iteration", "approve_at", "soft_fail_at"];

/// By any of these the planner learns what was wrong.
pub(super) const TELLING: [&str; 3] = ["feedback", "revision_request", "issues"];

/// Further issues are counted, not listed.
const MAX_LISTED: usize = 20;

impl ReviewLoop {
    /// `given`, and over it what came of `rounds`.
    pub(super) fn planner_variables(
        &self,
        given: &Map<String, Value>,
        rounds: &[Round],
    ) -> Map<String, Value> {
        let mut variables = given.clone();
        let Some(last) = rounds.last() else {
            return variables;
        };
        let judged = last.verdict.iter().flat_map(|verdict| &verdict.issues);
        let issues: Vec<&Issue> = last.issues.iter().chain(judged).collect();
        let strengths = rounds.iter().rev().find_map(|round| round.verdict.as_ref());
        let strengths = strengths.map(|verdict| &verdict.strengths[..]);
        let (feedback, request) = match &last.verdict {
            Some(verdict) => (
                feedback_of(verdict, &issues),
                request_of(verdict, &issues, self.thresholds),
            ),
            None => (
                format!(
                    "The draft was not judged, since checks found errors:\n{}",
                    listed(&issues)
                ),
                "Mend everything that the checks found.".to_owned(),
            ),
        };
        variables.insert("feedback".to_owned(), feedback.into());
        variables.insert("revision_request".to_owned(), request.into());
        variables.insert(
            "preserve_elements".to_owned(),
            json!(strengths.unwrap_or_default()),
        );
        variables.insert("draft".to_owned(), last.draft.clone());
        variables.insert("issues".to_owned(), json!(issues));
        variables.insert("iteration".to_owned(), rounds.len().into());
        variables
    }

    /// What the judge knows in any round: the planner's defaults, over them its own, over them `given`.
    pub(super) fn known_to_judge(&self, given: &Map<String, Value>) -> Map<String, Value> {
        let mut variables = self.planner.default_variables.clone();
        variables.extend(self.judge.default_variables.clone());
        variables.extend(given.clone());
        variables
    }

    /// What the judge knows, and over it the draft of `round` with what the checks found.
    pub(super) fn judge_variables(
        &self,
        given: &Map<String, Value>,
        round: &Round,
    ) -> Map<String, Value> {
        let Thresholds {
            approve_at,
            soft_fail_at,
        } = self.thresholds;
        let mut variables = self.known_to_judge(given);
        variables.insert("draft".to_owned(), round.draft.clone());
        variables.insert("issues".to_owned(), json!(round.issues));
        variables.insert("iteration".to_owned(), round.iteration.into());
        variables.insert("approve_at".to_owned(), figure(approve_at));
        variables.insert("soft_fail_at".to_owned(), figure(soft_fail_at));
        variables
    }
}

fn feedback_of(verdict: &Verdict, issues: &[&Issue]) -> String {
    if !verdict.feedback.trim().is_empty() {
        verdict.feedback.clone()
    } else if issues.is_empty() {
        "The judge does not approve the draft, and gives no reason.".to_owned()
    } else {
        listed(issues)
    }
}

fn request_of(verdict: &Verdict, issues: &[&Issue], thresholds: Thresholds) -> String {
    let judged = match verdict.score {
        Some(score) => format!(
            "The judge gave {score} of 10; {} is needed.",
            thresholds.approve_at
        ),
        None => format!("The judge's verdict is `{}`.", verdict.status),
    };
    if issues.is_empty() {
        judged
    } else {
        format!("{judged}\n{}", listed(issues))
    }
}

/// A line for each issue, errors first.
fn listed(issues: &[&Issue]) -> String {
    let of = |severity| {
        issues
            .iter()
            .filter(move |issue| issue.severity == severity)
    };
    let sorted = of(Severity::Error).chain(of(Severity::Warning));
    let mut lines: Vec<String> = sorted
        .take(MAX_LISTED)
        .map(|issue| format!("- {issue}"))
        .collect();
    let more = issues.len().saturating_sub(MAX_LISTED);
    if more > 0 {
        lines.push(format!("- and {}", text::counted(more, "further issue")));
    }
    lines.join("\n")
}
