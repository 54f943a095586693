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
