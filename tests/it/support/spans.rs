//! Everything that is told to `tracing`, kept for the test that listens.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::sync::{Arc, LazyLock, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::{DefaultGuard, Interest};
use tracing::{Dispatch, Event, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

/// A span or an event, with its fields as text.
#[derive(Debug, Clone, Default)]
pub(crate) struct Told {
    pub(crate) id: u64,
    /// The span around it; 0 for none.
    pub(crate) parent: u64,
    pub(crate) name: String,
    pub(crate) target: String,
    pub(crate) is_event: bool,
    pub(crate) is_closed: bool,
    pub(crate) fields: BTreeMap<String, String>,
}

impl Told {
    pub(crate) fn get(&self, field: &str) -> &str {
        self.fields.get(field).map_or("", String::as_str)
    }
}

impl Visit for Told {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.fields
            .insert(field.name().to_owned(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.fields.insert(field.name().to_owned(), value.into());
    }
}

/// What was told while [`Listening`] lived, in order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Listener(Arc<Mutex<Vec<Told>>>);

/// Listens on this thread until it is dropped.
pub(crate) struct Listening {
    listener: Listener,
    _guard: DefaultGuard,
}

/// Wants to be asked about everything and takes nothing. While one of these lives, no span that another
/// thread meets for the first time is written off for good, just when a listener is being set up.
struct Curious;

impl Subscriber for Curious {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::sometimes()
    }

    fn enabled(&self, _: &Metadata<'_>) -> bool {
        false
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, _: &Event<'_>) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

impl Listening {
    pub(crate) fn start() -> Self {
        static CURIOUS: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(Curious));
        LazyLock::force(&CURIOUS);
        let listener = Listener::default();
        let registry = tracing_subscriber::registry().with(listener.clone());
        Self {
            listener,
            _guard: tracing::subscriber::set_default(registry),
        }
    }

    /// All of it.
    pub(crate) fn told(&self) -> Vec<Told> {
        self.listener.0.lock().unwrap().clone()
    }

    /// Our spans of this name.
    pub(crate) fn spans(&self, name: &str) -> Vec<Told> {
        let told = self.told().into_iter();
        told.filter(|told| !told.is_event && told.name == name)
            .collect()
    }

    /// Our spans and events as an indented tree, each with those of `fields` that it has.
    pub(crate) fn tree(&self, fields: &[&str]) -> String {
        let told = self.told();
        let ours: Vec<&Told> = told
            .iter()
            .filter(|told| told.target.starts_with("duologue"))
            .collect();
        let mut text = String::new();
        draw(&ours, 0, 0, fields, &mut text);
        text
    }
}

fn draw(told: &[&Told], parent: u64, depth: usize, fields: &[&str], text: &mut String) {
    for one in told.iter().filter(|one| one.parent == parent) {
        let shown: String = fields
            .iter()
            .filter_map(|field| Some(format!(" {field}={}", one.fields.get(*field)?)))
            .collect();
        let indent = "  ".repeat(depth);
        let name = if one.is_event {
            format!("! {}", one.get("message"))
        } else {
            one.name.clone()
        };
        writeln!(text, "{indent}{name}{shown}").unwrap();
        if !one.is_event {
            assert!(one.is_closed, "{one:?} is still open");
            draw(told, one.id, depth + 1, fields, text);
        }
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Listener {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut told = Told {
            id: id.into_u64(),
            parent: context
                .span(id)
                .and_then(|span| span.parent())
                .map_or(0, |parent| parent.id().into_u64()),
            name: attributes.metadata().name().to_owned(),
            target: attributes.metadata().target().to_owned(),
            ..Told::default()
        };
        attributes.record(&mut told);
        self.0.lock().unwrap().push(told);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, _: Context<'_, S>) {
        self.with(id, |told| values.record(told));
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut told = Told {
            parent: context
                .event_span(event)
                .map_or(0, |span| span.id().into_u64()),
            target: event.metadata().target().to_owned(),
            is_event: true,
            ..Told::default()
        };
        event.record(&mut told);
        self.0.lock().unwrap().push(told);
    }

    fn on_close(&self, id: Id, _: Context<'_, S>) {
        self.with(&id, |told| told.is_closed = true);
    }
}

impl Listener {
    /// Ids are given again once a span has closed, so the last one is meant.
    fn with(&self, id: &Id, change: impl FnOnce(&mut Told)) {
        let mut all = self.0.lock().unwrap();
        let span = all
            .iter_mut()
            .rev()
            .find(|told| !told.is_event && told.id == id.into_u64());
        change(span.expect("the span is known"));
    }
}
