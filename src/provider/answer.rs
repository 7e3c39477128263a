//! One HTTP answer as the translators see it, whichever transport it came over.

use std::fmt;

/// The headers of an HTTP answer.
pub trait Headers: Sync {
    /// The value of header `name` (lower case); `None` when it is absent or not text.
    fn get(&self, name: &str) -> Option<&str>;

    /// Whether a header's name may hold `part` (lower case): a cheap look before many are asked for.
    fn may_have(&self, part: &str) -> bool {
        let _ = part;
        true
    }
}

/// No headers at all.
impl Headers for () {
    fn get(&self, _: &str) -> Option<&str> {
        None
    }
}

/// Pairs of name and value, in any case.
impl<N: AsRef<str> + Sync, V: AsRef<str> + Sync> Headers for Vec<(N, V)> {
    fn get(&self, name: &str) -> Option<&str> {
        self.iter()
            .find(|(known, _)| known.as_ref().eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_ref())
    }
}

/// Status, headers and body of one HTTP answer.
#[derive(Clone, Copy)]
pub struct HttpAnswer<'a> {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: &'a dyn Headers,
    /// The whole body.
    pub body: &'a [u8],
}

impl HttpAnswer<'_> {
    /// Whether the status says success; the body may say otherwise.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// Debug shows sizes, never the model's text.
impl fmt::Debug for HttpAnswer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpAnswer")
            .field("status", &self.status)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// The id under which the server knows a request.
pub(crate) fn request_id(headers: &dyn Headers) -> Option<String> {
    ["x-request-id", "request-id", "apim-request-id"]
        .iter()
        .find_map(|name| headers.get(name))
        .map(str::to_owned)
}
