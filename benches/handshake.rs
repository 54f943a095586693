//! The server's opening handshake with a browser: the head read, checked and answered. Without a stream where a crate can
//! do that, and over one without a socket, where making the WebSocket and dropping it are part of it.
//!
//! `cargo bench --bench handshake`

mod script;

use std::hint::black_box;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bowline_core::Limits;
use bowline_core::handshake::{Acceptance, RequestReader};
use bowline_core::message::deflate::DeflateConfig;
use bowline_core::stream::WebSocket;
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput};
use script::{End, Script};
use tokio_tungstenite::tungstenite::handshake::machine::TryParse;
use tokio_tungstenite::tungstenite::handshake::server::{Request, create_response, write_response};

/// As Chromium sends it; the key is RFC 6455's own, §1.3.
const HEAD: &[u8] = b"GET /chat?room=12 HTTP/1.1\r\n\
    Host: chat.example.com\r\n\
    Connection: Upgrade\r\n\
    Pragma: no-cache\r\n\
    Cache-Control: no-cache\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36\r\n\
    Upgrade: websocket\r\n\
    Origin: https://chat.example.com\r\n\
    Sec-WebSocket-Version: 13\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\n\
    Accept-Language: en-GB,en;q=0.9\r\n\
    Cookie: session=0b1d2f7e5a9c4c38b6d1e0f2a7c9d4e5; theme=dark\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\
    \r\n";
const ACCEPT_VALUE: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

fn bowline(deflate: Option<&DeflateConfig>) -> Option<Vec<u8>> {
    let (request, _used) = RequestReader::new(&Limits::default()).receive(black_box(HEAD)).ok()??;
    let (response, _negotiated) = request.accept(&Acceptance::new().deflate(deflate)).ok()?;
    Some(response.into())
}

fn tungstenite() -> Option<Vec<u8>> {
    let (_used, request) = Request::try_parse(black_box(HEAD)).ok()??;
    let response = create_response(&request).ok()?;
    let mut out = Vec::new();
    write_response(&mut out, &response).ok()?;
    Some(out)
}

/// Whether these bytes agree to the request, so that what is timed is a whole handshake.
fn agrees(response: &[u8]) -> bool {
    let text = String::from_utf8_lossy(response);
    text.starts_with("HTTP/1.1 101 ") && text.contains(ACCEPT_VALUE) && text.ends_with("\r\n\r\n")
}

fn alone(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, answer: impl Fn() -> Option<Vec<u8>>) {
    assert!(answer().is_some_and(|response| agrees(&response)), "{name} refuses");
    group.bench_function(name, |bencher| bencher.iter(&answer));
}

/// The same by what a server calls. The stream takes all at once, so that one poll is enough.
fn over_stream<F: Future<Output = bool>>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    accept: impl Fn(End) -> F,
) {
    let script = Script::new(HEAD.to_vec());
    let once = || {
        script.offer();
        let accepted = pin!(accept(End(Rc::clone(&script))));
        accepted.poll(&mut Context::from_waker(Waker::noop())) == Poll::Ready(true)
    };
    script.record();
    assert!(once() && agrees(&script.recorded().0), "{name} refuses");
    group.bench_function(name, |bencher| bencher.iter(once));
}

fn main() -> std::io::Result<()> {
    // Timers belong to a runtime; nothing runs on it.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let _entered = runtime.enter();
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args();

    let mut group = criterion.benchmark_group("handshake");
    group.throughput(Throughput::Elements(1));
    alone(&mut group, "bowline", || bowline(None));
    let deflate = DeflateConfig::default();
    alone(&mut group, "bowline, deflate", || bowline(Some(&deflate)));
    alone(&mut group, "tungstenite", tungstenite);
    group.finish();

    let mut group = criterion.benchmark_group("handshake over a stream");
    group.throughput(Throughput::Elements(1));
    over_stream(&mut group, "bowline", async |io| WebSocket::accept(io).await.is_ok());
    over_stream(&mut group, "tokio-tungstenite", async |io| tokio_tungstenite::accept_async(io).await.is_ok());
    let builder = tokio_websockets::ServerBuilder::new();
    over_stream(&mut group, "tokio-websockets", |io| async { builder.accept(io).await.is_ok() });
    group.finish();
    criterion.final_summary();
    Ok(())
}
