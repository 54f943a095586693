//! `bowline bench …` with a server of its own, or another's; and each way to be wrong.

mod common;

use std::path::Path;

use rustix::process::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use self::common::{Ran, Server, bowline, lines, run, said, signal};

/// A short workload, and what it is to say; without a calibration, which takes longer.
async fn bench(args: &[&str]) -> Ran {
    run(&[&["bench"], args, &["--no-calibrate", "--quiet"]].concat(), b"").await
}

/// Flags of the shortest run.
const SHORT: [&str; 3] = ["--duration=0.3", "--warm-up=0.1", "--clients=5"];

#[tokio::test]
async fn each_scenario_starts_a_server_where_no_url_is_given() {
    for (args, parts) in [
        (&["echo", "--rate=50"][..], &["echo", "5 clients"][..]),
        (&["echo", "--in-flight=2"], &["2 in flight"]),
        (&["fanout", "--transport=comet,raw"], &["comet", "raw"]),
        (&["echo", "--raw", "--transport=polling,raw", "--rate=50", "--poll-interval=50ms"], &["polling", "raw"]),
        (&["fanout", "--in-flight=1"], &["5 subscribers"]),
        (&["rooms", "--rooms=4", "--per-client=2"], &["in 2 of 4 rooms"]),
        (&["slow", "--stalled=1"], &["5 clients", "clients that stop reading", "told of it, or ended"]),
    ] {
        let ran = bench(&[args, &SHORT].concat()).await;
        assert!(matches!(ran.code, Some(0 | 3)), "{args:?}: {:?} {} {}", ran.code, ran.stdout, ran.stderr);
        for part in parts {
            assert!(ran.stdout.contains(part), "{args:?}: {part:?} in {}", ran.stdout);
        }
        // Its process id is known, and so is what it used.
        assert!(ran.stdout.contains("server core (%)"), "{}", ran.stdout);
    }
    let idle = bench(&["idle", "-c=5", "--hold=0.1", "--transport=raw,all"]).await;
    assert!(matches!(idle.code, Some(0 | 3)) && idle.stdout.contains("long-polling"), "{}{}", idle.stdout, idle.stderr);
    let connect = bench(&["connect", "-d=0.2", "-n=2"]).await;
    assert!(matches!(connect.code, Some(0 | 3)) && connect.stdout.contains("medians of 2 runs"), "{}", connect.stdout);
}

#[tokio::test]
async fn a_sweep_has_a_cell_for_each_place() {
    let ran = bench(&["echo", "--sweep-clients=2,3", "--rate=20", "--duration=0.2", "--warm-up=0", "--json"]).await;
    assert_eq!(ran.stdout.matches("\"axis\":\"clients\"").count(), 2, "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("\"websocket, 3 clients\""), "{}", ran.stdout);
    let ran = bench(&["echo", "--sweep-rate=20,30.5", "-c=2", "--duration=0.2", "--warm-up=0", "--json"]).await;
    assert!(ran.stdout.contains("\"websocket, 30.5 a second\""), "{}{}", ran.stdout, ran.stderr);
}

#[tokio::test]
async fn compare_has_all_transports_and_a_calibration() {
    let args = ["bench", "compare", "--duration=0.5", "--warm-up=0.1", "-c=5", "--poll-interval=100ms", "--json", "-q"];
    let ran = run(&args, b"").await;
    assert!(matches!(ran.code, Some(0 | 3)), "{}{}", ran.stdout, ran.stderr);
    for transport in ["raw", "websocket", "comet", "long-polling", "polling"] {
        assert!(ran.stdout.contains(&format!("\"name\":\"{transport}\"")), "{transport}: {}", ran.stdout);
    }
    assert!(ran.stdout.contains("\"tcp_echo_per_second\":"), "{}", ran.stdout);
}

