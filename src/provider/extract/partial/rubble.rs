//! What is left of a value behind the place where it broke.

/// Where reading stands in it.
#[derive(Debug)]
pub(super) struct Rubble {
    /// How many brackets are open.
    depth: usize,
    in_string: bool,
    escaped: bool,
}

impl Rubble {
    pub(super) fn new(depth: usize) -> Self {
        Self {
            depth,
            in_string: false,
            escaped: false,
        }
    }

    /// Behind its last bracket, as far as brackets tell, or before a tag; `None` when neither is in
    /// `text`.
    pub(super) fn end(&mut self, text: &str) -> Option<usize> {
        for (at, byte) in text.bytes().enumerate() {
            let escaped = std::mem::take(&mut self.escaped);
            match byte {
                _ if escaped => {}
                b'\\' => self.escaped = self.in_string,
                b'"' => self.in_string = !self.in_string,
                b'\n' => self.in_string = false,
                // It may be the end of reasoning, and then all of this is void.
                b'<' if !self.in_string => return Some(at),
                b'{' | b'[' if !self.in_string => self.depth += 1,
                b'}' | b']' if !self.in_string => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        return Some(at + 1);
                    }
                }
                _ => {}
            }
        }
        None
    }
}
