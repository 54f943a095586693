//! The way of an event through the checker.

use super::{
    book::{Book, Room, earliest},
    event::{Event, Kind, Op, Rules},
    gaps,
    index::Shelf,
    member::{Desk, Member},
    order,
    reach::{self, Clock},
    record::{Name, Names, Record},
    truth,
    verdict::{Findings, Verdict},
};
use std::{collections::HashMap, time::Duration};

/// What the checker can't know from the events.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// What is in a log reaches a member within this, when no fault is at work. Default: 10 s. A run has to go on for as long
    /// after its last publication, or say less.
    pub settle: Duration,
    /// The rules of rooms that have no [`Op::Room`] of their own. Default: nothing is known of their history, a member that
    /// fell behind goes on at the oldest publication kept, and nothing is superseded.
    pub rules: Rules,
}

impl Default for Options {
    fn default() -> Self {
        Self { settle: Duration::from_secs(10), rules: Rules::default() }
    }
}

/// Checks a history with the default [`Options`]: one [`Event`] as JSON a line; empty lines are passed over.
#[must_use]
pub fn check<Line: AsRef<str>>(lines: impl IntoIterator<Item = Line>) -> Verdict {
    let mut checker = Checker::new(Options::default());
    for line in lines {
        checker.line(line.as_ref());
    }
    checker.finish()
}

/// A checker that is fed event by event.
#[derive(Debug)]
pub struct Checker {
    options: Options,
    names: Names,
    book: Book,
    /// By process and room.
    members: HashMap<(Name, Name), Member>,
    /// The last attach of each process.
    generations: HashMap<Name, Record>,
    findings: Findings,
    line: u64,
    heal: u64,
    end: u64,
}

impl Checker {
    /// A checker that has seen nothing.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self {
            options,
            names: Names::default(),
            book: Book::default(),
            members: HashMap::new(),
            generations: HashMap::new(),
            findings: Findings::default(),
            line: 0,
            heal: 0,
            end: 0,
        }
    }

    /// Takes a line of JSON. One that is no event is remembered in the verdict.
    pub fn line(&mut self, line: &str) {
        if line.trim().is_empty() {
            self.line += 1;
            return;
        }
        match serde_json::from_str(line) {
            Ok(event) => self.event(&event),
            Err(error) => {
                self.line += 1;
                self.findings.malformed(self.line, error.to_string());
            }
        }
    }

    /// Takes an event.
    pub fn event(&mut self, event: &Event) {
        self.line += 1;
        if let Some(lack) = event.lacks() {
            return self.findings.malformed(self.line, format!("{:?} needs {lack}", event.op));
        }
        self.findings.event();
        self.end = self.end.max(event.t);
        let record = self.names.record(self.line, event);
        match event.op {
            Op::Pub => self.publish(&record),
            Op::Recv | Op::Gap => self.deliver(&record),
            Op::Join | Op::Leave => {
                let replay = event.kind == Kind::Invoke && event.off.is_some();
                let member = self.members.entry((record.proc, record.room)).or_default();
                let mut desk = Desk { names: &self.names, book: &mut self.book, findings: &mut self.findings };
                match event.op {
                    Op::Join => member.join(&record, replay, &mut desk),
                    _ => member.leave(&record),
                }
            }
            Op::Resume if event.kind == Kind::Ok => {
                order::i10_generations_grow(&mut self.generations, &record, &self.names, &mut self.findings);
            }
            Op::Resume => {}
            Op::Except => {
                let number = record.id.map(|id| self.book.number(record.room, id));
                self.members.entry((record.proc, record.room)).or_default().excepted.extend(number);
            }
            Op::Room => self.room(record.room).rules = event.rules.unwrap_or_default(),
            Op::Trim => self.room(record.room).trims.push(record),
            Op::Heal => self.heal = self.heal.max(event.t),
        }
    }

    fn room(&mut self, room: Name) -> &mut Room {
        self.book.rooms.entry(room).or_insert_with(|| Room { rules: self.options.rules, ..Default::default() })
    }

    fn publish(&mut self, record: &Record) {
        let Some(id) = record.id else { return };
        self.room(record.room);
        let number = self.book.number(record.room, id);
        self.book.publish(number, record);
        if let (Kind::Ok, Some(place)) = (record.kind, record.at) {
            let mut desk = Desk { names: &self.names, book: &mut self.book, findings: &mut self.findings };
            order::i2_one_id_a_place(number, place, record, &mut desk);
        }
    }

    fn deliver(&mut self, record: &Record) {
        self.room(record.room);
        if let Some(id) = record.id {
            let number = self.book.number(record.room, id);
            earliest(&mut self.book.publications[number].recv, record);
        }
        let mut member = self.members.get_mut(&(record.proc, record.room));
        let resumed = self.generations.get(&record.proc);
        let may = order::i10_nothing_after(member.as_deref(), resumed, record, &self.names, &mut self.findings);
        if let (true, Some(member)) = (may, &mut member) {
            let mut desk = Desk { names: &self.names, book: &mut self.book, findings: &mut self.findings };
            member.take(record, &mut desk);
        }
    }

    /// Judges what can only be judged when everything is there.
    #[must_use]
    pub fn finish(self) -> Verdict {
        let Self { options, names, mut book, members, mut findings, heal, end, .. } = self;
        let mut members: Vec<_> = members.into_iter().collect();
        members.sort_unstable_by_key(|((proc, room), _)| (*room, *proc));
        let mut desk = Desk { names: &names, book: &mut book, findings: &mut findings };
        for (_, member) in &mut members {
            for which in 0..member.memberships.len() {
                member.settle(which, true, &mut desk);
            }
        }
        let mut by_room: HashMap<_, Vec<_>> = HashMap::new();
        for (number, publication) in book.publications.iter().enumerate() {
            truth::i1_nothing_invented(publication, &names, &mut findings);
            truth::i2_one_epoch_an_id(publication, &names, &mut findings);
            by_room.entry(publication.room).or_default().push(number);
        }
        let settle = u64::try_from(options.settle.as_nanos()).unwrap_or(u64::MAX);
        let clock = Clock { settle, heal, end };
        let mut rooms: Vec<_> = book.rooms.iter().collect();
        rooms.sort_unstable_by_key(|(name, _)| **name);
        for (name, room) in rooms {
            let shelf = Shelf::new(&book, room, by_room.get(name).map_or(&[], Vec::as_slice));
            let first = members.partition_point(|((_, room), _)| room < name);
            let last = members.partition_point(|((_, room), _)| room <= name);
            judge_room(&shelf, &members[first..last], clock, &names, &mut findings);
        }
        findings.into_verdict()
    }
}

fn judge_room(
    shelf: &Shelf<'_>,
    members: &[((Name, Name), Member)],
    clock: Clock,
    names: &Names,
    findings: &mut Findings,
) {
    let mut logs: Vec<_> = shelf.logs.values().collect();
    logs.sort_unstable_by_key(|index| index.epoch);
    for index in logs {
        truth::i8_real_time_order(index, shelf, names, findings);
    }
    truth::i8_epochs_follow(shelf, names, findings);
    for (key, member) in members {
        truth::i1_nothing_excepted(*key, member, shelf, names, findings);
        order::i4_holes(member, shelf, names, findings);
        reach::i6_acknowledged_is_seen(member, shelf, clock, names, findings);
        gaps::i7_history_was_too_short(member, shelf, names, findings);
        reach::i9_at_the_top(member, shelf, clock, names, findings);
    }
}
