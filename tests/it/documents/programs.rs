//! Documents of a program: iterators, streams, and how both end.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use duologue::flow::document::{Document, DocumentSource};
use duologue::{Error, ErrorKind};
use futures::stream;

use super::read;

fn document(number: u64) -> Document {
    Document::new(number.to_string(), "text")
}

/// Tells when it is dropped.
struct Farewell(Sender<()>);

impl Drop for Farewell {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

#[test]
fn an_endless_iterator_is_asked_for_little_more_than_is_read() {
    let asked = Arc::new(AtomicU64::new(0));
    let (sender, gone) = channel();
    let (counter, farewell) = (asked.clone(), Farewell(sender));
    let endless = (0..).map(move |number| {
        let _ = &farewell;
        counter.fetch_add(1, Ordering::SeqCst);
        document(number)
    });
    let mut documents = DocumentSource::of(endless).open().unwrap();
    assert_eq!(documents.total(), None);
    for expected in 0..100 {
        let next = pollster::block_on(documents.next()).unwrap().unwrap();
        assert_eq!(next.id, expected.to_string());
        assert!(asked.load(Ordering::SeqCst) <= expected + 12);
    }
    drop(documents);
    gone.recv_timeout(Duration::from_secs(30))
        .expect("the thread goes on");
}

#[test]
fn a_next_that_was_given_up_loses_no_document() {
    let (sender, receiver) = channel();
    let mut documents = DocumentSource::of(receiver).open().unwrap();
    for _ in 0..3 {
        let mut next = Box::pin(documents.next());
        let mut context = Context::from_waker(Waker::noop());
        assert!(matches!(next.as_mut().poll(&mut context), Poll::Pending));
    }
    sender.send(document(1)).unwrap();
    drop(sender);
    let first = pollster::block_on(documents.next()).unwrap().unwrap();
    assert_eq!(first.id, "1");
    assert!(pollster::block_on(documents.next()).is_none());
    assert!(pollster::block_on(documents.next()).is_none());
}

#[test]
fn a_panic_of_the_iterator_arrives_where_documents_are_read() {
    let mut documents = DocumentSource::of((0..3).map(|number| {
        assert!(number < 2, "no more");
        document(number)
    }))
    .open()
    .unwrap();
    let mut next = || pollster::block_on(documents.next());
    assert!(next().unwrap().is_ok() && next().unwrap().is_ok());
    let payload = catch_unwind(AssertUnwindSafe(next)).unwrap_err();
    assert_eq!(payload.downcast_ref::<&str>(), Some(&"no more"));
}

#[test]
fn a_stream_may_hold_errors_and_goes_on() {
    let broken = Error::new(ErrorKind::Unavailable, "the shelf is empty");
    let given = vec![
        Ok(document(1)),
        Err(broken),
        Ok(document(2)),
        Ok(document(2)),
    ];
    let source = DocumentSource::stream(stream::iter(given));
    let read = read(source);
    assert_eq!(read.ids(), ["1", "2"]);
    assert_eq!(
        read.problems(),
        [
            "the shelf is empty",
            "an earlier document has the id `2` too"
        ]
    );
}

#[test]
fn a_program_may_give_documents_without_a_text_and_none_that_are_too_big() {
    let given = vec![Document::new("a", ""), Document::new("b", "x".repeat(11))];
    let source = DocumentSource::of(given).max_document_bytes(10);
    let read = read(source);
    assert_eq!((read.ids(), read.skipped), (vec!["a"], 0));
    assert_eq!(read.problems(), ["it has 11 bytes"]);
    assert_eq!(read.unreadable[0].id.as_deref(), Some("b"));
}
