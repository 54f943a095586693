//! A thousand switches from transport to transport in mid-stream, with carriers cut at any byte: every message once, in order.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use bowline_bench::proxy::{Counts, Faults, Proxy};
use bowline_client::{Client, Event, Sender, Transport};
use bowline_core::{Error, Message};
use bowline_server::{Hub, Session};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{interval, sleep, timeout},
};

use crate::support::{Site, any_faults, any_order, carried_by, cut_all, hasty_client, soon};

const SEEDS: u64 = 10;
/// To another transport, for each seed.
const SWITCHES: usize = 100;
/// Each end sends a message as often.
const PACE: Duration = Duration::from_millis(4);

/// The `n`th message of a direction: of each kind that the protocol writes another way.
fn message(up: bool, seed: u64, n: u64) -> Message {
    let mut rng = StdRng::seed_from_u64(seed << 32 | n << 1 | u64::from(up));
    let padding = "x".repeat(rng.random_range(0..120));
    match rng.random_range(0..8) {
        0 => format!("{n} {padding}").into_bytes().into(),
        1 => format!("\u{1e}{n} begins with a separator").into(),
        2 => format!("{n}\r{padding}").into(),
        3 => format!("{n}\ntwo lines\n").into(),
        4 => Message::binary(vec![0, 0xff, rng.random()]),
        _ => format!("{n} {padding}").into(),
    }
}

const END: &str = "that was all";

/// What both ends of a run share.
#[derive(Default)]
struct Run {
    seed: u64,
    /// Both ends say [`END`], and send nothing more.
    over: AtomicBool,
    /// What the server's end got that it shouldn't have, and how many messages it got in all.
    wrong: Mutex<Vec<String>>,
    heard: watch::Sender<Option<u64>>,
}

/// Takes the `n`th message; whether it was the end.
fn take(run: &Run, up: bool, n: u64, got: &Message) -> Result<bool, String> {
    if got.as_text() == Some(END) {
        return Ok(true);
    }
    let expected = message(up, run.seed, n);
    let place = if up { "up" } else { "down" };
    if *got == expected { Ok(false) } else { Err(format!("{place}, message {n}: {got:?} instead of {expected:?}")) }
}

/// The server's end.
async fn talk(mut session: Session, run: Arc<Run>) -> Result<(), Error> {
    let (mut sent, mut got, mut said_all, mut pace) = (0, 0, false, interval(PACE));
    loop {
        tokio::select! {
            received = session.recv() => {
                let Some(received) = received? else { return Ok(()) };
                match take(&run, true, got, &received) {
                    Ok(true) => drop(run.heard.send_replace(Some(got))),
                    Ok(false) => got += 1,
                    Err(wrong) => run.wrong.lock().expect("nobody panicked").push(wrong),
                }
            }
            _ = pace.tick(), if !said_all => {
                said_all = run.over.load(Relaxed);
                let next = if said_all { END.into() } else { message(false, run.seed, sent) };
                sent += 1;
                if session.send(next).await.is_err() {
                    return Ok(());
                }
            }
        }
    }
}

/// The client's; how many messages it sent.
async fn say(sender: Sender, run: Arc<Run>) -> u64 {
    let (mut sent, mut pace) = (0, interval(PACE));
    while !run.over.load(Relaxed) {
        pace.tick().await;
        sender.send(message(true, run.seed, sent)).await.expect("it is open");
        sent += 1;
    }
    sender.send_acked(END).await.expect("it is open");
    sent
}

/// What a client saw.
#[derive(Debug, Default)]
struct Seen {
    /// Messages by each transport.
    messages: [u64; 4],
    /// Times that another transport took over, and that any carrier did.
    switches: usize,
    carriers: usize,
}

/// Reads until the end, and counts.
async fn listen(mut client: Client, run: Arc<Run>, switched: watch::Sender<usize>) -> Seen {
    let (mut seen, mut got, mut carrier) = (Seen::default(), 0, None);
    loop {
        let event = client.next().await.expect("it is not closed");
        if let Some(now) = carried_by(&event) {
            seen.switches += usize::from(carrier.replace(now).is_some_and(|before: Transport| before != now));
            seen.carriers += 1;
            switched.send_replace(seen.switches);
        }
        match event {
            Event::Message(received) => match take(&run, false, got, &received) {
                Ok(true) => return seen,
                Ok(false) => {
                    got += 1;
                    seen.messages[carrier.expect("something carries") as usize] += 1;
                }
                Err(wrong) => panic!("seed {}: {wrong}", run.seed),
            },
            Event::SessionLost | Event::Closed(_) => panic!("seed {}: {event:?}", run.seed),
            _ => {}
        }
    }
}

/// Breaks carriers until there were switches enough.
async fn harm(rng: &mut StdRng, proxy: &Proxy, mut switched: watch::Receiver<usize>) {
    while *switched.borrow_and_update() < SWITCHES {
        proxy.set_faults(any_faults(rng)).await.expect("they are in bounds");
        cut_all(rng, proxy);
        // Some carry for a while, some are cut as soon as they carry.
        let patience = Duration::from_millis(rng.random_range(100..300));
        if let Ok(Err(_)) = timeout(patience, switched.changed()).await {
            // Whoever listened found something wrong.
            return;
        }
        sleep(Duration::from_millis(rng.random_range(0..40))).await;
    }
    proxy.set_faults(Faults::default()).await.expect("they are in bounds");
    proxy.cut_all();
}

async fn run(seed: u64) -> (Seen, Counts) {
    let mut rng = StdRng::seed_from_u64(seed);
    let run = Arc::new(Run { seed, ..Run::default() });
    let shared = Arc::clone(&run);
    let site = Site::start(Hub::builder().handler(move |session| talk(session, Arc::clone(&shared))).build());
    let proxy = site.proxy(any_faults(&mut rng));
    let client = hasty_client(proxy.local_addr(), any_order(&mut rng)).build().expect("it is checked");
    let (switched, seen_switches) = watch::channel(0);
    let saying = tokio::spawn(say(client.sender(), Arc::clone(&run)));
    let listening = tokio::spawn(listen(client, Arc::clone(&run), switched));
    harm(&mut rng, &proxy, seen_switches).await;
    run.over.store(true, Relaxed);
    let what = format!("seed {seed}");
    let said = soon(&what, saying).await.expect("all was sent");
    let seen = soon(&what, listening).await.expect("all was received");
    let heard = *soon(&what, run.heard.subscribe().wait_for(Option::is_some)).await.expect("it was told");
    assert_eq!(*run.wrong.lock().expect("nobody panicked"), Vec::<String>::new(), "seed {seed}");
    assert_eq!(heard, Some(said), "seed {seed}: messages of the client's at the server");
    (seen, proxy.counts())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_switches_lose_double_and_reorder_nothing() {
    let mut runs = JoinSet::new();
    for seed in 1..=SEEDS {
        runs.spawn(run(seed));
    }
    let (mut messages, mut switches) = ([0; 4], 0);
    for (seen, counts) in runs.join_all().await {
        println!("{seen:?}, {} cuts, {} resets", counts.cuts, counts.resets);
        assert!(counts.cuts > 20 && counts.resets > 20, "{counts}");
        assert!(counts.upgrades_stripped > 0 && counts.responses_held > 0, "{counts}");
        switches += seen.switches;
        for (all, of_one) in messages.iter_mut().zip(seen.messages) {
            *all += of_one;
        }
    }
    assert!(switches >= 1_000, "{switches} switches");
    for (transport, count) in Transport::ALL.into_iter().zip(messages) {
        assert!(count > 100, "{transport} carried {count} messages");
    }
}