#[tokio::test]
async fn a_bare_websocket_is_anybodys() {
    let server = Server::start("echo", &[]).await;
    for flag in ["--raw", "--transport=raw"] {
        let ran = bench(&[&["echo", flag, "--rate=50", &server.url()], &SHORT[..]].concat()).await;
        assert!(matches!(ran.code, Some(0 | 3)), "{}{}", ran.stdout, ran.stderr);
    }
    // By ws:// one room, and a mount beside sessions.
    let room = Server::start("broadcast", &[]).await;
    let url = room.url();
    for scenario in ["fanout", "slow"] {
        let ran = bench(&[&[scenario, "--raw", "--rate=50", &url], &SHORT[..]].concat()).await;
        assert!(matches!(ran.code, Some(0 | 3)), "{}{}", ran.stdout, ran.stderr);
    }
    let mount = Server::start("serve", &[]).await;
    let ran = bench(
        &[&["fanout", "--transport=raw,comet", "--rate=50", &format!("ws://{}/", mount.address)], &SHORT[..]].concat(),
    )
    .await;
    assert!(matches!(ran.code, Some(0 | 3)), "{}{}", ran.stdout, ran.stderr);
    // It has no sessions.
    let ran = bench(&[&["echo", "--transport=websocket", &server.url()], &SHORT[..]].concat()).await;
    assert_eq!(ran.code, Some(1), "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stderr.starts_with("error: websocket: "), "{}", ran.stderr);
}

#[tokio::test]
async fn a_break_ends_with_the_report_so_far_and_leaves_no_server() {
    let args = [&LONG[..], &["--json"]].concat();
    let mut child = bowline(&args).spawn().expect("the binary starts");
    let mut stderr = lines(child.stderr.take().expect("piped"));
    said(&mut stderr, "measuring").await;
    let server = server_of(child.id().expect("it runs"));
    assert!(is_alive(server));
    signal(&child, Signal::INT);
    let output = common::soon(child.wait_with_output()).await.expect("it ran");
    let stdout = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(stdout.contains("\"interrupted\":true"), "{stdout}");
    assert!(!is_alive(server));
}

#[tokio::test]
async fn a_break_names_what_was_not_measured() {
    let args = ["bench", "compare", "--duration=60", "--warm-up=0", "--clients=5", "--no-calibrate", "--no-pin"];
    let mut child = bowline(&args).spawn().expect("the binary starts");
    said(&mut lines(child.stderr.take().expect("piped")), "measuring").await;
    signal(&child, Signal::INT);
    let output = common::soon(child.wait_with_output()).await.expect("it ran");
    let stdout = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(stdout.starts_with("compare: fan-out: "), "{stdout}");
    assert!(stdout.contains("verdict: interrupted: 1 of 5 workloads measured, in part: "), "{stdout}");
    let last = stdout.lines().last().unwrap_or_default();
    let all = [" raw", " websocket", " comet", " long-polling", " polling"];
    assert!(all.iter().all(|name| last.contains(name)) && last.contains("; missing: "), "{stdout}");
    // A load generator without optimisation may well be what limits the rate.
    assert!(matches!(output.status.code(), Some(1 | 3)), "{stdout}");
}

#[tokio::test]
async fn where_a_break_left_nothing_it_is_exit_code_1() {
    // Opening takes a minute.
    let flags = ["bench", "echo", "--duration=60", "--clients=60", "--ramp=1", "--no-calibrate", "--no-pin"];
    let mut child = bowline(&flags).spawn().expect("the binary starts");
    said(&mut lines(child.stderr.take().expect("piped")), "opening").await;
    signal(&child, Signal::INT);
    let output = common::soon(child.wait_with_output()).await.expect("it ran");
    let stdout = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!(output.status.code(), Some(1), "{stdout}");
    assert_eq!(stdout, "echo\n\nverdict: interrupted: nothing was measured\n");
}

#[tokio::test]
async fn a_server_ends_with_who_started_it() {
    let mut child = bowline(&LONG).spawn().expect("the binary starts");
    said(&mut lines(child.stderr.take().expect("piped")), "measuring").await;
    let server = server_of(child.id().expect("it runs"));
    // It has no time to end it.
    signal(&child, Signal::KILL);
    common::soon(child.wait()).await.expect("it ran");
    common::soon(async {
        while is_alive(server) {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn what_was_measured_before_an_error_is_written() {
    let server = Server::start("serve", &[]).await;
    // It lets sessions pass, but for those by WebSocket.
    let proxy = Server::start("proxy", &["--to", &server.address, "--strip-upgrade"]).await;
    let url = format!("http://{}/", proxy.address);
    let mut written = Vec::new();
    for seed in 1..=6 {
        let seed = format!("--seed={seed}");
        let flags = ["echo", &url, "--transport=comet,websocket", "--rate=50", "--json", &seed];
        let ran = bench(&[&flags, &SHORT[..]].concat()).await;
        assert_eq!(ran.code, Some(1), "{}{}", ran.stdout, ran.stderr);
        assert!(ran.stderr.starts_with("error: websocket: "), "{}", ran.stderr);
        assert!(ran.stdout.is_empty() || ran.stdout.contains("\"name\":\"comet\""), "{}", ran.stdout);
        written.push(!ran.stdout.is_empty());
    }
    // Where Comet's turn came first.
    assert!(written.contains(&true) && written.contains(&false), "{written:?}");
}

/// A run that is ended early.
const LONG: [&str; 8] =
    ["bench", "echo", "--duration=60", "--warm-up=0", "--clients=5", "--rate=50", "--no-calibrate", "--no-pin"];

/// The process that one has started.
fn server_of(pid: u32) -> u32 {
    let children = |task: &Path| std::fs::read_to_string(task.join("children")).unwrap_or_default();
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).expect("it runs");
    let all: String = tasks.map(|task| children(&task.expect("readable").path())).collect();
    all.split_whitespace().next().expect("a server").parse().expect("a process id")
}

fn is_alive(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

#[tokio::test]
async fn wrong_flags_are_exit_code_2_and_say_what_is_wrong() {
    for (args, parts) in [
        (&["echo", "--in-flight=2", "--rate=9"][..], &["--in-flight", "closed loop", "--rate"][..]),
        (&["echo", "--busy-poll", "--transport=comet"], &["--busy-poll", "--transport"]),
        (&["echo", "--deflate", "--sweep-rate=1,2"], &["--deflate", "--sweep-rate"]),
        (&["echo", "tcp://127.0.0.1:1", "--rate=9"], &["a tcp:// server", "--rate"]),
        (&["fanout", "--in-flight=2", "--rate=9"], &["--in-flight", "--rate"]),
        (&["fanout", "--busy-poll", "--processes=2"], &["--busy-poll", "--processes"]),
        (&["echo", "--pid=1"], &["required"]),
        (&["echo", "http://127.0.0.1:1", "--no-pin"], &["--no-pin"]),
        (&["echo", "http://127.0.0.1:1", "--server-flag=--threads=1"], &["--server-flag"]),
        (&["echo", "--transport=pigeon"], &["pigeon", "--transport"]),
        (&["echo", "--sweep-clients=1,x"], &["--sweep-clients"]),
        (&["echo", "--sweep-clients=1", "--sweep-rate=1"], &["--sweep-clients", "--sweep-rate"]),
        (&["slow", "--stalled=200%"], &["--stalled", "as in 1%"]),
        (&["echo", "https://127.0.0.1:1"], &["TLS is not measured"]),
        (&["echo", "127.0.0.1:1"], &["ws://"]),
        (&["echo", "--raw", "--session"], &["--raw", "--session"]),
        (&["echo", "--poll-interval=1s"], &["--poll-interval", "polling"]),
        (&["rooms", "--poll-wait=1s", "--transport=polling"], &["--poll-wait", "long-polling"]),
    ] {
        let ran = bench(args).await;
        told(&ran, args, parts);
    }
    for (args, parts) in [
        (&["doctor", "ftp://127.0.0.1:1"][..], &["ws://"][..]),
        (&["doctor", "--html=a.html"], &["unexpected argument '--html'"]),
        (&["doctor", "--json=a.json"], &["a.json", "--json"]),
        (&["doctor", "--csv"], &["unexpected argument '--csv'"]),
        (&["calibrate", "--hlog=a.hlog"], &["unexpected argument '--hlog'"]),
        (&["diff", "a.json", "b.json", "--json"], &["unexpected argument '--json'"]),
        (&["diff", "a.json", "b.json", "--svg=plots"], &["unexpected argument '--svg'"]),
    ] {
        let ran = run(&[&["bench"], args].concat(), b"").await;
        told(&ran, args, parts);
    }
}

#[tokio::test]
async fn a_help_has_what_the_scenario_can_take() {
    for (scenario, has, lacks) in [
        ("diff", &["--fail-on"][..], &["--json[=", "--csv[=", "--html", "--svg", "--hlog", "--quiet"][..]),
        ("doctor", &["--json"], &["--csv", "--html", "--svg", "--hlog", "FILE"]),
        ("calibrate", &["--json"], &["--csv", "--html", "--svg", "--hlog", "FILE"]),
        ("compare", &["--html", "Seconds to measure [default: 10]", "48 or more"], &["closed loop"]),
        ("echo", &["--svg", "[default: 10, in a closed loop 5]", "and 0 or more]"], &[]),
        ("rooms", &["[default: 50]"], &["closed loop"]),
        ("resume", &["[default: 20]", "48 or more"], &["of chat"]),
        ("chat", &["[default: 60]"], &["of chat"]),
        ("table", &["--html", "--quiet"], &[]),
    ] {
        let help = run(&["bench", scenario, "--help"], b"").await.stdout;
        assert!(has.iter().all(|part| help.contains(part)), "{scenario}: {has:?} in {help}");
        assert!(!lacks.iter().any(|part| help.contains(part)), "{scenario}: none of {lacks:?} in {help}");
    }
}

#[tokio::test]
async fn rooms_of_bare_websockets_are_one_a_client() {
    let ran = bench(&[&["rooms", "--raw", "--rooms=3", "--rate=50"], &SHORT[..]].concat()).await;
    assert!(matches!(ran.code, Some(0 | 3)) && ran.stdout.contains("in 1 of 3 rooms"), "{}{}", ran.stdout, ran.stderr);
}

/// That it says at once what is wrong with its flags.
fn told(ran: &Ran, args: &[&str], parts: &[&str]) {
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{args:?}: {}", ran.stderr);
    let line = ran.stderr.lines().take_while(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
    for part in parts {
        assert!(line.contains(part), "{args:?}: {part:?} in {}", ran.stderr);
    }
}

/// A server that answers everything with `said`.
async fn answering(said: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            tokio::spawn(async move {
                drop(socket.read(&mut [0; 4096]).await);
                drop(socket.write_all(said.as_bytes()).await);
            });
        }
    });
    address.to_string()
}

#[tokio::test]
async fn what_ends_a_run_is_exit_code_1_and_names_the_workload() {
    let refusing = answering("HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\n\r\nmembers!\n").await;
    let speaking = answering("220 smtp.example.com ESMTP\r\n").await;
    let ws = |address: &str| format!("ws://{address}/");
    let http = |address: &str| format!("http://{address}/");
    for (args, parts) in [
        (["echo", "ws://127.0.0.1:1/"], &["raw: ", "127.0.0.1:1", "no server listens there"][..]),
        (["fanout", "http://127.0.0.1:1/"], &["websocket: ", "no server listens there"]),
        (["echo", &ws(&refusing)], &["raw: ", "403", "members!"]),
        (["echo", &http(&refusing)], &["websocket: ", "403"]),
        (["echo", &ws(&speaking)], &["raw: ", "not HTTP"]),
        (["rooms", &http(&speaking)], &["websocket: "]),
        (["connect", &ws(&speaking)], &["connect: ", "not HTTP"]),
        (["echo", "--server-flag=--no-such-flag"], &["can't start", "--no-such-flag"]),
    ] {
        let ran = bench(&args).await;
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""), "{args:?}: {}", ran.stderr);
        let text = ran.stderr.trim_end();
        for part in parts {
            assert!(text.contains(part), "{args:?}: {part:?} in {text}");
        }
        assert!(text.starts_with("error: "), "{args:?}: {text}");
    }
}
