//! JSON out of a model's text.
