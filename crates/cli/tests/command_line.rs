//! Help, version, and each way to be wrong, with its exit code.

mod common;

use std::net::TcpListener;

use self::common::{bowline, bowline_with_descriptors, feed, run};

#[tokio::test]
async fn help_says_what_there_is() {
    let ran = run(&["--help"], b"").await;
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    for part in [
        "Usage: bowline <COMMAND>",
        "  echo ",
        "  broadcast ",
        "  serve ",
        "  connect ",
        "  proxy ",
        "Examples:\n  bowline serve ",
        "Exit codes: 0 done",
    ] {
        assert!(ran.stdout.contains(part), "{part:?} in {}", ran.stdout);
    }
    // Without a command: the same, but as an error.
    let ran = run(&[], b"").await;
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""));
    assert!(ran.stderr.contains("Usage: bowline <COMMAND>"), "{}", ran.stderr);
}

#[tokio::test]
async fn each_command_explains_its_flags_and_defaults() {
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let ran = run(&["echo", "--help"], b"").await;
    let help = words(&ran.stdout);
    for part in [
        "Listening: -l, --listen <ADDR> Address and port to listen on; port 0 takes any free one [default: 127.0.0.1:9001]",
        "Limits: --max-message-size <BYTES> Largest message, after inflating; a larger one closes with 1009 [default: 1MiB]",
        "[default: 4096] Messages: --deflate ",
        "--ping-interval <TIME> Ping this often; `off` for never [default: 20s]",
        "--close-timeout <TIME> ",
        "--handshake-timeout <TIME> Longest opening handshake; a slower one gets 408 [default: 10s]",
        "Examples: bowline echo --listen",
    ] {
        assert!(help.contains(part), "{part:?} in {}", ran.stdout);
    }
    for (command, parts) in [
        ("broadcast", &["Rooms: --history <N> How many of a room's latest messages a newcomer gets [default: 0]"][..]),
        (
            "serve",
            &[
                "Configuration: -c, --config <FILE> Read settings from a TOML file",
                "-l, --listen <ADDR> Address and port to listen on, with TLS if there is a certificate",
                "--max-message-size <BYTES> Largest message, after inflating; a larger one closes with 1009 [default: 1MiB]",
                "--drain-window <TIME> Time over which the closes are spread [default: 10s]",
                "/rooms/{room} a WebSocket in the room",
            ],
        ),
        (
            "proxy",
            &[
                "Usage: bowline proxy [OPTIONS] --to <ADDR>",
                "-l, --listen <ADDR> Address and port to listen on; port 0 takes any free one [default: 127.0.0.1:9002]",
                "--cut-between <MIN..MAX> Cut each after a random number of bytes from MIN to MAX",
                "HTTP/1.1: --strip-upgrade ",
                "--max-held <BYTES> Most bytes of a response that are held; then they pass, and holding begins again [default: 1MiB]",
                "Examples: bowline proxy --to 127.0.0.1:9001 --delay 50ms",
            ],
        ),
    ] {
        let ran = run(&[command, "--help"], b"").await;
        let help = words(&ran.stdout);
        for part in parts {
            assert!(help.contains(part), "{part:?} in {}", ran.stdout);
        }
        assert!(ran.stdout.lines().all(|line| line.chars().count() <= 100), "{}", ran.stdout);
    }
    let ran = run(&["connect", "--help"], b"").await;
    let help = words(&ran.stdout);
    for part in [
        "Usage: bowline connect [OPTIONS] <URL>",
        "Request: -H, --header <HEADER> A header of the request, as 'Name: value'; may be given again",
        "--wait <TIME> ",
        "[default: 0s]",
        "Exit codes: 0 closed normally (1000, 1001 or no code)",
    ] {
        assert!(help.contains(part), "{part:?} in {}", ran.stdout);
    }
    assert!(ran.stdout.lines().all(|line| line.chars().count() <= 100), "{}", ran.stdout);
}

#[tokio::test]
async fn version_is_the_packages() {
    let ran = run(&["--version"], b"").await;
    assert_eq!((ran.code, ran.stdout), (Some(0), format!("bowline {}\n", env!("CARGO_PKG_VERSION"))));
}

/// Asserts the exit code, and that one line of standard error holds each of `parts`.
async fn assert_fails(args: &[&str], code: i32, parts: &[&str]) {
    let ran = run(args, b"").await;
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(code), ""), "{args:?}: {}", ran.stderr);
    let line = ran.stderr.lines().next().unwrap_or_default();
    assert!(line.starts_with("error: "), "{args:?}: {}", ran.stderr);
    for part in parts {
        assert!(line.contains(part), "{args:?}: {part:?} in {}", ran.stderr);
    }
}

