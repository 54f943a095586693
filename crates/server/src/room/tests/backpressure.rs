//! Rooms that push back on publishers.

use std::{
    future::Future,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use super::Ground;
use crate::{
    Hub,
    room::{Encoding, PublishError, Published, Read, Reader, Room, RoomOptions, SlowConsumer, Start},
};

fn pushing() -> RoomOptions {
    RoomOptions::default().slow_consumer(SlowConsumer::Backpressure)
}

fn room(options: RoomOptions) -> (Hub, Room) {
    let hub = Hub::builder().room_options("*", options).build();
    let room = hub.room("r").unwrap();
    (hub, room)
}

#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A publisher on a task of its own.
struct Publisher<'a> {
    future: Pin<Box<dyn Future<Output = Result<Published, PublishError>> + 'a>>,
    woken: Arc<Woken>,
}

impl<'a> Publisher<'a> {
    fn new(room: &'a Room) -> Self {
        Self { future: Box::pin(room.publish("m")), woken: Arc::default() }
    }

    fn poll(&mut self) -> Poll<Result<Published, PublishError>> {
        let waker = Waker::from(Arc::clone(&self.woken));
        self.future.as_mut().poll(&mut Context::from_waker(&waker))
    }

    fn is_woken(&self) -> bool {
        self.woken.0.load(Ordering::Relaxed) > 0
    }
}

#[test]
fn a_full_log_pushes_back_while_a_member_has_not_got_it() {
    let mut ground = Ground::new(pushing().max_log_count(2));
    ground.count(1..=5);
    let reader = ground.reader(5);
    ground.count(6..=7);
    assert_eq!(ground.say("8"), Err(PublishError::Backpressure));
    assert_eq!(ground.read(reader), ["6", "7"]);
    ground.count(8..=9);
    assert_eq!(ground.say("10"), Err(PublishError::Backpressure));
    ground.state.leave(reader, ground.now);
    ground.count(10..=12);
}

/// A large publication makes several small ones go; all of them must have been read.
#[test]
fn all_that_would_have_to_go_is_looked_at() {
    let mut ground = Ground::new(pushing().max_log_bytes(10));
    let (quick, slow) = (ground.reader(0), ground.reader(1));
    for _ in 0..10 {
        ground.say("x").unwrap();
    }
    ground.read(quick);
    assert_eq!(ground.say("yy"), Err(PublishError::Backpressure), "the second is not read yet");
    ground.say("z").unwrap();
    assert_eq!(ground.read(slow).len(), 10);
    ground.read(quick);
    ground.say("y".repeat(10)).unwrap();
    assert_eq!(ground.read(slow), ["y".repeat(10)]);
    assert_eq!(ground.read(quick), ["y".repeat(10)]);
}

/// One that is larger than the log has to wait for all.
#[test]
fn a_publication_that_will_stand_alone_waits_until_everything_is_read() {
    let mut ground = Ground::taking(20, pushing().max_log_bytes(10));
    let reader = ground.reader(0);
    ground.count(1..=2);
    assert_eq!(ground.say("x".repeat(20)), Err(PublishError::Backpressure));
    assert_eq!(ground.read(reader), ["1", "2"]);
    ground.say("x".repeat(20)).unwrap();
    assert_eq!(ground.say("3"), Err(PublishError::Backpressure));
    assert_eq!(ground.read(reader), ["x".repeat(20)]);
    ground.count(3..=4);
    assert_eq!(ground.read(reader), ["3", "4"]);
}

#[test]
fn a_publisher_that_waits_is_woken_by_a_read_and_by_a_leave() {
    for leaves in [false, true] {
        let (_hub, room) = room(pushing().max_log_count(1));
        let mut reader = Some(room.reader(Start::Newest, super::FRAMES, false).unwrap());
        room.broadcast("first").unwrap();
        let mut publisher = Publisher::new(&room);
        assert!(publisher.poll().is_pending() && !publisher.is_woken());
        if leaves {
            reader = None;
        } else {
            let read = reader.as_mut().and_then(Reader::try_read);
            assert!(matches!(read, Some(Read::Encoded { count: 1, .. })), "{read:?}");
        }
        assert!(publisher.is_woken());
        let Poll::Ready(Ok(published)) = publisher.poll() else { panic!("it is still pushed back") };
        assert_eq!(published.position.offset, 2);
        drop(reader);
    }
}

/// What is too old leaves room as well.
#[test]
fn a_publisher_that_waits_is_woken_when_what_was_in_its_way_is_too_old() {
    let (_hub, room) = room(pushing().max_log_count(1).max_log_age(Duration::from_secs(60)));
    let _stalled = room.reader(Start::Newest, super::FRAMES, false).unwrap();
    room.broadcast("first").unwrap();
    let mut publisher = Publisher::new(&room);
    assert!(publisher.poll().is_pending());
    room.sweep(std::time::Instant::now() + Duration::from_secs(61));
    assert!(publisher.is_woken());
    assert!(matches!(publisher.poll(), Poll::Ready(Ok(_))));
}

#[test]
fn so_many_publishers_wait_and_no_more() {
    let (_hub, room) = room(pushing().max_log_count(1).max_waiting_publishers(2));
    let mut reader = room.subscribe(Start::Newest).unwrap();
    room.broadcast("first").unwrap();
    let [mut a, mut b, mut c] = [(); 3].map(|()| Publisher::new(&room));
    assert!(a.poll().is_pending() && b.poll().is_pending());
    assert_eq!(c.poll(), Poll::Ready(Err(PublishError::Backpressure)));
    // One that is polled again before it is woken waits on.
    assert!(a.poll().is_pending() && b.poll().is_pending());
    reader.try_read().expect("it is there");
    assert!(a.is_woken() && b.is_woken());
    assert!(matches!(a.poll(), Poll::Ready(Ok(_))));
    assert!(b.poll().is_pending(), "the other was quicker");
}

#[test]
fn a_publisher_that_gives_up_leaves_its_place_and_publishes_nothing() {
    let (_hub, room) = room(pushing().max_log_count(1).max_waiting_publishers(1));
    let _reader = room.subscribe(Start::Newest).unwrap();
    room.broadcast("first").unwrap();
    for _ in 0..3 {
        let mut publisher = Publisher::new(&room);
        assert!(publisher.poll().is_pending());
    }
    assert_eq!(room.position().offset, 1);
}

/// A member that closes gets what was published before, and no publisher waits for it longer than that.
#[test]
fn a_member_that_closes_holds_nobody_up_once_it_has_what_was_published_before() {
    let mut ground = Ground::new(pushing().max_log_count(2));
    let reader = ground.reader(0);
    ground.count(1..=1);
    ground.state.seal(reader);
    ground.count(2..=2);
    assert_eq!(ground.say("3"), Err(PublishError::Backpressure), "it hasn't got the first");
    assert!(ground.read(reader).contains(&"1".to_owned()));
    ground.count(3..=9);
    assert!(ground.read(reader).is_empty());
}

#[test]
fn without_members_nothing_is_in_the_way() {
    let mut ground = Ground::new(pushing().max_log_count(1));
    ground.count(1..=5);
    assert_eq!(ground.state.log.len(), 1);
}

#[test]
fn all_encodings_push_back() {
    let (_hub, room) = room(pushing().max_log_count(1));
    let mut streams = room.reader(Start::Newest, Encoding::EventStream, false).unwrap();
    room.broadcast("first").unwrap();
    let publisher = pin!(room.publish("second"));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(publisher.poll(&mut cx).is_pending());
    assert!(streams.try_read().is_some());
}
