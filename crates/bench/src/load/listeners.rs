//! What clients hear, and what they should have.

use super::book::{Kind, Page};
use super::clock::Now;
use super::measure::Measure;
use super::message::Messages;
use super::schedule::Schedule;
use super::slice::Slice;
use super::wire::Came;
use crate::Reconciled;

/// What a publisher says so that bare WebSockets learn that they are in their room. No message begins like that.
pub(super) const KNOCK: &str = "knock";

/// The clients of a slice. Their numbers begin after those of the publisher's connections, whose hearing is nobody's.
pub(super) struct Listeners {
    /// The number of the first; past all numbers until it is known.
    pub(super) base: usize,
    members: Vec<Member>,
    messages: Messages,
    /// Once messages are due.
    pub(super) schedule: Option<Schedule>,
    pub(super) measure: Measure,
    /// Faults so far.
    pub(super) found: Reconciled,
    /// How many of all connections have opened, the publisher's among them.
    pub(super) opened: usize,
    /// Those of them that opened since somebody asked.
    pub(super) fresh: Vec<usize>,
    /// Members that are open.
    pub(super) open: usize,
    /// Members that are in all their rooms.
    pub(super) joined: usize,
    /// Connections that are lost.
    pub(super) lost: usize,
    /// Members that stop reading.
    pub(super) stalled: Vec<usize>,
    /// Deliveries that came or were told of, of those that are owed any.
    settled: u64,
    /// When something came last.
    pub(super) heard_at: u64,
}

/// One client.
#[derive(Debug)]
struct Member {
    /// What it gets messages of, in order.
    pages: Box<[Page]>,
    /// How many messages gaps told of.
    told: u64,
    /// Rooms that it is in.
    joined: usize,
    is_stalled: bool,
    is_lost: bool,
    is_faulty: bool,
}

impl Listeners {
    pub(super) fn new(slice: &Slice) -> Self {
        let member = |client| Member {
            pages: slice.sources(client).into_iter().map(Page::new).collect(),
            told: 0,
            joined: 0,
            is_stalled: slice.is_stalled(client),
            is_lost: false,
            is_faulty: false,
        };
        Self {
            base: usize::MAX,
            members: (0..slice.clients).map(member).collect(),
            messages: Messages::new(slice.plan.size),
            schedule: None,
            measure: Measure::default(),
            found: Reconciled::default(),
            opened: 0,
            fresh: Vec::new(),
            open: 0,
            joined: 0,
            lost: 0,
            stalled: (0..slice.clients).filter(|&client| slice.is_stalled(client)).collect(),
            settled: 0,
            heard_at: 0,
        }
    }

    /// What a member gets messages of.
    pub(super) fn sources(&self, member: usize) -> impl Iterator<Item = u32> {
        self.members.get(member).into_iter().flat_map(|member| member.pages.iter().map(|page| page.source))
    }

    /// Takes what a connection has heard.
    pub(super) fn hear(&mut self, index: usize, now: Now, came: &Came<'_>) {
        if matches!(came, Came::Open) {
            self.opened += 1;
            self.fresh.push(index);
        }
        let Some(index) = index.checked_sub(self.base).filter(|&index| index < self.members.len()) else { return };
        match came {
            Came::Open => self.open += 1,
            Came::Joined => self.join(index),
            Came::Message(text) => self.message(index, now.nanoseconds, text),
            Came::Gap(count) => {
                self.heard_at = now.nanoseconds;
                let member = &mut self.members[index];
                member.told += count;
                self.settled += if member.is_stalled { 0 } else { *count };
            }
        }
    }

    /// A member is in one more room.
    pub(super) fn join(&mut self, index: usize) {
        let member = &mut self.members[index];
        member.joined += 1;
        self.joined += usize::from(member.joined == member.pages.len());
    }

