//! Upgrades under servers that aren't this crate's.

use std::net::SocketAddr;

use axum::Router;
use axum::extract::Request;
use axum::routing::get;
use bowline_server::io::Io;
use http::{Response, StatusCode};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use super::support::{UPGRADE, client, expect, one_answer};

/// Switches protocols, and says what it got, and what was read ahead.
fn upgrade<B: Default>(request: http::Request<impl Send + 'static>) -> Response<B> {
    let upgrade = hyper::upgrade::on(request);
    tokio::spawn(async move {
        let (mut io, ahead) = Io::from_upgraded(upgrade.await.expect("an upgrade"));
        let kind = if matches!(io, Io::Tcp(_)) { "tcp;" } else { "wrapped;" };
        io.write_all(kind.as_bytes()).await.expect("open");
        io.write_all(&ahead).await.expect("open");
    });
    let mut response = Response::new(B::default());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    response
}

async fn assert_bare_socket(address: SocketAddr) {
    let mut tcp = client(address, format!("{UPGRADE}ahead;")).await;
    assert!(one_answer(&mut tcp).await.starts_with("HTTP/1.1 101 "));
    expect(&mut tcp, "tcp;ahead;").await;
}

#[tokio::test]
async fn the_socket_comes_out_of_axum() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let router = Router::new().route("/upgrade", get(async |request: Request| upgrade::<axum::body::Body>(request)));
    let server = tokio::spawn(async { axum::serve(listener, router).await });
    assert_bare_socket(address).await;
    server.abort();
}

#[tokio::test]
async fn the_socket_comes_out_of_hyper() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let server = async {
        let (tcp, _) = listener.accept().await.expect("a client");
        let service = service_fn(async |request| Ok::<_, std::convert::Infallible>(upgrade::<String>(request)));
        http1::Builder::new().serve_connection(TokioIo::new(tcp), service).with_upgrades().await.expect("HTTP");
    };
    tokio::join!(server, assert_bare_socket(address));
}
