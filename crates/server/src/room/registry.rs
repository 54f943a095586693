//! The rooms that there are.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Instant,
};

use bowline_core::session::RoomNumber;
use tokio::runtime::Handle;

use super::{Patterns, Room, RoomName};
use crate::{hub::HubConfig, metrics::Metrics};

/// So that two threads rarely want the same lock; a power of two.
const SHARDS: usize = 32;

/// All rooms of a hub by name.
#[derive(Debug)]
pub(crate) struct Rooms {
    shards: Box<[Mutex<HashMap<RoomName, Room>>]>,
    hasher: RandomState,
    count: AtomicUsize,
    /// The number of the next room to be opened.
    next: AtomicU64,
    max: usize,
    patterns: Patterns,
    /// What a client may send, and every room takes.
    pub(super) max_message_size: usize,
    pub(super) metrics: Arc<Metrics>,
}

impl Rooms {
    pub(crate) fn new(config: &HubConfig, metrics: Arc<Metrics>) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            count: AtomicUsize::new(0),
            next: AtomicU64::new(1),
            max: config.max_rooms,
            patterns: config.patterns.clone(),
            max_message_size: config.connection.get_limits().get_max_message_size(),
            metrics,
        }
    }

    fn shard(&self, name: &RoomName) -> MutexGuard<'_, HashMap<RoomName, Room>> {
        #[expect(clippy::cast_possible_truncation, reason = "a few bits of it are wanted")]
        let index = self.hasher.hash_one(name) as usize % SHARDS;
        lock(&self.shards[index])
    }

    /// The room, which is opened if need be; `None` if there are as many as may be.
    pub(crate) fn open(self: &Arc<Self>, name: RoomName, runtime: Option<&Handle>) -> Option<Room> {
        let mut shard = self.shard(&name);
        if let Some(room) = shard.get(&name) {
            return Some(room.clone());
        }
        self.count
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| (count < self.max).then_some(count + 1))
            .ok()?;
        let options = Arc::clone(self.patterns.of(name.as_str()));
        let number = RoomNumber(self.next.fetch_add(1, Ordering::Relaxed));
        let room = Room::new(name.clone(), number, options, self, runtime.cloned());
        shard.insert(name, room.clone());
        self.metrics.handles.rooms.add(1);
        Some(room)
    }

    /// The room, if it is open.
    pub(crate) fn get(&self, name: &RoomName) -> Option<Room> {
        self.shard(name).get(name).cloned()
    }

    pub(crate) fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Closes the room if it is over and nobody but the caller holds it.
    pub(super) fn close_if_over(&self, room: &Room) {
        let mut shard = self.shard(room.name());
        let is_open = shard.get(room.name()).is_some_and(|open| Arc::ptr_eq(&open.0, &room.0));
        if is_open && end(room, 1, Instant::now()) {
            self.remove(&mut shard, room.name());
        }
    }

    fn remove(&self, shard: &mut HashMap<RoomName, Room>, name: &RoomName) {
        if shard.remove(name).is_some() {
            self.count.fetch_sub(1, Ordering::Relaxed);
            self.metrics.handles.rooms.sub(1);
        }
    }

    /// Drops what is too old, and rooms that are over: one shard, so that others may run between.
    fn sweep_shard(&self, index: usize, now: Instant) -> usize {
        let mut shard = lock(&self.shards[index]);
        let over: Vec<RoomName> = shard
            .values()
            .filter(|room| {
                room.sweep(now);
                end(room, 0, now)
            })
            .map(|room| room.name().clone())
            .collect();
        over.iter().for_each(|name| self.remove(&mut shard, name));
        shard.values().map(|room| room.state().log_bytes()).sum()
    }

    /// What [`sweep`](Self::sweep) does, at a time of the test's choice.
    #[cfg(test)]
    pub(super) fn sweep_all(&self, now: Instant) {
        for index in 0..SHARDS {
            self.sweep_shard(index, now);
        }
    }

    /// Drops what is too old in all rooms, and counts what is left.
    pub(crate) async fn sweep(&self) {
        let now = Instant::now();
        let mut bytes = 0;
        for index in 0..SHARDS {
            bytes += self.sweep_shard(index, now);
            tokio::task::yield_now().await;
        }
        self.metrics.handles.log_bytes.set(bytes as u64);
    }
}

/// Whether the room is over, and only its shard, which is locked, and so many `others` hold it: then nobody can come in any
/// more.
fn end(room: &Room, others: usize, now: Instant) -> bool {
    if Arc::strong_count(&room.0) > 1 + others {
        return false;
    }
    let mut state = room.state();
    state.is_gone = state.is_over(now);
    state.is_gone
}

fn lock<T>(shard: &Mutex<T>) -> MutexGuard<'_, T> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}
