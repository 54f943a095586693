//! What the tests of the binary share.

#![allow(dead_code, reason = "each test file is a program of its own, and uses a part of this")]

use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// Somebody else's client.
pub(crate) type Client = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Waits, but not for ever: what a test waits for comes at once, or never.
pub(crate) async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(30), future).await.expect("it should have happened by now")
}

/// The binary, with nothing of the caller's surroundings that changes what it says.
pub(crate) fn bowline(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bowline"));
    command.args(args);
    surround(&mut command);
    command
}

/// The binary under a limit on open files.
pub(crate) fn bowline_with_descriptors(limit: u32, args: &[&str]) -> Command {
    let mut command = Command::new("sh");
    command
        .arg("-c")
        .arg(format!("ulimit -n {limit}; exec \"$0\" \"$@\""))
        .arg(env!("CARGO_BIN_EXE_bowline"))
        .args(args);
    surround(&mut command);
    command
}

fn surround(command: &mut Command) {
    command.env_remove("RUST_LOG").env("NO_COLOR", "1").kill_on_drop(true);
    for proxy in ["ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "http_proxy", "https_proxy"] {
        command.env_remove(proxy);
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
}

/// What a program left behind.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs the binary to its end, with `input` on its standard input.
pub(crate) async fn run(args: &[&str], input: &[u8]) -> Ran {
    feed(bowline(args).spawn().expect("the binary starts"), input).await
}

/// Gives `input` to a program, and waits for its end.
pub(crate) async fn feed(mut child: Child, input: &[u8]) -> Ran {
    let mut stdin = child.stdin.take().expect("piped");
    // A program that ends early doesn't read it all.
    let write = async move { drop(stdin.write_all(input).await) };
    let (output, ()) = soon(async { tokio::join!(child.wait_with_output(), write) }).await;
    let output = output.expect("it ran");
    Ran {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).expect("UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("UTF-8"),
    }
}

/// Sends a signal to a program that the test started.
pub(crate) fn signal(child: &Child, signal: Signal) {
    let pid = child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?)).expect("it runs");
    kill_process(pid, signal).expect("it can be signalled");
}

/// A serving command on a free port.
pub(crate) struct Server {
    pub(crate) child: Child,
    pub(crate) address: String,
    pub(crate) stdout: Lines<BufReader<ChildStdout>>,
    pub(crate) stderr: Lines<BufReader<ChildStderr>>,
}

impl Server {
    pub(crate) async fn start(command: &str, args: &[&str]) -> Self {
        let all = [&[command, "--listen", "127.0.0.1:0"], args].concat();
        Self::from(bowline(&all)).await
    }

    pub(crate) async fn from(mut command: Command) -> Self {
        let mut child = command.spawn().expect("the binary starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("piped")).lines();
        let stderr = lines(child.stderr.take().expect("piped"));
        let line = soon(stdout.next_line()).await.expect("readable").expect("a line");
        let address = line.strip_prefix("listening on ").expect("the address");
        let address = address.strip_suffix(" with TLS").unwrap_or(address).to_owned();
        Self { child, address, stdout, stderr }
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}/any/path?at=all", self.address)
    }

    pub(crate) async fn client(&self) -> Client {
        soon(connect_async(self.url())).await.expect("it accepts").0
    }

    pub(crate) async fn client_at(&self, path: &str) -> Client {
        soon(connect_async(format!("ws://{}{path}", self.address))).await.expect("it accepts").0
    }

    /// Waits for a line on standard error that holds `part`.
    pub(crate) async fn said(&mut self, part: &str) -> String {
        said(&mut self.stderr, part).await
    }

    pub(crate) async fn ended(mut self) -> ExitStatus {
        soon(self.child.wait()).await.expect("it ran")
    }
}

/// Standard error by lines.
pub(crate) fn lines(stderr: ChildStderr) -> Lines<BufReader<ChildStderr>> {
    BufReader::new(stderr).lines()
}

/// Waits for a line that holds `part`.
pub(crate) async fn said(lines: &mut Lines<BufReader<ChildStderr>>, part: &str) -> String {
    loop {
        let line =
            soon(lines.next_line()).await.expect("readable").unwrap_or_else(|| panic!("{part:?} was never said"));
        if line.contains(part) {
            return line;
        }
    }
}

/// Sends a message and waits for it to come back.
pub(crate) async fn assert_echo(client: &mut Client, message: Message) {
    soon(client.send(message.clone())).await.expect("sent");
    assert_eq!(soon(client.next()).await.expect("open").expect("received"), message);
}

/// Waits for the server's Close frame.
pub(crate) async fn closed(client: &mut Client) -> Option<CloseFrame> {
    closed_by(client).await
}

/// Waits for the peer's Close frame, and for the end of the connection after it.
pub(crate) async fn closed_by<S: AsyncRead + AsyncWrite + Unpin>(ws: &mut WebSocketStream<S>) -> Option<CloseFrame> {
    loop {
        match soon(ws.next()).await {
            Some(Ok(Message::Close(frame))) => {
                while soon(ws.next()).await.is_some_and(|message| message.is_ok()) {}
                return frame;
            }
            Some(Ok(_)) => {}
            other => panic!("no Close frame, but {other:?}"),
        }
    }
}

/// An answer to a request.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

/// Asks by HTTP/1.1 on a connection of its own; `more` are lines of the head, each with its end.
pub(crate) async fn ask(address: &str, method: &str, path: &str, more: &str, body: &str) -> Answer {
    let mut tcp = soon(TcpStream::connect(address)).await.expect("it accepts");
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {}\r\n{more}\r\n{body}",
        body.len()
    );
    soon(tcp.write_all(request.as_bytes())).await.expect("sent");
    let all = String::from_utf8(read_to_end(&mut tcp).await).expect("UTF-8");
    let (head, body) = all.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}

/// As [`ask`], for a GET without anything.
pub(crate) async fn get(address: &str, path: &str) -> Answer {
    ask(address, "GET", path, "", "").await
}

/// Reads whatever comes until the stream ends.
pub(crate) async fn read_to_end(stream: &mut TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    soon(stream.read_to_end(&mut all)).await.expect("readable");
    all
}

/// A directory of the test's own, gone with it.
pub(crate) struct Directory(std::path::PathBuf);

impl Directory {
    pub(crate) fn new() -> Self {
        static COUNT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("bowline-{}-{number}", std::process::id()));
        std::fs::create_dir(&path).expect("a new directory");
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("UTF-8").to_owned()
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.join(name)).expect("readable")
    }

    /// Writes a file, whole at once for whoever reads it meanwhile; its path.
    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        let draft = self.0.join("draft");
        std::fs::write(&draft, text).expect("writable");
        std::fs::rename(draft, self.0.join(name)).expect("writable");
        self.path(name)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}
