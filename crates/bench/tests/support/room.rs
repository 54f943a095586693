//! A broadcast server that does as a script says: one thread a connection, one room.

use crate::support::{Frame, accept, frame, read_frame, tcp};
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};

/// What one subscriber gets of each publication.
type Script = Box<dyn FnMut(usize, &[u8]) -> Option<Vec<u8>> + Send>;

/// One connection: its socket and its script.
struct Member {
    stream: TcpStream,
    script: Script,
}

/// Serves on a free port. `script` is told each connection's number, from 0 on, and gives a script that gets each
/// publication, framed, with its number, and gives the bytes for that subscriber, or `None` to hang up on it.
pub(crate) fn room<S>(script: S) -> SocketAddr
where
    S: Fn(usize) -> Script + Send + Sync + 'static,
{
    let members = Arc::new(Mutex::new((0, 0, Vec::new())));
    tcp(move |mut stream| {
        accept(&mut stream, "")?;
        {
            let (joined, _, list) = &mut *members.lock().expect("no thread panics");
            list.push(Member { stream: stream.try_clone()?, script: script(*joined) });
            *joined += 1;
        }
        loop {
            let sent = read_frame(&mut stream)?;
            if sent.first == 0x88 {
                return Ok(());
            }
            broadcast(&mut members.lock().expect("no thread panics"), &sent);
        }
    })
}

fn broadcast((_, published, list): &mut (usize, usize, Vec<Member>), sent: &Frame) {
    // Pongs are for nobody.
    if sent.first & 8 != 0 {
        return;
    }
    let honest = frame(sent.first, &sent.payload);
    list.retain_mut(|member| match (member.script)(*published, &honest) {
        Some(bytes) => member.stream.write_all(&bytes).is_ok(),
        None => member.stream.shutdown(std::net::Shutdown::Both).is_err(),
    });
    *published += 1;
}

/// Does nothing wrong.
pub(crate) fn honest() -> Script {
    Box::new(|_, publication| Some(publication.to_vec()))
}
