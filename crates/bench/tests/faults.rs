//! A load generator is worth what it notices: servers that answer by a script, and what the report says of them.

mod support;

use bowline_bench::{Deflate, EchoPlan, EchoReport, Error, MessageKind, Plan, Report, Verdict, run};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use support::{Frame, frame, tcp, websocket};

/// The message that a script does something else with.
const SPOILT: usize = 10;

/// One connection, four messages in flight, for a quarter of a second.
fn plan(url: &str) -> EchoPlan {
    let mut plan = EchoPlan::new(url.parse().expect("a URL"));
    (plan.size, plan.connections, plan.in_flight) = (16, 1, 4);
    (plan.warm_up, plan.duration) = (Duration::ZERO, Duration::from_millis(250));
    plan.drain_timeout = Duration::from_millis(250);
    plan
}

fn measure(plan: EchoPlan) -> EchoReport {
    match run(&Plan::Echo(plan)).expect("a report") {
        Report::Echo(report) => report,
        other => panic!("{other}"),
    }
}

/// Runs against a server that answers honestly, but for message number [`SPOILT`].
fn spoilt(spoil: fn(Frame) -> Option<Vec<u8>>) -> EchoReport {
    let address = websocket("", move || {
        move |number, frame: Frame| if number == SPOILT { spoil(frame) } else { Some(frame.echo()) }
    });
    measure(plan(&format!("ws://{address}/")))
}

fn counts(report: &EchoReport) -> [u64; 4] {
    let faults = &report.faults;
    [faults.lost, faults.doubled, faults.wrong, faults.closed]
}

#[test]
fn an_honest_server_has_no_faults() {
    for in_flight in [1, 4, 100] {
        for kind in [MessageKind::Text, MessageKind::Binary] {
            let mut plan = plan(&format!("ws://{}/", websocket("", || |_, frame: Frame| Some(frame.echo()))));
            (plan.in_flight, plan.kind, plan.connections, plan.size) = (in_flight, kind, 3, 1000);
            let report = measure(plan);
            assert_eq!(counts(&report), [0; 4], "{:?}", report.faults);
            assert!(report.messages > 100, "{report}");
            assert_ne!(report.verdict, Verdict::Faulty);
        }
    }
}

#[test]
fn a_dropped_answer_is_lost() {
    let report = spoilt(|_| Some(Vec::new()));
    assert_eq!(counts(&report), [1, 0, 0, 0], "{:?}", report.faults);
    assert_eq!(report.verdict, Verdict::Faulty);
    assert!(report.messages > 100, "one lost message must not stop the others: {report}");
}

#[test]
fn a_doubled_answer_is_told() {
    let report = spoilt(|frame| Some([frame.echo(), frame.echo()].concat()));
    assert_eq!(counts(&report), [0, 1, 0, 0], "{:?}", report.faults);
}

#[test]
fn a_truncated_answer_is_wrong() {
    let report = spoilt(|mut sent| {
        sent.payload.pop();
        Some(sent.echo())
    });
    assert_eq!(counts(&report), [0, 0, 1, 0], "{:?}", report.faults);
    assert_eq!(report.faults.first.as_deref(), Some("an answer has 15 bytes instead of 16"));
}

#[test]
fn a_corrupted_answer_is_wrong() {
    let report = spoilt(|mut sent| {
        sent.payload[3] ^= 1;
        Some(sent.echo())
    });
    assert_eq!(counts(&report), [0, 0, 1, 0], "{:?}", report.faults);
    assert_eq!(report.faults.first.as_deref(), Some("an answer differs from what was sent at byte 3"));
}

#[test]
fn an_answer_of_another_kind_is_wrong() {
    let report = spoilt(|sent| Some(frame(0x81, &sent.payload)));
    assert_eq!(counts(&report), [0, 0, 1, 0], "{:?}", report.faults);
}

#[test]
fn answers_that_change_places_are_one_reordered() {
    let address = websocket("", || {
        let mut held = Vec::new();
        move |number, frame: Frame| {
            let answer = frame.echo();
            match number {
                SPOILT => {
                    held = answer;
                    Some(Vec::new())
                }
                _ => Some([answer, std::mem::take(&mut held)].concat()),
            }
        }
    });
    let report = measure(plan(&format!("ws://{address}/")));
    assert_eq!((counts(&report), report.faults.reordered), ([0; 4], 1), "{:?}", report.faults);
}

