//! A path between a client and a server, that does what a test says.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
    time::{Instant, sleep_until},
};

/// What happens to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Nothing.
    Pass,
    /// It is cut after so many bytes to the server, or to the client.
    Cut(usize, usize),
    /// Its request for an upgrade becomes one for nothing of the kind.
    Strip,
    /// What the server answers to a request for an upgrade never arrives.
    Swallow,
    /// What the server answers arrives once the answer is over.
    Buffer,
    /// It is cut after so many seconds in which nothing goes either way.
    Idle(u64),
    /// It is refused.
    Refuse,
}

type Choose = dyn FnMut() -> Fate + Send;

/// The path.
pub(crate) struct Relay {
    pub(crate) address: SocketAddr,
    target: Arc<Mutex<SocketAddr>>,
    choose: Arc<Mutex<Box<Choose>>>,
    cut: watch::Sender<u32>,
    accepting: JoinHandle<()>,
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Relay {
    pub(crate) async fn start(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let target = Arc::new(Mutex::new(target));
        let choose: Arc<Mutex<Box<Choose>>> = Arc::new(Mutex::new(Box::new(|| Fate::Pass)));
        let (cut, _) = watch::channel(0);
        let accepting = {
            let (target, choose, cut) = (Arc::clone(&target), Arc::clone(&choose), cut.clone());
            tokio::spawn(async move {
                while let Ok((near, _)) = listener.accept().await {
                    let (target, fate) = (*target.lock().expect("whole"), (choose.lock().expect("whole"))());
                    let mut cut = cut.subscribe();
                    tokio::spawn(async move {
                        tokio::select! {
                            () = carry(near, target, fate) => {}
                            _ = cut.changed() => {}
                        }
                    });
                }
            })
        };
        Self { address, target, choose, cut, accepting }
    }

    /// What happens to connections from now on.
    pub(crate) fn fates(&self, choose: impl FnMut() -> Fate + Send + 'static) {
        *self.choose.lock().expect("whole") = Box::new(choose);
    }

    /// Where connections go from now on.
    pub(crate) fn retarget(&self, target: SocketAddr) {
        *self.target.lock().expect("whole") = target;
    }

    /// Cuts every connection that there is.
    pub(crate) fn cut(&self) {
        self.cut.send_modify(|count| *count += 1);
    }
}

async fn carry(mut near: TcpStream, target: SocketAddr, fate: Fate) {
    if fate == Fate::Refuse {
        return;
    }
    let Ok(mut far) = TcpStream::connect(target).await else { return };
    let _ = (near.set_nodelay(true), far.set_nodelay(true));
    let (mut near_in, mut near_out) = near.split();
    let (mut far_in, mut far_out) = far.split();
    let is_upgrade = Mutex::new(false);
    let moved = Mutex::new(Instant::now());
    let (most_up, most_down) = if let Fate::Cut(up, down) = fate { (up, down) } else { (usize::MAX, usize::MAX) };
    let up = async {
        let (mut buffer, mut sent) = (vec![0; 16 << 10], 0);
        while let Ok(read @ 1..) = near_in.read(&mut buffer).await {
            *moved.lock().expect("whole") = Instant::now();
            let mut bytes = buffer[..read.min(most_up - sent)].to_vec();
            sent += bytes.len();
            let text = String::from_utf8_lossy(&bytes).into_owned();
            if text.contains("Upgrade: websocket") {
                *is_upgrade.lock().expect("whole") = true;
                if fate == Fate::Strip {
                    bytes = text.replace("Upgrade: websocket\r\nConnection: Upgrade\r\n", "").into_bytes();
                }
            }
            if far_out.write_all(&bytes).await.is_err() || sent == most_up {
                return;
            }
        }
    };
    let down = async {
        let (mut buffer, mut sent, mut held) = (vec![0; 16 << 10], 0, Vec::new());
        while let Ok(read @ 1..) = far_in.read(&mut buffer).await {
            *moved.lock().expect("whole") = Instant::now();
            let bytes = &buffer[..read.min(most_down - sent)];
            sent += bytes.len();
            if fate == Fate::Swallow && *is_upgrade.lock().expect("whole") {
                continue;
            }
            if fate == Fate::Buffer {
                held.extend_from_slice(bytes);
                // The last chunk of an answer, or one that has its length.
                if !held.windows(7).any(|end| end == b"\r\n0\r\n\r\n")
                    && !String::from_utf8_lossy(&held).to_lowercase().contains("content-length")
                {
                    continue;
                }
            }
            let out = if fate == Fate::Buffer { std::mem::take(&mut held) } else { bytes.to_vec() };
            if near_out.write_all(&out).await.is_err() || sent == most_down {
                return;
            }
        }
    };
    let idle = async {
        let Fate::Idle(seconds) = fate else { return std::future::pending().await };
        loop {
            let until = *moved.lock().expect("whole") + Duration::from_secs(seconds);
            if until <= Instant::now() {
                return;
            }
            sleep_until(until).await;
        }
    };
    tokio::select! { () = up => {}, () = down => {}, () = idle => {} }
}
