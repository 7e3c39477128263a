//! A small HTTP server that gives every request the same answer but for a number, or a stage of a
//! pipeline its own, in a process of its own, so that neither its time nor its instructions count.
//!
//! A bench starts itself anew with a variable set; the server ends when its standard input does.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::Result;
use super::answer::{NUMBER, completion};
use super::stages;

const VARIABLE: &str = "DUOLOGUE_BENCH_SERVER_DELAY_MS";

/// A server on this machine that waits a while and then answers.
#[derive(Debug)]
pub(crate) struct Server {
    process: Child,
    /// `http://127.0.0.1:{port}/v1`
    pub(crate) base_url: String,
}

impl Server {
    /// Starts a server that answers after `delay`.
    pub(crate) fn start(delay: Duration) -> Result<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .env(VARIABLE, delay.as_millis().to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = process.stdout.take().ok_or("the server has no output")?;
        let mut port = String::new();
        BufReader::new(output).read_line(&mut port)?;
        Ok(Self {
            process,
            base_url: format!("http://127.0.0.1:{}/v1", port.trim()),
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

/// Serves, if this process was started to; gives whether it was.
pub(crate) fn was_server() -> Result<bool> {
    let Ok(delay) = std::env::var(VARIABLE) else {
        return Ok(false);
    };
    let delay = Duration::from_millis(delay.parse()?);
    std::thread::spawn(|| {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        std::process::exit(0);
    });
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(serve(delay))?;
    Ok(true)
}

async fn serve(delay: Duration) -> Result {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let mut output = std::io::stdout();
    writeln!(output, "{}", listener.local_addr()?.port())?;
    output.flush()?;
    let answer = http(&completion());
    let sent = Arc::new(AtomicUsize::new(0));
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(talk(stream, answer.clone(), sent.clone(), delay));
    }
}

fn http(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Answers requests until the client hangs up.
async fn talk(
    mut stream: TcpStream,
    answer: String,
    sent: Arc<AtomicUsize>,
    delay: Duration,
) -> std::io::Result<()> {
    let mut received = Vec::with_capacity(16 * 1024);
    loop {
        while let Some(length) = request_length(&received) {
            let of_stage = stages::answer_to(&received[..length]);
            received.drain(..length);
            if !delay.is_zero() {
                tokio::time::sleep(delay).await;
            }
            let bytes = of_stage.map_or_else(
                || {
                    let sent = sent.fetch_add(1, Ordering::Relaxed) % 1_000_000;
                    answer.replacen(NUMBER, &format!("{sent:06}"), 1)
                },
                |body| http(&body),
            );
            stream.write_all(bytes.as_bytes()).await?;
        }
        if stream.read_buf(&mut received).await? == 0 {
            return Ok(());
        }
    }
}

/// The length of the first request in `bytes`, once it is there as a whole.
fn request_length(bytes: &[u8]) -> Option<usize> {
    let head_end = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(bytes.get(..head_end)?).ok()?;
    let body = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, length)| length.trim().parse::<usize>().ok())
        .unwrap_or(0);
    (bytes.len() >= head_end + body).then_some(head_end + body)
}
