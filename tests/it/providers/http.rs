//! Over real HTTP: what the server saw is what the record says, however badly the server behaves.

use std::fmt::Write as _;
use std::time::Duration;

use duologue::ErrorKind;
use duologue::attempt::{Attempts, WireCapture};
use duologue::provider::{CallContext, OpenAiProvider, Provider, RetryPolicy, Retrying};
use serde_json::json;
use wiremock::matchers::{body_partial_json, header, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::server::{Action, Server, good, http};
use super::{call, kinds, plain, request};

const SOON: Duration = Duration::from_millis(40);

#[tokio::test]
async fn a_request_carries_key_headers_query_and_body() {
    let server = MockServer::start().await;
    let answer = json!({"choices": [{"message": {"content": "{}"}}], "model": "m-1"});
    Mock::given(method("POST"))
        .and(path("/v1/chat/completions"))
        .and(query_param("api-version", "2"))
        .and(header("authorization", "Bearer key-over-the-wire"))
        .and(header("x-team", "tides"))
        .and(header("content-type", "application/json"))
        .and(header(
            "user-agent",
            concat!("duologue/", env!("CARGO_PKG_VERSION")),
        ))
        .and(body_partial_json(json!({"model": "gpt-5-mini"})))
        .respond_with(
            ResponseTemplate::new(200)
                .set_body_json(answer)
                .insert_header("x-request-id", "r-9"),
        )
        .expect(1)
        .mount(&server)
        .await;
    let provider = OpenAiProvider::builder()
        .base_url(format!("{}/v1/", server.uri()))
        .api_key("key-over-the-wire")
        .header("x-team", "tides")
        .query("api-version", "2")
        .build()
        .unwrap();

    let (result, attempts) = call(&provider).await;

    assert_eq!(result.unwrap().model.as_deref(), Some("m-1"));
    assert_eq!(attempts.len(), 1);
    assert_eq!(attempts[0].status, Some(200));
    assert_eq!(attempts[0].request_id.as_deref(), Some("r-9"));
    assert!(attempts[0].first_byte_ms.is_some());
}

#[tokio::test]
async fn what_a_server_says_of_its_limits_is_kept_of_failures_too() {
    for status in [200, 429] {
        let headers = "x-ratelimit-limit-requests: 60\r\nx-ratelimit-remaining-requests: 7\r\nx-ratelimit-reset-requests: 1s\r\n";
        let server = Server::start(move |_, _| {
            let body = r#"{"choices": [{"message": {"content": "{}"}}]}"#;
            Action::Send(http(status, headers, body))
        });
        let context = CallContext::new("planner");
        let _ = plain(&server.base_url())
            .generate_json(&request(), &context)
            .await;
        let told = context.attempts().rate_limits().unwrap();
        assert_eq!(told.remaining_requests, Some(7), "HTTP {status}");
        assert_eq!(told.reset_requests, Some(Duration::from_secs(1)));
    }
}

#[tokio::test]
async fn attempts_in_the_record_equal_requests_on_the_wire() {
    let server = Server::start(|number, _| {
        Action::Send(match number {
            0 => http(429, "retry-after-ms: 1\r\n", r#"{"error":"slow down"}"#),
            1 => http(
                502,
                "content-type: text/html\r\n",
                "<html>bad gateway</html>",
            ),
            2 => http(200, "", r#"{"error":{"message":"overloaded"}}"#),
            _ => good(),
        })
    });
    let policy = RetryPolicy::default().with_initial_delay(Duration::from_millis(1));
    let provider = Retrying::new(plain(&server.base_url()), policy);

    let (result, attempts) = call(&provider).await;

    assert_eq!(result.unwrap().text, "{}");
    assert_eq!(server.requests().len(), 4);
    let statuses: Vec<_> = attempts.iter().map(|attempt| attempt.status).collect();
    assert_eq!(statuses, [Some(429), Some(502), Some(200), Some(200)]);
    assert_eq!(
        kinds(&attempts),
        [
            Some(ErrorKind::RateLimited),
            Some(ErrorKind::Unavailable),
            Some(ErrorKind::Unavailable),
            None
        ]
    );
}

#[tokio::test]
async fn a_cut_body_may_pass_and_leaves_the_status() {
    let server = Server::start(|_, _| {
        let answer = good();
        Action::SendAndClose(answer[..answer.len() - 10].to_owned())
    });
    let (result, attempts) = call(&plain(&server.base_url())).await;
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(error.to_string(), "the answer was cut off (HTTP 200)");
    assert_eq!(attempts[0].status, Some(200));
    assert_eq!(server.requests().len(), attempts.len());
}

#[tokio::test]
async fn a_kept_connection_that_is_closed_unanswered_is_replaced_once() {
    let server = Server::start(|_, on_connection| match on_connection {
        0 => Action::Send(good()),
        _ => Action::SendAndClose(String::new()),
    });
    let provider = plain(&server.base_url());
    call(&provider).await.0.unwrap();

    let (result, attempts) = call(&provider).await;

    result.unwrap();
    assert_eq!(kinds(&attempts), [Some(ErrorKind::Unavailable), None]);
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn a_new_connection_that_is_closed_unanswered_is_not_replaced() {
    let server = Server::start(|_, _| Action::SendAndClose(String::new()));
    let (result, attempts) = call(&plain(&server.base_url())).await;
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(
        error.to_string().contains("was lost before an answer came"),
        "{error}"
    );
    assert_eq!((attempts.len(), server.requests().len()), (1, 1));
}

#[tokio::test]
async fn a_server_that_closes_after_every_third_answer_is_no_trouble() {
    let server = Server::start(|_, on_connection| match on_connection {
        2 => Action::SendAndClose(good()),
        _ => Action::Send(good()),
    });
    let provider = plain(&server.base_url());
    for _ in 0..10 {
        call(&provider).await.0.unwrap();
    }
    assert_eq!(server.requests().len(), 10);
}

#[tokio::test]
async fn each_timeout_has_its_name() {
    let silent = Server::start(|_, _| Action::SendAndStall(String::new()));
    let stalling = Server::start(|_, _| {
        let answer = good();
        Action::SendAndStall(answer[..answer.len() - 10].to_owned())
    });
    let builder = |server: &Server| {
        OpenAiProvider::builder()
            .base_url(server.base_url())
            .no_api_key()
    };
    let cases = [
        (
            builder(&silent).first_byte_timeout(SOON),
            "no answer began within 40ms (first-byte timeout)",
        ),
        (
            builder(&silent).timeout(SOON),
            "no complete answer within 40ms (attempt timeout)",
        ),
        (
            builder(&stalling).idle_timeout(SOON),
            "the answer stalled for 40ms (idle timeout) (HTTP 200)",
        ),
    ];
    for (builder, message) in cases {
        let (result, attempts) = call(&builder.build().unwrap()).await;
        let error = result.unwrap_err();
        assert_eq!(error.to_string(), message);
        assert!(error.is_retryable());
        assert_eq!(kinds(&attempts), [Some(ErrorKind::Timeout)]);
    }
}

#[tokio::test]
async fn a_dropped_call_leaves_one_cancelled_attempt() {
    let server = Server::start(|_, _| Action::SendAndStall(String::new()));
    let provider = plain(&server.base_url());
    let context = CallContext::new("planner");
    let request = request();
    let mut future = provider.generate_json(&request, &context);
    while server.requests().is_empty() {
        assert!(futures::poll!(&mut future).is_pending());
        tokio::task::yield_now().await;
    }
    drop(future);
    assert_eq!(
        kinds(&context.attempts().to_vec()),
        [Some(ErrorKind::Cancelled)]
    );
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Server::start(|_, _| Action::Send(good()));
    let location = format!("location: {}\r\n", elsewhere.base_url());
    let server = Server::start(move |_, _| Action::Send(http(307, &location, "")));
    let (result, _) = call(&plain(&server.base_url())).await;
    assert_eq!(result.unwrap_err().kind(), ErrorKind::Protocol);
    assert!(elsewhere.requests().is_empty());
}

#[tokio::test]
async fn an_unreachable_server_is_named_without_path_query_or_key() {
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let provider = OpenAiProvider::builder()
        .base_url(format!("http://127.0.0.1:{port}/hidden-path"))
        .api_key("hidden-key-1")
        .query("sig", "hidden-query")
        .build()
        .unwrap();
    let (result, attempts) = call(&provider).await;
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(
        error.to_string(),
        format!("cannot connect to `127.0.0.1:{port}`")
    );
    assert_eq!(attempts.len(), 1);
    let mut whole = format!("{error:?} {provider:?}");
    write!(whole, "{:#}", duologue::Error::from(error)).unwrap();
    assert!(!whole.contains("hidden"), "{whole}");
}

#[tokio::test]
async fn the_wire_is_kept_when_it_is_captured() {
    let server = Server::start(|_, _| Action::Send(good()));
    let attempts = Attempts::new(WireCapture::On);
    let context = CallContext::new("planner").with_attempts(attempts.clone());
    plain(&server.base_url())
        .generate_json(&request(), &context)
        .await
        .unwrap();
    let exchanges = attempts.exchanges();
    assert_eq!(exchanges.len(), 1);
    assert_eq!(
        exchanges[0].url,
        format!("{}/chat/completions", server.base_url())
    );
    assert!(server.requests()[0].ends_with(&exchanges[0].request_body));
    assert!(good().ends_with(&exchanges[0].response_body));
    assert!(
        exchanges[0]
            .response_headers
            .contains(&("x-request-id".to_owned(), "req-1".to_owned()))
    );
}

#[tokio::test]
async fn an_answer_beyond_the_cap_is_refused() {
    let server = Server::start(|_, _| {
        Action::SendAndStall("HTTP/1.1 200 X\r\ncontent-length: 99999999999\r\n\r\n".to_owned())
    });
    let (result, _) = call(&plain(&server.base_url())).await;
    assert_eq!(
        result.unwrap_err().to_string(),
        "the answer is larger than 64 MiB (HTTP 200)"
    );
}
