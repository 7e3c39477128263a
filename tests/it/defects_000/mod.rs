//! Every defect of the staged pipeline (system 000), each with a test that names it.

/// "Diagnostics never block the async scheduler", "diagnostics are flushed at shutdown".
mod diagnostics;

/// "Log lines have no time and no escaping".
mod log_lines;
