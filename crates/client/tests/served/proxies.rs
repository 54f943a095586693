//! Through a proxy: HTTP `CONNECT` and SOCKS5.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use bowline_client::{Client, Event, Proxy, Transport};
use bowline_server::Hub;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
};

use super::{
    support::{Site, echo, soon, text},
    tls::Secure,
};

/// A proxy, and what it was asked for.
struct TestProxy {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

#[derive(Clone, Copy)]
enum Kind {
    /// Answers with this status, and with 200 makes the tunnel.
    Http(u16),
    Socks,
}

impl TestProxy {
    async fn start(kind: Kind) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let log = Arc::clone(&log);
                tokio::spawn(async move {
                    match kind {
                        Kind::Http(status) => tunnel(stream, status, &log).await,
                        Kind::Socks => socks(stream, &log).await,
                    }
                });
            }
        });
        Self { address, asked }
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().expect("whole"))
    }
}

async fn tunnel(mut near: TcpStream, status: u16, log: &Mutex<Vec<String>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(near.read_u8().await.expect("a request"));
    }
    let head = String::from_utf8(head).expect("UTF-8");
    log.lock().expect("whole").push(head.trim_end().to_owned());
    near.write_all(format!("HTTP/1.1 {status} So\r\n\r\n").as_bytes()).await.expect("open");
    if status == 200 {
        let target = head.split(' ').nth(1).expect("a target");
        let mut far = TcpStream::connect(target).await.expect("it listens");
        let _ = copy_bidirectional(&mut near, &mut far).await;
    }
}

/// RFC 1928, with a user and a password (RFC 1929).
async fn socks(mut near: TcpStream, log: &Mutex<Vec<String>>) {
    let mut greeting = [0; 3];
    near.read_exact(&mut greeting).await.expect("a greeting");
    assert_eq!(greeting, [5, 1, 2]);
    near.write_all(&[5, 2]).await.expect("open");
    let mut said = Vec::new();
    assert_eq!(near.read_u8().await.expect("a version"), 1);
    for _ in 0..2 {
        let length = near.read_u8().await.expect("a length");
        let mut text = vec![0; length.into()];
        near.read_exact(&mut text).await.expect("a text");
        said.push(String::from_utf8(text).expect("UTF-8"));
    }
    near.write_all(&[1, 0]).await.expect("open");
    let mut request = [0; 4];
    near.read_exact(&mut request).await.expect("a request");
    assert_eq!(request, [5, 1, 0, 1], "an address of IPv4");
    let mut address = [0; 4];
    near.read_exact(&mut address).await.expect("an address");
    let target = SocketAddr::from((address, near.read_u16().await.expect("a port")));
    log.lock().expect("whole").push(format!("{} {target}", said.join(":")));
    near.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await.expect("open");
    let mut far = TcpStream::connect(target).await.expect("it listens");
    let _ = copy_bidirectional(&mut near, &mut far).await;
}

#[tokio::test]
async fn every_transport_goes_through_a_tunnel() {
    let (site, secure) = (Site::start(Hub::builder().handler(echo)), Secure::start(&["h2", "http/1.1"]));
    let plain = format!("http://{}", site.address);
    for (kind, scheme) in [(Kind::Http(200), "http"), (Kind::Socks, "socks5")] {
        let proxy = TestProxy::start(kind).await;
        for url in [&plain, &secure.url()] {
            for transport in Transport::ALL {
                let through = Proxy::Url(format!("{scheme}://user:pass%20word@{}", proxy.address));
                let builder = Client::builder(url).transports([transport]).tls(secure.trusting.clone());
                let mut client = builder.proxy(through).build().expect("checked");
                client.sender().send("a").await.expect("open");
                assert_eq!(text(&mut client).await, "a", "{transport} to {url}");
                let target = url.split("//").nth(1).expect("a host");
                let asked = proxy.asked();
                assert!(!asked.is_empty(), "{transport} to {url} went past the proxy");
                for said in asked {
                    let expected = match kind {
                        Kind::Http(_) => format!(
                            "CONNECT {target} HTTP/1.1\r\nHost: {target}\r\nProxy-Authorization: Basic dXNlcjpwYXNzIHdvcmQ="
                        ),
                        Kind::Socks => format!("user:pass word {target}"),
                    };
                    assert_eq!(said, expected);
                }
            }
        }
    }
}

#[tokio::test]
async fn a_proxy_that_refuses_is_told_by_its_address() {
    let site = Site::start(Hub::builder().handler(echo));
    for status in [403, 407] {
        let proxy = TestProxy::start(Kind::Http(status)).await;
        for transport in [Transport::WebSocket, Transport::Comet] {
            let through = Proxy::Url(format!("http://user:secret@{}", proxy.address));
            let builder = site.client(&[transport]).proxy(through);
            let mut client = builder.build().expect("checked");
            let event = soon(client.next()).await;
            let Some(Event::Disconnected { reason, .. }) = event else { panic!("{event:?}") };
            let address = format!("http://{}", proxy.address);
            assert!(reason.contains(&address) && reason.contains(&status.to_string()), "{transport}: {reason}");
            assert!(!reason.contains("secret"), "{reason}");
        }
    }
}
