//! `bowline bench resume`, `churn`, `chat` and `shootout`.

mod common;

use self::common::run;

/// Runs a scenario, briefly, and gives its JSON. Whether the load generator had a core for itself is the machine's.
async fn json(args: &[&str]) -> String {
    let ran = run(&[&["bench"], args, &["--no-calibrate", "--json", "--quiet"]].concat(), b"").await;
    assert!(matches!(ran.code, Some(0 | 3)), "{args:?}: {:?} {}", ran.code, ran.stderr);
    ran.stdout
}

#[tokio::test]
async fn each_has_a_server_of_its_own() {
    let talk = ["--clients", "4", "--rooms", "2", "--rate", "80", "--backoff", "50ms", "--no-pin"];
    let resume = ["resume", "--transport", "websocket", "--duration", "1.2", "--every", "0.5"];
    let document = json(&[&resume[..], &talk].concat()).await;
    assert!(document.contains(r#""what":"carriers""#) && document.contains(r#""lost_sessions":0"#), "{document}");
    let document = json(&[&resume[..], &talk, &["--kill", "server", "--down", "0.1"]].concat()).await;
    // One kill, and a session lost by each client.
    assert!(document.contains(r#""lost_sessions":4"#) && document.contains("serve"), "{document}");
    let chat = ["chat", "--duration", "1", "--stretch", "0.5", "--moving", "0"];
    let document = json(&[&chat[..], &talk].concat()).await;
    assert!(document.contains(r#""scenario":"chat""#) && document.contains(r#""interrupted":false"#), "{document}");
    let churn = ["churn", "--rate", "20", "--duration", "0.5", "--stay", "0", "--rest", "0", "--no-pin"];
    let document = json(&[&churn[..], &["--transport", "all,raw"]].concat()).await;
    assert_eq!(document.matches(r#""served":10"#).count(), 5, "{document}");
    let storm = ["churn", "--storm", "10", "--transport", "comet", "--stay", "0", "--rest", "0", "--no-pin"];
    assert!(json(&storm).await.contains(r#""most_clients":10"#));
}

#[tokio::test]
async fn what_makes_no_sense_is_told() {
    for (args, code, part) in [
        (&["resume", "--transport", "raw"][..], 2, "no session to resume"),
        (&["resume", "--server-command", "x"], 2, "URL"),
        (&["resume", "http://127.0.0.1:1/", "--kill", "server"], 2, "--server-command"),
        (&["resume", "http://127.0.0.1:1/", "--server-command", "x"], 2, "--kill server"),
        (&["resume", "http://127.0.0.1:1/", "--clients", "0"], 2, "number of clients"),
        (&["churn", "http://127.0.0.1:1/", "--rate", "0"], 2, "over 0"),
        (&["churn", "--storm", "5", "--rate", "3"], 2, "cannot be used"),
        (&["chat", "http://127.0.0.1:1/", "--slow", "2"], 2, "0 to 1"),
        (&["shootout"], 2, "URL"),
        (&["shootout", "http://127.0.0.1:1/"], 2, "ws://"),
        (&["shootout", "ws://127.0.0.1:1/"], 1, "no server listens"),
        (&["resume", "http://127.0.0.1:1/"], 1, "127.0.0.1:1: no server listens"),
        (&["chat", "http://127.0.0.1:1/"], 1, "127.0.0.1:1: no server listens"),
        (&["churn", "http://127.0.0.1:1/"], 1, "127.0.0.1:1: no server listens"),
    ] {
        let ran = run(&[&["bench"], args, &["--no-calibrate"]].concat(), b"").await;
        assert_eq!(ran.code, Some(code), "{args:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(part), "{args:?}: {}", ran.stderr);
    }
}
