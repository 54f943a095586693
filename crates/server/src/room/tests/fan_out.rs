//! Telling many members, which lets others run between.

use std::time::Duration;

use tokio::time::timeout;

use crate::{
    Hub,
    room::{Entry, RoomOptions, SlowConsumer, Start, members::FAN_OUT_BATCH},
};

/// Fails a test that hangs.
const PATIENCE: Duration = Duration::from_secs(20);

fn hub() -> Hub {
    Hub::builder().room_options("*", RoomOptions::default().slow_consumer(SlowConsumer::SkipToOldest)).build()
}

#[tokio::test]
async fn all_of_many_are_told() {
    for count in [FAN_OUT_BATCH - 1, FAN_OUT_BATCH, FAN_OUT_BATCH + 1, 3 * FAN_OUT_BATCH + 7] {
        let hub = hub();
        let room = hub.room("r").unwrap();
        let readers: Vec<_> = (0..count).map(|_| room.subscribe(Start::Newest).unwrap()).collect();
        let waiting: Vec<_> = readers
            .into_iter()
            .map(|mut reader| {
                tokio::spawn(async move {
                    for expected in 1..=10 {
                        let entry = reader.read().await;
                        assert!(matches!(entry, Entry::Publication(at, _) if at.offset == expected), "{entry:?}");
                    }
                })
            })
            .collect();
        for text in ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"] {
            room.broadcast(text).unwrap();
            // Now and then in the middle of the telling.
            tokio::task::yield_now().await;
        }
        for waits in waiting {
            timeout(PATIENCE, waits).await.expect("it is told").unwrap();
        }
    }
}

/// Somebody leaves and another joins in its place while the task is under way.
#[tokio::test]
async fn whoever_joins_in_the_middle_is_told_too() {
    let hub = hub();
    let room = hub.room("r").unwrap();
    let mut readers: Vec<_> = (0..1_000).map(|_| room.subscribe(Start::Newest).unwrap()).collect();
    for round in 0..20 {
        room.broadcast("m").unwrap();
        tokio::task::yield_now().await;
        readers.swap_remove(round * 7);
        let mut late = room.subscribe(Start::Newest).unwrap();
        let waits = tokio::spawn(async move {
            let entry = late.read().await;
            (entry, late)
        });
        tokio::task::yield_now().await;
        let published = room.broadcast("for the late one").unwrap();
        let (entry, late) = timeout(PATIENCE, waits).await.expect("it is told").unwrap();
        assert!(matches!(entry, Entry::Publication(at, _) if at == published.position), "{entry:?}");
        readers.push(late);
    }
}

#[test]
fn without_a_runtime_all_are_told_at_once() {
    let hub = hub();
    let room = hub.room("r").unwrap();
    let mut readers: Vec<_> = (0..300).map(|_| room.subscribe(Start::Newest).unwrap()).collect();
    room.broadcast("m").unwrap();
    assert!(readers.iter_mut().all(|reader| reader.try_read().is_some()));
}

/// A hub may outlive the runtime that it was built in.
#[test]
fn where_the_runtime_has_gone_all_are_told_at_once() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (theirs, ours) = (runtime(), runtime());
    let hub = theirs.block_on(async { hub() });
    let room = hub.room("r").unwrap();
    ours.block_on(async {
        let mut readers = tokio::task::JoinSet::new();
        for _ in 0..300 {
            let mut reader = room.subscribe(Start::Newest).unwrap();
            readers.spawn(async move {
                for _ in 1..=3 {
                    reader.read().await;
                }
            });
        }
        // All wait.
        tokio::task::yield_now().await;
        // A telling is under way when the runtime goes, and others are to begin when it has gone.
        room.broadcast("m").unwrap();
        theirs.shutdown_background();
        for _ in 1..=3 {
            room.broadcast("m").unwrap();
            tokio::task::yield_now().await;
        }
        let read = timeout(PATIENCE, readers.join_all()).await;
        assert!(read.is_ok(), "some were not told");
    });
}
