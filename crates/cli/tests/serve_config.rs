//! `bowline serve`: flags, the file, and what `--print-config` says of both.

mod common;

use self::common::{Directory, run};

/// What `--print-config` prints.
async fn printed(args: &[&str]) -> String {
    let ran = run(&[&["serve", "--print-config"], args].concat(), b"").await;
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{args:?}");
    ran.stdout
}

fn value<'a>(config: &'a str, key: &str) -> &'a str {
    let found = config.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = "));
    found.unwrap_or_else(|| panic!("no {key} in {config}"))
}

#[tokio::test]
async fn what_is_printed_can_be_read_back() {
    let directory = Directory::new();
    let file = directory.write(
        "a.toml",
        "[listener]\nlisten = [\"127.0.0.1:0\"]\n[limits]\nmax_message_size = \"16MiB\"\nmessage_timeout = \"off\"\n\
         [room_defaults]\nhistory = 5\n[[rooms]]\npattern = \"chat:*\"\nslow_consumer = \"skip-to-oldest\"\n",
    );
    for args in [
        &[][..],
        &["--config", &file],
        &["--config", &file, "--room-history", "7", "--max-message-size", "unlimited", "--deflate", "--threads", "3"],
        &[
            "--listen",
            "[::]:1",
            "--listen",
            "localhost:2",
            "--allow-origin",
            "https://example.com",
            "--ping-interval",
            "off",
        ],
    ] {
        let first = printed(args).await;
        let again = printed(&["--config", &directory.write("printed.toml", &first)]).await;
        assert_eq!(again, first, "{args:?}");
    }
}

#[tokio::test]
async fn flags_come_before_the_file_and_the_file_before_the_defaults() {
    let directory = Directory::new();
    let file = directory.write(
        "a.toml",
        "[limits]\nmax_fragments = 10\nmax_headers = 20\n[room_defaults]\nhistory = 5\n[[rooms]]\npattern = \"a\"\nmax_members = 3\n",
    );
    let config = printed(&["--config", &file, "--max-headers", "30", "--room-history", "7"]).await;
    assert_eq!(value(&config, "max_fragments"), "10");
    assert_eq!(value(&config, "max_headers"), "30");
    assert_eq!(value(&config, "max_head_size"), "\"16KiB\"");
    assert_eq!(value(&config, "listen"), "[\"127.0.0.1:9001\"]");
    let (_, rooms) = config.split_once("[[rooms]]").expect("a pattern");
    assert_eq!(
        (value(rooms, "history"), value(rooms, "max_members")),
        ("7", "3"),
        "a pattern says what it says, no more"
    );
}

#[tokio::test]
async fn what_is_found_out_is_printed_as_it_is() {
    let config = printed(&["--threads", "auto"]).await;
    assert!(value(&config, "threads").parse::<usize>().is_ok_and(|threads| threads >= 1), "{config}");
    assert!(value(&config, "max_connections").parse::<u32>().is_ok_and(|count| count >= 1), "{config}");
}

const README: &str = include_str!("../../../README.md");

/// Rows of the README's table of settings are the defaults, and each table that they are from is whole.
#[tokio::test]
async fn readme_names_the_default_settings() {
    let config = printed(&[]).await;
    let mut table = "";
    let mut rows = 0;
    for line in config.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            table = name;
        }
        let Some((key, value)) = line.split_once(" = ").filter(|_| !line.starts_with('#')) else { continue };
        let setting = format!("{table}.{key}");
        // Found out on each machine.
        let value = if setting == "listener.max_connections" { "auto" } else { value.trim_matches('"') };
        if README.contains(&format!("| `{setting}` |")) {
            assert!(
                README.contains(&format!("| `{setting}` | {value} |")),
                "README.md has another default than {setting} = {value}"
            );
            rows += 1;
        } else {
            // Choices rather than limits.
            let choice = ["slow_consumer", "presence"].contains(&key);
            assert!(choice || !["room_defaults", "keepalive"].contains(&table), "README.md has no row for {setting}");
        }
    }
    assert_eq!(README.lines().filter(|line| is_setting(line)).count(), rows, "README.md has rows of no setting");
}

