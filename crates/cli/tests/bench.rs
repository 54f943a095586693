//! `bowline bench`: what it writes, and how it ends.

mod common;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use bowline_bench::{Document, Report, Verdict};
use futures_util::{SinkExt, StreamExt};
use rustix::process::Signal;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::process::Child;
use tokio_tungstenite::accept_async;

use self::common::{Ran, Server, bowline, lines, run, said, signal, soon};

/// A directory of one test's own, which goes with it.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("bench-{name}"));
        drop(fs::remove_dir_all(&path));
        fs::create_dir_all(&path).expect("a directory");
        Self(path)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("UTF-8").to_owned()
    }

    fn document(&self, name: &str) -> Document {
        Document::from_json(&fs::read_to_string(self.path(name)).expect("it is there")).expect("a document")
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

/// The exit code that a document asks for. A load generator without optimisation may well be what limits the rate.
fn code_of(document: &Document) -> i32 {
    match document.verdict {
        Verdict::Fine => 0,
        Verdict::ClientBound => 3,
        _ => 4,
    }
}

async fn bench(args: &[&str]) -> Ran {
    run(&[&["bench"], args].concat(), b"").await
}

/// Flags of a short closed loop.
const SHORT: [&str; 6] =
    ["--connections=4", "--warm-up=0.1", "--duration=0.6", "--size=64", "--in-flight=1", "--no-calibrate"];

#[tokio::test]
async fn one_run_is_written_in_all_forms() {
    let (server, files) = (Server::start("echo", &[]).await, Directory::new("forms"));
    let pid = format!("--pid={}", server.child.id().expect("it runs"));
    let flags: Vec<_> =
        [("json=", "a.json"), ("csv=", "a.csv"), ("hlog=", "a.hlog"), ("html=", "a.html"), ("svg=", "plots")]
            .map(|(flag, name)| format!("--{flag}{}", files.path(name)))
            .into();
    let flags: Vec<_> = flags.iter().map(String::as_str).collect();
    fs::write(files.path("a.json"), "old").expect("written");
    let url = server.url();
    let ran = bench(&[&["echo", &url, &pid], &SHORT[..], &flags].concat()).await;
    let document = files.document("a.json");
    assert_eq!(ran.code, Some(code_of(&document)), "{}", ran.stderr);
    assert!(matches!(&document.cells[0].runs[..], [Report::Echo(run)] if run.messages > 0 && run.server.is_some()));
    assert_eq!((document.scenario.as_str(), document.command[1].as_str()), ("echo, closed loop", "bench"));
    assert!(ran.stdout.starts_with("echo to ws://127.0.0.1:"), "{}", ran.stdout);
    assert!(ran.stdout.lines().last().is_some_and(|line| line.starts_with("verdict: ")), "{}", ran.stdout);
    assert!(ran.stderr.contains("warming up") && ran.stderr.contains("measuring"), "{}", ran.stderr);
    let csv = fs::read_to_string(files.path("a.csv")).expect("it is there");
    assert!(csv.starts_with("scenario,cell,") && csv.lines().count() == 2, "{csv}");
    assert!(fs::read_to_string(files.path("a.hlog")).expect("it is there").starts_with("#bowline "));
    assert!(fs::read_to_string(files.path("a.html")).expect("it is there").starts_with("<!DOCTYPE html>"));
    // Of one cell there is nothing to plot; and nothing temporary is left.
    assert_eq!(fs::read_dir(files.path("plots")).expect("it is there").count(), 0);
    assert_eq!(fs::read_dir(&files.0).expect("it is there").count(), 5);
}

#[tokio::test]
async fn json_and_csv_take_the_summary_s_place() {
    let server = Server::start("echo", &[]).await;
    let url = server.url();
    let ran = bench(&[&["echo", &url, "--json", "--quiet"], &SHORT[..]].concat()).await;
    assert_eq!((ran.stdout.lines().count(), ran.stderr.as_str()), (1, ""));
    Document::from_json(&ran.stdout).expect("a document");
    let ran = bench(&[&["echo", &url, "--csv", "-q"], &SHORT[..]].concat()).await;
    assert!(ran.stdout.starts_with("scenario,") && ran.stdout.lines().count() == 2, "{}", ran.stdout);
    let ran = bench(&["echo", &url, "--json", "--csv"]).await;
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""));
    assert!(ran.stderr.contains("can't both go to standard output"), "{}", ran.stderr);
}

#[tokio::test]
async fn what_cannot_be_written_is_found_out_before_the_run() {
    let files = Directory::new("unwritable");
    fs::write(files.path("file"), "").expect("written");
    let none = files.path("none/report");
    for flag in [format!("--json={none}"), format!("--html={none}"), format!("--svg={}", files.path("file/plots"))] {
        // Nobody listens there, which would be the next thing to be wrong.
        let ran = bench(&["echo", "ws://127.0.0.1:1/", &flag, "--no-calibrate"]).await;
        assert_eq!(ran.code, Some(1), "{flag}");
        assert!(ran.stderr.starts_with("error: can't "), "{}", ran.stderr);
        assert!(ran.stderr.contains(files.0.to_str().expect("UTF-8")), "{}", ran.stderr);
    }
}

