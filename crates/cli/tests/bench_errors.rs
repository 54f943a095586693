//! `bowline bench`: what can't be, told before anything is measured.

mod common;

use self::common::{Ran, Server, run};

async fn bench(args: &[&str]) -> Ran {
    run(&[&["bench"], args].concat(), b"").await
}

/// That nothing was begun, and the reason told.
fn assert_refused(ran: &Ran, code: i32, why: &str, args: &[&str]) {
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(code), ""), "{args:?}: {}", ran.stderr);
    assert!(ran.stderr.starts_with("error: ") && ran.stderr.contains(why), "{args:?}: {}", ran.stderr);
}

#[tokio::test]
async fn a_plan_that_makes_no_sense_is_exit_code_2() {
    // Nobody listens there, which would be the next thing to be wrong.
    let (ws, http) = ("ws://127.0.0.1:1/", "http://127.0.0.1:1/");
    for (args, why) in [
        (&["echo", "--in-flight=0"][..], "closed loop: the number of messages in flight must be 1 to 65536, not 0"),
        (&["echo", ws, "--clients=1000001"], "raw: the number of clients must be 1 to 1000000, not 1000001"),
        (&["echo", "--rate=nan"], "the rate must be 0 to 1000000 a second"),
        (&["echo", "--size=1"], "websocket: the message size must be 48 to 67108864, not 1"),
        (&["echo", "-n0"], "the number of rounds must be 1 to 1000, not 0"),
        (&["echo", "-n1001"], "the number of rounds must be 1 to 1000, not 1001"),
        (&["echo", "--duration=0"], "it must be longer than 0"),
        (&["connect", "-d0"], "it must be longer than 0"),
        (&["rooms", "--rooms=5", "--per-client=6"], "the number of rooms of a client must be 1 to 5, not 6"),
        (&["churn", "--storm=0"], "the number of clients must be 1 to 1000000, not 0"),
        (
            &["hold", http],
            "this takes the address of a WebSocket itself, ws://HOST[:PORT][/PATH], not http://127.0.0.1:1/",
        ),
        (&["hold", "tcp://127.0.0.1:1"], "use ws://"),
        (&["shootout", http], "this takes the address of a WebSocket itself"),
        (&["idle", ws, "--transport=comet"], "take the address of the sessions, http://HOST[:PORT]/…/session"),
        (&["table", "kaazing", "-n0"], "the number of rounds must be 1 to 1000, not 0"),
        (&["table", "cometd", "tcp://127.0.0.1:1"], "use http:// or ws://"),
        (&["echo", "ws://127.0.0.1:99999/"], "its port is not one of 0 to 65535"),
        (&["echo", "tcp://127.0.0.1"], "it has no port: write tcp://HOST:PORT"),
    ] {
        assert_refused(&bench(args).await, 2, why, args);
    }
}

#[tokio::test]
async fn a_process_that_does_not_run_is_told_before_the_run() {
    for args in [&["echo", "http://127.0.0.1:1/"][..], &["table", "cutoff", "http://127.0.0.1:1/"]] {
        // More than Linux gives.
        let args = [args, &["--pid=4194305"]].concat();
        assert_refused(
            &bench(&args).await,
            1,
            "can't read the figures of process 4194305 from /proc: does it run?",
            &args,
        );
    }
}

#[tokio::test]
async fn what_speaks_websocket_finds_it_at_a_mount() {
    let server = Server::start("serve", &[]).await;
    let url = format!("http://{}/", server.address);
    let short = ["--duration=0.2", "--warm-up=0", "--no-calibrate", "-q"];
    for (args, at) in [
        (&["echo", &url, "--in-flight=2", "-c2"][..], "ws://127.0.0.1:"),
        (&["echo", &url, "--session", "-c2"], "/session"),
        (&["fanout", &url, "--in-flight=2", "-c2"], "/rooms/fanout"),
        (&["connect", &url, "-c2"], "/echo"),
    ] {
        let ran = bench(&[args, &short].concat()).await;
        // A load generator without optimisation may well be what limits the rate.
        assert!(matches!(ran.code, Some(0 | 3)) && ran.stdout.contains(at), "{args:?}: {}{}", ran.stdout, ran.stderr);
    }
    let ran = bench(&["idle", &url, "--connections=5", "--hold=0", "--no-calibrate", "-q"]).await;
    assert!(ran.code == Some(0) && ran.stdout.contains("/echo"), "{}{}", ran.stdout, ran.stderr);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_before_the_machine_is_measured() {
    for args in [
        &["echo", "ws://127.0.0.1:1/"][..],
        &["echo", "http://127.0.0.1:1/", "--transport=all"],
        &["echo", "tcp://127.0.0.1:1"],
        &["connect", "http://127.0.0.1:1/"],
        &["idle", "http://127.0.0.1:1/session", "--transport=comet"],
        &["churn", "http://127.0.0.1:1/"],
        &["compare", "http://127.0.0.1:1/"],
        &["table", "cometd", "http://127.0.0.1:1/"],
        &["hold", "ws://127.0.0.1:1/"],
    ] {
        assert_refused(&bench(args).await, 1, "can't connect to 127.0.0.1:1: no server listens there", args);
    }
}

#[tokio::test]
async fn a_server_without_sessions_is_told_as_one() {
    let server = Server::start("echo", &[]).await;
    let args = ["echo", &format!("http://{}/", server.address)];
    assert_refused(
        &bench(&args).await,
        1,
        "websocket: the server has no sessions at this address: status 400, ",
        &args,
    );
}

#[tokio::test]
async fn a_file_behind_a_space_is_told_where_it_belongs() {
    for (args, tip) in [
        (&["echo", "--json", "a.json"][..], "tip: to write JSON to a file: --json=a.json\n"),
        (&["echo", "ws://127.0.0.1:1/", "--csv", "a.csv"], "tip: to write CSV to a file: --csv=a.csv\n"),
    ] {
        assert_refused(&bench(args).await, 2, tip, args);
    }
    // What is wrong otherwise is another matter.
    for args in [&["echo", "a.json", "--json"][..], &["echo", "--json", "ws://127.0.0.1:1/", "--rate=x"]] {
        let ran = bench(args).await;
        assert!(ran.code == Some(2) && !ran.stderr.contains("to a file"), "{args:?}: {}", ran.stderr);
    }
}

#[tokio::test]
async fn a_negative_number_is_refused_as_one() {
    for (args, flag) in [
        (&["echo", "--in-flight", "-1"][..], "--in-flight"),
        (&["idle", "--connections", "-5"], "--connections"),
        (&["connect", "--duration", "-1"], "--duration"),
        (&["table", "kaazing", "-n", "-1"], "--rounds"),
    ] {
        assert_refused(&bench(args).await, 2, &format!("for '{flag} <"), args);
    }
    // It has a bound of its own.
    let args = ["echo", "--rate", "-1"];
    assert_refused(&bench(&args).await, 2, "the rate must be 0 to 1000000 a second, not -1", &args);
}
