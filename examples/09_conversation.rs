//! A conversation: its state belongs to the caller, is plain data, and survives in a file.

use std::error::Error;

use duologue::agent::{AgentMode, Conversation, RunOptions};
use duologue::prompt::PromptLibrary;
use duologue::provider::{Reply, ScriptedProvider};
use duologue::{AgentRunner, AgentSpec};
use serde_json::json;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let prompts = PromptLibrary::in_memory([
        (
            "guide/system.tera",
            "You are a guide. Answer with JSON: {\"answer\": …}.",
        ),
        ("guide/user.tera", "{{ question }}"),
    ]);
    let provider = ScriptedProvider::new([
        Reply::json(json!({"answer": "The Moon."})),
        Reply::status(400),
        Reply::json(json!({"answer": "About 384,000 km."})),
    ]);
    let runner = AgentRunner::new(provider.clone(), prompts);
    let guide = AgentSpec::new("guide", "guide", "gpt-5-mini").with_mode(AgentMode::Conversational);

    let mut conversation = Conversation::new();
    let options = RunOptions::new().conversation(&mut conversation);
    let first = json!({"question": "What makes the tides?"});
    runner.run_with(&guide, first, options).await?;

    // Another day, perhaps another process.
    let saved = serde_json::to_string(&conversation)?;
    let mut conversation: Conversation = serde_json::from_str(&saved)?;

    let second = json!({"question": "How far away is it?"});
    let options = RunOptions::new().conversation(&mut conversation);
    let failed = runner.run_with(&guide, &second, options).await;
    assert!(
        failed.is_err(),
        "a turn that fails leaves the conversation as it was"
    );
    assert_eq!(conversation.turns(), 1);

    let options = RunOptions::new().conversation(&mut conversation);
    let answer = runner.run_with(&guide, &second, options).await?;
    println!("{}", answer.data["answer"]);
    for message in conversation.messages() {
        println!("{}: {}", message.role.as_str(), message.content);
    }
    assert_eq!(conversation.turns(), 2);
    provider.finish()?;
    Ok(())
}