#[tokio::test]
async fn held_connections_tell_what_happens_before_the_report() {
    let server = Server::start("broadcast", &[]).await;
    let url = format!("ws://{}/room", server.address);
    let ran = bench(&["hold", &url, "--connections=5", "--hold=0.5", "--json", "-q"]).await;
    let told: Vec<_> = ran.stdout.lines().collect();
    assert!(told[0].starts_with("{\"event\":\"open\",\"connections\":5,"), "{}", ran.stdout);
    let document = Document::from_json(told.last().expect("a report")).expect("a document");
    assert!(matches!(&document.cells[0].runs[..], [Report::Hold(run)] if run.connections == 5));
    let ran = bench(&["hold", &url, "--connections=5", "--hold=0.5"]).await;
    assert!(ran.stdout.starts_with("5 connections open in "), "{}", ran.stdout);
    assert!(ran.stdout.contains("\nverdict: "), "{}", ran.stdout);
}

#[tokio::test]
async fn what_cannot_be_written_takes_nothing_away_from_the_rest() {
    let (server, files) = (Server::start("echo", &[]).await, Directory::new("full"));
    let (url, csv) = (server.url(), format!("--csv={}", files.path("a.csv")));
    let ran = bench(&[&["echo", &url, "--json=/dev/full", &csv, "-q"], &SHORT[..]].concat()).await;
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(ran.stderr.starts_with("error: can't write /dev/full: "), "{}", ran.stderr);
    assert!(ran.stdout.lines().last().is_some_and(|line| line.starts_with("verdict: ")), "{}", ran.stdout);
    assert_eq!(fs::read_to_string(files.path("a.csv")).expect("it is there").lines().count(), 2);
    for flag in ["--html=-", "--hlog=-"] {
        let ran = bench(&["echo", &url, flag]).await;
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{flag}");
        assert!(ran.stderr.contains("take a file"), "{}", ran.stderr);
    }
}

#[tokio::test]
async fn steps_are_for_people_and_json_is_one_document() {
    let server = Server::start("echo", &[]).await;
    let url = server.url();
    let steps = ["--ask=echo", "--initial-clients=2", "--step-size=2", "--max-clients=4", "--sample-size=10"];
    let shootout = [&["shootout", &url, "--concurrent=2", "--limit-rtt=60s", "-q"], &steps[..]].concat();
    let ran = bench(&[&shootout[..], &["--json"]].concat()).await;
    assert_eq!(ran.stdout.lines().count(), 1, "{}{}", ran.stdout, ran.stderr);
    let document = Document::from_json(&ran.stdout).expect("a document");
    assert!(matches!(&document.cells[0].runs[..], [Report::Shootout(run)] if run.steps.len() == 2), "{}", ran.stdout);
    let ran = bench(&shootout).await;
    assert!(ran.stdout.starts_with("clients:      2  at percentile: "), "{}", ran.stdout);
}

/// A run that lasts for hours, and measures by now.
async fn measuring(args: &[&str], phase: &str) -> Child {
    let mut child = bowline(&[&["bench"], args, &["--duration=3600", "--no-calibrate"]].concat())
        .spawn()
        .expect("the binary starts");
    said(&mut lines(child.stderr.take().expect("piped")), phase).await;
    child
}

#[tokio::test]
async fn ctrl_c_ends_a_run_with_the_report_so_far() {
    let (server, files) = (Server::start("echo", &[]).await, Directory::new("interrupted"));
    let (url, json) = (server.url(), format!("--json={}", files.path("a.json")));
    for asked in [Signal::INT, Signal::TERM] {
        let flags = ["echo", &url, "--in-flight=1", "--connections=4", "--warm-up=0.1", &json];
        let mut child = measuring(&flags, "measuring").await;
        signal(&child, asked);
        let status = soon(child.wait()).await.expect("it ran");
        let document = files.document("a.json");
        assert_eq!(status.code(), Some(code_of(&document)));
        let Report::Echo(run) = &document.cells[0].runs[0] else { panic!("an echo") };
        assert!(run.messages > 0 && run.seconds < 60.0 && run.interrupted, "{}", run.seconds);
        let interrupted = document.interrupted.as_ref().expect("it was");
        assert_eq!((interrupted.workloads, interrupted.missing.len()), (1, 0));
        fs::remove_file(files.path("a.json")).expect("removed");
    }
}

#[tokio::test]
async fn a_second_ctrl_c_ends_it_at_once() {
    let (server, files) = (Server::start("echo", &[]).await, Directory::new("at-once"));
    let (url, json) = (server.url(), format!("--json={}", files.path("a.json")));
    let mut child = measuring(&["echo", &url, "--connections=4", "--warm-up=0.1", &json], "measuring").await;
    // What is outstanding never comes now, and would be waited for.
    signal(&server.child, Signal::STOP);
    signal(&child, Signal::INT);
    let mut again = tokio::time::interval(Duration::from_millis(20));
    let status = soon(async {
        loop {
            tokio::select! {
                status = child.wait() => break status.expect("it ran"),
                _ = again.tick() => signal(&child, Signal::INT),
            }
        }
    })
    .await;
    signal(&server.child, Signal::CONT);
    assert_eq!(status.code(), Some(130));
    assert!(!PathBuf::from(files.path("a.json")).exists());
}

