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

/// What came to a client that is for who asked.
pub(super) enum Answer {
    /// An answer, so many nanoseconds after it was asked for.
    Rtt(u64),
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
    broadcasts: u64,
}

struct Client {
    sender: Sender<TcpStream>,
    /// Broadcasts that came to it.
    came: Arc<AtomicU64>,
    /// Broadcasts that were asked for before it was there, less what was lost to it.
    before: u64,
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
            broadcasts: 0,
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
            let came = Arc::<AtomicU64>::default();
            self.readers.spawn(read(receiver, Arc::clone(&came), Arc::clone(&self.padding), self.answers.clone()));
            self.all.push(Client { sender, came, before: self.broadcasts });
        }
        Ok(())
    }

    /// Asks for something.
    pub(super) async fn ask(&mut self, which: usize, ask: Ask) -> Result<(), String> {
        let Some(client) = self.all.get_mut(which) else { return Ok(()) };
        self.broadcasts += u64::from(ask == Ask::Broadcast);
        let text = protocol::ask(ask, monotonic_nanoseconds(), &self.padding);
        client.sender.send(text).await.map_err(|error| format!("a client can't send: {error}"))
    }

    /// Broadcasts that came so far, to all of them.
    pub(super) fn deliveries(&self) -> u64 {
        self.all.iter().map(|client| client.came.load(Relaxed)).sum()
    }

    /// Broadcasts that have not come yet.
    pub(super) fn missing(&self) -> u64 {
        self.differences().map(|(due, came)| due.saturating_sub(came)).sum()
    }

    /// Broadcasts that came too often.
    pub(super) fn excess(&self) -> u64 {
        self.differences().map(|(due, came)| came.saturating_sub(due)).sum()
    }

    /// Begins to count anew.
    pub(super) fn reconcile(&mut self) {
        for client in &mut self.all {
            client.before = self.broadcasts.wrapping_sub(client.came.load(Relaxed));
        }
    }

    fn differences(&self) -> impl Iterator<Item = (u64, u64)> {
        self.all.iter().map(|client| (self.broadcasts.wrapping_sub(client.before), client.came.load(Relaxed)))
    }
}

/// Reads until the end.
async fn read(
    mut receiver: Receiver<TcpStream>,
    came: Arc<AtomicU64>,
    padding: Arc<str>,
    answers: mpsc::UnboundedSender<Answer>,
) {
    loop {
        let answer = match receiver.recv().await {
            Ok(Some(message)) => {
                let text = message.as_text().unwrap_or_default();
                match protocol::read(text, &padding) {
                    Some((Kind::Broadcast, _)) => {
                        came.fetch_add(1, Relaxed);
                        continue;
                    }
                    Some((Kind::Echo | Kind::Result, sent)) => {
                        Answer::Rtt(monotonic_nanoseconds().saturating_sub(sent))
                    }
                    None => Answer::Wrong(format!("{:?} makes no sense", text.chars().take(64).collect::<String>())),
                }
            }
            Ok(None) => Answer::Closed("the server closed a connection".to_owned()),
            Err(error) => Answer::Closed(format!("a connection broke: {error}")),
        };
        let is_over = matches!(answer, Answer::Closed(_));
        // With nobody left to hear it there is no point in going on.
        if answers.send(answer).is_err() || is_over {
            return;
        }
    }
}
