//! What a request was for, as errors name it.

/// An API in the words of errors.
#[derive(Debug)]
pub(in crate::provider) struct Api {
    /// As in "there is no … API at this address".
    pub(in crate::provider) name: &'static str,
    /// What every answer of it holds: a choice, a candidate, ….
    pub(in crate::provider) part: &'static str,
    /// What to do when it is not where it was looked for.
    pub(in crate::provider) address_hint: &'static str,
}

/// The words for a dialect that brings none of its own.
const ANY: Api = Api {
    name: "model",
    part: "message",
    address_hint: "check `base_url`",
};

/// The API and the model that were asked.
#[derive(Debug, Clone, Copy)]
pub(in crate::provider) struct Asked<'a> {
    pub(in crate::provider) api: &'static Api,
    pub(in crate::provider) model: &'a str,
}

impl<'a> From<&'a str> for Asked<'a> {
    fn from(model: &'a str) -> Self {
        Self { api: &ANY, model }
    }
}
