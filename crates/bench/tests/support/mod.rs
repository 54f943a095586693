//! A WebSocket server that answers by a script: one thread a connection.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

/// A frame from the load generator, unmasked.
pub(crate) struct Frame {
    /// FIN, reserved bits and opcode, as on the wire.
    pub(crate) first: u8,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    /// The frame as an honest server sends it back.
    pub(crate) fn echo(&self) -> Vec<u8> {
        frame(self.first, &self.payload)
    }
}

/// An unmasked frame.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(len @ 0..=125), _) => out.push(len),
        (_, Ok(len)) => out.extend([&[126][..], &len.to_be_bytes()].concat()),
        _ => out.extend([&[127][..], &(payload.len() as u64).to_be_bytes()].concat()),
    }
    out.extend_from_slice(payload);
    out
}

/// Serves on a free port of the loopback. `script` gets each connection's frames with their numbers from 0 on, and gives the
/// bytes to answer with, or `None` to hang up.
pub(crate) fn websocket<S, F>(extensions: &'static str, script: S) -> SocketAddr
where
    S: Fn() -> F + Send + Sync + 'static,
    F: FnMut(usize, Frame) -> Option<Vec<u8>>,
{
    tcp(move |mut stream| {
        accept(&mut stream, extensions)?;
        let mut script = script();
        for number in 0.. {
            let frame = read_frame(&mut stream)?;
            let close = frame.first == 0x88;
            match script(number, frame) {
                Some(answer) => stream.write_all(&answer)?,
                None => break,
            }
            if close {
                break;
            }
        }
        Ok(())
    })
}

/// Answers an opening handshake, and gives the request.
pub(crate) fn accept(stream: &mut TcpStream, extensions: &str) -> io::Result<String> {
    let head = read_head(stream)?;
    let key = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap_or_default();
    let hash = Sha1::new().chain_update(key).chain_update("258EAFA5-E914-47DA-95CA-C5AB0DC85B11").finalize();
    let accept = STANDARD.encode(hash);
    write!(
        stream,
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n{extensions}\r\n"
    )?;
    Ok(head)
}

/// Serves any protocol on a free port. How a connection ends is the load generator's to judge.
pub(crate) fn tcp<S>(serve: S) -> SocketAddr
where
    S: Fn(TcpStream) -> io::Result<()> + Send + Sync + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it has an address");
    let serve = Arc::new(serve);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let serve = serve.clone();
            thread::spawn(move || serve(stream));
        }
    });
    address
}

/// Reads up to the empty line.
pub(crate) fn read_head(stream: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    String::from_utf8(head).map_err(io::Error::other)
}

pub(crate) fn read_frame(stream: &mut TcpStream) -> io::Result<Frame> {
    let mut two = [0; 2];
    stream.read_exact(&mut two)?;
    assert_eq!(two[1] & 0x80, 0x80, "clients mask");
    let len = match two[1] & 0x7f {
        126 => {
            let mut long = [0; 2];
            stream.read_exact(&mut long)?;
            usize::from(u16::from_be_bytes(long))
        }
        127 => return Err(io::Error::other("no test sends that much")),
        len => usize::from(len),
    };
    let mut key = [0; 4];
    stream.read_exact(&mut key)?;
    let mut payload = vec![0; len];
    stream.read_exact(&mut payload)?;
    for (byte, key) in payload.iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
    Ok(Frame { first: two[0], payload })
}
