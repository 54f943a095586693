//! Loads against servers that do as a script says: what goes wrong once is found once.

#[path = "support/room.rs"]
mod room;
mod support;

use bowline_bench::{Error, LoadPlan, LoadReport, Plan, Report, Traffic, Transport, Verdict, run};
use room::{honest, room};
use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::Duration;
use support::{Frame, frame, read_head, tcp, websocket};

/// The message of each connection that a script does something else with.
const SPOILT: usize = 10;

/// One client, a message each millisecond, for a quarter of a second.
fn plan(address: SocketAddr) -> LoadPlan {
    let mut plan = LoadPlan::new(format!("ws://{address}/").parse().expect("a URL"), Transport::Raw, Traffic::Echo);
    (plan.clients, plan.rate, plan.warm_up) = (1, 1_000.0, Duration::ZERO);
    plan.duration = Duration::from_millis(250);
    plan.drain_timeout = Duration::from_millis(250);
    plan
}

fn measure(plan: LoadPlan) -> LoadReport {
    match run(&Plan::Load(plan)).expect("a report") {
        Report::Load(report) => report,
        other => panic!("{other}"),
    }
}

/// Runs against a server that answers honestly, but for message number [`SPOILT`].
fn spoilt(spoil: fn(Frame) -> Option<Vec<u8>>) -> LoadReport {
    measure(plan(websocket("", move || {
        move |number, frame: Frame| if number == SPOILT { spoil(frame) } else { Some(frame.echo()) }
    })))
}

/// Missing, duplicate, reordered, wrong, closed.
fn counts(report: &LoadReport) -> [u64; 5] {
    let found = &report.reconciled;
    [found.missing, found.duplicate, found.reordered, found.wrong, found.closed]
}

#[test]
fn an_honest_server_has_no_faults() {
    for (clients, size) in [(1, 48), (7, 125), (3, 70_000 / 2)] {
        let mut plan = plan(websocket("", || |_, frame: Frame| Some(frame.echo())));
        (plan.clients, plan.size) = (clients, size);
        let report = measure(plan);
        assert_eq!((counts(&report), report.reconciled.expected), ([0; 5], 250), "{report}");
        assert_ne!(report.verdict, Verdict::Faulty);
        assert_eq!((report.latency.count(), report.uncorrected.count(), report.lag.count()), (250, 250, 250));
        assert!(report.latency.min() >= report.uncorrected.min() && report.deliveries > 0, "{report:?}");
        let all = report.counts_in_all;
        assert_eq!([all.sent.payload, all.received.payload], [250 * size as u64; 2]);
        assert_eq!((all.connections, all.requests), (clients as u64, clients as u64));
    }
}

#[test]
fn a_dropped_message_is_missing() {
    let report = spoilt(|_| Some(Vec::new()));
    assert_eq!((counts(&report), report.verdict), ([1, 0, 0, 0, 0], Verdict::Faulty), "{report}");
    assert_eq!((report.latency.count(), report.reconciled.clients), (249, 1), "{report}");
}

#[test]
fn a_doubled_message_is_a_duplicate() {
    let report = spoilt(|frame| Some([frame.echo(), frame.echo()].concat()));
    assert_eq!((counts(&report), report.verdict), ([0, 1, 0, 0, 0], Verdict::Faulty), "{report}");
    assert_eq!(report.latency.count(), 250, "what came again is no latency");
}

#[test]
fn two_messages_that_change_places_are_one_reordered() {
    let report = measure(plan(websocket("", || {
        let mut held = Vec::new();
        move |number, frame: Frame| {
            if number == SPOILT {
                held = frame.echo();
                return Some(Vec::new());
            }
            Some([frame.echo(), std::mem::take(&mut held)].concat())
        }
    })));
    assert_eq!((counts(&report), report.verdict), ([0, 0, 1, 0, 0], Verdict::Faulty), "{report}");
    assert_eq!(report.latency.count(), 250);
}

