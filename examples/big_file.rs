//! Sends one message of 64 MiB piece by piece, and receives it so: neither end ever holds more than a piece of it, nor do the
//! limits on the size of messages matter. `cargo run --example big_file`.

use std::{
    error::Error,
    hash::{DefaultHasher, Hasher},
};

use bowline_core::{
    message::{Kind, Piece},
    stream::{Connector, WebSocket},
};
use bytes::Bytes;
use tokio::net::{TcpListener, TcpStream};

type Failure = Box<dyn Error + Send + Sync>;

const PIECES: usize = 1_024;
const PIECE: usize = 64 << 10;

/// Stands for reading a file: the bytes at `index`, and a hash of what was read so far.
fn read(index: usize, hash: &mut DefaultHasher) -> Bytes {
    let data: Vec<u8> = (0..PIECE).map(|at| (at * 31 + index * 17).to_le_bytes()[0]).collect();
    hash.write(&data);
    data.into()
}

async fn receive(listener: TcpListener) -> Result<(u64, u64), Failure> {
    let (socket, _) = listener.accept().await?;
    let mut ws = WebSocket::accept(socket).await?;
    let (mut length, mut hash, mut largest) = (0, DefaultHasher::new(), 0);
    while let Some(piece) = ws.recv_piece().await? {
        length += piece.data.len() as u64;
        largest = largest.max(piece.data.len());
        hash.write(&piece.data);
        if piece.last {
            break;
        }
    }
    println!("received {length} bytes, at most {largest} of them at a time");
    assert!(largest < 1 << 20, "a piece is what one read brought, not the message");
    ws.close(None).await?;
    Ok((length, hash.finish()))
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let receiver = tokio::spawn(receive(listener));

    let mut ws = Connector::new().handshake(&format!("ws://{address}/"), TcpStream::connect(address).await?).await?;
    let mut hash = DefaultHasher::new();
    for index in 0..PIECES {
        let data = read(index, &mut hash);
        ws.send_piece(Piece { kind: Kind::Binary, data, last: index + 1 == PIECES }).await?;
    }
    assert!(ws.recv().await?.is_none(), "the receiver only closes");

    let (length, received) = receiver.await??;
    assert_eq!(length, (PIECES * PIECE) as u64);
    assert_eq!(received, hash.finish(), "what came is what was sent");
    Ok(())
}
