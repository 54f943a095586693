//! The sessions that there are.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::sync::Notify;

use crate::session::{SessionId, Shared};

/// So that two threads rarely want the same lock.
const SHARDS: usize = 32;

type Shard = HashMap<SessionId, Arc<Shared>, BuildHasherDefault<Random>>;

/// All sessions of a hub by name.
#[derive(Default)]
pub(super) struct Sessions {
    shards: [Mutex<Shard>; SHARDS],
    count: AtomicUsize,
    /// Told when the last one ends.
    empty: Notify,
}

/// A session's name is random already, and minted here: nobody can choose names that collide.
#[derive(Default)]
struct Random(u64);

impl Hasher for Random {
    fn write(&mut self, bytes: &[u8]) {
        for (to, byte) in bytes.iter().enumerate() {
            self.0 ^= u64::from(*byte) << (to % 8 * 8);
        }
    }

    fn write_u128(&mut self, id: u128) {
        #[expect(clippy::cast_possible_truncation, reason = "half of the bits are as random as all")]
        let low = id as u64;
        self.0 = low;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

impl Sessions {
    fn shard(&self, id: SessionId) -> MutexGuard<'_, Shard> {
        // Other bits than those by which the map spreads.
        let index = usize::try_from(id.bits() >> 112).unwrap_or_default() % SHARDS;
        lock(&self.shards[index])
    }

    /// Counts one more, if there are fewer than `max`.
    pub(super) fn reserve(&self, max: usize) -> bool {
        let more = |count: usize| (count < max).then_some(count + 1);
        self.count.fetch_update(Ordering::AcqRel, Ordering::Relaxed, more).is_ok()
    }

    /// Adds one that was counted.
    pub(super) fn add(&self, session: Arc<Shared>) {
        self.shard(session.id).insert(session.id, session);
    }

    /// Whether it was there.
    pub(super) fn remove(&self, id: SessionId) -> bool {
        let removed = self.shard(id).remove(&id);
        if removed.is_some() && self.count.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.empty.notify_waiters();
        }
        removed.is_some()
    }

    pub(super) fn get(&self, id: SessionId) -> Option<Arc<Shared>> {
        self.shard(id).get(&id).cloned()
    }

    pub(super) fn len(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    pub(super) fn all(&self) -> Vec<Arc<Shared>> {
        self.shards.iter().flat_map(|shard| lock(shard).values().cloned().collect::<Vec<_>>()).collect()
    }

    /// Waits until there are none.
    pub(super) async fn ended(&self) {
        loop {
            let empty = self.empty.notified();
            if self.len() == 0 {
                return;
            }
            empty.await;
        }
    }
}

fn lock<T>(shard: &Mutex<T>) -> MutexGuard<'_, T> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}
