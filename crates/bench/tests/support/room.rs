//! A broadcast server that does as a script says: one thread a connection, one room.

use crate::support::{Frame, accept, frame, read_frame, tcp};
use std::io::Write;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};

/// What one subscriber gets of each publication.
type Script = Box<dyn FnMut(usize, &[u8]) -> Option<Vec<u8>> + Send>;

/// One connection: its socket, and its script once anything was published.
struct Member {
    id: usize,
    stream: TcpStream,
    script: Option<Script>,
}

#[derive(Default)]
struct Room {
    members: Vec<Member>,
    joined: usize,
    published: usize,
    scripts: usize,
}

/// Serves on a free port. `script` is told the number of each connection: 0 for the first to publish, others from 1 on. It
/// gives a script that gets each publication, framed, with its number, and gives the bytes for that subscriber, or `None` to
/// hang up on it.
pub(crate) fn room<S>(script: S) -> SocketAddr
where
    S: Fn(usize) -> Script + Send + Sync + 'static,
{
    let room = Arc::new(Mutex::new(Room::default()));
    tcp(move |mut stream| {
        accept(&mut stream, "")?;
        let id = room.lock().expect("no thread panics").join(stream.try_clone()?);
        loop {
            let sent = read_frame(&mut stream)?;
            match sent.first {
                0x88 => return Ok(()),
                // Pongs are for nobody.
                first if first & 8 != 0 => {}
                _ => room.lock().expect("no thread panics").broadcast(id, &sent, &script),
            }
        }
    })
}

impl Room {
    fn join(&mut self, stream: TcpStream) -> usize {
        self.joined += 1;
        self.members.push(Member { id: self.joined, stream, script: None });
        self.joined
    }

    fn broadcast(&mut self, publisher: usize, sent: &Frame, script: &impl Fn(usize) -> Script) {
        let Self { members, published, scripts, .. } = self;
        if *scripts == 0 {
            members.sort_by_key(|member| member.id != publisher);
        }
        for member in members.iter_mut().filter(|member| member.script.is_none()) {
            member.script = Some(script(*scripts));
            *scripts += 1;
        }
        let honest = frame(sent.first, &sent.payload);
        members.retain_mut(|member| match member.script.as_mut().and_then(|script| script(*published, &honest)) {
            Some(bytes) => member.stream.write_all(&bytes).is_ok(),
            None => member.stream.shutdown(Shutdown::Both).is_err(),
        });
        *published += 1;
    }
}

/// Does nothing wrong.
pub(crate) fn honest() -> Script {
    Box::new(|_, publication| Some(publication.to_vec()))
}