#[test]
fn a_changed_message_is_wrong() {
    let report = spoilt(|mut sent| {
        sent.payload[50] ^= 1;
        Some(sent.echo())
    });
    assert_eq!((counts(&report), report.verdict), ([0, 0, 0, 1, 0], Verdict::Faulty), "{report}");
    // One whose parts make no sense is not the one that was sent, which is missing.
    let report = spoilt(|mut sent| {
        sent.payload[5] ^= 1;
        Some(sent.echo())
    });
    assert_eq!(counts(&report), [1, 0, 0, 1, 0], "{report}");
    assert_eq!(report.reconciled.first.as_deref(), Some("a message came that nobody sent"));
}

#[test]
fn a_server_that_hangs_up_is_told() {
    let report = spoilt(|_| None);
    assert_eq!((counts(&report)[4], report.verdict), (1, Verdict::Faulty), "{report}");
    let report = spoilt(|_| Some(frame(0x88, b"\x03\xf0too much")));
    assert_eq!(report.reconciled.first.as_deref(), Some("the server closed with 1008 too much"));
    assert_eq!(counts(&report)[1..], [0, 0, 0, 1], "{report}");
}

#[test]
fn a_stall_shows_in_the_latency_from_when_messages_were_due() {
    const STALL: Duration = Duration::from_millis(50);
    let mut plan = plan(websocket("", || {
        |number, frame: Frame| {
            if number == 400 {
                sleep(STALL);
            }
            Some(frame.echo())
        }
    }));
    plan.duration = Duration::from_secs(1);
    let report = measure(plan);
    assert_eq!(counts(&report), [0; 5], "{report}");
    assert!(report.latency.at(0.999) >= 45.0, "{}", report.latency.at(0.999));
    // All that was due meanwhile waited: 50 of 1,000.
    assert!(report.latency.at(0.96) >= 5.0, "{}", report.latency.at(0.96));
}

/// Answers a request with a head, whatever it asks, and hangs up.
fn refuse(stream: &mut TcpStream, head: &str) -> io::Result<()> {
    read_head(stream)?;
    stream.write_all(head.as_bytes())
}

#[test]
fn servers_that_are_none_are_errors() {
    let error = |address| {
        let mut plan = plan(address);
        plan.open_timeout = Duration::from_millis(200);
        run(&Plan::Load(plan)).expect_err("no report")
    };
    let unused = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("it has an address");
    let refusing = |head: &'static str| tcp(move |mut stream| refuse(&mut stream, head));
    for (address, part) in [
        (unused, "no server listens there"),
        (
            refusing("HTTP/1.1 403 Forbidden\r\n\r\nno such origin"),
            "refused a request for / with status 403: no such origin",
        ),
        (refusing("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"), "refused a request for / with status 200"),
        (refusing("SSH-2.0-OpenSSH_9\r\n"), "does not speak WebSocket"),
        (refusing(""), "hung up"),
    ] {
        let text = error(address).to_string();
        assert!(text.contains(part), "{text}");
    }
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let timeout = error(silent.local_addr().expect("it has an address"));
    assert!(matches!(timeout, Error::Timeout { waiting_for: "connections to open", .. }), "{timeout}");
}

#[test]
fn what_a_server_is_slow_to_read_is_sent_late_and_counts_from_when_it_was_due() {
    const SIZE: usize = 60_000;
    let mut plan = plan(websocket("", || {
        |number, frame: Frame| {
            if number == 0 {
                // 15 MB are due meanwhile: more than sockets and a client's backlog hold.
                sleep(Duration::from_millis(400));
            }
            Some(frame.echo())
        }
    }));
    (plan.size, plan.drain_timeout) = (SIZE, Duration::from_secs(10));
    let report = measure(plan);
    assert_eq!((counts(&report), report.reconciled.expected), ([0; 5], 250), "{report}");
    assert!(report.lag.max() > 100.0, "{}", report.lag.max());
    assert!(report.latency.max() > report.uncorrected.max(), "{report:?}");
    assert_eq!((report.latency.count(), report.verdict), (250, Verdict::ClientBound));
}