#[tokio::test]
async fn doubled_answers_are_exit_code_4_and_told() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let url = format!("ws://{}/", listener.local_addr().expect("bound"));
    let serve = async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(async move {
                let Ok(mut socket) = accept_async(socket).await else { return };
                let mut twice = true;
                while let Some(Ok(message)) = socket.next().await {
                    if std::mem::take(&mut twice) && socket.send(message.clone()).await.is_err() {
                        return;
                    }
                    if socket.send(message).await.is_err() {
                        return;
                    }
                }
            });
        }
    };
    let serving = tokio::spawn(serve);
    let ran = bench(&[&["echo", &url, "--connections=1"], &SHORT[1..]].concat()).await;
    serving.abort();
    assert_eq!(ran.code, Some(4), "{}", ran.stdout);
    assert!(ran.stdout.contains("closed loop, run 1: faulty: "), "{}", ran.stdout);
    assert!(ran.stdout.ends_with("verdict: faulty: answers were missing or wrong\n"), "{}", ran.stdout);
}

#[tokio::test]
async fn no_report_is_exit_code_1() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let address = listener.local_addr().expect("bound");
    let refusing = tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut head = [0; 1024];
            drop(socket.read(&mut head).await);
            let answer = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\nConnection: close\r\n\r\nNo.";
            drop(tokio::io::AsyncWriteExt::write_all(&mut socket, answer).await);
        }
    });
    let ran = bench(&["echo", &format!("ws://{address}/"), "--no-calibrate"]).await;
    refusing.abort();
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""));
    assert!(ran.stderr.contains("403"), "{}", ran.stderr);
}

/// A document of handshakes at a rate, in a file.
fn written(files: &Directory, name: &str, per_second: f64, verdict: Verdict) -> String {
    let fixture = concat!(env!("CARGO_MANIFEST_DIR"), "/../bench/tests/documents/schema-3.json");
    let mut document = Document::from_json(&fs::read_to_string(fixture).expect("it is there")).expect("a document");
    document.cells.retain(|cell| cell.name == "connect");
    for run in document.cells.iter_mut().flat_map(|cell| &mut cell.runs) {
        let Report::Connect(run) = run else { panic!("handshakes") };
        (run.per_second, run.verdict) = (per_second, verdict);
    }
    document.verdict = verdict;
    fs::write(files.path(name), document.to_json().expect("JSON")).expect("written");
    files.path(name)
}

#[tokio::test]
async fn a_difference_ends_by_its_thresholds() {
    let files = Directory::new("diff");
    let before = written(&files, "before.json", 1_000.0, Verdict::Fine);
    let after = written(&files, "after.json", 950.0, Verdict::Fine);
    let bound = written(&files, "bound.json", 900.0, Verdict::ClientBound);
    let faulty = written(&files, "faulty.json", 1_000.0, Verdict::Faulty);
    for (after, threshold, code) in [
        (&after, "rate:-5%", 0),
        (&after, "rate:-4.9%", 2),
        (&after, "rate:-50/s", 0),
        (&after, "rate:-49", 2),
        (&bound, "rate:-1%", 3),
        (&faulty, "rate:-1%", 4),
    ] {
        let ran = bench(&["diff", &before, after, "--fail-on", threshold]).await;
        assert_eq!(ran.code, Some(code), "{threshold}: {}{}", ran.stdout, ran.stderr);
        let missed = "missed: connect: rate from 1,000 to 9";
        assert_eq!(ran.stdout.contains(missed), code == 2 || code == 3, "{}", ran.stdout);
    }
    let ran = bench(&["diff", &before, &after]).await;
    assert!(ran.code == Some(0) && ran.stdout.contains("-5.0 %"), "{}", ran.stdout);
}

#[tokio::test]
async fn what_cannot_be_compared_is_told() {
    let files = Directory::new("no-diff");
    let before = written(&files, "before.json", 1_000.0, Verdict::Fine);
    fs::write(files.path("other.json"), "{\"schema\":2}").expect("written");
    let (other, none) = (files.path("other.json"), files.path("none.json"));
    for (args, why) in [
        (vec!["diff", &before, &before, "--fail-on", "p98:+10%"], "there is no figure 'p98'; there are rate, "),
        (vec!["diff", &before, &before, "--fail-on", "p99:+10%"], "can't compare p99"),
        (vec!["diff", &before, &before, "--fail-on", "rate:+10%"], "less is worse: write rate:-10%"),
        (vec!["diff", &before, &other], "its schema is 2"),
        (vec!["diff", &none, &before], "none.json"),
    ] {
        let ran = bench(&args).await;
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""), "{args:?}");
        assert!(ran.stderr.contains(why), "{}", ran.stderr);
    }
}
