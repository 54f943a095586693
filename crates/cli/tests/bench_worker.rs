//! `bowline bench worker`, which only `bowline bench` itself starts.

mod common;

use self::common::run;

#[tokio::test]
async fn without_a_part_there_is_nothing_to_do() {
    for input in [&b""[..], b"{}\n", b"to be measured\n"] {
        let ran = run(&["bench", "worker"], input).await;
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""), "{}", ran.stderr);
        assert!(ran.stderr.contains("the part of a load"), "{}", ran.stderr);
    }
}

#[tokio::test]
async fn help_does_not_offer_it() {
    let ran = run(&["bench", "--help"], b"").await;
    assert!(ran.stdout.contains("echo") && !ran.stdout.contains("worker"), "{}", ran.stdout);
}

#[tokio::test]
async fn a_load_of_two_processes_is_one_report() {
    let flags = ["--processes", "2", "--clients", "4", "--rate", "100", "--duration", "1", "--quiet", "--json"];
    let ran = run(&[&["bench", "echo", "--no-calibrate"], flags.as_slice()].concat(), b"").await;
    // 3 is a machine that is too busy to measure on.
    assert!(matches!(ran.code, Some(0 | 3)), "{:?} {}", ran.code, ran.stderr);
    assert!(ran.stdout.contains("\"processes\":2,\"opening_seconds\""), "{}", ran.stdout);
}
