//! A model server that was not written here (aimock, from npm), with answers from a fixture file.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The one key that the server lets in.
pub(crate) const KEY: &str = "test-key-of-the-suite";

/// The server, stopped when the test ends.
pub(crate) struct Aimock {
    process: Child,
    pub(crate) url: String,
}

impl Aimock {
    /// A server with `tests/it/fixtures/aimock/{fixtures}`. `None`, said loudly, where it is not
    /// installed; never in CI.
    pub(crate) fn start(fixtures: &str) -> Option<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let cli = std::env::var_os("DUOLOGUE_TEST_AIMOCK").map_or_else(
            || root.join("target/test-servers/node_modules/@copilotkit/aimock/dist/cli.js"),
            PathBuf::from,
        );
        if !cli.exists() {
            assert!(
                std::env::var("CI").as_deref() != Ok("true"),
                "CI must not skip this test: run `make test`"
            );
            eprintln!(
                "SKIPPED: no server at `{}`; run `make servers`",
                cli.display()
            );
            return None;
        }
        let mut process = Command::new("node")
            .arg(cli)
            .args(["--port", "0", "--strict", "--fixtures"])
            .arg(root.join("tests/it/fixtures/aimock").join(fixtures))
            .env("AIMOCK_API_KEYS", KEY)
            .stdout(Stdio::piped())
            .spawn()
            .expect("node starts");
        let output = BufReader::new(process.stdout.take().expect("stdout is piped"));
        let url = output
            .lines()
            .map(|line| line.expect("the server speaks UTF-8"))
            .find_map(|line| Some(line.split_once("listening on ")?.1.trim().to_owned()))
            .expect("the server says where it listens");
        Some(Self { process, url })
    }

    /// How many requests to `path` the server has seen.
    pub(crate) fn requests(&self, path: &str) -> usize {
        let address = self.url.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).expect("the server listens");
        let request = format!(
            "GET /__aimock/journal?path={path} HTTP/1.0\r\nHost: {address}\r\nAuthorization: Bearer {KEY}\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        let answer = answer.to_lowercase();
        let total = answer
            .lines()
            .find_map(|line| line.strip_prefix("x-total-count:"));
        let total = total.expect("the journal is counted").trim();
        total.parse().expect("the count is a number")
    }
}

impl Drop for Aimock {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
