//! What the tests share: servers by a closure, and reading to an end.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use bowline_bench::proxy::{Faults, Proxy};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// Waits, but not for ever: what a test waits for comes at once, or never.
pub(crate) async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(30), future).await.expect("it should have happened by now")
}

/// How the reading of a stream ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Fin,
    Reset,
}

/// Reads to the end.
pub(crate) async fn read_all(stream: &mut TcpStream) -> (Vec<u8>, Ended) {
    let mut all = Vec::new();
    match soon(stream.read_to_end(&mut all)).await {
        Ok(_) => (all, Ended::Fin),
        Err(error) if error.kind() == ErrorKind::ConnectionReset => (all, Ended::Reset),
        Err(error) => panic!("neither a FIN nor a reset: {error}"),
    }
}

/// Reads so many bytes.
pub(crate) async fn read(stream: &mut TcpStream, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    soon(stream.read_exact(&mut bytes)).await.expect("they come");
    bytes
}

pub(crate) async fn write(stream: &mut TcpStream, bytes: &[u8]) {
    soon(stream.write_all(bytes)).await.expect("written");
}

/// Whether there is nothing to read now, nor an end.
pub(crate) fn is_silent(stream: &TcpStream) -> bool {
    matches!(stream.try_read(&mut [0]), Err(error) if error.kind() == ErrorKind::WouldBlock)
}

/// Different bytes in any two places that are near each other.
pub(crate) fn numbers(len: usize) -> Vec<u8> {
    let mut numbers = (0..=250).collect::<Vec<_>>().repeat(len / 251 + 1);
    numbers.truncate(len);
    numbers
}

/// Serves on a free port of the loopback, each connection in a task of its own.
pub(crate) async fn serve<C, F>(connection: C) -> SocketAddr
where
    C: Fn(TcpStream) -> F + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(connection(stream));
        }
    });
    address
}

/// A server that sends everything back, and ends when its client does.
pub(crate) async fn echo() -> SocketAddr {
    serve(|mut stream| async move {
        let (mut from, mut to) = stream.split();
        drop(tokio::io::copy(&mut from, &mut to).await);
    })
    .await
}

/// A server whose connections the test itself gets.
pub(crate) async fn hand_over() -> (SocketAddr, mpsc::Receiver<TcpStream>) {
    let (give, take) = mpsc::channel(16);
    let address = serve(move |stream| {
        let give = give.clone();
        async move { drop(give.send(stream).await) }
    })
    .await;
    (address, take)
}

/// A proxy, a client that is connected to it, and the server's end of the connection.
pub(crate) async fn connected(faults: Faults) -> (Proxy, TcpStream, TcpStream) {
    let (address, mut accepted) = hand_over().await;
    let proxy = Proxy::bind(address, faults).expect("it starts");
    let client = connect(&proxy).await;
    let server = soon(accepted.recv()).await.expect("carried on");
    (proxy, client, server)
}

pub(crate) async fn connect(proxy: &Proxy) -> TcpStream {
    soon(TcpStream::connect(proxy.local_addr())).await.expect("it accepts")
}

/// Sends through the proxy to [`echo`] what must come back.
pub(crate) async fn assert_echo(client: &mut TcpStream, bytes: &[u8]) {
    let (mut from, mut to) = client.split();
    let mut back = vec![0; bytes.len()];
    let (sent, received) = soon(async { tokio::join!(to.write_all(bytes), from.read_exact(&mut back)) }).await;
    sent.expect("sent");
    received.expect("received");
    assert!(back == bytes, "other bytes came back");
}
