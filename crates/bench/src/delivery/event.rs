//! What is written down while a system runs.

use serde::{Deserialize, Serialize};

/// One line of a history: something that a client object asked for, or that happened to it.
///
/// Lines of one `proc` stand in the order in which it saw them; those of several may be merged in any way. All times come from
/// one clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Event {
    /// When, in nanoseconds of a monotonic clock that all processes share.
    pub t: u64,
    /// Which client object. One that reconnects or resumes stays the same; one that is made anew is another.
    pub proc: String,
    /// How far the operation is.
    pub kind: Kind,
    /// The operation.
    pub op: Op,
    /// The room; empty where the operation has none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub room: String,
    /// The life of the room's log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<String>,
    /// The place in it: of a publication, the place after a gap, or the place where a member joined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub off: Option<u64>,
    /// The publication. The same for every retry of one, and its idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Of a gap: where the member stood before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<From>,
    /// Of a session that resumes: by which generation of its carriers this came.
    #[serde(default, rename = "gen", skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
    /// Of a publication in a room that keeps the latest of each key: its key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// What the room promises; with [`Op::Room`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<Rules>,
}

/// How far an operation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// It was asked for.
    Invoke,
    /// It was done.
    Ok,
    /// It was certainly not done.
    Fail,
    /// Whether it was done is unknown; or a remark about the run.
    Info,
}

/// An operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Op {
    /// `id` is published; `ok` is the acknowledgement, with its place if that is told.
    Pub,
    /// `id` was handed to the application (`ok`), with its place if that is told.
    Recv,
    /// A hole was told (`ok`): from `from` to `epoch` and `off`. Without them it is one of unknown size.
    Gap,
    /// A room is joined. `invoke` with `off` asks for a replay; `ok` may have the place at which the member begins.
    Join,
    /// A room is left; `info` where the client was lost.
    Leave,
    /// Another carrier took over (`ok`), of generation `gen`.
    Resume,
    /// Remark: `id` is not for `proc`.
    Except,
    /// Remark: the room has these `rules`.
    Room,
    /// Remark: by now the room's log has lost everything up to `epoch` and `off`.
    Trim,
    /// Remark: from now on no fault is injected.
    Heal,
}

/// Where a member stood before a gap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct From {
    /// The life of the log.
    pub epoch: String,
    /// The last publication before the gap.
    pub off: u64,
}

/// What a room promises, as far as a checker needs to know.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rules {
    /// The room keeps at least this many publications, whatever their size and age. `None`: unknown, so that only
    /// [`Op::Trim`] shows what a gap may cover.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub history: Option<u64>,
    /// A member that fell behind goes on at the newest publication, not at the oldest kept.
    pub newest: bool,
    /// A publication that a later one of the same key has superseded may be left out, without a gap.
    pub conflates: bool,
}

impl Event {
    /// An event that has a room and nothing else yet.
    #[must_use]
    pub fn new(t: u64, proc: impl Into<String>, kind: Kind, op: Op, room: impl Into<String>) -> Self {
        Self {
            t,
            proc: proc.into(),
            kind,
            op,
            room: room.into(),
            epoch: None,
            off: None,
            id: None,
            from: None,
            generation: None,
            key: None,
            rules: None,
        }
    }

    /// The same with a place.
    #[must_use]
    pub fn at(self, epoch: impl Into<String>, off: u64) -> Self {
        Self { epoch: Some(epoch.into()), off: Some(off), ..self }
    }

    /// The same with the place where a gap begins.
    #[must_use]
    pub fn from(self, epoch: impl Into<String>, off: u64) -> Self {
        Self { from: Some(From { epoch: epoch.into(), off }), ..self }
    }

    /// The same with a publication.
    #[must_use]
    pub fn id(self, id: impl Into<String>) -> Self {
        Self { id: Some(id.into()), ..self }
    }

    /// The same with a generation.
    #[must_use]
    pub fn generation(self, generation: u64) -> Self {
        Self { generation: Some(generation), ..self }
    }

    /// The same with a publication's key.
    #[must_use]
    pub fn key(self, key: impl Into<String>) -> Self {
        Self { key: Some(key.into()), ..self }
    }

    /// The same with a room's rules.
    #[must_use]
    pub fn rules(self, rules: Rules) -> Self {
        Self { rules: Some(rules), ..self }
    }

    /// What the event lacks to make sense, if anything.
    pub(super) fn lacks(&self) -> Option<&'static str> {
        let needs_room = !matches!(self.op, Op::Resume | Op::Heal);
        let needs_id = matches!(self.op, Op::Pub | Op::Recv | Op::Except);
        // Only who asks to join may name an offset alone: it is what the client wants, of whatever log there is.
        let half = self.epoch.is_some() != self.off.is_some() && !(self.op == Op::Join && self.kind == Kind::Invoke);
        match self.op {
            _ if needs_room && self.room.is_empty() => Some("a room"),
            _ if needs_id && self.id.is_none() => Some("an id"),
            _ if half => Some("both epoch and off"),
            Op::Resume if self.generation.is_none() => Some("gen"),
            Op::Room if self.rules.is_none() => Some("rules"),
            Op::Trim if self.off.is_none() => Some("epoch and off"),
            _ => None,
        }
    }
}