/// `| `table.key` | …`.
fn is_setting(line: &str) -> bool {
    let name = line.strip_prefix("| `").and_then(|line| line.split('`').next()).unwrap_or_default();
    name.split('.').count() == 2
}

/// Asserts exit code 2 and each line of the error.
async fn assert_wrong(args: &[&str], lines: &[&str]) {
    let ran = run(&[&["serve"], args].concat(), b"").await;
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{args:?}: {}", ran.stderr);
    let said: Vec<_> = ran.stderr.lines().collect();
    for (said, line) in said.iter().zip(lines) {
        assert!(said.contains(line), "{args:?}: {line:?} in {}", ran.stderr);
    }
    assert!(said.len() >= lines.len(), "{args:?}: {}", ran.stderr);
}

#[tokio::test]
async fn what_is_wrong_in_the_file_is_told_by_file_line_and_key() {
    let directory = Directory::new();
    let file = directory.write("a.toml", "[limits]\nmax_mesage_size = 1\n\n[drain]\nwindow = \"soon\"\n");
    assert_wrong(
        &["--config", &file],
        &[
            &format!("error: {file}:2: limits.max_mesage_size: there is none; write max_message_size"),
            &format!("{file}:5: drain.window = \"soon\": write a time, as in 500ms, 20s or 2m"),
        ],
    )
    .await;
    let file = directory.write("b.toml", "[limits\n");
    assert_wrong(&["--config", &file], &[&format!("error: {file}:1: this is no TOML: ")]).await;
    let file = directory.write("c.toml", &"#\n".repeat(600_000));
    assert_wrong(&["--config", &file], &["is over 1048576 bytes"]).await;
    assert_wrong(&["--config", "/nonexistent/a.toml"], &["cannot read /nonexistent/a.toml"]).await;
}

#[tokio::test]
async fn what_does_not_go_together_is_told() {
    for (args, part) in [
        (&["--tls-cert", "a.pem"][..], "--tls-key"),
        (&["--tls-key", "a.pem"], "--tls-cert"),
        (&["--allow-origin", "*", "--allow-origin", "https://a.example"], "write * alone"),
        (&["--allow-origin", "*", "--cross-origin-credentials"], "name the origins"),
        (&["--drain-window", "31s"], "longer than drain.deadline"),
        (&["--max-head-size", "61KiB"], "256 to 60KiB"),
        (&["--max-head-size", "255"], "256 to 60KiB"),
        (&["--session-byte-rate", "1MiB", "--session-byte-burst", "1023KiB"], "--session-byte-burst"),
        (&["--ping-interval", "9ms"], "under 10ms"),
    ] {
        assert_wrong(args, &[part]).await;
    }
    for args in [&["--drain-window", "30s"][..], &["--max-head-size", "60KiB"], &["--max-head-size", "256"]] {
        printed(args).await;
    }
}

#[tokio::test]
async fn a_wrong_flag_says_what_to_write() {
    for (args, part) in [
        (&["--listen", "9001"][..], "[::]:9001"),
        (&["--threads", "0"], "from 1 to 1024"),
        (&["--deflate-level", "10"], "from 0 to 9"),
        (&["--metrics", "on"], "true or false"),
        (&["--room-slow-consumer", "wait"], "skip-to-newest"),
        (&["--allow-origin", "example.com"], "https://example.com"),
        (&["--ping-timeout", "off"], "needs a bound"),
        (&["--max-conections", "1"], "--max-connections"),
    ] {
        let ran = run(&[&["serve"], args].concat(), b"").await;
        assert_eq!(ran.code, Some(2), "{args:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(part), "{args:?}: {part:?} in {}", ran.stderr);
    }
}

#[tokio::test]
async fn a_certificate_that_is_none_is_exit_code_1() {
    let directory = Directory::new();
    let file = directory.write("a.pem", "nothing");
    let ran = run(&["serve", "--listen", "127.0.0.1:0", "--tls-cert", &file, "--tls-key", &file], b"").await;
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(ran.stderr.contains(&format!("cannot use {file}")), "{}", ran.stderr);
}
