//! From the body that came back to a response. Lenient: only `choices` must be there.

use serde_json::Value;

use super::assembly::{Assembly, Part, usage};
use super::typed::usual;
use crate::chat::Response;
use crate::provider::ProviderError;
use crate::provider::answer::HttpAnswer;
use crate::provider::reading::{
    Api, Asked, Object, Words, classify, classify_words, object, take_text,
};

/// Reads `answer`, which came back for a request to `model`.
///
/// An answer that was cut at the output limit, filtered or refused is an `Ok` with its finish
/// reason or refusal; its text may be empty. The content type is not looked at: the body decides.
///
/// ```
/// use duologue::ErrorKind;
/// use duologue::provider::HttpAnswer;
/// use duologue::provider::openai::decode;
///
/// let body = br#"{"choices": [{"message": {"content": "{}"}}], "usage": null}"#;
/// let answer = HttpAnswer { status: 200, headers: &(), body };
/// assert_eq!(decode(&answer, "gpt-5-mini").unwrap().text, "{}");
///
/// let body = br#"{"error": "overloaded"}"#;
/// let answer = HttpAnswer { status: 200, headers: &(), body };
/// assert_eq!(decode(&answer, "gpt-5-mini").unwrap_err().kind(), ErrorKind::Unavailable);
/// ```
///
/// # Errors
/// [`ProviderError`] of the class that status, headers and body say.
pub fn decode(answer: &HttpAnswer<'_>, model: &str) -> Result<Response, ProviderError> {
    if !answer.is_success() {
        return Err(classify(answer, asked(model)));
    }
    match usual(answer.body) {
        Some(response) => Ok(response),
        None => decode_leniently(answer, model),
    }
}

fn decode_leniently(answer: &HttpAnswer<'_>, model: &str) -> Result<Response, ProviderError> {
    let unusable = || classify(answer, asked(model));
    let completion = object(answer.body).filter(|completion| !says_error(completion));
    let mut completion = completion.ok_or_else(unusable)?;
    let mut choice = first_choice(&mut completion).ok_or_else(unusable)?;
    if says_error(&choice) {
        return Err(classify_words(answer, words(&choice), asked(model)));
    }
    let mut assembly = Assembly::default();
    if let Some(word) = take_text(&mut choice, "finish_reason") {
        assembly.finished(&word);
    }
    match (choice.remove("message"), choice.remove("text")) {
        (Some(Value::Object(mut message)), _) => {
            assembly.message(&mut message, Part::Whole, &mut |_| {});
        }
        // The older completions API has its text in the choice.
        (_, Some(Value::String(text))) => assembly.text(&text, &mut |_| {}),
        _ => return Err(unusable()),
    }
    assembly.spent(usage(completion.get("usage")), &mut |_| {});
    assembly.envelope(&mut completion);
    assembly
        .finish()
        .map_err(|error| error.with_status(answer.status))
}

/// What was asked, as errors name it.
pub(super) fn asked(model: &str) -> Asked<'_> {
    const API: Api = Api {
        name: "chat completions",
        part: "choice",
        address_hint: "check `base_url`: it usually ends in `/v1`",
    };
    Asked { api: &API, model }
}

/// Whether an `error` is there that says something.
pub(super) fn says_error(object: &Object) -> bool {
    match object.get("error") {
        None | Some(Value::Null | Value::Bool(false)) => false,
        Some(Value::String(text)) => !text.is_empty(),
        Some(Value::Object(error)) => !error.is_empty(),
        Some(_) => true,
    }
}

/// The words of the `error` in `object`.
pub(super) fn words(object: &Object) -> Words {
    let error = object.get("error");
    error.map(Words::from_json).unwrap_or_default()
}

fn first_choice(completion: &mut Object) -> Option<Object> {
    match completion.remove("choices")? {
        Value::Array(choices) => match choices.into_iter().next()? {
            Value::Object(choice) => Some(choice),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_readings_agree_on_the_usual_answer() {
        let bodies = [
            r#"{"id":"a","model":"m","choices":[{"finish_reason":"length","message":{"content":"x","refusal":"","reasoning":"r"}},{"message":{}}],
                "usage":{"prompt_tokens":1,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":3},"completion_tokens_details":{"reasoning_tokens":4}}}"#,
            r#"{"choices":[{"message":{"content":null,"refusal":"no","reasoning_content":"c","reasoning":"r"}}],"usage":null,"error":null}"#,
            r#"{"system_fingerprint":"fp_1","choices":[{"message":{"content":"x","extra_content":null}}]}"#,
            r#"{"choices":[{"finish_reason":"odd","message":{}}],"usage":{"prompt_tokens":1,"completion_tokens":2,"prompt_cache_hit_tokens":5}}"#,
        ];
        for body in bodies {
            let answer = HttpAnswer {
                status: 200,
                headers: &(),
                body: body.as_bytes(),
            };
            let typed = usual(body.as_bytes());
            assert!(typed.is_some(), "{body}");
            assert_eq!(typed, decode_leniently(&answer, "m").ok());
        }
    }
}
