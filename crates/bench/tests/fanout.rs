//! Broadcast servers that do as a script says, and what the reports on publishing and on holding connections say of them.

#[path = "support/room.rs"]
mod room;
mod support;

use bowline_bench::{
    Error, Event, FanoutPlan, FanoutReport, HoldPlan, MessageKind, Plan, Report, Verdict, run, run_telling,
};
use room::{honest, room};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::{Frame, frame, read_head, tcp, websocket};

/// The publication that a script does something else with: by then all have joined.
const SPOILT: usize = 30;
/// The subscriber that it does so for, which is not the publisher.
const VICTIM: usize = 1;

/// Five subscribers, four publications in flight, for a quarter of a second.
fn plan(url: &str) -> FanoutPlan {
    let mut plan = FanoutPlan::new(url.parse().expect("a URL"));
    (plan.size, plan.subscribers, plan.in_flight) = (64, 5, 4);
    (plan.warm_up, plan.duration) = (Duration::ZERO, Duration::from_millis(250));
    plan
}

fn measure(plan: FanoutPlan) -> FanoutReport {
    match run(&Plan::Fanout(plan)).expect("a report") {
        Report::Fanout(report) => report,
        other => panic!("{other}"),
    }
}

/// Runs against a server that is honest, but for one publication to one subscriber.
fn spoilt(in_flight: usize, spoil: fn(&[u8]) -> Option<Vec<u8>>) -> FanoutReport {
    let address = room(move |subscriber| match subscriber {
        VICTIM => Box::new(
            move |number, publication| {
                if number == SPOILT { spoil(publication) } else { Some(publication.to_vec()) }
            },
        ),
        _ => honest(),
    });
    let mut plan = plan(&format!("ws://{address}/room"));
    (plan.in_flight, plan.drain_timeout) = (in_flight, Duration::from_secs(1));
    plan.duration = Duration::from_millis(if in_flight == 1 { 2500 } else { 250 });
    measure(plan)
}

/// Lost, doubled, reordered, wrong, closed.
fn counts(report: &FanoutReport) -> [u64; 5] {
    let faults = &report.faults;
    [faults.lost, faults.doubled, faults.reordered, faults.wrong, faults.closed]
}

#[test]
fn an_honest_server_has_no_faults() {
    for (in_flight, size) in [(1, 8), (4, 64), (16, 1000)] {
        for kind in [MessageKind::Text, MessageKind::Binary] {
            let mut plan = plan(&format!("ws://{}/", room(|_| honest())));
            (plan.in_flight, plan.size, plan.kind, plan.busy_poll) = (in_flight, size, kind, in_flight == 4);
            let report = measure(plan);
            assert_eq!(counts(&report), [0; 5], "{:?}", report.faults);
            assert!(report.publications > 20 && report.deliveries > 100, "{report}");
            assert!(report.first.count >= report.publications, "{report}");
            assert!(report.first.p50 <= report.last.p50 && report.last.max > 0.0, "{report}");
            assert!(report.lag.is_none() && report.verdict != Verdict::Faulty, "{report}");
        }
    }
}

#[test]
fn one_subscriber_is_enough() {
    let mut plan = plan(&format!("ws://{}/", room(|_| honest())));
    plan.subscribers = 1;
    let report = measure(plan);
    assert_eq!(counts(&report), [0; 5], "{:?}", report.faults);
    assert!(report.deliveries > 100, "{report}");
}

#[test]
fn a_dropped_publication_is_lost_and_stops_nothing() {
    for in_flight in [1, 4] {
        let report = spoilt(in_flight, |_| Some(Vec::new()));
        // With one in flight nothing comes any more, until the wait is given up.
        assert_eq!(counts(&report), [1, 0, 0, 0, 0], "{:?}", report.faults);
        assert_eq!(report.verdict, Verdict::Faulty);
        assert!(report.publications > 2 * SPOILT as u64, "{report}");
    }
}

#[test]
fn a_doubled_publication_is_told() {
    let report = spoilt(4, |publication| Some([publication, publication].concat()));
    assert_eq!(counts(&report), [0, 1, 0, 0, 0], "{:?}", report.faults);
    assert_eq!(report.faults.first.as_deref(), Some("publication 30 came a second time"));
}

