//! The other scenarios, errors that end a run, and the report's form.

mod support;

use bowline_bench::{ConnectPlan, EchoPlan, Error, IdlePlan, Plan, Report, Verdict, run};
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;
use support::{Frame, frame, read_head, tcp, websocket};

fn honest() -> SocketAddr {
    websocket("", || |_, frame: Frame| Some(frame.echo()))
}

fn echo_error(url: &str) -> Error {
    let mut plan = EchoPlan::new(url.parse().expect("a URL"));
    (plan.connections, plan.open_timeout) = (1, Duration::from_millis(200));
    run(&Plan::Echo(plan)).expect_err("no report")
}

#[test]
fn handshakes_are_counted() {
    for closing_handshake in [true, false] {
        let mut plan = ConnectPlan::new(format!("ws://{}/", honest()).parse().unwrap());
        (plan.concurrency, plan.closing_handshake) = (4, closing_handshake);
        (plan.warm_up, plan.duration) = (Duration::ZERO, Duration::from_millis(250));
        let Report::Connect(report) = run(&Plan::Connect(plan)).expect("a report") else { panic!("another report") };
        assert!(report.handshakes > 10 && !report.faults.any(), "{report}");
        assert!(report.server.is_none() && report.client.cpu_seconds > 0.0, "{report}");
    }
}

#[test]
fn a_close_that_is_not_answered_is_a_fault() {
    let address = websocket("", || |_, sent: Frame| Some(if sent.first == 0x88 { Vec::new() } else { sent.echo() }));
    let mut plan = ConnectPlan::new(format!("ws://{address}/").parse().unwrap());
    (plan.concurrency, plan.duration) = (1, Duration::from_millis(100));
    let report = run(&Plan::Connect(plan)).expect("a report");
    assert_eq!(report.verdict(), Verdict::Faulty);
    assert!(report.to_string().contains("hung up too early"), "{report}");
}

#[test]
fn idle_connections_are_weighed() {
    let mut plan = IdlePlan::new(format!("ws://{}/", honest()).parse().unwrap());
    (plan.connections, plan.settling, plan.messages, plan.hold) = (20, 2, 3, Duration::from_millis(10));
    // The server is in this process: its figure is not to be trusted, but to be there.
    plan.server_pid = Some(std::process::id());
    let Report::Idle(report) = run(&Plan::Idle(plan)).expect("a report") else { panic!("another report") };
    assert!(!report.faults.any(), "{report}");
    let (before, after) = (report.resident_before.unwrap(), report.resident_after.unwrap());
    assert_eq!(report.resident_per_connection, Some((after as f64 - before as f64) / 20.0));
    assert!(report.server.is_some_and(|server| server.per_cpu_second > 0.0), "{report}");
}

#[test]
fn idle_connections_are_held_and_their_pings_answered() {
    let address = websocket("", || {
        // The answer to a ping is followed by the next.
        |_, sent: Frame| {
            Some(if sent.first == 0x8a { frame(0x89, b"") } else { [sent.echo(), frame(0x89, b"")].concat() })
        }
    });
    let mut plan = IdlePlan::new(format!("ws://{address}/").parse().unwrap());
    (plan.connections, plan.settling, plan.hold) = (5, 1, Duration::from_millis(300));
    plan.server_pid = Some(std::process::id());
    let Report::Idle(report) = run(&Plan::Idle(plan)).expect("a report") else { panic!("another report") };
    assert!(!report.faults.any(), "{report}");
    let hold = report.hold.expect("they were held");
    assert!(hold.seconds >= 0.3 && hold.pings > 6 && hold.cpu_microseconds.is_some(), "{report}");
}

#[test]
fn idle_connections_that_the_server_closes_are_told() {
    let address = websocket("", || |_, sent: Frame| Some([sent.echo(), frame(0x88, &[])].concat()));
    let mut plan = IdlePlan::new(format!("ws://{address}/").parse().unwrap());
    (plan.connections, plan.settling, plan.hold) = (5, 0, Duration::from_millis(10));
    let Report::Idle(report) = run(&Plan::Idle(plan)).expect("a report") else { panic!("another report") };
    assert_eq!((report.faults.closed, report.verdict), (5, Verdict::Faulty));
}

#[test]
fn a_refusal_is_told_with_its_status() {
    let address = tcp(|mut stream| {
        read_head(&mut stream)?;
        stream.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 13\r\n\r\nwrong origin\n")
    });
    match echo_error(&format!("ws://{address}/")) {
        Error::Refused { path, status, body } => {
            assert_eq!((path.as_str(), status, body.as_str()), ("/", 403, "wrong origin"));
        }
        other => panic!("{other}"),
    }
}

#[test]
fn servers_that_are_not_there_or_say_nothing_are_told_apart() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().unwrap();
    assert!(matches!(echo_error(&format!("ws://{address}/")), Error::Timeout { .. }));
    drop(listener);
    let error = echo_error(&format!("ws://{address}/"));
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
    assert!(error.to_string().contains("no server listens"), "{error}");
    let hangs_up = tcp(|_| Ok(()));
    let error = echo_error(&format!("ws://{hangs_up}/"));
    assert!(matches!(error, Error::NotWebSocket { .. } | Error::Unreachable { .. }), "{error:?}");
}

#[test]
fn reports_and_plans_survive_json() {
    let mut plan = EchoPlan::new(format!("ws://{}/chat?x=1", honest()).parse().unwrap());
    (plan.connections, plan.warm_up, plan.duration) = (2, Duration::ZERO, Duration::from_millis(100));
    plan.server_pid = Some(std::process::id());
    let report = run(&Plan::Echo(plan)).expect("a report");
    let json = report.to_json().expect("JSON");
    assert!(json.contains(r#""scenario":"echo""#) && json.contains(r#""duration":0.1"#), "{json}");
    assert_eq!(serde_json::from_str::<Report>(&json).expect("a report"), report);
}
