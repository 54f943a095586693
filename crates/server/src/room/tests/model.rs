//! Random operations on rooms, against a model that keeps everything and thinks of nothing else.
//!
//! `BOWLINE_LONG=1` runs 10,000,000 rather than 1,000,000; `BOWLINE_SEED` repeats a run.

use std::{collections::VecDeque, sync::Arc};

use rand::{Rng, RngExt as _, SeedableRng, rngs::StdRng};

use super::{FRAMES, texts};
use crate::{
    Hub,
    room::{
        Entrant, Gap, GapReason, JoinError, Next, Position, Present, Publication, PublishError, Room, RoomOptions,
        SlowConsumer, Start,
    },
    session::SessionId,
    signal::Signal,
};

const ROOMS: usize = 4;
const READERS: usize = 6;
const KEYS: [&str; 3] = ["k0", "k1", "k2"];
const ATTEMPTS: usize = 4;

/// A publication, and what has become of it.
struct Published {
    text: String,
    key: Option<&'static str>,
    except: Option<usize>,
    superseded: bool,
    lost: bool,
}

/// A reader that is in, or the place where it was when it left.
enum Reader {
    Out(Option<Position>),
    In(Member),
}

struct Member {
    index: usize,
    /// The next offset that it has not got.
    next: u64,
    gap: Option<Gap>,
    is_over: bool,
}

struct Model {
    room: Room,
    options: RoomOptions,
    all: Vec<Published>,
    /// Nothing before it is kept.
    oldest: u64,
    attempts: VecDeque<(u32, u64)>,
    readers: Vec<Reader>,
    sessions: Vec<SessionId>,
    /// Told gaps and disconnections, so that the run is known to have had some.
    holes: usize,
    received: usize,
    pushed_back: usize,
}

