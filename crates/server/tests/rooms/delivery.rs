//! The guarantee: in order, each at most once, none missing, or told exactly one gap.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use bowline_bench::delivery::{Checker, Event, Invariant, Kind, Op, Options, Rules, Verdict};
use bowline_server::{
    Hub,
    room::{Publication, Room, RoomOptions, SlowConsumer},
};
use tokio::{task::JoinSet, time::sleep};

use crate::{
    history::{ROOM, Run, Spoil, at, count},
    listeners::listen,
    watchers::{Places, watch},
};

/// How many publications the room keeps.
const HISTORY: u64 = 60;
/// More members than are told at once, so that a task of the room's own tells them.
const LISTENERS: usize = 140;
const WATCHERS: usize = 30;
const PUBLISHERS: usize = 4;
/// What is in the log reaches every member within this, once no fault is injected.
const SETTLE: Duration = Duration::from_secs(3);

async fn publish(run: Arc<Run>, room: Room, places: Places, number: usize, publications: usize) {
    let proc = format!("publisher {number}");
    let mut events = Vec::new();
    for publication in 0..publications {
        let id = format!("p{number}.{publication}");
        let attempt = || Publication::new(id.clone()).idempotency_key(id.clone());
        events.push(run.event(&proc, Kind::Invoke, Op::Pub).id(&id));
        if rand::random_bool(0.1) {
            // The first answer is lost on the way, so that it is tried again.
            count(&run.faults.retries);
            let first = room.broadcast(attempt()).unwrap();
            events.push(run.event(&proc, Kind::Info, Op::Pub).id(&id));
            places.lock().unwrap().insert(id.clone(), first.position);
            events.push(run.event(&proc, Kind::Invoke, Op::Pub).id(&id));
        }
        let published = room.broadcast(attempt()).unwrap();
        events.push(at(run.event(&proc, Kind::Ok, Op::Pub).id(&id), published.position));
        places.lock().unwrap().insert(id, published.position);
        if rand::random_bool(0.3) {
            sleep(Duration::from_millis(rand::random_range(0..4))).await;
        }
    }
    run.add(events);
}

/// Runs members and publishers against each other; what happened, and the faults that were injected.
async fn run(spoil: Option<Spoil>, publications: usize) -> (Vec<Event>, [usize; 6]) {
    let options = RoomOptions::default()
        .max_log_count(usize::try_from(HISTORY).unwrap())
        .history(usize::try_from(HISTORY).unwrap())
        .slow_consumer(SlowConsumer::SkipToOldest)
        .max_idempotency_keys(10_000);
    let hub = Hub::builder().room_options("*", options).build();
    let room = hub.room(ROOM).unwrap();
    let run = Arc::new(Run::new(spoil));
    let rules = Rules { history: Some(HISTORY), ..Rules::default() };
    run.add(vec![run.event("server", Kind::Info, Op::Room).rules(rules)]);
    let places = Places::default();
    let mut members = JoinSet::new();
    for number in 0..LISTENERS {
        members.spawn(listen(Arc::clone(&run), room.clone(), number));
    }
    for number in 0..WATCHERS {
        members.spawn(watch(Arc::clone(&run), hub.clone(), room.clone(), Arc::clone(&places), number));
    }
    let mut publishers = JoinSet::new();
    for number in 0..PUBLISHERS {
        publishers.spawn(publish(Arc::clone(&run), room.clone(), Arc::clone(&places), number, publications));
    }
    publishers.join_all().await;
    run.is_healed.store(true, Ordering::Release);
    run.add(vec![run.event("nobody", Kind::Info, Op::Heal)]);
    // The checker asks who has what so long after the last publication.
    sleep(SETTLE + Duration::from_millis(200)).await;
    run.is_over.store(true, Ordering::Release);
    members.join_all().await;
    // Nothing but the time at the end.
    run.add(vec![run.event("nobody", Kind::Fail, Op::Resume).generation(0)]);
    let faults = &run.faults;
    let counts = [&faults.reconnects, &faults.stalls, &faults.kills, &faults.gaps, &faults.leaves, &faults.retries]
        .map(|count| count.load(Ordering::Relaxed));
    (Arc::into_inner(run).unwrap().into_events(), counts)
}

fn judge(events: &[Event]) -> Verdict {
    let mut options = Options::default();
    options.settle = SETTLE;
    let mut checker = Checker::new(options);
    events.iter().for_each(|event| checker.event(event));
    checker.finish()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn nobody_misses_anything_untold() {
    let publications = if std::env::var_os("BOWLINE_LONG").is_some() { 5_000 } else { 300 };
    let (events, faults) = run(None, publications).await;
    println!("reconnects, stalls, kills, gaps, leaves, retries: {faults:?}");
    let verdict = judge(&events);
    println!("{}", verdict.to_string().lines().next().unwrap());
    assert!(verdict.is_clean(), "{verdict}");
    assert!(faults.iter().all(|count| *count >= 10), "{faults:?} were injected");
    for invariant in Invariant::ALL {
        // Nobody resumes a session here.
        assert!(
            invariant == Invariant::I10 || verdict.judged(invariant) > 0,
            "{invariant:?} was never put to the test"
        );
    }
}

/// A test that can't fail proves nothing: one delivery of hundreds of thousands is enough.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn one_spoilt_delivery_is_found() {
    let spoils = [Spoil::Drop, Spoil::Double, Spoil::Swap, Spoil::OtherEpoch];
    let mut runs = JoinSet::new();
    for spoil in spoils {
        runs.spawn(async move { (spoil, run(Some(spoil), 60).await.0) });
    }
    for (spoil, events) in runs.join_all().await {
        let verdict = judge(&events);
        assert!(!verdict.is_clean(), "{spoil:?} went unseen: {verdict}");
    }
}
