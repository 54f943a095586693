//! `bowline serve`: sessions at `/session`, as the README shows them by hand.

mod common;

use futures_util::{SinkExt, StreamExt};
use tokio::process::Command;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};

use self::common::{Server, soon};

const README: &str = include_str!("../../../README.md");

/// The README's lines, as they stand there, and what each comes to. Without bash and curl there is nothing to be tried.
#[tokio::test]
async fn the_readme_shows_each_transport_by_curl() {
    let (_, section) = README.split_once("## Sessions that go on").expect("a section");
    let (_, script) = section.split_once("```bash\n").expect("a script");
    let (script, _) = script.split_once("```").expect("its end");
    let server = Server::start("serve", &[]).await;
    let script = script.replace("127.0.0.1:9001", &server.address);
    let Ok(output) = Command::new("bash").arg("-c").arg("type curl >&2 && eval \"$0\"").arg(script).output().await
    else {
        return eprintln!("there is no bash, and the README was not tried");
    };
    if String::from_utf8_lossy(&output.stderr).contains("not found") {
        return eprintln!("there is no curl, and the README was not tried");
    }
    let said = String::from_utf8_lossy(&output.stdout).replace('\r', "");
    let mut rest = &*said;
    for part in [
        "event: ack\ndata: 1\n\n",
        "event: open\n",
        "id: 1\ndata: hello\n\n",
        "HTTP/1.1 204",
        ": bowline\n\nevent: open\n",
        "HTTP/1.1 101",
        "event: open\n",
        "event: ack\ndata: 2\n\n",
        "\"position\":\"",
        "event: open\n",
        "id: 2\nevent: joined\n",
        "data: dinner is ready\n\n",
    ] {
        let at = rest.find(part).unwrap_or_else(|| panic!("{part:?} is missing in {rest:?} of {said}"));
        rest = &rest[at + part.len()..];
    }
    let metrics = common::get(&server.address, "/metrics").await.body;
    assert!(metrics.contains("\nbowline_sessions 0\n"), "{metrics}");
    assert!(metrics.contains("\nbowline_connections_opened_total{transport=\"session_comet\"} 1\n"), "{metrics}");
    assert!(metrics.contains("\nbowline_sessions_resumed_total 2\n"), "{metrics}");
}

#[tokio::test]
async fn settings_are_in_force() {
    let flags = ["--session-ttl", "7s", "--node", "node-7", "--heartbeat", "3s", "--session-ring-records", "9"];
    let server = Server::start("serve", &flags).await;
    let mut request = format!("ws://{}/session", server.address).into_client_request().expect("a request");
    request.headers_mut().insert("sec-websocket-protocol", "bowline.v1".parse().expect("a value"));
    let (mut client, response) = soon(connect_async(request)).await.expect("connected");
    assert_eq!(response.headers()["sec-websocket-protocol"], "bowline.v1");
    let open = soon(client.next()).await.expect("open").expect("received").into_text().expect("a text");
    assert!(open.contains("\"session\":\"node-7.") && open.contains("\"ttl\":7000"), "{open}");
    client.send(Message::text("hello")).await.expect("sent");
    assert_eq!(soon(client.next()).await.expect("open").expect("received"), Message::text("hello"));
}

#[tokio::test]
async fn an_address_opens_as_many_as_it_may() {
    let flags = ["--session-open-rate", "1", "--session-open-burst", "2"];
    let server = Server::start("serve", &flags).await;
    let mut opened = Vec::new();
    // More than two only where seconds pass meanwhile.
    let refused = loop {
        let mut request = format!("ws://{}/session", server.address).into_client_request().expect("a request");
        request.headers_mut().insert("sec-websocket-protocol", "bowline.v1".parse().expect("a value"));
        match soon(connect_async(request)).await {
            Ok((client, _)) => opened.push(client),
            Err(Error::Http(response)) => break response,
            Err(error) => panic!("{error}"),
        }
        assert!(opened.len() < 100, "nothing is bounded");
    };
    assert_eq!(refused.status(), 429);
    assert!(opened.len() >= 2, "{}", opened.len());
}
