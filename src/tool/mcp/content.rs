//! What a server answers, as text for the model.

use rmcp::model::{CallToolResponse, CallToolResult, ContentBlock, ResourceContents};

use crate::tool::{ToolError, ToolOutput};

/// The structured result if there is one, else the texts; what is no text is told of in a line.
pub(super) fn output(response: CallToolResponse) -> Result<ToolOutput, ToolError> {
    match response {
        CallToolResponse::Complete(result) => of_result(result),
        CallToolResponse::InputRequired(_) => Err(ToolError::new(
            "the tool wants to ask the user something, which is not supported here",
        )),
        _ => Err(ToolError::new(
            "the tool goes on in the background, which is not supported here",
        )),
    }
}

fn of_result(result: CallToolResult) -> Result<ToolOutput, ToolError> {
    let failed = result.is_error == Some(true);
    let structured = result
        .structured_content
        .filter(|value| !failed && !value.is_null());
    // A server that gives both says the same in both.
    let skips_text = structured.is_some();
    let mut parts: Vec<String> = structured.iter().map(ToString::to_string).collect();
    for block in result.content {
        match block {
            ContentBlock::Text(_) if skips_text => {}
            block => parts.push(in_words(block)),
        }
    }
    let text = parts.join("\n");
    if !failed {
        return Ok(ToolOutput::text(text));
    }
    Err(ToolError::new(if text.trim().is_empty() {
        "the tool failed and did not say why".to_owned()
    } else {
        text
    }))
}

fn in_words(block: ContentBlock) -> String {
    match block {
        ContentBlock::Text(text) => text.text,
        ContentBlock::Image(image) => data_in_words("image", &image.mime_type, &image.data),
        ContentBlock::Audio(audio) => data_in_words("audio", &audio.mime_type, &audio.data),
        ContentBlock::Resource(embedded) => match embedded.resource {
            ResourceContents::TextResourceContents { uri, text, .. } => {
                format!("[resource {uri}]\n{text}")
            }
            ResourceContents::BlobResourceContents {
                uri,
                mime_type,
                blob,
                ..
            } => {
                let kind = mime_type.unwrap_or_else(|| "application/octet-stream".to_owned());
                data_in_words(&format!("resource {uri}"), &kind, &blob)
            }
            _ => "[a resource of unknown kind]".to_owned(),
        },
        ContentBlock::ResourceLink(link) => format!("[resource {}: {}]", link.uri, link.name),
        _ => "[content of unknown kind]".to_owned(),
    }
}

fn data_in_words(what: &str, mime_type: &str, base64: &str) -> String {
    let bytes = base64.trim_end_matches('=').len() * 3 / 4;
    format!("[{what}, {mime_type}, {bytes} bytes, left out]")
}
