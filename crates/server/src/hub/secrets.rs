//! Sessions by what gives the right to them.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bowline_core::session::Secret;

use crate::session::Shared;

/// So that two threads rarely want the same lock; a power of two.
const SHARDS: usize = 32;

/// All sessions of a hub that go from carrier to carrier. Hashed with a key of its own: how long a search takes says nothing
/// of what is there (threat S8).
#[derive(Default)]
pub(super) struct Secrets {
    shards: [Mutex<HashMap<Secret, Arc<Shared>, RandomState>>; SHARDS],
    hasher: RandomState,
}

impl Secrets {
    fn shard(&self, secret: &Secret) -> MutexGuard<'_, HashMap<Secret, Arc<Shared>>> {
        #[expect(clippy::cast_possible_truncation, reason = "a few bits of it are wanted")]
        let index = self.hasher.hash_one(secret) as usize % SHARDS;
        self.shards[index].lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add(&self, secret: Secret, session: Arc<Shared>) {
        self.shard(&secret).insert(secret, session);
    }

    pub(super) fn get(&self, secret: &Secret) -> Option<Arc<Shared>> {
        self.shard(secret).get(secret).cloned()
    }

    pub(super) fn remove(&self, secret: &Secret) {
        // Dropped once the lock is.
        let removed = self.shard(secret).remove(secret);
        drop(removed);
    }
}
