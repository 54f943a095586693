//! Connections that end in the middle.

use std::time::Duration;

use bowline_bench::proxy::Direction::{ToClient, ToServer};
use bowline_bench::proxy::{Direction, End, Faults, Proxy};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::support::{
    Ended, assert_echo, connect, connected, echo, hand_over, numbers, read, read_all, serve, soon, write,
};

const QUESTION: &[u8] = b"what is the answer?";
const ANSWER: &[u8] = b"forty-two, and that is final";

#[tokio::test]
async fn a_client_gets_exactly_the_bytes_before_a_cut() {
    let server = serve(|mut stream| async move {
        read(&mut stream, QUESTION.len()).await;
        write(&mut stream, ANSWER).await;
        // It ends only with its client.
        read_all(&mut stream).await;
    })
    .await;
    let proxy = Proxy::bind(server, Faults::default()).expect("it starts");
    for at in 0..=ANSWER.len() {
        proxy.set_faults(Faults::default().cut_at(ToClient, at as u64)).await.expect("in bounds");
        let mut client = connect(&proxy).await;
        // At 0 it may be cut already.
        drop(client.try_write(QUESTION));
        assert_eq!(read_all(&mut client).await, (ANSWER[..at].to_vec(), Ended::Fin), "at {at}");
        assert_eq!(proxy.counts().cuts, at as u64 + 1);
    }
    soon(proxy.until(|counts| counts.open == 0)).await;
}

#[tokio::test]
async fn a_server_gets_exactly_the_bytes_before_a_cut() {
    let (server, mut accepted) = hand_over().await;
    let proxy = Proxy::bind(server, Faults::default()).expect("it starts");
    for at in 0..=QUESTION.len() {
        proxy.set_faults(Faults::default().cut_at(ToServer, at as u64)).await.expect("in bounds");
        let mut client = connect(&proxy).await;
        drop(client.try_write(QUESTION));
        let mut stream = soon(accepted.recv()).await.expect("carried on");
        assert_eq!(read_all(&mut stream).await, (QUESTION[..at].to_vec(), Ended::Fin), "at {at}");
        assert_eq!(read_all(&mut client).await, (Vec::new(), Ended::Fin), "at {at}");
    }
    assert_eq!(proxy.counts().cuts, QUESTION.len() as u64 + 1);
}

#[tokio::test]
async fn a_reset_is_a_connection_reset_to_both() {
    let (server, mut accepted) = hand_over().await;
    let proxy = Proxy::bind(server, Faults::default()).expect("it starts");
    for at in 0..=ANSWER.len() {
        proxy.set_faults(Faults::default().cut_at(ToClient, at as u64).end(End::Reset)).await.expect("in bounds");
        let mut client = connect(&proxy).await;
        let mut stream = soon(accepted.recv()).await.expect("carried on");
        // At 0 it is reset already, and writing would take the error that reading is to find.
        if at > 0 {
            write(&mut stream, ANSWER).await;
        }
        let (got, ended) = read_all(&mut client).await;
        assert_eq!((got.as_slice(), ended), (&ANSWER[..at], Ended::Reset), "at {at}");
        assert_eq!(read_all(&mut stream).await, (Vec::new(), Ended::Reset), "at {at}");
    }
    let counts = proxy.counts();
    assert_eq!((counts.cuts, counts.resets), (0, ANSWER.len() as u64 + 1));
}

/// A FIN must not become a reset because of what the peer sends meanwhile.
#[tokio::test]
async fn a_cut_in_order_stays_in_order_while_the_peer_sends() {
    let (_proxy, client, mut server) = connected(Faults::default().cut_at(ToClient, 5)).await;
    let (mut from, to) = client.into_split();
    let sending = tokio::spawn(async move {
        let block = numbers(64 << 10);
        // Until nobody takes it any more.
        while to.writable().await.is_ok()
            && !matches!(to.try_write(&block), Err(error) if error.kind() != std::io::ErrorKind::WouldBlock)
        {}
    });
    write(&mut server, ANSWER).await;
    let mut got = Vec::new();
    soon(from.read_to_end(&mut got)).await.expect("a FIN");
    assert_eq!(got, &ANSWER[..5]);
    sending.abort();
}