#[test]
fn publications_that_change_places_are_reordered() {
    let address = room(|subscriber| match subscriber {
        VICTIM => {
            let mut held = Vec::new();
            Box::new(move |number, publication| {
                if number == SPOILT {
                    held = publication.to_vec();
                    return Some(Vec::new());
                }
                Some([publication, &std::mem::take(&mut held)].concat())
            })
        }
        _ => honest(),
    });
    let report = measure(plan(&format!("ws://{address}/")));
    assert_eq!(counts(&report), [0, 0, 1, 0, 0], "{:?}", report.faults);
    assert_eq!(report.faults.first.as_deref(), Some("publication 31 came when 30 was next"));
}

#[test]
fn a_publication_that_is_not_the_same_is_wrong() {
    for (spoil, why) in [
        (
            (|publication| Some(frame(0x82, &publication[2..publication.len() - 1]))) as fn(&[u8]) -> Option<Vec<u8>>,
            "a message has 63 bytes instead of 64",
        ),
        (|publication| Some(frame(0x81, &publication[2..])), "a message has opcode 1 instead of 2"),
        (
            |publication| {
                let mut other = publication.to_vec();
                other[40] ^= 1;
                Some(other)
            },
            "a message differs from what was published at byte 38",
        ),
    ] {
        let report = spoilt(2, spoil);
        assert_eq!(counts(&report), [0, 0, 0, 1, 0], "{:?}", report.faults);
        assert_eq!(report.faults.first.as_deref(), Some(why));
    }
}

#[test]
fn a_subscriber_that_is_thrown_out_is_told_and_the_others_go_on() {
    let report = spoilt(4, |_| None);
    assert_eq!(counts(&report)[4], 1, "{:?}", report.faults);
    assert!(report.publications > 2 * SPOILT as u64, "{report}");
    let report = spoilt(4, |_| Some(frame(0x88, b"\x03\xf0too slow")));
    assert_eq!(report.faults.first.as_deref(), Some("the server closed with 1008 too slow"));
    assert!(matches!(counts(&report), [1..=4, 0, 0, 0, 1]), "{:?}", report.faults);
}

#[test]
fn without_the_publisher_the_run_is_over() {
    let address = room(|subscriber| match subscriber {
        0 => Box::new(|number, publication| (number < SPOILT).then(|| publication.to_vec())),
        _ => honest(),
    });
    let mut plan = plan(&format!("ws://{address}/"));
    plan.duration = Duration::from_secs(3600);
    let report = measure(plan);
    assert_eq!((report.faults.closed, report.verdict), (1, Verdict::Faulty), "{report}");
}

#[test]
fn fragments_and_pings_are_no_faults() {
    let address = room(|_| {
        Box::new(|number, publication| {
            let (head, tail) = publication[2..].split_at(5);
            Some(match number % 7 {
                3 => [frame(0x02, head), frame(0x89, b"still there?"), frame(0x80, tail)].concat(),
                _ => publication.to_vec(),
            })
        })
    });
    let report = measure(plan(&format!("ws://{address}/")));
    assert_eq!(counts(&report), [0; 5], "{:?}", report.faults);
    assert!(report.publications > 20, "{report}");
}

#[test]
fn fixed_times_are_kept() {
    let mut plan = plan(&format!("ws://{}/", room(|_| honest())));
    (plan.rate, plan.duration) = (Some(400.0), Duration::from_millis(500));
    let report = measure(plan);
    assert_eq!(counts(&report), [0; 5], "{:?}", report.faults);
    // 200 are due; a slow machine may be behind by some when the time is over, and says so.
    let lag = report.lag.expect("there is a schedule");
    assert!(report.publications <= 201, "{report}");
    assert!(report.publications >= 190 || lag.at_end > 10_000.0, "{report}");
    let last_from_sending = report.last_from_sending.expect("there is a schedule");
    assert!(report.last.max >= last_from_sending.max && report.last.count == report.publications, "{report}");
}

#[test]
fn what_a_room_had_before_is_no_fault() {
    let address = room(|_| {
        let mut first = true;
        Box::new(move |_, publication| {
            let history = if std::mem::take(&mut first) { frame(0x82, &[b'A'; 64]) } else { Vec::new() };
            Some([&history, publication].concat())
        })
    });
    let report = measure(plan(&format!("ws://{address}/")));
    assert_eq!(counts(&report), [0; 5], "{:?}", report.faults);
    assert!(report.publications > 20, "{report}");
}

#[test]
fn a_server_that_does_not_broadcast_is_an_error() {
    let address = websocket("", || |_, sent: Frame| Some(sent.echo()));
    let mut plan = plan(&format!("ws://{address}/"));
    plan.open_timeout = Duration::from_millis(200);
    let error = run(&Plan::Fanout(plan)).expect_err("no report");
    assert!(matches!(error, Error::Timeout { .. }) && error.to_string().contains("every subscriber"), "{error}");
}

