//! How many tokens a call may need, before anyone knows.

use std::io::{self, Write};

use serde::Serialize;

use crate::chat::Request;

/// Of an answer's tokens, before the first answer of a model.
pub(super) const FIRST_GUESS: u64 = 500;

/// A quarter of the request's bytes, and the answer: `max_output_tokens`, or `mean_output`.
pub(super) fn tokens(request: &Request, mean_output: u64) -> u64 {
    let mut bytes = 0;
    for message in &request.messages {
        bytes += message.content.len() as u64;
        for call in &message.tool_calls {
            bytes += call.name.len() as u64 + json_bytes(&call.arguments);
        }
    }
    if let Some(schema) = &request.response_schema {
        bytes += json_bytes(&*schema.schema);
    }
    for tool in &request.tools {
        bytes += (tool.name.len() + tool.description.len()) as u64;
        bytes += json_bytes(&*tool.parameters);
    }
    let output = request.max_output_tokens.map_or(mean_output, u64::from);
    bytes.div_ceil(4).saturating_add(output)
}

fn json_bytes(value: &impl Serialize) -> u64 {
    let mut count = Count(0);
    // Counting cannot fail, and what cannot be serialized cannot be sent.
    let _ = serde_json::to_writer(&mut count, value);
    count.0
}

struct Count(u64);

impl Write for Count {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{Message, ToolDefinition};
    use serde_json::json;

    #[test]
    fn what_is_sent_counts_and_so_does_the_answer() {
        let mut request = Request::new("m", vec![Message::user("x".repeat(400))]);
        assert_eq!(tokens(&request, 50), 150);
        request.max_output_tokens = Some(10);
        assert_eq!(tokens(&request, 50), 110);
        let schema = json!("y".repeat(394));
        request.tools = vec![ToolDefinition::new("name", "", schema)];
        assert_eq!(tokens(&request, 50), 210);
    }
}
