//! What a session owns, and what a hostile peer can make it own, counted by the allocator; so it has a test binary of its own,
//! with one test, which nothing else allocates beside.

use std::{alloc::System, time::Instant};

use bowline_core::session::{
    ClientRecord, Cursor, Endpoint, Record as _, RingBounds, ServerRecord, websocket::Decoder,
};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// How many bytes `run` allocates, and how many are left.
fn allocated<T>(run: impl FnOnce() -> T) -> (usize, usize) {
    let region = Region::new(ALLOCATOR);
    let _result = run();
    let change = region.change();
    (change.bytes_allocated, change.bytes_allocated.saturating_sub(change.bytes_deallocated))
}

#[test]
fn an_idle_session_owns_nothing_and_unknown_json_is_not_kept() {
    let now = Instant::now();
    let (all, left) = allocated(|| {
        let mut end = Endpoint::<ServerRecord>::new(RingBounds::default());
        let mut carrier = end.attach(0, 0).expect("the first");
        for number in 1..=100 {
            end.ring.push(ServerRecord::Message("x".into()));
            end.intake.next();
            end.intake.received(|| now, 1);
            assert!(end.poll_message(&mut carrier).is_some());
            end.ring.ack(number).expect("what was sent");
        }
        (end, carrier, Decoder::<ClientRecord>::new())
    });
    assert!(all > 0);
    assert_eq!(left, 0, "an idle session's machines own memory");

    let numbers = "0,".repeat(512 << 10);
    let data = format!(r#"{{"room":"r","unknown":[{numbers}0]}}"#);
    let (all, _) = allocated(|| ClientRecord::parse("leave", &data).expect("a record"));
    assert!(all < 1024, "{all} bytes for a list that nobody reads");

    let text = format!("1{}", " 7.1".repeat(1_000_000));
    let (all, _) = allocated(|| text.parse::<Cursor>().expect_err("too many rooms"));
    assert!(all < 8 << 10, "{all} bytes for a cursor that is refused");
}
