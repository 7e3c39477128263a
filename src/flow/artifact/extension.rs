//! The extension of an artifact, as far as it is allowed.

use crate::call_log::Sanitizer;
use crate::error::{Error, ErrorKind, Result};
use crate::text;

const MAX_LENGTH: usize = 16;

/// `chosen` without its dot and in lower case. `allowed` is none when any of letters and digits is.
pub(super) fn checked(chosen: &str, allowed: Option<&[String]>) -> Result<String> {
    let trimmed = chosen.trim();
    let plain = trimmed.strip_prefix('.').unwrap_or(trimmed);
    let extension = plain.to_ascii_lowercase();
    let is_plain = (1..=MAX_LENGTH).contains(&extension.len())
        && extension.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let is_listed = |allowed: &[String]| allowed.iter().any(|one| plainly(one) == extension);
    if is_plain && allowed.is_none_or(is_listed) {
        return Ok(extension);
    }
    let shown = text::clip(&Sanitizer::shared_default().clean(chosen), 40);
    let message = format!("the extension `{}` is not allowed", shown.escape_debug());
    let hint = match allowed {
        Some(allowed) => text::quoted_list(allowed.iter().map(String::as_str)),
        None => format!("1 to {MAX_LENGTH} letters and digits"),
    };
    Err(Error::new(ErrorKind::Config, message).with_hint(format!("allowed: {hint}")))
}

/// As the allowed ones are compared, however they were written.
fn plainly(extension: &str) -> String {
    extension.trim_start_matches('.').to_ascii_lowercase()
}
