//! A chat-completions server on threads of its own, so that no test's runtime keeps it from answering.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};

/// One request, as the server saw it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// From 1, over all connections.
    pub(crate) number: usize,
    pub(crate) head: String,
    pub(crate) body: Value,
}

/// What the server does about a request.
pub(crate) enum Answer {
    Http {
        status: u16,
        headers: Vec<(&'static str, String)>,
        body: String,
    },
    /// Announces the whole of this body, sends half of it and closes the connection.
    Cut(String),
    /// Waits until the client goes away.
    Never,
}

impl Answer {
    /// A finished answer of `text`, at 10 and 5 tokens.
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::finished(text, "stop")
    }

    pub(crate) fn finished(text: impl Into<String>, reason: &str) -> Self {
        Self::body(
            200,
            &json!({
                "id": "chatcmpl-1",
                "model": "gpt-5-mini",
                "choices": [{
                    "index": 0,
                    "message": {"role": "assistant", "content": text.into()},
                    "finish_reason": reason,
                }],
                "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
            }),
        )
    }

    pub(crate) fn refusal(words: &str) -> Self {
        let message = json!({"role": "assistant", "content": null, "refusal": words});
        Self::body(
            200,
            &json!({"choices": [{"message": message, "finish_reason": "stop"}]}),
        )
    }

    /// A failure that `message` explains.
    pub(crate) fn error(status: u16, message: &str) -> Self {
        Self::body(status, &json!({"error": {"message": message}}))
    }

    pub(crate) fn body(status: u16, body: &Value) -> Self {
        Self::Http {
            status,
            headers: Vec::new(),
            body: body.to_string(),
        }
    }
}

/// The server; it stops accepting when it is dropped.
pub(crate) struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    script: Box<dyn Fn(&Seen) -> Answer + Send + Sync>,
    seen: Mutex<Vec<Seen>>,
    connections: AtomicUsize,
    stopped: AtomicBool,
}

impl Server {
    /// Answers every request with what `script` says.
    pub(crate) fn start(script: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            script: Box::new(script),
            seen: Mutex::default(),
            connections: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
        });
        let inside = shared.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if inside.stopped.load(Ordering::SeqCst) {
                    return;
                }
                inside.connections.fetch_add(1, Ordering::SeqCst);
                let inside = inside.clone();
                thread::spawn(move || inside.serve(&stream));
            }
        });
        Self { address, shared }
    }

    pub(crate) fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    pub(crate) fn requests(&self) -> Vec<Seen> {
        self.shared.seen.lock().unwrap().clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn serve(&self, mut stream: &TcpStream) {
        let mut reader = BufReader::new(stream);
        while let Some((head, body)) = read_request(&mut reader) {
            let seen = {
                let mut all = self.seen.lock().unwrap();
                let seen = Seen {
                    number: all.len() + 1,
                    head,
                    body,
                };
                all.push(seen.clone());
                seen
            };
            let (bytes, goes_on) = match (self.script)(&seen) {
                Answer::Http {
                    status,
                    headers,
                    body,
                } => (encode(status, &headers, &body, body.len()), true),
                Answer::Cut(body) => {
                    let half = &body[..body.len() / 2];
                    (encode(200, &[], half, body.len()), false)
                }
                Answer::Never => {
                    let _ = reader.read_to_end(&mut Vec::new());
                    return;
                }
            };
            if stream.write_all(&bytes).is_err() || !goes_on {
                let _ = stream.shutdown(Shutdown::Both);
                return;
            }
        }
    }
}

fn read_request(reader: &mut BufReader<&TcpStream>) -> Option<(String, Value)> {
    let mut head = String::new();
    let mut length = 0;
    loop {
        let start = head.len();
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
        let line = head[start..].trim().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((head, serde_json::from_slice(&body).ok()?))
}

fn encode(
    status: u16,
    headers: &[(&'static str, String)],
    body: &str,
    announced: usize,
) -> Vec<u8> {
    use std::fmt::Write as _;
    let mut text = format!(
        "HTTP/1.1 {status} Status\r\ncontent-type: application/json\r\ncontent-length: {announced}\r\n"
    );
    for (name, value) in headers {
        let _ = write!(text, "{name}: {value}\r\n");
    }
    text.push_str("\r\n");
    text.push_str(body);
    text.into_bytes()
}
