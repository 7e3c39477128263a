//! A server that does what it is told, on threads of its own, so that it outlives any runtime.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
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
}

/// A running server; its threads end with the test process.
pub(super) struct Server {
    address: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// A server that decides by the request's number (from 0) and its number on the connection.
    pub(super) fn start(decide: impl Fn(usize, usize) -> Action + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self {
            address: listener.local_addr().unwrap().to_string(),
            requests: Arc::default(),
        };
        let requests = Arc::clone(&server.requests);
        let decide = Arc::new(decide);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (requests, decide) = (Arc::clone(&requests), Arc::clone(&decide));
                std::thread::spawn(move || serve(stream, &requests, &*decide));
            }
        });
        server
    }

    pub(super) fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// The requests that were read whole: head and body.
    pub(super) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

fn serve(
    stream: TcpStream,
    requests: &Mutex<Vec<String>>,
    decide: &dyn Fn(usize, usize) -> Action,
) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    for on_connection in 0.. {
        let Some(request) = read_request(&mut reader) else {
            return;
        };
        let number = {
            let mut requests = requests.lock().unwrap();
            requests.push(request);
            requests.len() - 1
        };
        match decide(number, on_connection) {
            Action::Send(text) => stream.write_all(text.as_bytes()).unwrap(),
            Action::SendAndClose(text) => return stream.write_all(text.as_bytes()).unwrap(),
            Action::SendAndStall(text) => {
                stream.write_all(text.as_bytes()).unwrap();
                // Ends when the client hangs up.
                let _ = reader.read(&mut [0; 1]);
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