#[tokio::test]
async fn all_can_be_cut_at_once_and_later_ones_are_spared() {
    for (end, ended) in [(End::Fin, Ended::Fin), (End::Reset, Ended::Reset)] {
        let proxy = Proxy::bind(echo().await, Faults::default()).expect("it starts");
        let mut clients = Vec::new();
        for _ in 0..10 {
            clients.push(connect(&proxy).await);
        }
        for client in &mut clients {
            assert_echo(client, b"hello").await;
        }
        match end {
            End::Fin => proxy.cut_all(),
            End::Reset => proxy.reset_all(),
        }
        for client in &mut clients {
            let (got, how) = read_all(client).await;
            assert_eq!((got.as_slice(), &how), (&b""[..], &ended));
        }
        drop(clients);
        let counts = soon(proxy.until(|counts| counts.open == 0)).await;
        assert_eq!((counts.cuts, counts.resets), if end == End::Fin { (10, 0) } else { (0, 10) });
        assert_echo(&mut connect(&proxy).await, b"hello").await;
    }
}

/// How many of 1,000 bytes the receivers of 30 connections got, by a seed.
async fn lengths(direction: Direction, seed: u64) -> Vec<usize> {
    let (server, mut accepted) = hand_over().await;
    let faults = Faults::default().cut_between(direction, 1..=999).seed(seed);
    let proxy = Proxy::bind(server, faults).expect("it starts");
    let mut lengths = Vec::new();
    for _ in 0..30 {
        let client = connect(&proxy).await;
        let stream = soon(accepted.recv()).await.expect("carried on");
        let (mut from, mut to) = if direction == ToServer { (client, stream) } else { (stream, client) };
        write(&mut from, &numbers(1000)).await;
        let (got, ended) = read_all(&mut to).await;
        assert_eq!((got.as_slice(), ended), (&numbers(1000)[..got.len()], Ended::Fin));
        lengths.push(got.len());
    }
    assert_eq!(proxy.counts().cuts, 30);
    lengths
}

#[tokio::test]
async fn the_same_seed_cuts_at_the_same_bytes_and_another_at_others() {
    for direction in [ToServer, ToClient] {
        let first = lengths(direction, 7).await;
        assert_eq!(first, lengths(direction, 7).await);
        assert_ne!(first, lengths(direction, 8).await);
        assert!(first.iter().collect::<std::collections::BTreeSet<_>>().len() > 20, "{first:?}");
    }
}

#[tokio::test]
async fn an_idle_connection_is_cut() {
    for (end, expected) in [(End::Fin, Ended::Fin), (End::Reset, Ended::Reset)] {
        let faults = Faults::default().cut_idle(Duration::from_secs(30)).end(end);
        let proxy = Proxy::bind(echo().await, faults).expect("it starts");
        let mut client = connect(&proxy).await;
        assert_echo(&mut client, b"hello").await;
        // Nothing is under way, so the paused clock goes on only when all wait for it.
        tokio::time::pause();
        let start = Instant::now();
        let ended = ended(&mut client).await;
        let waited = start.elapsed().as_millis();
        assert_eq!(ended, expected);
        assert!((29_000..=30_010).contains(&waited), "{waited} ms");
        assert_eq!(proxy.counts().idle_cuts, 1);
        tokio::time::resume();
    }
}

/// How a silent stream ends, waited for without a timer, which a paused clock would jump to.
async fn ended(stream: &mut TcpStream) -> Ended {
    match stream.read(&mut [0]).await {
        Ok(0) => Ended::Fin,
        Ok(_) => panic!("it is not silent"),
        Err(_) => Ended::Reset,
    }
}
