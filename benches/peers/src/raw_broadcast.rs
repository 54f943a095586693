//! TCP without WebSocket: what it costs to write the same bytes to the same sockets.

use std::io;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio::sync::Mutex;

/// Most bytes that one read takes.
const READ: usize = 64 * 1024;

/// All connections.
#[derive(Clone, Default)]
pub(crate) struct Room(Arc<Mutex<Vec<Arc<TcpStream>>>>);

/// Sends every connection the frames of what any of them publishes: with its length in front, as 4 bytes.
pub(crate) async fn member(stream: TcpStream, room: Room) {
    let stream = Arc::new(stream);
    room.0.lock().await.push(stream.clone());
    // How it ends is its own matter: load generators just hang up.
    let _ended = publish(&stream, &room).await;
    room.0.lock().await.retain(|member| !Arc::ptr_eq(member, &stream));
}

async fn publish(stream: &TcpStream, room: &Room) -> io::Result<()> {
    let (mut received, mut frames) = (Vec::new(), Vec::new());
    loop {
        stream.readable().await?;
        received.reserve(READ);
        match stream.try_read_buf(&mut received) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(error) => return Err(error),
        }
        frames.clear();
        let taken = take(&received, &mut frames);
        received.drain(..taken);
        if !frames.is_empty() {
            for member in &*room.0.lock().await {
                // One that hung up is its own task's to take away.
                let _gone = write(member, &frames).await;
            }
        }
    }
}

/// Makes frames of the publications that are whole, and tells how many bytes those were.
fn take(received: &[u8], frames: &mut Vec<u8>) -> usize {
    let mut taken = 0;
    while let Some((length, rest)) = received[taken..].split_first_chunk() {
        let length = u32::from_be_bytes(*length);
        let Some(payload) = rest.get(..length as usize) else { break };
        frames.push(0x82);
        match (u8::try_from(length), u16::try_from(length)) {
            (Ok(short @ ..126), _) => frames.push(short),
            (_, Ok(length)) => frames.extend([&[126], &length.to_be_bytes()[..]].concat()),
            _ => frames.extend([&[127], &u64::from(length).to_be_bytes()[..]].concat()),
        }
        frames.extend_from_slice(payload);
        taken += 4 + payload.len();
    }
    taken
}

/// Writes all of it, and keeps the others waiting where a socket has no room: it has while the load generator reads.
async fn write(member: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match member.try_write(bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => member.writable().await?,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
