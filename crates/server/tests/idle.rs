//! What an idle session costs, by each carrier, in a process of its own, whose memory is looked at.
//!
//! The clients are in the same process, bare sockets, and so their end counts too.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

use std::{net::SocketAddr, time::Duration};

use bowline_server::{Hub, http::Guards, listener::Server, metrics::Transport};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

const PATIENCE: Duration = Duration::from_secs(60);
/// So many that what the process needs once doesn't count, and few enough for any limit of descriptors.
const COUNT: usize = 400;

/// Memory of this process that is resident, in bytes.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() << 10
}

/// Sends the request, and reads until the answer has `until` in it.
async fn ask(address: SocketAddr, request: &str, until: &str) -> (TcpStream, String) {
    let mut tcp = TcpStream::connect(address).await.unwrap();
    tcp.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let reading = async {
        while !String::from_utf8_lossy(&answer).contains(until) {
            assert!(tcp.read_buf(&mut answer).await.unwrap() > 0, "{}", String::from_utf8_lossy(&answer));
        }
    };
    timeout(PATIENCE, reading).await.expect("an answer in time");
    (tcp, String::from_utf8_lossy(&answer).into_owned())
}

/// A connection of HTTP/1.1 that was asked twice and is kept, as a poll's is: most of what it takes are the buffers of hyper,
/// 8 KiB to read and 8 KiB to write.
async fn bare(address: SocketAddr) -> TcpStream {
    let request = format!("HEAD /rooms/a HTTP/1.1\r\nhost: {address}\r\n\r\n");
    let (mut tcp, _) = ask(address, &request, "\r\n\r\n").await;
    tcp.write_all(request.as_bytes()).await.unwrap();
    let mut answer = [0; 1_000];
    assert!(timeout(PATIENCE, tcp.read(&mut answer)).await.expect("an answer in time").unwrap() > 0);
    tcp
}

async fn web_socket(address: SocketAddr) -> TcpStream {
    let request = format!(
        "GET /session HTTP/1.1\r\nhost: {address}\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\
         sec-websocket-protocol: bowline.v1\r\n\r\n"
    );
    ask(address, &request, "event: open").await.0
}

async fn comet(address: SocketAddr) -> TcpStream {
    let request = format!(
        "GET /session HTTP/1.1\r\nhost: {address}\r\nbowline-session: new\r\naccept: text/event-stream\r\n\r\n"
    );
    ask(address, &request, "event: open").await.0
}

async fn long_poll(address: SocketAddr) -> TcpStream {
    let request = format!("GET /session HTTP/1.1\r\nhost: {address}\r\nbowline-session: new\r\n\r\n");
    let (mut tcp, answer) = ask(address, &request, "}\n\n").await;
    let secret = answer.split("\"session\":\"").nth(1).unwrap().split('"').next().unwrap();
    let request = format!("GET /session?wait=25 HTTP/1.1\r\nhost: {address}\r\nbowline-session: {secret}\r\n\r\n");
    tcp.write_all(request.as_bytes()).await.unwrap();
    tcp
}

/// The bytes that each of so many costs.
async fn cost<F: Future<Output = TcpStream>>(
    hub: &Hub,
    transport: Option<Transport>,
    open: impl Fn() -> F,
    kept: &mut Vec<TcpStream>,
) -> usize {
    // What the first of a kind needs once is not counted.
    for _ in 0..50 {
        kept.push(open().await);
    }
    let before = resident();
    for _ in 0..COUNT {
        kept.push(open().await);
    }
    let all = async {
        while transport.is_some_and(|transport| hub.metrics().connections_by(transport) < COUNT as u64 + 50) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, all).await.expect("they are open in time");
    resident().saturating_sub(before) / COUNT
}

#[tokio::test]
async fn an_idle_session_costs_little() {
    let hub = Hub::builder().build();
    let mut server = Server::new().listen("127.0.0.1:0").bind().unwrap().serve(hub.service(Guards::new()));
    let address = server.local_addrs()[0];
    let mut kept = Vec::new();
    let bare = cost(&hub, None, || bare(address), &mut kept).await;
    let socket = cost(&hub, Some(Transport::SessionWebSocket), || web_socket(address), &mut kept).await;
    let comet = cost(&hub, Some(Transport::SessionComet), || comet(address), &mut kept).await;
    let poll = cost(&hub, Some(Transport::SessionLongPoll), || long_poll(address), &mut kept).await;
    println!("bare HTTP/1.1 {bare} B, WebSocket {socket} B, Comet {comet} B, long poll {poll} B");
    assert!(socket <= 4 << 10, "a WebSocket session takes {socket} bytes");
    assert!(comet <= bare + (3 << 10), "Comet takes {comet} bytes, and a bare connection {bare}");
    assert!(poll <= bare + (3 << 10), "a long poll takes {poll} bytes, and a bare connection {bare}");
    drop(kept);
    server.finish(Duration::from_secs(5)).await;
}
