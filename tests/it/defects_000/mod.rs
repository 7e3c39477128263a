//! Every defect of the staged pipeline (system 000), each with a test that names it.

/// "A model-chosen slug escapes".
mod artifacts;

/// "Diagnostics never block the async scheduler", "diagnostics are flushed at shutdown".
mod diagnostics;

/// Documents that hang, slots that leak, models that block others, drafts that are lost.
mod engine;

/// "Log lines have no time and no escaping".
mod log_lines;

/// "The retry policy does not recognise the client's own errors".
#[cfg(feature = "http")]
mod retries;
