//! The answer that every bench asks for, and the prompts it is asked with.

use schemars::JsonSchema;
use serde::Deserialize;

/// The answer that is asked for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Plan {
    /// A short title.
    pub(crate) title: String,
    /// Hours of work.
    pub(crate) hours: f64,
    /// How sure the planner is, in percent.
    pub(crate) confidence: u8,
    /// The steps in their order.
    pub(crate) steps: Vec<Step>,
    /// What may go wrong.
    pub(crate) risks: Vec<String>,
}

/// One step of a [`Plan`].
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Step {
    /// A few words.
    pub(crate) name: String,
    /// One or two sentences.
    pub(crate) detail: String,
    /// Whether the step may be left out.
    pub(crate) optional: bool,
}

/// What stands in [`ANSWER`] for the number of the call.
pub(crate) const NUMBER: &str = "000000";

/// The answer, 700 bytes of JSON; the server numbers it, so that no two are the same.
pub(crate) const ANSWER: &str = r#"{"title":"Read the tides as boat 000000","hours":6.5,"confidence":87,"steps":[{"name":"Find the gauge","detail":"Walk to the end of the eastern pier and look for the white staff with black marks.","optional":false},{"name":"Write down the level","detail":"Every thirty minutes, note time and level in metres to two digits; take the mean of five waves.","optional":false},{"name":"Compare with the table","detail":"Look the day up in the printed table and note the difference of each high and low water.","optional":false},{"name":"Draw a curve","detail":"Put the levels on paper and draw a smooth line.","optional":true}],"risks":["Strong wind moves the level by decimetres.","The staff is frozen."]}"#;

/// A key that looks like one, since records are searched for it.
pub(crate) const KEY: &str = concat!("q8Zr2LmX", "0vTn4BwY");

/// The system prompt.
pub(crate) const SYSTEM: &str = "You are a planner. You turn a topic into a short plan that somebody else can carry out without asking back.\n\nRules:\n- Order the steps so that each one needs only what the steps before it produced.\n- A step has one outcome that can be checked. Name it in a few words; say in one or two sentences how to get there.\n- Use between 3 and 7 steps. Leave out what does not bring the plan forward.\n";

/// What a server sends back.
pub(crate) fn completion() -> String {
    serde_json::json!({
        "id": "chatcmpl-9f86d081884c7d65",
        "object": "chat.completion",
        "created": 1_758_612_345,
        "model": "gpt-5-mini-2026-08-07",
        "choices": [{
            "index": 0,
            "message": {"role": "assistant", "content": ANSWER, "refusal": null},
            "finish_reason": "stop",
        }],
        "usage": {
            "prompt_tokens": 318,
            "completion_tokens": 172,
            "total_tokens": 490,
            "prompt_tokens_details": {"cached_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0},
        },
    })
    .to_string()
}

/// The topic of call `number`: no two prompts are the same.
pub(crate) fn topic(number: usize) -> String {
    format!("how to read the tides at a harbour without instruments, for the crew of boat {number}")
}
