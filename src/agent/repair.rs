//! What a model is told when its answer does not fit.

use std::fmt::Write;

use crate::chat::Message;
use crate::error::SchemaViolation;
use crate::text;

/// Most characters of a bad answer that go back to the model.
const MAX_ANSWER: usize = 8_000;
/// Most errors that the model is shown at once.
const MAX_VIOLATIONS: usize = 20;

/// The messages to put behind the dialogue: the bad answer, and what is wrong with it.
pub(crate) fn messages(bad_answer: &str, violations: &[SchemaViolation]) -> [Message; 2] {
    let mut feedback = "Your answer cannot be used:\n".to_owned();
    list(&mut feedback, "the answer", violations);
    feedback.push_str("Answer again with the whole corrected JSON and nothing else.");
    let answer = if bad_answer.is_empty() {
        "(empty)".to_owned()
    } else {
        text::clip(bad_answer, MAX_ANSWER)
    };
    [Message::assistant(answer), Message::user(feedback)]
}

/// Writes one line for each of the first violations; `whole` is what they are in.
pub(crate) fn list(text: &mut String, whole: &str, violations: &[SchemaViolation]) {
    for violation in violations.iter().take(MAX_VIOLATIONS) {
        let place = if violation.pointer.is_empty() {
            whole
        } else {
            &violation.pointer
        };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "- {place}: {}", violation.message);
    }
    if violations.len() > MAX_VIOLATIONS {
        let _ = writeln!(text, "- and {} more", violations.len() - MAX_VIOLATIONS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_sees_its_answer_and_each_error_at_its_place() {
        let violations = [SchemaViolation {
            pointer: "/steps/0".into(),
            message: "\"x\" is too short".into(),
        }];
        let [answer, feedback] = messages("{\"steps\": [\"x\"]}", &violations);
        assert_eq!(answer, Message::assistant("{\"steps\": [\"x\"]}"));
        assert!(
            feedback
                .content
                .contains("- /steps/0: \"x\" is too short\n"),
            "{}",
            feedback.content
        );
    }

    #[test]
    fn a_long_answer_and_many_errors_are_clipped() {
        let many = vec![
            SchemaViolation {
                pointer: String::new(),
                message: "wrong".into()
            };
            100
        ];
        let [answer, feedback] = messages(&"x".repeat(100_000), &many);
        assert!(answer.content.chars().count() < MAX_ANSWER + 100);
        assert!(feedback.content.contains("and 80 more"));
    }
}
