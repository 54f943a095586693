//! Connecting TCP to a name with several addresses (RFC 8305, "Happy Eyeballs").

use std::{
    future::{Future, poll_fn},
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    net::{TcpStream, lookup_host},
    time::{Instant, Sleep, sleep},
};

/// How many addresses of a name are tried; a name with more is a mistake or an attack.
const MAX_ADDRESSES: usize = 8;

/// RFC 8305 §5, §8: how long an attempt is alone before the next begins beside it.
const STAGGER: Duration = Duration::from_millis(250);

/// Connects to the first address of `host` that answers, with `TCP_NODELAY`. Addresses are tried in the system's order (RFC
/// 6724), families by turns, each beginning 250 ms after the one before it or as soon as one has failed; at most 8.
///
/// Takes as long as the system lets a name's lookup and a connect take: the caller's timeout bounds it.
///
/// # Errors
/// When the name has no address, or none takes the connection: of the kind of the first attempt's failure.
///
/// # Cancel safety
/// Dropping it closes whatever attempts are under way.
pub async fn connect_tcp(host: &str, port: u16) -> io::Result<TcpStream> {
    let told =
        |error: &io::Error| io::Error::new(error.kind(), format!("can't connect to {host} port {port}: {error}"));
    let found = lookup_host((host, port)).await.map_err(|error| told(&error))?;
    let stream = race(&interleaved(found), TcpStream::connect).await.map_err(|error| told(&error))?;
    // Small messages must not wait for the acknowledgement of the last one.
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// RFC 8305 §4: the families by turns, beginning with that of the first address; at most [`MAX_ADDRESSES`].
fn interleaved(found: impl Iterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let mut found = found.peekable();
    let first_is_ipv6 = found.peek().is_some_and(SocketAddr::is_ipv6);
    let (first, second) = found.partition::<Vec<_>, _>(|address| address.is_ipv6() == first_is_ipv6);
    let longest = first.len().max(second.len());
    let by_turns = (0..longest).flat_map(|turn| [first.get(turn), second.get(turn)]);
    by_turns.flatten().copied().take(MAX_ADDRESSES).collect()
}

/// The first of `addresses` that `dial` connects to; the other attempts are dropped.
async fn race<T, F>(addresses: &[SocketAddr], dial: impl FnMut(SocketAddr) -> F) -> io::Result<T>
where
    F: Future<Output = io::Result<T>>,
{
    let mut race = Race { waiting: addresses.iter(), dial, running: Vec::new(), first_error: None };
    let mut stagger = pin!(sleep(STAGGER));
    race.start(stagger.as_mut());
    poll_fn(|cx| race.poll(cx, stagger.as_mut())).await
}

struct Race<'a, D, F> {
    waiting: std::slice::Iter<'a, SocketAddr>,
    dial: D,
    running: Vec<Pin<Box<F>>>,
    first_error: Option<io::Error>,
}

