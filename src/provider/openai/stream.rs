//! Chat completions that are streamed: chunk by chunk to a response.

use serde_json::{Deserializer, Value};

use super::assembly::{Assembly, Part, Tell, usage};
use super::decode::{asked, says_error, words};
use super::typed::read_usual;
use crate::chat::{Delta, Response};
use crate::provider::reading::{Object, Words, classify, classify_words, cut_off, take_text};
use crate::provider::{HttpAnswer, Progress, ProviderError, StreamDecoder};

/// What ends a stream.
const DONE: &str = "[DONE]";

/// Puts a response together.
///
/// The answer is complete when the server has named a finish reason or said that it is done.
pub(super) struct ChunkDecoder {
    model: String,
    assembly: Assembly,
    holds_choice: bool,
    is_done: bool,
}

impl ChunkDecoder {
    pub(super) fn new(model: &str) -> Self {
        Self {
            model: model.to_owned(),
            assembly: Assembly::default(),
            holds_choice: false,
            is_done: false,
        }
    }
}

impl StreamDecoder for ChunkDecoder {
    fn feed(
        &mut self,
        name: Option<&str>,
        data: &str,
        tell: &mut dyn FnMut(&Delta<'_>),
    ) -> Result<Progress, ProviderError> {
        let data = data.trim();
        if name.is_none()
            && let Some(choices) = read_usual(data, &mut self.assembly, tell)
        {
            self.holds_choice |= choices > 0;
            return Ok(Progress::More);
        }
        self.feed_leniently(name, data, tell)
    }

    fn finish(&mut self) -> Result<Response, ProviderError> {
        if !self.is_done && !self.assembly.has_finished() {
            return Err(cut_off(200));
        }
        if !self.holds_choice {
            return Err(classify(&answer("{}"), asked(&self.model)));
        }
        let response = std::mem::take(&mut self.assembly).finish();
        response.map_err(|error| error.with_status(200))
    }
}

impl ChunkDecoder {
    /// Some servers put several chunks into one event.
    fn feed_leniently(
        &mut self,
        name: Option<&str>,
        data: &str,
        tell: Tell<'_>,
    ) -> Result<Progress, ProviderError> {
        let mut values = Deserializer::from_str(data).into_iter::<Value>();
        loop {
            let rest = data.get(values.byte_offset()..).unwrap_or_default().trim();
            if rest.is_empty() {
                return Ok(Progress::More);
            }
            if rest == DONE {
                self.is_done = true;
                return Ok(Progress::Done);
            }
            match values.next() {
                Some(Ok(Value::Object(chunk))) => self.chunk(name, chunk, tell)?,
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(classify(&answer(rest), asked(&self.model))),
            }
        }
    }

    fn chunk(
        &mut self,
        name: Option<&str>,
        mut chunk: Object,
        tell: Tell<'_>,
    ) -> Result<(), ProviderError> {
        let failed = |words| Err(classify_words(&answer(""), words, asked(&self.model)));
        if says_error(&chunk) {
            return failed(words(&chunk));
        }
        // vLLM and some proxies have no layer around the error.
        if name == Some("error") || chunk.get("object").is_some_and(|kind| kind == "error") {
            return failed(Words::from_json(&Value::Object(chunk)));
        }
        self.assembly.envelope(&mut chunk);
        let choice = own_choice(&mut chunk);
        if let Some(choice) = &choice
            && says_error(choice)
        {
            return failed(words(choice));
        }
        let in_choice = choice.as_ref().and_then(|choice| choice.get("usage"));
        let groq = chunk.get("x_groq").and_then(|own| own.get("usage"));
        for spent in [in_choice, groq, chunk.get("usage")] {
            self.assembly.spent(usage(spent), tell);
        }
        if let Some(choice) = choice {
            self.choice(choice, tell);
        }
        Ok(())
    }

    fn choice(&mut self, mut choice: Object, tell: Tell<'_>) {
        self.holds_choice = true;
        if let Some(word) = take_text(&mut choice, "finish_reason") {
            self.assembly.finished(&word);
        }
        if let Some(Value::Object(mut delta)) = choice.remove("delta") {
            self.assembly.message(&mut delta, Part::Piece, tell);
        } else if let Some(Value::Object(mut message)) = choice.remove("message") {
            self.assembly.message(&mut message, Part::Whole, tell);
        } else if let Some(text) = take_text(&mut choice, "text") {
            self.assembly.text(&text, tell);
        }
    }
}

/// The first of the choices: the others were not asked for, or are not looked at.
fn own_choice(chunk: &mut Object) -> Option<Object> {
    let Some(Value::Array(choices)) = chunk.remove("choices") else {
        return None;
    };
    choices.into_iter().find_map(|choice| match choice {
        Value::Object(choice) if is_first(&choice) => Some(choice),
        _ => None,
    })
}

fn is_first(choice: &Object) -> bool {
    let index = choice.get("index").and_then(Value::as_f64);
    index.is_none_or(|index| index == 0.0)
}

/// One event as an answer, to find out what is wrong with it.
fn answer(data: &str) -> HttpAnswer<'_> {
    HttpAnswer {
        status: 200,
        headers: &(),
        body: data.as_bytes(),
    }
}
