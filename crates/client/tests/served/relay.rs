//! A path between a client and a server, that does what a test says.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
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
    let (near_in, near_out) = near.split();
    let (far_in, far_out) = far.split();
    let path = Path { fate, is_upgrade: Mutex::new(false), moved: Mutex::new(Instant::now()) };
    tokio::select! { () = path.up(near_in, far_out) => {}, () = path.down(far_in, near_out) => {}, () = path.idle() => {} }
}

/// One connection.
struct Path {
    fate: Fate,
    is_upgrade: Mutex<bool>,
    /// When something went, either way.
    moved: Mutex<Instant>,
}

impl Path {
    fn moves(&self) {
        *self.moved.lock().expect("whole") = Instant::now();
    }

    async fn up(&self, mut near: ReadHalf<'_>, mut far: WriteHalf<'_>) {
        let most = if let Fate::Cut(up, _) = self.fate { up } else { usize::MAX };
        let (mut buffer, mut sent) = (vec![0; 16 << 10], 0);
        while let Ok(read @ 1..) = near.read(&mut buffer).await {
            self.moves();
            let mut bytes = buffer[..read.min(most - sent)].to_vec();
            sent += bytes.len();
            let text = String::from_utf8_lossy(&bytes).into_owned();
            if text.contains("Upgrade: websocket") {
                *self.is_upgrade.lock().expect("whole") = true;
                if self.fate == Fate::Strip {
                    bytes = text.replace("Upgrade: websocket\r\nConnection: Upgrade\r\n", "").into_bytes();
                }
            }
            if far.write_all(&bytes).await.is_err() || sent == most {
                return;
            }
        }
    }

    async fn down(&self, mut far: ReadHalf<'_>, mut near: WriteHalf<'_>) {
        let most = if let Fate::Cut(_, down) = self.fate { down } else { usize::MAX };
        let (mut buffer, mut sent, mut held) = (vec![0; 16 << 10], 0, Vec::new());
        while let Ok(read @ 1..) = far.read(&mut buffer).await {
            self.moves();
            let bytes = &buffer[..read.min(most - sent)];
            sent += bytes.len();
            if self.fate == Fate::Swallow && *self.is_upgrade.lock().expect("whole") {
                continue;
            }
            held.extend_from_slice(bytes);
            if self.fate == Fate::Buffer && !is_whole(&held) {
                continue;
            }
            if near.write_all(&std::mem::take(&mut held)).await.is_err() || sent == most {
                return;
            }
        }
    }

    async fn idle(&self) {
        let Fate::Idle(seconds) = self.fate else { return std::future::pending().await };
        loop {
            let until = *self.moved.lock().expect("whole") + Duration::from_secs(seconds);
            if until <= Instant::now() {
                return;
            }
            sleep_until(until).await;
        }
    }
}

/// An answer that has its length, or its last chunk.
fn is_whole(answer: &[u8]) -> bool {
    let has_length = String::from_utf8_lossy(answer).to_lowercase().contains("content-length");
    has_length || answer.windows(7).any(|end| end == b"\r\n0\r\n\r\n")
}
