//! Prompt packs: directories of templates that become the messages of a request.
//!
//! A pack named `planner` is the directory `{base}/planner/`:
//!
//! | file | what it is |
//! |---|---|
//! | `system` | required; instructions, role `system` |
//! | `developer` | optional; instructions, role `developer` |
//! | `user` | optional; the request, role `user` |
//! | `user_refinement` | optional; takes the place of `user` when `iteration > 0` |
//! | `examples.jsonl` | optional; one `{"role", "content"}` per line, sent as it stands, not rendered |
//!
//! The messages come in the order developer, system, examples, user. Templates end in `.tera`,
//! `.j2` or `.jinja` and are written in [Tera 2](https://keats.github.io/tera/); two files for one
//! part are an error.
//!
//! # What a reader would get wrong
//!
//! - **An undefined variable is an error**, also where Tera would go on with nothing (`"a" ~ x`,
//!   `x == 1`). `x is defined`, `if x` and `x | default(value="")` make a variable optional, for
//!   the tag or the `if` block that they stand in.
//! - **Values are data.** A value that contains `{{ x }}` comes out as it is, and nothing is
//!   escaped, whatever a template's name ends in.
//! - **Text is kept byte for byte**, but for newlines at the very end of a template file, which
//!   are taken away. A part that renders to nothing but white space sends no message.
//! - **`include` and `extends`** take names relative to the base directory
//!   (`{% include "shared/style.tera" %}`) or, where there is no such file, to the pack. Files
//!   outside of the base are refused, through symbolic links too. Components are found in the
//!   pack's own directory and in what is included.
//! - **A pack is compiled once.** A template edited afterwards is seen by a new [`PromptLibrary`].
//! - `iteration` is a variable of every template, unless the caller gives one of that name.
//!
//! ```
//! use duologue::prompt::PromptLibrary;
//! use serde_json::json;
//!
//! let library = PromptLibrary::in_memory([
//!     ("planner/system.tera", "You plan in small steps."),
//!     ("planner/user.tera", "Make a plan about {{ topic }}."),
//! ]);
//! let variables = json!({"topic": "tides"});
//! let prompt = library
//!     .pack("planner")?
//!     .render(variables.as_object().unwrap(), 0)?;
//! assert_eq!(prompt.messages[1].content, "Make a plan about tides.");
//! # Ok::<(), duologue::Error>(())
//! ```

mod check;
mod compile;
mod diagnose;
mod examples;
mod expression;
mod library;
mod pack;
mod rendered;
mod source;
mod text_template;
mod tokens;
mod usage;

pub use check::{MissingVariable, PromptVariable, VariableReport};
pub use library::PromptLibrary;
pub use pack::PromptPack;
pub use rendered::{PromptPart, RenderedPrompt};
pub(crate) use text_template::TextTemplate;
