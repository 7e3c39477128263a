//! A server that does what it is told, on threads of its own, so that it outlives any runtime.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::json;

/// What the server does with one request, after it has read it whole.
#[derive(Debug, Clone)]
pub(super) enum Action {
    /// Sends this, and keeps the connection.
    Send(String),
    /// Sends this, and closes the connection without having said so.
    SendAndClose(String),
    /// Sends this, and then nothing more for ever.
    SendAndStall(String),
    /// Sends these, each by itself, and goes on as it is told.
    Bytes(Vec<Vec<u8>>, Then),
}

/// What the server does after it has sent an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    Keep,
    Close,
    Stall,
}

/// A running server; its threads end with the test process.
pub(super) struct Server {
    address: String,
    requests: Arc<Mutex<Vec<String>>>,
    hung_up: Arc<AtomicUsize>,
}

impl Server {
    /// A server that decides by the request's number (from 0) and its number on the connection.
    pub(super) fn start(decide: impl Fn(usize, usize) -> Action + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self {
            address: listener.local_addr().unwrap().to_string(),
            requests: Arc::default(),
            hung_up: Arc::default(),
        };
        let hung_up = Arc::clone(&server.hung_up);
        let requests = Arc::clone(&server.requests);
        let decide = Arc::new(decide);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (requests, decide) = (Arc::clone(&requests), Arc::clone(&decide));
                let hung_up = Arc::clone(&hung_up);
                std::thread::spawn(move || serve(stream, &requests, &hung_up, &*decide));
            }
        });
        server
    }

    pub(super) fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// How many clients hung up in the middle of an answer.
    pub(super) fn hung_up(&self) -> usize {
        self.hung_up.load(Ordering::SeqCst)
    }

    /// The requests that were read whole: head and body.
    pub(super) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

fn serve(
    stream: TcpStream,
    requests: &Mutex<Vec<String>>,
    hung_up: &AtomicUsize,
    decide: &dyn Fn(usize, usize) -> Action,
) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    stream.set_nodelay(true).unwrap();
    for on_connection in 0.. {
        let Some(request) = read_request(&mut reader) else {
            return;
        };
        let number = {
            let mut requests = requests.lock().unwrap();
            requests.push(request);
            requests.len() - 1
        };
        let (pieces, then) = match decide(number, on_connection) {
            Action::Send(text) => (vec![text.into_bytes()], Then::Keep),
            Action::SendAndClose(text) => (vec![text.into_bytes()], Then::Close),
            Action::SendAndStall(text) => (vec![text.into_bytes()], Then::Stall),
            Action::Bytes(pieces, then) => (pieces, then),
        };
        for piece in pieces {
            // A client that has read enough may be gone.
            if stream.write_all(&piece).is_err() {
                return;
            }
        }
        match then {
            Then::Keep => {}
            Then::Close => return,
            Then::Stall => {
                // Ends when the client hangs up.
                let _ = reader.read(&mut [0; 1]);
                hung_up.fetch_add(1, Ordering::SeqCst);
                return;
            }
        }
    }
}

fn read_request(reader: &mut impl BufRead) -> Option<String> {
    let mut head = String::new();
    let mut length = 0;
    loop {
        let start = head.len();
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
        let line = head[start..].to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(head + &String::from_utf8(body).unwrap())
}

/// A whole HTTP answer.
pub(super) fn http(status: u16, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n{headers}\r\n{body}")
}

/// A whole, good answer.
pub(super) fn good() -> String {
    let body = json!({"choices": [{"message": {"content": "{}"}, "finish_reason": "stop"}]});
    http(
        200,
        "content-type: application/json\r\nx-request-id: req-1\r\n",
        &body.to_string(),
    )
}
