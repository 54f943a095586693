//! What clients hear, and what they should have.

use std::collections::BTreeMap;

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
    /// The same of each member that had any.
    faulty: BTreeMap<usize, Reconciled>,
    /// The number of the first member among all clients of the load.
    first: usize,
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
    /// When a message came last.
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
}

impl Listeners {
    pub(super) fn new(slice: &Slice) -> Self {
        let member = |client| Member {
            pages: slice.sources(client).into_iter().map(Page::new).collect(),
            told: 0,
            joined: 0,
            is_stalled: slice.is_stalled(client),
            is_lost: false,
        };
        Self {
            base: usize::MAX,
            members: (0..slice.clients).map(member).collect(),
            messages: Messages::new(slice.plan.size),
            schedule: None,
            measure: Measure::default(),
            found: Reconciled::default(),
            faulty: BTreeMap::new(),
            first: slice.first,
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
                // The server may say any number.
                member.told = member.told.saturating_add(*count);
                self.settled = self.settled.saturating_add(if member.is_stalled { 0 } else { *count });
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
            if text.starts_with(KNOCK.as_bytes()) {
                self.heard_at = now;
                if self.members[index].joined == 0 {
                    self.join(index);
                }
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
        let kind = page.enter(header.number);
        // A server that sends the same for ever is not waited for.
        if kind != Kind::Again {
            self.heard_at = now;
            // What a stalled client reads at the end is as late as it was stalled: not the others' doing.
            if !member.is_stalled {
                self.settled = self.settled.saturating_add(1);
                self.measure.hear(&header, now);
            }
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
        *kind(self.faulty.entry(index).or_default()) += 1;
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
        let owed = reachable.map(|member| if member.is_lost { member.settled(sent) } else { member.owed(sent) });
        owed.fold(0, u64::saturating_add)
    }

    /// Judges all.
    pub(super) fn reconcile(&self, sent: &dyn Fn(u32) -> u64) -> Reconciled {
        let mut result = self.found.clone();
        for (index, member) in self.members.iter().enumerate() {
            let absent = member.absent(sent);
            if member.is_stalled && (member.told > 0 || member.is_lost) {
                result.stalled_told += 1;
                continue;
            }
            let told = member.told.min(absent);
            result.expected += if member.is_stalled { 0 } else { member.owed(sent) };
            result.told += told;
            result.missing += absent - told;
            let mut found = self.faulty.get(&index).cloned().unwrap_or_default();
            found.missing = absent - told;
            if found.is_faulty() {
                result.clients += 1;
                result.name(self.first + index, &found);
            }
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
        self.owed(sent).saturating_sub(self.absent(sent)).saturating_add(self.told)
    }

    /// Whether it has all, or knows that it hasn't.
    fn is_content(&self, sent: &dyn Fn(u32) -> u64) -> bool {
        self.is_lost || self.told > 0 || self.absent(sent) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::message::Header;
    use crate::{LoadPlan, Traffic, Transport};
    use std::time::{Duration, Instant};

    const MS: u64 = 1_000_000;

    /// Clients 1 to 4 on a poller, in both of two rooms; the last stops reading. Publications are due each millisecond from 0 on.
    struct Heard {
        listeners: Listeners,
        now: Instant,
    }

    impl Heard {
        fn new() -> Self {
            let traffic = Traffic::Rooms { rooms: 2, per_client: 2 };
            let mut plan = LoadPlan::new("ws://127.0.0.1:1/".parse().unwrap(), Transport::WebSocket, traffic);
            (plan.clients, plan.stalled, plan.warm_up) = (4, 1, Duration::ZERO);
            let mut listeners = Listeners::new(&Slice::split(&plan, 1)[0]);
            listeners.base = 1;
            let schedule = Schedule::new(&plan, 0).unwrap();
            listeners.measure.start(schedule.window());
            listeners.schedule = Some(schedule);
            Self { listeners, now: Instant::now() }
        }

        fn came(&mut self, index: usize, came: &Came<'_>) {
            self.listeners.hear(index, Now { nanoseconds: 100 * MS, instant: self.now }, came);
        }

        /// A client gets publications by their places, which a publisher sent in time.
        fn get(&mut self, index: usize, places: &[u64]) {
            let mut messages = Messages::new(128);
            for &place in places {
                let (source, number) = self.listeners.schedule.as_ref().unwrap().at(place);
                let header = Header { source, number, due: place * MS, sent: place * MS };
                self.came(index, &Came::Message(messages.write(&header).as_bytes()));
            }
        }

        /// Of the first six publications, three of each room.
        fn reconcile(&self) -> Reconciled {
            self.listeners.reconcile(&|_| 3)
        }

        fn is_complete(&self) -> bool {
            let sent = |_| 3;
            self.listeners.is_complete(&sent, self.listeners.owed(&sent))
        }
    }

    const ALL: [u64; 6] = [0, 1, 2, 3, 4, 5];

    #[test]
    fn all_is_well_when_each_has_all_and_the_stalled_one_is_told() {
        let mut heard = Heard::new();
        for index in [1, 2, 3] {
            assert!(!heard.is_complete());
            heard.get(index, &ALL);
        }
        assert_eq!(heard.listeners.stalled, [3]);
        assert!(!heard.is_complete(), "the stalled one knows nothing yet");
        heard.get(4, &[0, 5]);
        heard.came(4, &Came::Gap(4));
        assert!(heard.is_complete());
        let found = heard.reconcile();
        assert_eq!((found.expected, found.stalled_told, found.is_faulty()), (18, 1, false), "{found}");
    }

    #[test]
    fn faults_are_counted_for_each_client() {
        let mut heard = Heard::new();
        // Rooms come in any order beside each other.
        heard.get(1, &[1, 3, 0, 2, 2, 4, 5]);
        heard.get(2, &[0, 4, 2, 1, 3]);
        heard.get(3, &ALL);
        heard.came(3, &Came::Message(b"something else"));
        heard.get(3, &[2_000]);
        heard.get(4, &ALL);
        let found = heard.reconcile();
        assert_eq!([found.duplicate, found.reordered, found.missing, found.wrong], [1, 1, 1, 2], "{found}");
        assert_eq!((found.clients, found.first.as_deref()), (3, Some("message 1 came again")));
        let named: Vec<String> = found.faulty.iter().map(ToString::to_string).collect();
        assert_eq!(named, ["client 0: 1 duplicate", "client 1: 1 missing 1 reordered", "client 2: 2 wrong"]);
    }

    #[test]
    fn a_gap_is_no_loss_as_far_as_it_goes() {
        let mut heard = Heard::new();
        heard.get(1, &[0, 1, 5]);
        heard.came(1, &Came::Gap(2));
        heard.get(2, &ALL);
        heard.came(2, &Came::Gap(2));
        [3, 4].iter().for_each(|&index| heard.get(index, &ALL));
        let found = heard.reconcile();
        assert_eq!((found.told, found.missing, found.clients), (2, 1, 1), "{found}");
    }

    #[test]
    fn a_stalled_one_that_misses_something_and_is_told_nothing_is_a_loss() {
        let mut heard = Heard::new();
        [1, 2, 3].iter().for_each(|&index| heard.get(index, &ALL));
        heard.get(4, &[0, 1]);
        let found = heard.reconcile();
        assert_eq!((found.missing, found.clients, found.stalled_told), (4, 1, 0), "{found}");
        assert_eq!((found.expected, found.is_faulty()), (18, true));
        // It need not be told of what it has.
        heard.get(4, &[2, 3, 4, 5]);
        let found = heard.reconcile();
        assert_eq!((found.missing, found.clients, found.stalled_told), (0, 0, 0), "{found}");
    }

    #[test]
    fn a_gap_of_any_length_can_be_told() {
        let mut heard = Heard::new();
        for index in [1, 1, 4, 4] {
            heard.came(index, &Came::Gap(u64::MAX));
        }
        let found = heard.reconcile();
        assert_eq!((found.told, found.stalled_told, found.missing), (6, 1, 12), "{found}");
        heard.listeners.open = 4;
        heard.listeners.lose(1, "it broke".into());
        assert_eq!(heard.listeners.owed(&|_| 3), u64::MAX);
    }

    #[test]
    fn what_comes_again_and_again_is_not_waited_for() {
        let mut heard = Heard::new();
        heard.get(1, &[0]);
        let heard_at = std::mem::replace(&mut heard.listeners.heard_at, 0);
        assert_eq!(heard_at, 100 * MS);
        heard.get(1, &[0, 0]);
        assert_eq!((heard.listeners.heard_at, heard.reconcile().duplicate), (0, 2));
        heard.get(1, &[2]);
        assert_eq!(heard.listeners.heard_at, heard_at);
    }

    #[test]
    fn one_that_is_lost_is_not_waited_for() {
        let mut heard = Heard::new();
        [(1, &ALL[..]), (2, &[0]), (3, &ALL)].iter().for_each(|(index, places)| heard.get(*index, places));
        heard.listeners.open = 4;
        heard.listeners.lose(4, "it doesn't read".into());
        assert!(!heard.is_complete());
        heard.listeners.lose(2, "it broke".into());
        assert!(heard.is_complete());
        let found = heard.reconcile();
        assert_eq!((found.closed, found.missing, found.stalled_told), (1, 5, 1), "{found}");
        assert_eq!(found.first.as_deref(), Some("it broke"));
    }

    #[test]
    fn what_the_publisher_hears_is_nobodys() {
        let mut heard = Heard::new();
        heard.came(0, &Came::Message(b"an answer"));
        heard.came(0, &Came::Open);
        assert_eq!((heard.listeners.opened, heard.listeners.open, heard.listeners.found.wrong), (1, 0, 0));
    }
}
