//! TCP without WebSocket: what the same bytes cost when nobody looks at them.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// As long as a plain WebSocket server's answer.
const ANSWER: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// A Close frame with code 1000, as a server sends it.
const CLOSE: &[u8] = &[0x88, 2, 0x03, 0xe8];

/// Sends back whatever comes, through a buffer that the connection keeps.
pub(crate) async fn echo(mut stream: TcpStream, buffer: usize) {
    let mut buffer = vec![0; buffer];
    while let Ok(n) = stream.read(&mut buffer).await {
        if n == 0 || stream.write_all(&buffer[..n]).await.is_err() {
            break;
        }
    }
}

/// Answers a request head, then eight bytes of Close frame if they come, and hangs up.
pub(crate) async fn handshake(mut stream: TcpStream) {
    let mut head = [0; 2048];
    let mut filled = 0;
    while !head[..filled].ends_with(b"\r\n\r\n") {
        match stream.read(&mut head[filled..]).await {
            Ok(n) if n > 0 => filled += n,
            _ => return,
        }
    }
    if stream.write_all(ANSWER).await.is_err() {
        return;
    }
    let mut filled = 0;
    while filled < 8 {
        match stream.read(&mut head[filled..8]).await {
            Ok(n) if n > 0 => filled += n,
            _ => return,
        }
    }
    // Whether the other end still wants this answer makes no difference to what comes next: hanging up.
    let _gone = stream.write_all(CLOSE).await;
}
