//! `bowline bench table`, which takes minutes: as far as a test can wait for it.

mod common;

use bowline_bench::{Document, Entry};
use rustix::process::Signal;

use self::common::{bowline, lines, run, said, signal, soon};

#[tokio::test]
async fn a_table_that_is_broken_off_has_what_there_is() {
    let args = ["bench", "table", "kaazing", "--quick", "--json", "--no-calibrate"];
    let mut child = bowline(&args).spawn().expect("the binary starts");
    let mut stderr = lines(child.stderr.take().expect("piped"));
    // The first workload is whole by then.
    said(&mut stderr, "run 2 of 5").await;
    signal(&child, Signal::INT);
    let output = soon(child.wait_with_output()).await.expect("it ran");
    let document = Document::from_json(&String::from_utf8(output.stdout).expect("UTF-8")).expect("a document");
    assert_eq!(document.scenario, "table kaazing");
    let measured = document.tables[0].rows.iter().filter(|row| matches!(row[4], Entry::Number(_))).count();
    assert!((1..5).contains(&measured), "{:?}", document.tables[0].rows);
    // The workload that was broken off is a cell even where nothing had come yet.
    assert!((measured..5).contains(&document.cells.len()), "{measured} of {}", document.cells.len());
    assert!(document.tables[0].notes.contains(&"Reproduce: bowline bench table kaazing --quick".to_owned()));
    assert!(!document.plots.is_empty());
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named_with_the_workload() {
    // Bound, and never listened on: nobody else gets the port meanwhile.
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    socket.bind(([127, 0, 0, 1], 0).into()).expect("a port");
    let url = format!("http://{}", socket.local_addr().expect("bound"));
    let ran = run(&["bench", "table", "cometd", &url, "--quick", "--no-calibrate"], b"").await;
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""), "{}", ran.stderr);
    assert!(ran.stderr.contains("of the published rate") && ran.stderr.contains(&url[7..]), "{}", ran.stderr);
}

#[tokio::test]
async fn a_table_that_nobody_published_is_refused_with_those_that_are() {
    let ran = run(&["bench", "table", "nobody"], b"").await;
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("kaazing") && ran.stderr.contains("cometd"), "{}", ran.stderr);
}
