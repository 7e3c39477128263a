//! One provider on many runtimes, one after the other and at once.

use duologue::provider::OpenAiProvider;
use tokio::runtime::{Builder, Runtime};

use super::server::{Action, Server, good};
use super::{call, plain};

fn current_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn ten_calls(runtime: &Runtime, provider: &OpenAiProvider) {
    for _ in 0..10 {
        runtime.block_on(call(provider)).0.unwrap();
    }
}

#[test]
fn a_provider_outlives_the_runtime_that_it_was_used_on() {
    let server = Server::start(|_, _| Action::Send(good()));
    let provider = plain(&server.base_url());
    ten_calls(&current_thread(), &provider);
    ten_calls(&current_thread(), &provider);
    assert_eq!(server.requests().len(), 20);
}

#[test]
fn a_runtime_that_nobody_drives_does_not_hold_up_another() {
    let server = Server::start(|_, _| Action::Send(good()));
    let provider = plain(&server.base_url());
    let resting = current_thread();
    resting.block_on(call(&provider)).0.unwrap();
    ten_calls(&current_thread(), &provider);
    ten_calls(&resting, &provider);
}

#[test]
fn many_short_runtimes_are_served() {
    let server = Server::start(|_, _| Action::Send(good()));
    let provider = plain(&server.base_url());
    for _ in 0..40 {
        current_thread().block_on(call(&provider)).0.unwrap();
    }
}

#[test]
fn no_runtime_is_needed() {
    let server = Server::start(|_, _| Action::Send(good()));
    let provider = plain(&server.base_url());
    for _ in 0..10 {
        pollster::block_on(call(&provider)).0.unwrap();
    }
    assert_eq!(server.requests().len(), 10);
}