#[tokio::test]
async fn a_wrong_command_line_is_exit_code_2() {
    for (args, parts) in [
        (&["serve-me"][..], &["serve-me"][..]),
        (&["echo", "--lisen", "x"], &["--lisen"]),
        (&["echo", "--threads", "0"], &["--threads", "1..=1024"]),
        (&["echo", "--threads", "1025"], &["--threads", "1..=1024"]),
        (&["echo", "--max-message-size", "0"], &["--max-message-size", "at least 1 byte"]),
        (&["echo", "--max-message-size", "16M"], &["--max-message-size", "16MiB"]),
        (&["echo", "--max-fragments", "0"], &["--max-fragments"]),
        (&["echo", "--close-timeout", "0"], &["--close-timeout", "longer than 0"]),
        (&["echo", "--ping-interval", "soon"], &["--ping-interval", "500ms, 20s or 2m"]),
        (&["echo", "--ping-interval", "0"], &["--ping-interval", "`off`"]),
        (&["echo", "--listen", "9001"], &["--listen", "9001", "127.0.0.1:9001"]),
        (&["echo", "--listen", "::1:9001"], &["--listen", "[::]:9001"]),
        (&["echo", "--log", "a=b=c"], &["--log", "a=b=c", "bowline=debug"]),
        (&["connect"], &["required"]),
        (&["connect", "127.0.0.1:9001"], &["ws://127.0.0.1:9001"]),
        (&["connect", "ftp://example.com/a"], &["ftp", "ws or wss"]),
        (&["connect", "ws://a/#b"], &["fragment"]),
        (&["connect", "ws://a", "--header", "nonsense"], &["--header", "Name: value"]),
        (&["connect", "ws://a", "--header", "Upgrade: x"], &["handshake"]),
        (&["connect", "ws://a", "--subprotocol", "a b"], &["subprotocol", "a b"]),
        (&["connect", "ws://a", "--ping", "0"], &["--ping"]),
        (&["connect", "ws://a", "--ping", "99ms"], &["--ping", "100ms"]),
        (&["proxy"], &["required"]),
        (&["proxy", "--to", "9001"], &["--to", "127.0.0.1:9001"]),
        (&["proxy", "--to", "127.0.0.1:1", "--delay", "up=1s"], &["--delay", "to-server, to-client or both"]),
        (&["proxy", "--to", "127.0.0.1:1", "--delay", "soon"], &["--delay", "500ms, 20s or 2m"]),
        (&["proxy", "--to", "127.0.0.1:1", "--jitter", "61m"], &["jitter", "over an hour"]),
        (&["proxy", "--to", "127.0.0.1:1", "--rate", "0"], &["--rate", "at least 1 byte"]),
        (&["proxy", "--to", "127.0.0.1:1", "--cut-between", "9..1"], &["--cut-between", "write 1..9"]),
        (&["proxy", "--to", "127.0.0.1:1", "--cut-between", "9"], &["--cut-between", "0..10000"]),
        (&["proxy", "--to", "127.0.0.1:1", "--cut-at", "1KiB"], &["--cut-at", "whole number of bytes"]),
        (&["proxy", "--to", "127.0.0.1:1", "--cut-at", "1", "--cut-between", "1..2"], &["--cut-at", "--cut-between"]),
        (&["proxy", "--to", "127.0.0.1:1", "--cut-idle", "off"], &["--cut-idle", "20s"]),
        (&["proxy", "--to", "127.0.0.1:1", "--reset"], &["required"]),
        (&["proxy", "--to", "127.0.0.1:1", "--refuse", "me"], &["--refuse", "me"]),
        (&["proxy", "--to", "127.0.0.1:1", "--black-hole=x"], &["--black-hole", "whole number of bytes"]),
        (&["proxy", "--to", "127.0.0.1:1", "--strip-upgrade", "--swallow-101"], &["--strip-upgrade", "--swallow-101"]),
        (&["proxy", "--to", "127.0.0.1:1", "--max-held", "2GiB"], &["held", "1 to 1073741824"]),
    ] {
        assert_fails(args, 2, parts).await;
    }
}

#[tokio::test]
async fn an_address_in_use_is_exit_code_1() {
    let holder = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = holder.local_addr().expect("bound").to_string();
    assert_fails(&["echo", "--listen", &address], 1, &[&address, "in use", "--listen"]).await;
    assert_fails(&["proxy", "--to", &address, "--listen", &address], 1, &[&address, "in use", "--listen"]).await;
}

#[tokio::test]
async fn an_address_of_another_machine_is_exit_code_1() {
    // RFC 5737: documentation only, so nobody's.
    assert_fails(&["echo", "--listen", "192.0.2.1:0"], 1, &["192.0.2.1:0", "not one of this machine's"]).await;
}

#[tokio::test]
async fn more_connections_than_descriptors_is_exit_code_2() {
    let args = ["echo", "--listen", "127.0.0.1:0", "--max-connections", "49"];
    let ran = feed(bowline_with_descriptors(64, &args).spawn().expect("sh starts"), b"").await;
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(ran.stderr.contains("more than the 48") && ran.stderr.contains("ulimit"), "{}", ran.stderr);
    // A proxy has two for each.
    let args = ["proxy", "--to", "127.0.0.1:1", "--listen", "127.0.0.1:0", "--max-connections", "25"];
    let ran = feed(bowline_with_descriptors(64, &args).spawn().expect("sh starts"), b"").await;
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(ran.stderr.contains("more than the 24") && ran.stderr.contains("ulimit"), "{}", ran.stderr);
}

#[tokio::test]
async fn a_wrong_filter_in_the_environment_is_told_from_one_on_the_command_line() {
    let child = bowline(&["echo", "--listen", "127.0.0.1:0"]).env("RUST_LOG", "a=b=c").spawn().expect("it starts");
    let ran = feed(child, b"").await;
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(ran.stderr.starts_with("error: RUST_LOG is \"a=b=c\""), "{}", ran.stderr);
}
