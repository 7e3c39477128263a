//! A body without the fence that a model put around it.

use std::borrow::Cow;

/// The content of `body` where all of it is one fenced block, else `body`; ended by a newline either way.
pub(super) fn without_fence(body: &str) -> Cow<'_, str> {
    let content = inside(body).unwrap_or(body);
    if content.is_empty() || content.ends_with('\n') {
        Cow::Borrowed(content)
    } else {
        Cow::Owned(format!("{content}\n"))
    }
}

/// A line of three or more backticks or tildes.
#[derive(Clone, Copy)]
struct Fence {
    mark: u8,
    length: usize,
    /// Words behind the marks: it can only open.
    has_info: bool,
}

impl Fence {
    fn of(line: &str) -> Option<Self> {
        let text = line.trim_start_matches(' ');
        let mark = *text
            .as_bytes()
            .first()
            .filter(|mark| b"`~".contains(mark))?;
        let length = text.bytes().take_while(|byte| *byte == mark).count();
        let info = text[length..].trim();
        let inline = mark == b'`' && info.contains('`');
        (length >= 3 && line.len() - text.len() <= 3 && !inline).then_some(Self {
            mark,
            length,
            has_info: !info.is_empty(),
        })
    }

    fn is_closed_by(self, other: Self) -> bool {
        other.mark == self.mark && other.length >= self.length && !other.has_info
    }
}

/// What stands between the first and the last line, where those are one fence. Fences inside may be as
/// long as the outer one if something stands behind their opening marks, as models write them.
fn inside(body: &str) -> Option<&str> {
    let (opening, rest) = body.trim_start_matches(['\n', '\r']).split_once('\n')?;
    let mut open = vec![Fence::of(opening)?];
    let rest = rest.trim_end();
    let mut at = 0;
    for line in rest.split_inclusive('\n') {
        if let Some(fence) = Fence::of(line) {
            let innermost = open.last()?;
            if innermost.is_closed_by(fence) {
                open.pop();
            } else if fence.has_info && fence.length >= innermost.length {
                open.push(fence);
            }
        }
        if open.is_empty() {
            let is_last = at + line.len() == rest.len();
            return is_last.then(|| &rest[..at]);
        }
        at += line.len();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::without_fence;

    #[test]
    fn one_fence_around_all_goes_and_its_content_stays_as_it_is() {
        for (body, expected) in [
            ("```markdown\n# Tides\n```", "# Tides\n"),
            ("\n\n~~~\ncode\n~~~\n\n", "code\n"),
            ("```md\r\n# Tides\r\n```\r\n", "# Tides\r\n"),
            (
                "```md\na\n```rust\nlet b;\n```\nc\n```\n",
                "a\n```rust\nlet b;\n```\nc\n",
            ),
            ("````\n```\na\n```\n````", "```\na\n```\n"),
            ("```\n  ~~~\n```", "  ~~~\n"),
            ("```\n```", ""),
        ] {
            assert_eq!(without_fence(body), expected, "{body:?}");
        }
    }

    #[test]
    fn a_fence_that_is_not_around_all_stays() {
        for body in [
            "a\n```\nb\n```\n",
            "```\na\n```\nb\n",
            "```\na\n```\nb\n```\nc\n```\n",
            "```rust\nnever closed\n",
            "```a`b```\n",
            "    ```\na\n    ```\n",
            "```\n",
        ] {
            assert_eq!(without_fence(body), body);
        }
        assert_eq!(without_fence("no newline"), "no newline\n");
        assert_eq!(without_fence(""), "");
    }
}
