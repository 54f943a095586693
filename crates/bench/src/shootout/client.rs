//! The clients: each has a task that reads, and is asked by sending.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use bowline_core::stream::{Connector, Receiver, Sender};
use tokio::{net::TcpStream, sync::mpsc, task::JoinSet};

use super::protocol::{self, Kind};
use crate::{Ask, Error, ShootoutPlan, Target, dial::Dialer, process::monotonic_nanoseconds};

/// Opening handshakes at a time: below any backlog.
const AT_A_TIME: usize = 100;

/// What came to a client, which of them, that is for who asked.
pub(super) struct Answer {
    pub(super) client: usize,
    pub(super) what: What,
}

/// What came.
pub(super) enum What {
    /// An answer to what was sent then, and when it came: nanoseconds.
    Answer { kind: Kind, sent: u64, at: u64 },
    /// Something else.
    Wrong(String),
    /// The end.
    Closed(String),
}

/// All clients that are open.
pub(super) struct Clients {
    target: Target,
    dialer: Dialer,
    padding: Arc<str>,
    all: Vec<Client>,
    answers: mpsc::UnboundedSender<Answer>,
    /// Ends with this.
    readers: JoinSet<()>,
    /// Broadcasts asked for so far.
    asked: Heap,
    /// When something was asked for last.
    last: u64,
}

struct Client {
    sender: Sender<TcpStream>,
    came: Arc<Came>,
    /// What was asked for when it began to count.
    since: Heap,
}

/// Broadcasts: how many, and the sum of when they were sent, which tells a heap from another as large.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Heap {
    count: u64,
    sum: u64,
}

/// The broadcasts that came to a client since it began to count.
#[derive(Debug, Default)]
struct Came {
    count: AtomicU64,
    sum: AtomicU64,
    /// Those before.
    before: AtomicU64,
}

/// What is wrong with the broadcasts of all clients.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Wrong {
    /// Those that didn't come, once for each client.
    pub(super) lost: u64,
    /// Those that came too often.
    pub(super) doubled: u64,
}

impl Clients {
    pub(super) fn new(plan: &ShootoutPlan, answers: mpsc::UnboundedSender<Answer>) -> Result<Self, Error> {
        Ok(Self {
            target: plan.target.clone(),
            dialer: Dialer::new(&plan.target)?,
            padding: "1234567890".chars().cycle().take(plan.payload_padding_size).collect::<String>().into(),
            all: Vec::new(),
            answers,
            readers: JoinSet::new(),
            asked: Heap::default(),
            last: 0,
        })
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// Opens so many more, or as many as can open at a time.
    pub(super) async fn open(&mut self, more: usize) -> Result<(), Error> {
        let mut opening = JoinSet::new();
        for _ in 0..more.min(AT_A_TIME) {
            let (mut dialer, url) = (self.dialer.one(), self.target.to_string());
            opening.spawn(async move {
                let socket = dialer.connect().await?;
                let opened = Connector::new().handshake(&url, socket).await;
                opened.map_err(|error| Error::NotWebSocket { problem: error.to_string() })
            });
        }
        while let Some(opened) = opening.join_next().await {
            let opened = opened.map_err(|error| Error::io("open a connection")(error.into()))?;
            let (sender, receiver) = opened?.split();
            let came = Arc::<Came>::default();
            let whose = (self.all.len(), Arc::clone(&came));
            self.readers.spawn(read(receiver, whose, Arc::clone(&self.padding), self.answers.clone()));
            self.all.push(Client { sender, came, since: self.asked });
        }
        Ok(())
    }

    /// Asks for something; when, which no other request has.
    pub(super) async fn ask(&mut self, which: usize, ask: Ask) -> Result<u64, String> {
        let Some(client) = self.all.get_mut(which) else { return Err("there are no clients".to_owned()) };
        let sent = monotonic_nanoseconds().max(self.last + 1);
        self.last = sent;
        if ask == Ask::Broadcast {
            self.asked = Heap { count: self.asked.count + 1, sum: self.asked.sum.wrapping_add(sent) };
        }
        let text = protocol::ask(ask, sent, &self.padding);
        client.sender.send(text).await.map_err(|error| format!("a client can't send: {error}"))?;
        Ok(sent)
    }

    /// Broadcasts that came so far, to all of them.
    pub(super) fn deliveries(&self) -> u64 {
        self.all.iter().map(|client| client.came.before.load(Relaxed) + client.came.count.load(Relaxed)).sum()
    }

    /// What is wrong, or has not come yet. One that is lost and one that is doubled show as both.
    pub(super) fn wrong(&self) -> Wrong {
        let mut wrong = Wrong::default();
        for client in &self.all {
            let Heap { count, sum } = client.since;
            let due = Heap { count: self.asked.count - count, sum: self.asked.sum.wrapping_sub(sum) };
            let came = Heap { count: client.came.count.load(Relaxed), sum: client.came.sum.load(Relaxed) };
            let swapped = u64::from(due.count == came.count && due.sum != came.sum);
            wrong.lost += due.count.saturating_sub(came.count) + swapped;
            wrong.doubled += came.count.saturating_sub(due.count) + swapped;
        }
        wrong
    }

    /// Begins to count anew.
    pub(super) fn begin(&mut self) {
        for client in &mut self.all {
            client.came.before.fetch_add(client.came.count.swap(0, Relaxed), Relaxed);
            client.came.sum.store(0, Relaxed);
            client.since = self.asked;
        }
    }
}

impl Came {
    fn add(&self, sent: u64) {
        self.count.fetch_add(1, Relaxed);
        self.sum.fetch_add(sent, Relaxed);
    }
}

/// Reads until the end.
async fn read(
    mut receiver: Receiver<TcpStream>,
    (client, came): (usize, Arc<Came>),
    padding: Arc<str>,
    answers: mpsc::UnboundedSender<Answer>,
) {
    loop {
        let what = match receiver.recv().await {
            Ok(Some(message)) => {
                let text = message.as_text().unwrap_or_default();
                match protocol::read(text, &padding) {
                    Some((Kind::Broadcast, sent)) => {
                        came.add(sent);
                        continue;
                    }
                    Some((kind, sent)) => What::Answer { kind, sent, at: monotonic_nanoseconds() },
                    None => What::Wrong(format!("{:?} makes no sense", text.chars().take(64).collect::<String>())),
                }
            }
            Ok(None) => What::Closed("the server closed a connection".to_owned()),
            Err(error) => What::Closed(format!("a connection broke: {error}")),
        };
        let is_over = matches!(what, What::Closed(_));
        // With nobody left to hear it there is no point in going on.
        if answers.send(Answer { client, what }).is_err() || is_over {
            return;
        }
    }
}
