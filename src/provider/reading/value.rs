//! Values as servers really send them.

use serde_json::{Map, Value};

pub(in crate::provider) type Object = Map<String, Value>;

/// The JSON object that `body` is, a byte order mark and invalid UTF-8 forgiven.
pub(in crate::provider) fn object(body: &[u8]) -> Option<Object> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    serde_json::from_slice(body)
        .or_else(|_| serde_json::from_str(&String::from_utf8_lossy(body)))
        .ok()
}

/// The text under `key`, if it is one and not empty; a number is one.
pub(in crate::provider) fn take_text(object: &mut Object, key: &str) -> Option<String> {
    match object.get_mut(key).map(Value::take)? {
        Value::String(text) if !text.is_empty() => Some(text),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A count of tokens; some servers send `12.0`.
pub(in crate::provider) fn count(value: Option<&Value>) -> Option<u64> {
    let value = value?;
    value.as_u64().or_else(|| {
        let float = value
            .as_f64()
            .filter(|float| *float >= 0.0 && *float < 1e15)?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "checked to be in range"
        )]
        Some(float.round() as u64)
    })
}
