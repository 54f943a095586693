//! What the parts of a load and its conductor say to each other: by channels in one process, by lines of JSON between several.

use std::sync::mpsc::Sender;

use mio::Waker;
use serde::{Deserialize, Serialize};

use crate::{Behind, ClientUse, Counts, Distribution, Error, Progress, Reconciled};

/// To a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Order {
    /// All are ready: messages are due from this time on, of `CLOCK_MONOTONIC`.
    Start(u64),
    /// Nothing is due from this time on; what is under way is waited for briefly.
    Break(u64),
    /// So many publications were sent in all. Nothing is owed but what is among them.
    Published(u64),
    /// The server has been looked at for the last time: connections may end.
    End,
}

/// From a part.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Word {
    /// How it stands.
    Progress(Progress),
    /// All its clients are open and in their rooms.
    Ready,
    /// A stretch of the measured time is over: they come in order.
    Stretch(Stretched),
    /// All publications that were due are sent: so many.
    Published(u64),
    /// It is over.
    Done(Box<PartReport>),
    /// There is no report.
    Failed(String),
}

/// What a part measured in a stretch.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Stretched {
    pub(super) seconds: f64,
    pub(super) sent: u64,
    pub(super) deliveries: u64,
    pub(super) times: Distribution,
}

/// What came of a part.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct PartReport {
    pub(super) seconds: f64,
    pub(super) sent: u64,
    pub(super) deliveries: u64,
    pub(super) latency: Distribution,
    pub(super) uncorrected: Distribution,
    pub(super) lag: Distribution,
    pub(super) counts: Counts,
    pub(super) counts_in_all: Counts,
    pub(super) client: ClientUse,
    pub(super) reconciled: Reconciled,
    /// How sending fell behind, where it did.
    pub(super) behind: Option<Behind>,
}

/// A part's word, or why there are no more; with the part's number.
pub(super) type Said = (usize, Result<Word, Error>);

/// Gives orders to a part in this process.
#[derive(Debug)]
pub(super) struct Orders {
    sender: Option<Sender<Order>>,
    waker: Waker,
}

impl Orders {
    pub(super) fn new(sender: Sender<Order>, waker: Waker) -> Self {
        Self { sender: Some(sender), waker }
    }

    /// A part that is gone has said why.
    pub(super) fn give(&self, order: Order) {
        if let Some(sender) = &self.sender {
            let _is_gone = sender.send(order);
            let _is_gone = self.waker.wake();
        }
    }
}

/// Without anybody to give orders a part ends.
impl Drop for Orders {
    fn drop(&mut self) {
        self.sender = None;
        let _is_gone = self.waker.wake();
    }
}