#[test]
fn a_hundred_clients_open_at_a_time() {
    let opening = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&opening);
    let address = tcp(move |mut stream| {
        counter.fetch_add(1, Ordering::Relaxed);
        // Never answered: until the load gives up.
        io::copy(&mut stream, &mut io::sink()).map(drop)
    });
    let mut plan = plan(address);
    (plan.clients, plan.ramp, plan.open_timeout) = (500, 100_000, Duration::from_millis(500));
    assert!(matches!(run(&Plan::Load(plan)), Err(Error::Timeout { .. })));
    assert_eq!(opening.load(Ordering::Relaxed), 100);
}

#[test]
fn a_server_that_takes_no_more_is_told_from_one_that_is_silent() {
    let taken = AtomicUsize::new(0);
    let address = tcp(move |mut stream| {
        if taken.fetch_add(1, Ordering::Relaxed) < 3 {
            support::accept(&mut stream, "")?;
        }
        io::copy(&mut stream, &mut io::sink()).map(drop)
    });
    let mut plan = plan(address);
    (plan.clients, plan.open_timeout) = (5, Duration::from_millis(500));
    let error = run(&Plan::Load(plan)).expect_err("no report");
    assert!(matches!(error, Error::StoodStill { open: 3, of: 5, .. }), "{error}");
    assert!(error.to_string().contains("the server may have no descriptors left"), "{error}");
}

/// A server that has one room, at this place, and sends each message to all others there.
fn only_room(place: &'static str) -> SocketAddr {
    let members: Arc<Mutex<Vec<TcpStream>>> = Arc::default();
    tcp(move |mut stream| {
        let head = support::accept(&mut stream, "")?;
        assert!(head.starts_with(&format!("GET {place} HTTP/1.1\r\n")), "{head}");
        let own = stream.peer_addr()?;
        members.lock().expect("no thread panics").push(stream.try_clone()?);
        loop {
            let sent = support::read_frame(&mut stream)?.echo();
            let others = members.lock().expect("no thread panics");
            for mut other in others.iter().filter(|other| other.peer_addr().is_ok_and(|peer| peer != own)) {
                other.write_all(&sent)?;
            }
        }
    })
}

#[test]
fn a_websockets_address_is_the_room_of_bare_websockets_itself() {
    let address = only_room("/room?key=1");
    let mut plan = plan(address);
    plan.target = format!("ws://{address}/room?key=1").parse().expect("a URL");
    (plan.traffic, plan.clients) = (Traffic::Rooms { rooms: 1, per_client: 1 }, 3);
    let report = measure(plan);
    assert_eq!((counts(&report), report.reconciled.expected), ([0; 5], 750), "{report}");
}

/// Runs three subscribers of a broadcast server that knows no sessions, which does something else with one publication for one of them.
fn spoilt_for_one(spoil: fn(&[u8]) -> Option<Vec<u8>>) -> LoadReport {
    let is_spoilt = Arc::new(AtomicBool::new(false));
    let address = room(move |id| {
        let (mut numbered, is_spoilt) = (0, Arc::clone(&is_spoilt));
        if id == 0 {
            return honest();
        }
        Box::new(move |_, publication| {
            // What comes before the first is the knocking.
            numbered += usize::from(!publication.ends_with(b"knock"));
            let spoils = numbered == SPOILT && !is_spoilt.swap(true, Ordering::Relaxed);
            if spoils { spoil(publication) } else { Some(publication.to_vec()) }
        })
    });
    let mut plan = plan(address);
    // A mount, as far as anybody knows.
    plan.target = format!("http://{address}/").parse().expect("a URL");
    (plan.traffic, plan.clients) = (Traffic::Rooms { rooms: 1, per_client: 1 }, 3);
    measure(plan)
}

#[test]
fn subscribers_of_any_broadcast_server_are_reconciled_each() {
    type Spoil = fn(&[u8]) -> Option<Vec<u8>>;
    let spoils: [(Spoil, [u64; 5]); 3] = [
        (|publication| Some(publication.to_vec()), [0; 5]),
        (|_| Some(Vec::new()), [1, 0, 0, 0, 0]),
        (|publication| Some([publication, publication].concat()), [0, 1, 0, 0, 0]),
    ];
    for (spoil, found) in spoils {
        let report = spoilt_for_one(spoil);
        assert_eq!((counts(&report), report.reconciled.expected), (found, 750), "{report}");
        assert_eq!(report.reconciled.clients, u64::from(found != [0; 5]), "{report}");
    }
    let report = spoilt_for_one(|_| None);
    assert_eq!((counts(&report)[4], report.reconciled.clients), (1, 1), "{report}");
    // The two others have had all.
    assert_eq!(report.reconciled.missing, 250 - (SPOILT as u64 - 1), "{report}");
}