#[test]
fn a_raw_target_gets_lengths_and_sends_frames() {
    let members = Arc::new(Mutex::new(Vec::new()));
    let address = tcp(move |mut stream| {
        members.lock().expect("no thread panics").push(stream.try_clone()?);
        loop {
            let mut length = [0; 4];
            stream.read_exact(&mut length)?;
            let mut payload = vec![0; u32::from_be_bytes(length) as usize];
            stream.read_exact(&mut payload)?;
            for member in &mut *members.lock().expect("no thread panics") {
                member.write_all(&frame(0x82, &payload))?;
            }
        }
    });
    let report = measure(plan(&format!("tcp://{address}")));
    assert_eq!(counts(&report), [0; 5], "{:?}", report.faults);
    assert!(report.publications > 20, "{report}");
}

#[test]
fn reports_survive_json() {
    let report = run(&Plan::Fanout(plan(&format!("ws://{}/", room(|_| honest()))))).expect("a report");
    let json = report.to_json().expect("JSON");
    assert!(json.contains(r#""scenario":"fanout""#), "{json}");
    assert_eq!(serde_json::from_str::<Report>(&json).expect("a report"), report);
}

/// Publishes once, from a connection of its own.
fn publish(address: SocketAddr) {
    let mut stream = TcpStream::connect(address).expect("the server listens");
    stream.write_all(b"GET / HTTP/1.1\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n").expect("sent");
    read_head(&mut stream).expect("an answer");
    stream.write_all(&[0x81, 0x82, 0, 0, 0, 0, b'h', b'i']).expect("sent");
    // Its own copy: the server has it.
    stream.read_exact(&mut [0; 4]).expect("a publication");
}

#[test]
fn connections_are_held_and_publications_counted() {
    let address = room(|_| {
        // A ping comes along.
        Box::new(|_, publication| Some([&frame(0x89, b"there?")[..], publication].concat()))
    });
    let mut plan = HoldPlan::new(format!("ws://{address}/").parse().expect("a URL"));
    plan.connections = 50;
    let mut events = Vec::new();
    let report = run_telling(&Plan::Hold(plan), |event| {
        if matches!(event, Event::Open { .. }) {
            std::thread::spawn(move || publish(address));
        }
        events.push(event.clone());
        if matches!(event, Event::Published { .. }) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    let Ok(Report::Hold(report)) = report else { panic!("{report:?}") };
    assert_eq!((report.connections, report.publications, report.pings), (50, 1, 50), "{report}");
    assert_eq!((report.verdict, report.refused), (Verdict::Fine, 0), "{report}");
    assert!(matches!(events[0], Event::Open { connections: 50, refused: 0, .. }), "{events:?}");
    let Event::Published { publication: 1, connections: 50, first, last } = events[1] else { panic!("{events:?}") };
    assert!(first <= last);
}

#[test]
fn refused_connections_are_begun_again_up_to_a_limit() {
    // Every second connection is turned away.
    let turn = Arc::new(Mutex::new(0));
    let inner = room(|_| honest());
    let address = tcp(move |mut stream| {
        let mut turn = turn.lock().expect("no thread panics");
        *turn += 1;
        if *turn % 2 == 0 {
            read_head(&mut stream)?;
            return stream.write_all(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n");
        }
        drop(turn);
        relay(stream, inner)
    });
    let mut plan = HoldPlan::new(format!("ws://{address}/").parse().expect("a URL"));
    (plan.connections, plan.hold) = (10, Duration::ZERO);
    let Ok(Report::Hold(report)) = run(&Plan::Hold(plan)) else { panic!("no report") };
    assert_eq!((report.connections, report.faults.any()), (10, false), "{report}");
    assert!(matches!(report.refused, 1..=9), "{report}");

    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it has an address");
    drop(listener);
    let mut plan = HoldPlan::new(format!("ws://{address}/").parse().expect("a URL"));
    (plan.connections, plan.hold) = (10, Duration::ZERO);
    assert!(matches!(run(&Plan::Hold(plan)), Err(Error::Unreachable { .. })));
}

/// Passes bytes on, both ways.
fn relay(mut stream: TcpStream, to: SocketAddr) -> std::io::Result<()> {
    let mut server = TcpStream::connect(to)?;
    let (mut back, mut forth) = (server.try_clone()?, stream.try_clone()?);
    std::thread::spawn(move || std::io::copy(&mut back, &mut forth));
    std::io::copy(&mut stream, &mut server).map(|_| ())
}