    fn message(&mut self, index: usize, now: u64, text: &[u8]) {
        // Before anything is due it is a greeting, or a knock, and more of those may come later.
        let Some(schedule) = &self.schedule else {
            if text.starts_with(KNOCK.as_bytes()) && self.members[index].joined == 0 {
                self.join(index);
            }
            return;
        };
        let known = self.messages.read(text).filter(|(header, _)| schedule.knows(header, now));
        let member = &mut self.members[index];
        let Some((header, is_intact)) = known else {
            if !text.starts_with(KNOCK.as_bytes()) {
                self.find(index, |found| &mut found.wrong, || "a message came that nobody sent".into());
            }
            return;
        };
        let Some(page) = member.page(header.source) else {
            let whose = header.source;
            return self.find(index, |found| &mut found.wrong, || format!("a message of {whose} came to another"));
        };
        self.heard_at = now;
        let kind = page.enter(header.number);
        if kind != Kind::Again {
            self.settled += u64::from(!member.is_stalled);
            self.measure.hear(&header, now);
        }
        let number = header.number;
        match kind {
            Kind::New => {}
            Kind::Late => self.find(index, |found| &mut found.reordered, || format!("message {number} came late")),
            Kind::Again => self.find(index, |found| &mut found.duplicate, || format!("message {number} came again")),
        }
        if !is_intact {
            self.find(index, |found| &mut found.wrong, || format!("message {number} is not what was sent"));
        }
    }

    /// A client is of no more use.
    pub(super) fn lose(&mut self, index: usize, why: String) {
        self.lost += 1;
        let Some(index) = index.checked_sub(self.base).filter(|&index| index < self.members.len()) else {
            self.found.closed += 1;
            self.found.first.get_or_insert(format!("the publisher: {why}"));
            return;
        };
        let member = &mut self.members[index];
        member.is_lost = true;
        self.open -= 1;
        // It is told so: that is what becomes of one that doesn't read.
        if !member.is_stalled {
            self.find(index, |found| &mut found.closed, || why);
        }
    }

    /// Counts a fault of a member's.
    fn find(&mut self, index: usize, kind: fn(&mut Reconciled) -> &mut u64, what: impl FnOnce() -> String) {
        self.members[index].is_faulty = true;
        *kind(&mut self.found) += 1;
        if self.found.first.is_none() {
            self.found.first = Some(what());
        }
    }

    /// Whether nothing more is to come, where `sent` says how many messages of a source were sent.
    pub(super) fn is_complete(&self, sent: &dyn Fn(u32) -> u64, owed: u64) -> bool {
        self.settled >= owed && self.stalled.iter().all(|&member| self.members[member].is_content(sent))
    }

    /// How many deliveries are owed to those that still can get them, and take no gap for a loss; with those that others had.
    pub(super) fn owed(&self, sent: &dyn Fn(u32) -> u64) -> u64 {
        let reachable = self.members.iter().filter(|member| !member.is_stalled);
        reachable.map(|member| if member.is_lost { member.settled(sent) } else { member.owed(sent) }).sum()
    }

    /// Judges all.
    pub(super) fn reconcile(&self, sent: &dyn Fn(u32) -> u64) -> Reconciled {
        let mut result = self.found.clone();
        for member in &self.members {
            if member.is_stalled {
                result.stalled_told += u64::from(member.told > 0 || member.is_lost);
                continue;
            }
            let absent = member.absent(sent);
            let told = member.told.min(absent);
            result.expected += member.owed(sent);
            result.told += told;
            result.missing += absent - told;
            result.clients += u64::from(member.is_faulty || absent > told);
            if absent > told && result.first.is_none() {
                result.first = Some(format!("{} messages never came to one client", absent - told));
            }
        }
        result
    }
}

impl Member {
    fn page(&mut self, source: u32) -> Option<&mut Page> {
        // Mostly it has but one.
        let at = match &*self.pages {
            [page] => (page.source == source).then_some(0)?,
            pages => pages.binary_search_by_key(&source, |page| page.source).ok()?,
        };
        self.pages.get_mut(at)
    }

    fn owed(&self, sent: &dyn Fn(u32) -> u64) -> u64 {
        self.pages.iter().map(|page| sent(page.source)).sum()
    }

    /// What never came.
    fn absent(&self, sent: &dyn Fn(u32) -> u64) -> u64 {
        self.pages.iter().map(|page| page.missing(sent(page.source))).sum()
    }

    /// What came or was told of.
    fn settled(&self, sent: &dyn Fn(u32) -> u64) -> u64 {
        self.owed(sent).saturating_sub(self.absent(sent)) + self.told
    }

    /// Whether it has all, or knows that it hasn't.
    fn is_content(&self, sent: &dyn Fn(u32) -> u64) -> bool {
        self.is_lost || self.told > 0 || self.absent(sent) == 0
    }
}