#[test]
fn random_operations_do_as_the_model_does() {
    let seed = std::env::var("BOWLINE_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(rand::random);
    let operations = if std::env::var_os("BOWLINE_LONG").is_some() { 10_000_000 } else { 1_000_000 };
    println!("BOWLINE_SEED={seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    for policy in [
        SlowConsumer::Disconnect,
        SlowConsumer::SkipToOldest,
        SlowConsumer::SkipToNewest,
        SlowConsumer::KeepLatest,
        SlowConsumer::Backpressure,
    ] {
        let hub = Hub::builder()
            .room_options("tight*", options(policy).max_log_bytes(60).history(3))
            .room_options("*", options(policy).max_log_count(12).history(12))
            .build();
        let mut rooms: Vec<_> = (0..ROOMS).map(|room| Model::new(&hub, room, policy)).collect();
        for _ in 0..operations / 5 {
            rooms[rng.random_range(0..ROOMS)].step(&mut rng);
        }
        let sum = |of: fn(&Model) -> usize| rooms.iter().map(of).sum::<usize>();
        let [holes, received, pushed_back] =
            [sum(|room| room.holes), sum(|room| room.received), sum(|room| room.pushed_back)];
        println!("{policy:?}: {received} received, {holes} holes, {pushed_back} pushed back");
        assert!(received > operations / 50 && holes + pushed_back > operations / 1_000);
    }
}

fn options(policy: SlowConsumer) -> RoomOptions {
    RoomOptions::default().slow_consumer(policy).max_idempotency_keys(ATTEMPTS).max_members(READERS - 1)
}

impl Model {
    fn new(hub: &Hub, number: usize, policy: SlowConsumer) -> Self {
        let is_tight = number.is_multiple_of(2);
        let name = if is_tight { format!("tight{number}") } else { format!("room{number}") };
        let options = if is_tight {
            options(policy).max_log_bytes(60).history(3)
        } else {
            options(policy).max_log_count(12).history(12)
        };
        Self {
            room: hub.room(name.as_str()).unwrap(),
            options,
            all: Vec::new(),
            oldest: 1,
            attempts: VecDeque::new(),
            readers: (0..READERS).map(|_| Reader::Out(None)).collect(),
            sessions: (0..READERS).map(|_| SessionId::random()).collect(),
            holes: 0,
            received: 0,
            pushed_back: 0,
        }
    }

    fn step(&mut self, rng: &mut StdRng) {
        let reader = rng.random_range(0..READERS);
        match rng.random_range(0..100) {
            0..40 => self.publish(rng),
            40..85 => self.read(reader),
            85..97 => self.join(reader, rng),
            _ => self.leave(reader),
        }
    }

    fn head(&self) -> u64 {
        self.all.len() as u64
    }

    fn lost(&self) -> u64 {
        self.all.iter().rposition(|entry| entry.lost).map_or(0, |at| at as u64 + 1)
    }

    fn kept(&self) -> impl DoubleEndedIterator<Item = u64> {
        (self.oldest..=self.head()).filter(|offset| !self.entry(*offset).lost && !self.entry(*offset).superseded)
    }

    fn entry(&self, offset: u64) -> &Published {
        &self.all[usize::try_from(offset - 1).expect("it fits")]
    }

    fn place(&self, offset: u64) -> Position {
        Position { offset, ..self.room.position() }
    }

    fn publish(&mut self, rng: &mut impl Rng) {
        let text = format!("{}{}", self.head() + 1, "x".repeat(rng.random_range(0..20)));
        let key = rng.random_bool(0.5).then(|| KEYS[rng.random_range(0..KEYS.len())]);
        let except = rng.random_bool(0.3).then(|| rng.random_range(0..READERS));
        let attempt = rng.random_bool(0.2).then(|| rng.random_range(0..8_u32));
        let mut publication = Publication::new(text.clone());
        if let Some(key) = key {
            publication = publication.key(key);
        }
        if let Some(except) = except {
            publication = publication.except(self.sessions[except]);
        }
        if let Some(attempt) = attempt {
            publication = publication.idempotency_key(attempt.to_string());
        }
        let done = self.room.broadcast(publication);
        let known = attempt.and_then(|attempt| self.attempts.iter().find(|(known, _)| *known == attempt).copied());
        if let Some((_, offset)) = known {
            let done = done.expect("it is known");
            assert_eq!((done.duplicate, done.position), (true, self.place(offset)));
            return;
        }
        let gone = self.goes_for(text.len(), key);
        let is_in_the_way = gone.last().is_some_and(|last| self.members().any(|member| member.next <= *last));
        if self.options.slow_consumer == SlowConsumer::Backpressure && is_in_the_way {
            assert_eq!(done, Err(PublishError::Backpressure));
            self.pushed_back += 1;
            return;
        }
        gone.iter().for_each(|offset| self.entry_mut(*offset).lost = true);
        if let Some(before) = self.superseded_by(key) {
            self.entry_mut(before).superseded = true;
        }
        self.all.push(Published { text, key, except, superseded: false, lost: false });
        let oldest = self.kept().next();
        self.oldest = oldest.expect("the latest is kept");
        let done = done.expect("nothing is in the way");
        assert_eq!((done.duplicate, done.position), (false, self.place(self.head())));
        if let Some(attempt) = attempt {
            self.attempts.push_back((attempt, self.head()));
            if self.attempts.len() > ATTEMPTS {
                self.attempts.pop_front();
            }
        }
    }

    fn members(&self) -> impl Iterator<Item = &Member> {
        self.readers.iter().filter_map(|reader| if let Reader::In(member) = reader { Some(member) } else { None })
    }

    fn entry_mut(&mut self, offset: u64) -> &mut Published {
        &mut self.all[usize::try_from(offset - 1).expect("it fits")]
    }

    fn superseded_by(&self, key: Option<&str>) -> Option<u64> {
        let keeps_latest = self.options.slow_consumer == SlowConsumer::KeepLatest;
        key.filter(|_| keeps_latest).and_then(|key| self.kept().find(|offset| self.entry(*offset).key == Some(key)))
    }

    /// What has to go for a publication of `len` bytes, the oldest first.
    fn goes_for(&self, len: usize, key: Option<&str>) -> Vec<u64> {
        let superseded = self.superseded_by(key);
        let stays: Vec<u64> = self.kept().filter(|offset| Some(*offset) != superseded).collect();
        let mut count = stays.len() + 1;
        let mut bytes = len + stays.iter().map(|offset| self.entry(*offset).text.len()).sum::<usize>();
        stays
            .into_iter()
            .take_while(|offset| {
                let is_over = count > self.options.log_count() || bytes > self.options.max_log_bytes;
                count -= 1;
                bytes -= self.entry(*offset).text.len();
                is_over
            })
            .collect()
    }

    fn join(&mut self, reader: usize, rng: &mut impl Rng) {
        let Reader::Out(known) = self.readers[reader] else { return };
        let oldest = self.before_last(self.options.history);
        let (start, after, gap) = match (known, rng.random_range(0..4)) {
            (Some(known), 0..3) => {
                let is_missed = (known.offset + 1..=oldest).any(|offset| !self.entry(offset).superseded);
                let gap = Gap { from: known, to: self.place(oldest), reason: GapReason::Expired };
                if is_missed {
                    (Start::After(known), oldest, Some(gap))
                } else {
                    (Start::After(known), known.offset, None)
                }
            }
            (_, 3) => {
                let count = rng.random_range(0..5);
                (Start::Last(count as u64), self.before_last(count.min(self.options.history)), None)
            }
            _ => (Start::Newest, self.head(), None),
        };
        let signal = Arc::new(Signal::default());
        let present = Present { session: self.sessions[reader], identity: None };
        let entrant = Entrant {
            resumes: false,
            signal: Arc::clone(&signal),
            bit: 1,
            encoding: Some(FRAMES),
            present: Some(present),
            wants_presence: true,
        };
        let entered = self.room.enter(entrant, start);
        if self.members().count() == self.options.max_members {
            assert_eq!(entered.unwrap_err(), JoinError::RoomFull);
            return;
        }
        let entered = entered.expect("there is room");
        assert_eq!(
            (entered.position, entered.gap.map(|gap| gap.reason)),
            (self.place(self.head()), gap.map(|gap| gap.reason))
        );
        if let (Some(told), Some(gap)) = (entered.gap, gap) {
            self.check_gap(reader, &told, &gap);
        }
        let has_news = gap.is_some() || after < self.head();
        assert!(!has_news || signal.take() == 1, "it is not told that something is there");
        self.readers[reader] = Reader::In(Member { index: entered.index, next: after + 1, gap, is_over: false });
    }

    /// The place before the last `count` that are kept.
    fn before_last(&self, count: usize) -> u64 {
        self.kept().rev().take(count).last().map_or(self.head(), |oldest| oldest - 1)
    }

    fn leave(&mut self, reader: usize) {
        if let Reader::In(member) = &self.readers[reader] {
            self.room.depart(member.index);
            self.readers[reader] = Reader::Out(Some(self.place(member.next - 1)));
        }
    }

    /// One read of the room, which may be several steps of the model.
    fn read(&mut self, reader: usize) {
        let Reader::In(member) = &self.readers[reader] else { return };
        let index = member.index;
        let (next, more) = self.room.next(index);
        assert!(!more || !matches!(next, Next::UpToDate), "there is more than nothing");
        match next {
            Next::Encoded(bytes, _) => {
                for text in texts(&bytes) {
                    self.received += 1;
                    assert_eq!(self.expect(reader, false), Expected::Text(text));
                }
            }
            Next::UpToDate => {
                assert_eq!(self.expect(reader, false), Expected::Nothing);
                if self.members().any(|member| member.is_over && member.index == index) {
                    self.leave(reader);
                }
            }
            Next::Gap(told) | Next::Disconnect(told) => {
                self.holes += 1;
                let Expected::Gap(gap) = self.expect(reader, true) else { panic!("{told:?} of nothing") };
                self.check_gap(reader, &told, &gap);
                let disconnects =
                    self.options.slow_consumer == SlowConsumer::Disconnect && gap.reason == GapReason::Slow;
                assert_eq!(matches!(next, Next::Disconnect(_)), disconnects);
            }
            next => panic!("{next:?}"),
        }
    }

    /// A gap ends where it must, and begins where the reader stood, or after what wasn't for it.
    fn check_gap(&self, reader: usize, told: &Gap, expected: &Gap) {
        assert_eq!((told.to, told.reason), (expected.to, expected.reason));
        assert!(told.from.offset >= expected.from.offset, "{told:?} {expected:?}");
        let between = expected.from.offset + 1..=told.from.offset;
        let is_for = |offset| !self.entry(offset).superseded && self.entry(offset).except != Some(reader);
        assert!(!between.into_iter().any(is_for), "{told:?} leaves out what {expected:?} has");
    }

    /// What the reader gets next, which it is or isn't told a gap of.
    fn expect(&mut self, reader: usize, is_told: bool) -> Expected {
        let (lost, head, policy) = (self.lost(), self.head(), self.options.slow_consumer);
        let is_for =
            |model: &Self, offset| !model.entry(offset).superseded && model.entry(offset).except != Some(reader);
        let Reader::In(member) = &self.readers[reader] else { return Expected::Nothing };
        let mut next = member.next;
        let mut is_over = member.is_over;
        let expected = match member.gap {
            _ if is_over => Expected::Nothing,
            Some(gap) => Expected::Gap(gap),
            // Where nothing of what is gone was for it, it need not be told, and may be.
            None if next <= lost && (is_told || (next..=lost).any(|offset| is_for(self, offset))) => {
                let to = if policy == SlowConsumer::SkipToNewest { head } else { lost };
                let gap = Gap { from: self.place(next - 1), to: self.place(to), reason: GapReason::Slow };
                is_over = policy == SlowConsumer::Disconnect;
                next = if is_over { next } else { to + 1 };
                Expected::Gap(gap)
            }
            None => match (next..=head).find(|offset| is_for(self, *offset)) {
                Some(offset) => {
                    next = offset + 1;
                    Expected::Text(self.entry(offset).text.clone())
                }
                None => {
                    next = head + 1;
                    Expected::Nothing
                }
            },
        };
        if let Reader::In(member) = &mut self.readers[reader] {
            (member.next, member.gap, member.is_over) = (next, None, is_over);
        }
        expected
    }
}

#[derive(Debug, PartialEq)]
enum Expected {
    Nothing,
    Text(String),
    Gap(Gap),
}
