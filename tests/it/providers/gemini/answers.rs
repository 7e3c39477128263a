//! What Gemini, proxies and worse send back in one piece: one file per case.

use duologue::provider::gemini::Translator;
use duologue::provider::{HttpAnswer, Translate};

use super::{check_fixtures, lines_of};

#[test]
fn every_answer_is_understood_as_written_below_it() {
    check_fixtures("gemini", 65, |given| {
        let (head, body) = given.split_once("\n\n").unwrap_or((given, ""));
        let mut lines = head.lines();
        let status = lines.next().unwrap().strip_prefix("HTTP ").unwrap();
        let headers: Vec<_> = lines.map(|line| line.split_once(": ").unwrap()).collect();
        let answer = HttpAnswer {
            status: status.parse().unwrap(),
            headers: &headers,
            body: body.as_bytes(),
        };
        lines_of(&Translator::default().decode(&answer, "gemini-9"))
    });
}
