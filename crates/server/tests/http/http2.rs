//! WebSockets and the rest over HTTP/2, with the `h2` crate as the client.

use bowline_server::{
    http::Guards,
    room::{RoomOptions, Start},
};
use bytes::Bytes;
use h2::{
    RecvStream, SendStream,
    client::{SendRequest, handshake},
    ext::Protocol,
};
use http::{Method, Request, Response};
use tokio::{net::TcpStream, time::timeout};

use crate::support::{PATIENCE, Server, eventually, hub, room};

async fn connect(server: &Server) -> SendRequest<Bytes> {
    let tcp = TcpStream::connect(server.address).await.unwrap();
    let (sender, connection) = handshake(tcp).await.unwrap();
    tokio::spawn(connection);
    // The server's SETTINGS say that it knows extended CONNECT.
    eventually("settings", || sender.is_extended_connect_protocol_enabled()).await;
    sender.ready().await.unwrap()
}

/// Sends a request with `:protocol`, if one is named; the stream goes on.
async fn ask(
    sender: &mut SendRequest<Bytes>,
    protocol: Option<&'static str>,
    uri: &str,
    headers: &[(&str, &str)],
) -> (Response<RecvStream>, SendStream<Bytes>) {
    let mut request =
        Request::builder().method(if protocol.is_some() { Method::CONNECT } else { Method::GET }).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut request = request.body(()).unwrap();
    if let Some(protocol) = protocol {
        request.extensions_mut().insert(Protocol::from_static(protocol));
    }
    let (response, stream) = sender.send_request(request, protocol.is_none()).unwrap();
    (timeout(PATIENCE, response).await.expect("an answer in time").unwrap(), stream)
}

const VERSION: (&str, &str) = ("sec-websocket-version", "13");

/// A masked text frame of at most 125 bytes.
fn frame(text: &str) -> Bytes {
    const MASK: [u8; 4] = [1, 2, 3, 4];
    let mut frame = vec![0x81, 0x80 | u8::try_from(text.len()).unwrap()];
    frame.extend(MASK);
    frame.extend(text.bytes().zip(MASK.into_iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame.into()
}

/// Reads exactly so many bytes.
async fn read(body: &mut RecvStream, len: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while bytes.len() < len {
        let data = timeout(PATIENCE, body.data()).await.expect("data in time").expect("it goes on").unwrap();
        body.flow_control().release_capacity(data.len()).unwrap();
        bytes.extend_from_slice(&data);
    }
    assert_eq!(bytes.len(), len);
    bytes
}

#[tokio::test]
async fn rfc8441_a_web_socket_by_extended_connect() {
    let hub = hub(RoomOptions::default());
    let server = Server::new(hub.service(Guards::new()).subprotocols(["chat"]), true).await;
    let mut sender = connect(&server).await;
    let uri = format!("http://{}/ws", server.address);
    let origin = server.origin();
    let headers = [VERSION, ("sec-websocket-protocol", "other, chat"), ("origin", &*origin)];
    let (response, mut stream) = ask(&mut sender, Some("websocket"), &uri, &headers).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["sec-websocket-protocol"], "chat");
    for name in ["upgrade", "connection", "sec-websocket-accept"] {
        assert!(!response.headers().contains_key(name), "{name}");
    }
    let mut body = response.into_body();
    stream.send_data(frame("hello"), false).unwrap();
    assert_eq!(read(&mut body, 7).await, b"\x81\x05hello");
}

#[tokio::test]
async fn a_room_over_http2() {
    let hub = hub(RoomOptions::default());
    let server = Server::new(hub.service(Guards::new()), true).await;
    let room = room(&hub, "a");
    let mut sender = connect(&server).await;
    let uri = format!("http://{}/rooms/a", server.address);
    // Two streams of one connection: a WebSocket and an event stream.
    let (response, mut stream) = ask(&mut sender, Some("websocket"), &uri, &[VERSION]).await;
    assert_eq!(response.status(), 200);
    let mut frames = response.into_body();
    let accept = ("accept", "text/event-stream");
    let (response, _) = ask(&mut sender, None, &uri, &[accept]).await;
    let mut events = response.into_body();
    eventually("both are members", || room.member_count() == 2).await;
    let mut listener = room.subscribe(Start::Newest).unwrap();
    stream.send_data(frame("hi"), false).unwrap();
    assert_eq!(read(&mut frames, 4).await, b"\x81\x02hi");
    let mut text = String::new();
    while !text.contains("data: hi\n\n") {
        let data = timeout(PATIENCE, events.data()).await.expect("data in time").expect("it goes on").unwrap();
        text += std::str::from_utf8(&data).unwrap();
    }
    listener.read().await;
    drop((frames, stream, events, sender));
    eventually("they have left", || room.member_count() == 1).await;
}

#[tokio::test]
async fn what_is_no_extended_connect_for_us() {
    let server = Server::new(hub(RoomOptions::default()).service(Guards::new()), true).await;
    let mut sender = connect(&server).await;
    let uri = format!("http://{}/ws", server.address);
    let foreign = [VERSION, ("origin", "https://evil.test")];
    let nothing = format!("http://{}/nothing", server.address);
    let table = [
        (Some("websocket"), &uri, &[][..], 400),
        (Some("websocket"), &uri, &[("sec-websocket-version", "12")], 426),
        (Some("websocket"), &uri, &foreign, 403),
        (Some("websocket"), &nothing, &[VERSION], 404),
        (Some("connect-udp"), &uri, &[VERSION], 501),
        (None, &uri, &[VERSION], 400),
    ];
    for (protocol, uri, headers, status) in table {
        let (response, _) = ask(&mut sender, protocol, uri, headers).await;
        assert_eq!(response.status(), status, "{protocol:?} {uri} {headers:?}");
        assert!(!response.headers().contains_key("connection"));
    }
}
