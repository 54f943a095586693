//! One wake-up of an echo server's task without a socket: what has come is read and sent back, and the task waits again.
//! In Bowline and in other crates, each in the loop of its own documentation, with its defaults.
//!
//! `cargo bench --bench echo`; the names are `echo SIZE/CRATE`. What a system call costs is not in it, so it prints
//! how many writes each crate makes.

mod script;

use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Duration;

use bowline_core::Role;
use bowline_core::connection::Config;
use bowline_core::frame::{Header, MaskingKey, Opcode, apply_mask};
use bowline_core::handshake::Negotiated;
use bowline_core::stream::WebSocket;
use bytes::BytesMut;
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput};
use fastwebsockets::{FragmentCollector, OpCode};
use futures_util::{SinkExt, StreamExt};
use script::{End, Script};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Role as TungsteniteRole;

async fn bowline(io: End) {
    let mut socket = WebSocket::from_raw(io, &Negotiated::assumed(Role::Server), Config::default(), BytesMut::new());
    while let Ok(Some(message)) = socket.recv().await {
        if socket.send(message).await.is_err() {
            break;
        }
    }
}

async fn tungstenite(io: End) {
    let mut socket = WebSocketStream::from_raw_socket(io, TungsteniteRole::Server, None).await;
    while let Some(Ok(message)) = socket.next().await {
        if (message.is_text() || message.is_binary()) && socket.send(message).await.is_err() {
            break;
        }
    }
}

async fn tokio_websockets(io: End) {
    let mut socket = tokio_websockets::ServerBuilder::new().serve(io);
    while let Some(Ok(message)) = socket.next().await {
        if (message.is_text() || message.is_binary()) && socket.send(message).await.is_err() {
            break;
        }
    }
}

async fn fastwebsockets(io: End) {
    let socket = fastwebsockets::WebSocket::after_handshake(io, fastwebsockets::Role::Server);
    let mut socket = FragmentCollector::new(socket);
    while let Ok(frame) = socket.read_frame().await {
        let data = matches!(frame.opcode, OpCode::Text | OpCode::Binary);
        let close = frame.opcode == OpCode::Close;
        if close || (data && socket.write_frame(frame).await.is_err()) {
            break;
        }
    }
}

/// Bytes in and out: what the stream and the polling cost by themselves.
async fn bare(mut io: End) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(count) = io.read(&mut buffer).await {
        if count == 0 || io.write_all(&buffer[..count]).await.is_err() {
            break;
        }
    }
}

/// The frames of `count` messages of `size` bytes, as a client sends them or as a server does.
fn frames(role: Role, size: usize, count: usize) -> Vec<u8> {
    let mut payload: Vec<u8> = r#"{"user":"ann","text":"over and over","#.bytes().cycle().take(size).collect();
    let mask = role.masks().then(|| MaskingKey::new([0x37, 0xfa, 0x21, 0x3d]));
    if let Some(key) = mask {
        apply_mask(&mut payload, key.bytes());
    }
    let mut frame = Vec::new();
    Header { fin: true, rsv1: false, opcode: Opcode::Text, mask, len: size as u64 }.encode(&mut frame);
    frame.extend_from_slice(&payload);
    frame.repeat(count)
}

/// One wake-up with `wire` to read, of the task that `serve` makes. Its answer is compared once, before it is timed.
fn wake_up<F: Future<Output = ()>>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    wire: &[u8],
    answer: &[u8],
    serve: impl FnOnce(End) -> F,
) {
    let script = Script::new(wire.to_vec());
    let mut task = pin!(serve(End(script.clone())));
    let mut context = Context::from_waker(Waker::noop());
    let mut poll = || {
        script.offer();
        assert!(task.as_mut().poll(&mut context).is_pending(), "{name} gave up");
    };
    script.record();
    poll();
    let (written, writes) = script.recorded();
    assert!(written == answer, "{name} answers something else");
    println!("{name}: {writes} write(s)");
    group.bench_function(name, |bencher| bencher.iter(&mut poll));
}

fn main() -> std::io::Result<()> {
    // Timers belong to a runtime; nothing runs on it.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let _entered = runtime.enter();
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args();
    for (size, count) in [(16, 1), (125, 1), (1 << 10, 1), (16 << 10, 1), (125, 16)] {
        let (wire, answer) = (frames(Role::Client, size, count), frames(Role::Server, size, count));
        let times = if count == 1 { String::new() } else { format!("{count} x ") };
        let mut group = criterion.benchmark_group(format!("echo {times}{size} B"));
        group.throughput(Throughput::Elements(count as u64));
        wake_up(&mut group, "bare", &wire, &wire, bare);
        wake_up(&mut group, "bowline", &wire, &answer, bowline);
        wake_up(&mut group, "tokio-tungstenite", &wire, &answer, tungstenite);
        wake_up(&mut group, "fastwebsockets", &wire, &answer, fastwebsockets);
        wake_up(&mut group, "tokio-websockets", &wire, &answer, tokio_websockets);
        group.finish();
    }
    criterion.final_summary();
    Ok(())
}