#[test]
fn a_server_that_goes_takes_all_and_nothing_is_waited_for() {
    let published = Arc::new(AtomicUsize::new(0));
    let address = room(move |_| {
        let published = Arc::clone(&published);
        Box::new(move |_, publication| {
            // Each of the four connections counts, from the same publication on.
            let is_over = published.fetch_add(usize::from(!publication.ends_with(b"knock")), Ordering::Relaxed) >= 400;
            if is_over { None } else { Some(publication.to_vec()) }
        })
    });
    let mut plan = plan(address);
    (plan.traffic, plan.clients) = (Traffic::Rooms { rooms: 1, per_client: 1 }, 3);
    // It would be longer than any test.
    plan.drain_timeout = Duration::from_secs(3_600);
    let report = measure(plan);
    assert_eq!((counts(&report)[4], report.reconciled.clients), (4, 3), "{report}");
    assert!(report.reconciled.expected < 750, "{report}");
}

#[test]
fn a_server_that_is_always_busy_is_told_from_one_that_is_silent() {
    let address = tcp(|mut stream| {
        loop {
            read_head(&mut stream)?;
            stream.write_all(b"HTTP/1.1 503 Full\r\nRetry-After: soon\r\nContent-Length: 9\r\n\r\ncome back")?;
        }
    });
    let mut plan = plan(address);
    (plan.transport, plan.open_timeout) = (Transport::LongPolling, Duration::from_millis(300));
    let error = run(&Plan::Load(plan)).expect_err("no report");
    assert!(matches!(error, Error::PutOff { waiting_for: "connections to open", .. }), "{error}");
    assert!(error.to_string().ends_with("but the server refused a request with 503: come back"), "{error}");
}

#[test]
fn clients_may_begin_more_slowly_than_one_is_waited_for() {
    let mut plan = plan(websocket("", || |_, frame: Frame| Some(frame.echo())));
    // One a second.
    (plan.clients, plan.ramp, plan.open_timeout) = (2, 1, Duration::from_millis(400));
    let report = measure(plan);
    assert!(report.opening_seconds > 0.9, "{report}");
    assert_eq!(counts(&report), [0; 5], "{report}");
}

#[test]
fn a_stalled_client_that_is_told_nothing_is_a_loss() {
    let address = room(|_| {
        let mut numbered = 0;
        Box::new(move |_, publication| {
            numbered += usize::from(!publication.ends_with(b"knock"));
            // Each loses the same, whether it reads or not; the publisher's own is nobody's.
            Some(if numbered == SPOILT { Vec::new() } else { publication.to_vec() })
        })
    });
    let mut plan = plan(address);
    (plan.traffic, plan.clients, plan.stalled) = (Traffic::Rooms { rooms: 1, per_client: 1 }, 3, 1);
    let report = measure(plan);
    assert_eq!((report.reconciled.missing, report.reconciled.clients), (3, 3), "{report}");
    assert_eq!((report.reconciled.expected, report.reconciled.stalled_told), (500, 0), "{report}");
    assert!(report.to_string().contains("0 of 1 were told"), "{report}");
}

#[test]
fn what_is_sent_again_and_again_keeps_no_load_from_its_end() {
    let address = tcp(|mut stream| {
        support::accept(&mut stream, "")?;
        let mut other = stream.try_clone()?;
        let first = support::read_frame(&mut stream)?.echo();
        // It is read for ever, and answered with the same.
        std::thread::spawn(move || io::copy(&mut other, &mut io::sink()));
        loop {
            stream.write_all(&first)?;
            sleep(Duration::from_millis(10));
        }
    });
    let report = measure(plan(address));
    let [missing, duplicate, rest @ ..] = counts(&report);
    assert!(missing == 249 && duplicate > 0 && rest == [0; 3], "{report}");
}