#[test]
fn a_stalled_server_loses_what_is_in_flight() {
    let address =
        websocket("", || |number, frame: Frame| Some(if number < SPOILT { frame.echo() } else { Vec::new() }));
    let report = measure(plan(&format!("ws://{address}/")));
    assert_eq!(counts(&report), [4, 0, 0, 0], "{:?}", report.faults);
    assert_eq!(report.messages, SPOILT as u64);
}

#[test]
fn a_server_that_hangs_up_is_told() {
    let report = spoilt(|_| None);
    assert_eq!(counts(&report)[3], 1, "{:?}", report.faults);
    let report = spoilt(|_| Some(frame(0x88, b"\x03\xf0too much")));
    assert_eq!(report.faults.first.as_deref(), Some("the server closed with 1008 too much"));
    assert!(matches!(counts(&report), [1..=4, 0, 0, 1]), "{:?}", report.faults);
}

#[test]
fn nonsense_ends_the_connection() {
    for nonsense in [&[0x82, 0x81, 0, 0, 0, 0, 0][..], &[0x82, 127, 0, 0, 0, 0, 255, 255, 255, 255], &[0x80, 0]] {
        let address = websocket("", move || {
            move |number, frame: Frame| Some(if number == SPOILT { nonsense.to_vec() } else { frame.echo() })
        });
        let report = measure(plan(&format!("ws://{address}/")));
        // The answers that came in the same read are not followed by new messages.
        assert!(matches!(counts(&report), [1..=4, 0, 0, 1]), "{nonsense:?}: {:?}", report.faults);
    }
}

#[test]
fn fragments_and_pings_are_no_faults_and_pings_are_answered() {
    let pongs = Arc::new(AtomicUsize::new(0));
    let counter = pongs.clone();
    let address = websocket("", move || {
        let counter = counter.clone();
        move |number, sent: Frame| {
            if sent.first == 0x8a {
                assert_eq!(sent.payload, b"still there?");
                counter.fetch_add(1, Ordering::Relaxed);
                return Some(Vec::new());
            }
            let (head, tail) = sent.payload.split_at(5);
            match number % 7 {
                3 => Some([frame(0x02, head), frame(0x89, b"still there?"), frame(0x80, tail)].concat()),
                _ => Some(sent.echo()),
            }
        }
    });
    let report = measure(plan(&format!("ws://{address}/")));
    assert_eq!(counts(&report), [0; 4], "{:?}", report.faults);
    assert!(report.messages > 100 && pongs.load(Ordering::Relaxed) > 10, "{report}");
}

#[test]
fn compressed_answers_are_inflated_and_compared() {
    const AGREED: &str = "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover\r\n";
    let deflated = |address: SocketAddr| {
        let mut plan = plan(&format!("ws://{address}/"));
        (plan.deflate, plan.content, plan.size) = (Some(Deflate::Shared), bowline_bench::Content::Json, 1024);
        measure(plan)
    };
    let report = deflated(websocket(AGREED, || |_, frame: Frame| Some(frame.echo())));
    assert_eq!(counts(&report), [0; 4], "{:?}", report.faults);
    assert!(report.messages > 100, "{report}");
    let report = deflated(websocket(AGREED, || {
        // Uncompressed, the compressed bytes are not what was sent.
        |number, sent: Frame| Some(if number == SPOILT { frame(0x82, &sent.payload) } else { sent.echo() })
    }));
    assert_eq!(counts(&report), [0, 0, 1, 0], "{:?}", report.faults);
    let mut refused = plan(&format!("ws://{}/", websocket("", || |_, frame: Frame| Some(frame.echo()))));
    refused.deflate = Some(Deflate::Takeover);
    assert!(matches!(run(&Plan::Echo(refused)), Err(Error::NoDeflate)));
}

#[test]
fn a_raw_echo_is_compared_byte_by_byte() {
    use std::io::{Read, Write};
    let server = |spoil: bool| {
        tcp(move |mut stream| {
            let mut buffer = [0; 1000];
            for turn in 0.. {
                let count = stream.read(&mut buffer)?;
                if spoil && turn == SPOILT {
                    buffer[count / 2] ^= 1;
                }
                stream.write_all(&buffer[..count])?;
                if count == 0 {
                    break;
                }
            }
            Ok(())
        })
    };
    let report = measure(plan(&format!("tcp://{}", server(false))));
    assert_eq!(counts(&report), [0; 4], "{:?}", report.faults);
    assert!(report.messages > 100, "{report}");
    let report = measure(plan(&format!("tcp://{}", server(true))));
    assert_eq!(counts(&report)[2..], [1, 1], "{:?}", report.faults);
}