impl<T, D, F> Race<'_, D, F>
where
    D: FnMut(SocketAddr) -> F,
    F: Future<Output = io::Result<T>>,
{
    /// Begins the next attempt, if there is an address left.
    fn start(&mut self, stagger: Pin<&mut Sleep>) -> bool {
        let Some(address) = self.waiting.next() else { return false };
        self.running.push(Box::pin((self.dial)(*address)));
        stagger.reset(Instant::now() + STAGGER);
        true
    }

    fn poll(&mut self, cx: &mut Context<'_>, mut stagger: Pin<&mut Sleep>) -> Poll<io::Result<T>> {
        loop {
            let failed_before = self.running.len();
            if let Some(connected) = self.poll_running(cx) {
                return Poll::Ready(Ok(connected));
            }
            // RFC 8305 §5: a failure lets the next begin at once.
            let due = self.running.len() < failed_before || stagger.as_mut().poll(cx).is_ready();
            if due && self.start(stagger.as_mut()) {
                continue;
            }
            if self.running.is_empty() {
                let none = || io::Error::new(io::ErrorKind::NotFound, "the name has no address");
                return Poll::Ready(Err(self.first_error.take().unwrap_or_else(none)));
            }
            return Poll::Pending;
        }
    }

    /// Polls each attempt; those that failed are gone afterwards.
    fn poll_running(&mut self, cx: &mut Context<'_>) -> Option<T> {
        let mut connected = None;
        let first_error = &mut self.first_error;
        self.running.retain_mut(|attempt| {
            if connected.is_some() {
                return true;
            }
            match attempt.as_mut().poll(cx) {
                Poll::Pending => true,
                Poll::Ready(Ok(stream)) => {
                    connected = Some(stream);
                    false
                }
                Poll::Ready(Err(error)) => {
                    first_error.get_or_insert(error);
                    false
                }
            }
        });
        connected
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, future::pending};

    use tokio::{net::TcpListener, time::Instant};

    use super::*;

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn rfc8305_4_families_by_turns() {
        let table: &[(&[&str], &[&str])] = &[
            (&[], &[]),
            (&["1.1.1.1:1"], &["1.1.1.1:1"]),
            (&["[::1]:1", "[::2]:1", "1.1.1.1:1"], &["[::1]:1", "1.1.1.1:1", "[::2]:1"]),
            (&["1.1.1.1:1", "[::1]:1", "[::2]:1"], &["1.1.1.1:1", "[::1]:1", "[::2]:1"]),
        ];
        for (found, expected) in table {
            assert_eq!(interleaved(addresses(found).into_iter()), addresses(expected));
        }
        for (count, tried) in [(7, 7), (8, 8), (9, 8), (1_000, 8)] {
            let found = (1..=count).map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
            assert_eq!(interleaved(found).len(), tried);
        }
        // However many there are of the one family, the other gets its turn.
        let found = (1..=20).map(|port| SocketAddr::from(([127, 0, 0, 1], port))).chain(addresses(&["[::1]:1"]));
        assert!(interleaved(found)[1].is_ipv6());
    }

    /// What an attempt does.
    #[derive(Clone, Copy)]
    enum Does {
        Connects(u64),
        Fails(u64),
        Hangs,
    }

    /// Which address won, after how many milliseconds of the virtual clock, and when each attempt began.
    async fn run(script: &[Does]) -> (Result<usize, io::ErrorKind>, u64, Vec<u64>) {
        let started = Instant::now();
        let elapsed = || u64::try_from(started.elapsed().as_millis()).unwrap();
        let begun = RefCell::new(Vec::new());
        let addresses = (0..script.len()).map(|port| SocketAddr::from(([127, 0, 0, 1], u16::try_from(port).unwrap())));
        let addresses = addresses.collect::<Vec<_>>();
        let won = race(&addresses, |address| {
            begun.borrow_mut().push(elapsed());
            async move {
                let number = usize::from(address.port());
                let wait = |millis| sleep(Duration::from_millis(millis));
                match script[number] {
                    Does::Connects(after) => wait(after).await,
                    Does::Fails(after) => {
                        wait(after).await;
                        let kinds = [io::ErrorKind::ConnectionRefused, io::ErrorKind::HostUnreachable];
                        return Err(kinds[number.min(1)].into());
                    }
                    Does::Hangs => pending().await,
                }
                Ok(number)
            }
        });
        let won = won.await.map_err(|error| error.kind());
        (won, elapsed(), begun.into_inner())
    }

    #[tokio::test(start_paused = true)]
    async fn rfc8305_5_attempts_are_staggered() {
        use Does::{Connects, Fails, Hangs};
        assert_eq!(run(&[Connects(10), Connects(0)]).await, (Ok(0), 10, vec![0]));
        assert_eq!(run(&[Hangs, Connects(10)]).await, (Ok(1), 260, vec![0, 250]));
        // A slow one is not given up for a slower.
        assert_eq!(run(&[Connects(300), Connects(100)]).await, (Ok(0), 300, vec![0, 250]));
        assert_eq!(run(&[Fails(20), Connects(10)]).await, (Ok(1), 30, vec![0, 20]));
        assert_eq!(run(&[Hangs, Fails(50), Hangs, Connects(1)]).await, (Ok(3), 551, vec![0, 250, 300, 550]));
        // The first failure is told: it is that of the address the system prefers.
        let all_fail = (Err(io::ErrorKind::ConnectionRefused), 30, vec![0, 10]);
        assert_eq!(run(&[Fails(10), Fails(20)]).await, all_fail);
        assert_eq!(run(&[]).await, (Err(io::ErrorKind::NotFound), 0, vec![]));
    }

    #[tokio::test]
    async fn it_connects_without_delay_and_says_whom_it_could_not_reach() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let stream = connect_tcp("127.0.0.1", port).await.unwrap();
        assert!(stream.nodelay().unwrap());
        drop((stream, listener));
        let error = connect_tcp("127.0.0.1", port).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        assert!(error.to_string().contains(&format!("127.0.0.1 port {port}")), "{error}");
    }
}
