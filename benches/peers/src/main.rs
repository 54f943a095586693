//! One echo or broadcast server at a time, by name, to be measured beside Bowline:
//!
//! ```text
//! peer NAME --listen ADDR
//! ```
//!
//! Every one of them runs on a current-thread runtime with the same listener (backlog 4,096, `TCP_NODELAY`), and is written
//! the way its own documentation writes an echo server: receive, send. The broadcast servers are written for speed, as these
//! crates have none. The first line on standard output is `listening on ADDR`.

mod axum_app;
mod broadcast;
mod raw;
mod raw_broadcast;
mod websocket;

use std::error::Error;
use std::net::SocketAddr;
use std::process::ExitCode;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::broadcast::Sender;

/// What a peer is called, and what it is.
const NAMES: &[(&str, &str)] = &[
    ("raw-tokio", "TCP echo, a 64 KiB buffer a connection: the baseline of the ratios"),
    ("raw-tokio-16k", "the same with 16 KiB"),
    ("raw-tokio-256k", "the same with 256 KiB"),
    ("raw-tokio-http", "TCP: a fixed answer to a request head, and to a Close frame: the baseline of `connect`"),
    ("tungstenite", "tokio-tungstenite 0.30, defaults"),
    ("tungstenite-4k", "tokio-tungstenite 0.30 with a read buffer of 4 KiB"),
    ("fastwebsockets", "fastwebsockets 0.10 on hyper, as in its examples"),
    ("tokio-websockets", "tokio-websockets 0.13 with ring for SHA-1"),
    ("axum", "axum 0.8: a handler that upgrades, with its defaults"),
    ("raw-broadcast", "TCP: frames to all sockets, one after another: the baseline of `fanout`"),
    ("tungstenite-4k-broadcast", "tokio-tungstenite with a read buffer of 4 KiB, and a broadcast channel"),
    ("fastwebsockets-broadcast", "fastwebsockets, and a broadcast channel"),
    ("tokio-websockets-broadcast", "tokio-websockets, and a broadcast channel"),
    ("axum-broadcast", "axum, a broadcast channel, and a task to send for each connection"),
];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (name, address) = match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [name] if !name.starts_with('-') => (name, "127.0.0.1:0"),
        [name, "--listen", address] | ["--listen", address, name] => (name, address),
        _ => return usage(),
    };
    if !NAMES.iter().any(|(known, _)| *known == name) {
        eprintln!("peer: no peer is called {name}");
        return usage();
    }
    match run(name, address) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("peer: {name} on {address}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn usage() -> ExitCode {
    eprintln!("usage: peer NAME [--listen ADDR]\n\nNAME is one of");
    for (name, what) in NAMES {
        eprintln!("  {name:<27} {what}");
    }
    ExitCode::from(2)
}

fn run(name: &str, address: &str) -> Result<(), Box<dyn Error>> {
    let address: SocketAddr = address.parse()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let error = runtime.block_on(async {
        let listener = listen(address)?;
        println!("listening on {}", listener.local_addr()?);
        match name {
            "raw-tokio-16k" => serve(listener, |stream| raw::echo(stream, 16 * 1024)).await,
            "raw-tokio-256k" => serve(listener, |stream| raw::echo(stream, 256 * 1024)).await,
            "raw-tokio-http" => serve(listener, raw::handshake).await,
            "tungstenite" => serve(listener, |stream| websocket::tungstenite(stream, None)).await,
            "tungstenite-4k" => serve(listener, |stream| websocket::tungstenite(stream, Some(4096))).await,
            "fastwebsockets" => serve(listener, websocket::fastwebsockets).await,
            "tokio-websockets" => serve(listener, websocket::tokio_websockets).await,
            "axum" => axum_app::serve(listener, axum_app::echo()).await,
            "raw-broadcast" => {
                let room = raw_broadcast::Room::default();
                serve(listener, move |stream| raw_broadcast::member(stream, room.clone())).await
            }
            "tungstenite-4k-broadcast" => serve_room(listener, broadcast::tungstenite).await,
            "fastwebsockets-broadcast" => serve_room(listener, broadcast::fastwebsockets).await,
            "tokio-websockets-broadcast" => serve_room(listener, broadcast::tokio_websockets).await,
            "axum-broadcast" => axum_app::serve(listener, axum_app::broadcast()).await,
            _ => serve(listener, |stream| raw::echo(stream, 64 * 1024)).await,
        }
    });
    error.map_err(Into::into)
}

fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(4096)
}

/// The same with a channel that all connections share.
async fn serve_room<M, F, Fut>(listener: TcpListener, handler: F) -> std::io::Result<()>
where
    M: Clone,
    F: Fn(TcpStream, Sender<M>) -> Fut,
    Fut: Future<Output = ()> + 'static + Send,
{
    let room = Sender::new(broadcast::CHANNEL);
    serve(listener, |stream| handler(stream, room.clone())).await
}

/// Accepts until accepting fails. How one connection ends is its own matter: load generators just hang up.
async fn serve<F, Fut>(listener: TcpListener, handler: F) -> std::io::Result<()>
where
    F: Fn(TcpStream) -> Fut,
    Fut: Future<Output = ()> + 'static + Send,
{
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(handler(stream));
    }
}
