//! Every defect of the staged pipeline (system 000), each with a test that names it.
