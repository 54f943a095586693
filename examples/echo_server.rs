//! An echo server with limits and compression of its own: `cargo run --example echo_server -- 127.0.0.1:9001`.

use std::{env, error::Error, sync::Arc};

use bowline_core::{Limits, connection::Config, message::deflate::DeflateConfig, stream::Acceptor};
use tokio::net::{TcpListener, TcpStream};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9001".to_owned());
    let limits = Limits::default().max_message_size(16 << 20).max_fragments(65_536);
    let config = Arc::new(Config::default().limits(limits).deflate(DeflateConfig::default()));
    let acceptor = Acceptor::new().config(config);

    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let (socket, peer) = listener.accept().await?;
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            if let Err(error) = echo(&acceptor, socket).await {
                eprintln!("{peer}: {error}");
            }
        });
    }
}

async fn echo(acceptor: &Acceptor, socket: TcpStream) -> Result<(), Box<dyn Error + Send + Sync>> {
    socket.set_nodelay(true)?;
    let mut ws = acceptor.accept(socket).await?;
    // `None` is the end in good order; the peer that broke a rule, or went away, is an error.
    while let Some(message) = ws.recv().await? {
        ws.send(message).await?;
    }
    Ok(())
}
