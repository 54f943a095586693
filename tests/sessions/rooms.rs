//! Rooms while carriers are cut at any byte: a checker judges what every member was handed.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use bowline_bench::{
    delivery::{Checker, Event as Line, Invariant, Kind, Op, Options, Rules, Verdict},
    proxy::{Faults, Proxy},
};
use bowline_client::{Client, Event, JoinStart, Position, Publication, RequestError, RoomEvent, RoomHandle};
use bowline_server::{
    Hub,
    room::{RoomOptions, SlowConsumer},
};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::support::{Site, any_faults, any_order, carried_by, cut_all, echo, hasty_client, soon};

const ROOMS: [&str; 2] = ["a", "b"];
/// How many publications a room keeps: few enough for gaps, where a member has no carrier for long.
const HISTORY: u64 = 10;
const MEMBERS: u64 = 12;
const PUBLISHERS: u64 = 4;
const PUBLICATIONS: u64 = 250;
/// What is in the log reaches every member within this, once no fault is injected.
const SETTLE: Duration = Duration::from_secs(8);

/// What all tasks of a run share.
struct Run {
    start: Instant,
    seed: u64,
    lines: Mutex<Vec<Line>>,
    is_over: AtomicBool,
    switches: AtomicU64,
    gaps: AtomicU64,
    joins: AtomicU64,
    retries: AtomicU64,
}

impl Run {
    fn new(seed: u64) -> Self {
        Self {
            start: Instant::now(),
            seed,
            lines: Mutex::default(),
            is_over: AtomicBool::new(false),
            switches: AtomicU64::new(0),
            gaps: AtomicU64::new(0),
            joins: AtomicU64::new(0),
            retries: AtomicU64::new(0),
        }
    }

    fn line(&self, proc: &str, kind: Kind, op: Op, room: &str) -> Line {
        Line::new(u64::try_from(self.start.elapsed().as_nanos()).expect("a short run"), proc, kind, op, room)
    }

    fn add(&self, line: Line) {
        self.lines.lock().expect("nobody panicked").push(line);
    }
}

fn at(line: Line, position: Position) -> Line {
    line.at(position.epoch.to_string(), position.offset)
}

/// Publishes by a client of its own; each attempt that is not known to have been made is made again.
async fn publish(run: Arc<Run>, mut client: Client, number: u64) {
    let proc = format!("publisher {number}");
    let mut rng = StdRng::seed_from_u64(run.seed << 8 | number);
    let sender = client.sender();
    let publishing = async {
        for n in 0..PUBLICATIONS {
            let (id, room) = (format!("{number}.{n}"), ROOMS[rng.random_range(0..ROOMS.len())]);
            loop {
                run.add(run.line(&proc, Kind::Invoke, Op::Pub, room).id(&id));
                let attempt = Publication::new(id.as_str()).idempotency_key(&id);
                match sender.publish(room, attempt).await {
                    Ok(published) => {
                        run.add(at(run.line(&proc, Kind::Ok, Op::Pub, room).id(&id), published.position));
                        // The same once more, as if the first answer had been lost: it must change nothing.
                        if rng.random_bool(0.9) || published.duplicate {
                            break;
                        }
                        run.retries.fetch_add(1, Relaxed);
                    }
                    Err(RequestError::Unknown) => run.add(run.line(&proc, Kind::Info, Op::Pub, room).id(&id)),
                    Err(error) => panic!("{proc}: {error}"),
                }
            }
        }
    };
    let listening = async {
        while let Some(event) = client.next().await {
            assert!(!matches!(event, Event::SessionLost | Event::Closed(_)), "{proc}: {event:?}");
        }
    };
    tokio::select! {
        () = publishing => {}
        () = listening => panic!("{proc}: closed"),
    }
}

/// One stay in a room, a client object of its own for the checker.
async fn stay(run: &Run, proc: &str, mut room: RoomHandle, until: Instant) {
    let name = room.name().to_owned();
    while !run.is_over.load(Relaxed) && Instant::now() < until {
        let Ok(event) = timeout(Duration::from_millis(50), room.next()).await else { continue };
        match event.expect("it is not left") {
            RoomEvent::Publication { position, message } => {
                let id = message.as_text().expect("a text");
                run.add(at(run.line(proc, Kind::Ok, Op::Recv, &name).id(id), position));
            }
            RoomEvent::Gap(gap) => {
                run.gaps.fetch_add(1, Relaxed);
                let line = at(run.line(proc, Kind::Ok, Op::Gap, &name), gap.to);
                run.add(line.from(gap.from.epoch.to_string(), gap.from.offset));
            }
            other => panic!("{proc}: {other:?}"),
        }
    }
    if !run.is_over.load(Relaxed) {
        run.add(run.line(proc, Kind::Invoke, Op::Leave, &name));
        soon("it is left", room.leave()).await.expect("it was joined");
        run.add(run.line(proc, Kind::Ok, Op::Leave, &name));
    }
}

