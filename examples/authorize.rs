//! A server that looks at the request before it accepts: a token decides who may come in, and a subprotocol is chosen.
//! Runs a client of each kind against itself: `cargo run --example authorize`.

use std::error::Error;

use bowline_core::{
    handshake::{HandshakeError, Refusal, Request},
    stream::{Acceptor, Connector},
};
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{AUTHORIZATION, SERVER},
};
use tokio::net::{TcpListener, TcpStream};

/// What `authorize` returns is added to the answer; a refusal is the answer, and the connection ends in good order.
fn authorize(request: &Request) -> Result<HeaderMap, Refusal> {
    match request.headers().get(AUTHORIZATION) {
        Some(token) if token == "Bearer sesame" => {
            Ok(HeaderMap::from_iter([(SERVER, HeaderValue::from_static("bowline"))]))
        }
        _ => Err(Refusal::forbidden("a token is needed\n")),
    }
}

async fn serve(listener: TcpListener) -> Result<(), Box<dyn Error + Send + Sync>> {
    let acceptor = Acceptor::new().subprotocols(["chat.v2", "chat.v1"]);
    loop {
        let (socket, _) = listener.accept().await?;
        match acceptor.accept_with(socket, authorize).await {
            Ok(mut ws) => {
                let spoken = ws.subprotocol().unwrap_or("none").to_owned();
                ws.send(spoken).await?;
                ws.close(None).await?;
            }
            Err(error) => println!("server: {error}"),
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let server = tokio::spawn(serve(listener));
    let url = format!("ws://{address}/chat");

    let stranger = Connector::new().handshake(&url, TcpStream::connect(address).await?).await;
    match stranger {
        Err(HandshakeError::Refused(refused)) => assert_eq!(refused.status(), StatusCode::FORBIDDEN),
        other => return Err(format!("the stranger was not refused: {other:?}").into()),
    }

    let friend = Connector::new()
        .header(AUTHORIZATION, HeaderValue::from_static("Bearer sesame"))
        .subprotocols(["chat.v1", "chat.v3"]);
    let mut ws = friend.handshake(&url, TcpStream::connect(address).await?).await?;
    assert_eq!(ws.subprotocol(), Some("chat.v1"));
    let message = ws.recv().await?.ok_or("no message came")?;
    assert_eq!(message.as_text(), Some("chat.v1"));
    assert!(ws.recv().await?.is_none());
    println!("client: let in, and chat.v1 is spoken");
    server.abort();
    Ok(())
}