/// Is in a room again and again, the first of them for good.
async fn be_member(run: Arc<Run>, mut client: Client, number: u64, name: &'static str) {
    let mut rng = StdRng::seed_from_u64(run.seed << 8 | number | 0x80);
    let sender = client.sender();
    let staying = async {
        for stay_number in 0.. {
            let proc = format!("member {number}, stay {stay_number}");
            run.add(run.line(&proc, Kind::Invoke, Op::Join, name));
            let room = soon(&proc, sender.join(name, JoinStart::Newest)).await.expect("it may join");
            run.add(at(run.line(&proc, Kind::Ok, Op::Join, name), room.joined_at()));
            run.joins.fetch_add(1, Relaxed);
            let long = Duration::from_millis(if number.is_multiple_of(2) {
                u64::MAX >> 20
            } else {
                rng.random_range(300..2_000)
            });
            stay(&run, &proc, room, Instant::now() + long).await;
            if run.is_over.load(Relaxed) {
                return;
            }
        }
    };
    let listening = async {
        while let Some(event) = client.next().await {
            assert!(!matches!(event, Event::SessionLost | Event::Closed(_)), "member {number}: {event:?}");
            run.switches.fetch_add(u64::from(carried_by(&event).is_some()), Relaxed);
        }
    };
    tokio::select! {
        () = staying => {}
        () = listening => panic!("member {number}: closed"),
    }
}

async fn harm(rng: &mut StdRng, proxy: &Proxy) {
    loop {
        proxy.set_faults(any_faults(rng)).await.expect("they are in bounds");
        if rng.random_bool(0.3) {
            cut_all(rng, proxy);
        }
        sleep(Duration::from_millis(rng.random_range(50..400))).await;
    }
}

/// Runs members and publishers against each other.
async fn run(seed: u64) -> (Vec<Line>, Arc<Run>) {
    let options = RoomOptions::default()
        .max_log_count(usize::try_from(HISTORY).expect("few"))
        .history(usize::try_from(HISTORY).expect("few"))
        .slow_consumer(SlowConsumer::SkipToOldest)
        .max_idempotency_keys(10_000);
    let site = Site::start(Hub::builder().handler(echo).room_options("*", options).build());
    let (run, mut rng) = (Arc::new(Run::new(seed)), StdRng::seed_from_u64(seed));
    for room in ROOMS {
        let rules = Rules { history: Some(HISTORY), ..Rules::default() };
        run.add(run.line("server", Kind::Info, Op::Room, room).rules(rules));
    }
    let proxy = site.proxy(Faults::default());
    let mut client = || hasty_client(proxy.local_addr(), any_order(&mut rng)).build().expect("it is checked");
    let (mut members, mut publishers) = (JoinSet::new(), JoinSet::new());
    for number in 0..MEMBERS {
        let room = ROOMS[usize::from(number % 3 == 0)];
        members.spawn(be_member(Arc::clone(&run), client(), number, room));
    }
    for number in 0..PUBLISHERS {
        publishers.spawn(publish(Arc::clone(&run), client(), number));
    }
    tokio::select! {
        () = harm(&mut rng, &proxy) => {}
        _ = soon("all is published", publishers.join_all()) => {}
    }
    proxy.set_faults(Faults::default()).await.expect("they are in bounds");
    proxy.cut_all();
    run.add(run.line("nobody", Kind::Info, Op::Heal, ""));
    // The checker asks who has what so long after the last publication.
    sleep(SETTLE + Duration::from_millis(200)).await;
    run.is_over.store(true, Relaxed);
    soon("all left", members.join_all()).await;
    let counts = proxy.counts();
    assert!(counts.cuts + counts.resets > 100, "{counts}");
    // Nothing but the time at the end.
    run.add(run.line("nobody", Kind::Fail, Op::Resume, "").generation(0));
    let lines = std::mem::take(&mut *run.lines.lock().expect("nobody panicked"));
    (lines, run)
}

fn judge(lines: &[Line]) -> Verdict {
    let mut options = Options::default();
    options.settle = SETTLE;
    let mut checker = Checker::new(options);
    lines.iter().for_each(|line| checker.event(line));
    checker.finish()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_misses_anything_untold() {
    let mut runs = JoinSet::new();
    for seed in 1..=3 {
        runs.spawn(run(seed));
    }
    let mut gaps = 0;
    for (lines, run) in runs.join_all().await {
        let verdict = judge(&lines);
        let [switches, joins, retries] = [&run.switches, &run.joins, &run.retries].map(|count| count.load(Relaxed));
        gaps += run.gaps.load(Relaxed);
        println!("{}", verdict.to_string().lines().next().expect("nobody panicked"));
        println!("switches, joins, retries: {switches}, {joins}, {retries}");
        assert!(verdict.is_clean(), "seed {}: {verdict}", run.seed);
        assert!(switches > 100 && joins > MEMBERS && retries > 10, "seed {}: hardly harmed", run.seed);
        for invariant in Invariant::ALL {
            assert!(
                verdict.judged(invariant) > 0 || invariant == Invariant::I7,
                "{invariant:?} was never put to the test"
            );
        }
    }
    println!("gaps: {gaps}");
    assert!(gaps > 0, "nobody ever fell behind");
}
