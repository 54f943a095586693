//! A knock at a server that somebody gave: what will not do is known at once, and not after what is measured first.

use std::net::SocketAddr;
use std::time::Duration;

use crate::ask::{Answer, Sessions, Until, ask, has_secret};
use crate::handshake::{Handshake, reason};
use crate::{Deflate, Error, Kill, Plan, Protocol, Target, Traffic, Transport};

/// How long a server may take to be reached, and how long to answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// What has sessions, and what is measured without.
const ELSEWHERE: &str = "give the mount of a Bowline server, or measure bare WebSockets (--transport raw)";

/// Where to knock, and what for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Knock {
    target: Target,
    opening: Opening,
}

/// What a plan's clients begin with.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Opening {
    /// Being connected is all.
    Bytes,
    /// A WebSocket, at this address.
    WebSocket(Option<Deflate>),
    /// A session, at this address.
    Session,
    /// Something below this address, which only has to be HTTP.
    Http,
}

impl Knock {
    /// As the plan's clients will; not at all where the run starts the server.
    pub(super) fn of(plan: &Plan) -> Option<Self> {
        let target = plan.target().clone();
        let opening = match plan {
            _ if target.protocol() == Protocol::Raw => Opening::Bytes,
            Plan::Echo(plan) if plan.session => Opening::Session,
            Plan::Echo(plan) => Opening::WebSocket(plan.deflate),
            Plan::Fanout(_) | Plan::Connect(_) | Plan::Hold(_) | Plan::Shootout(_) => Opening::WebSocket(None),
            Plan::Idle(plan) if plan.transport == Transport::Raw => Opening::WebSocket(None),
            Plan::Idle(_) => Opening::Session,
            Plan::Load(plan) => match (plan.transport, plan.traffic) {
                (Transport::Raw, Traffic::Echo) => Opening::WebSocket(None),
                _ if plan.is_at_room() => Opening::WebSocket(None),
                (Transport::Raw, _) => Opening::Http,
                _ => return Some(Self::at_mount(&target)),
            },
            Plan::Churn(plan) if plan.transport == Transport::Raw => Opening::WebSocket(None),
            Plan::Resume(plan) if matches!(plan.kill, Kill::Server { .. }) => return None,
            Plan::Churn(_) => return Some(Self::at_mount(&target)),
            // Their runs begin with a session by a client of theirs: one is enough.
            Plan::Resume(_) | Plan::Chat(_) => Opening::Http,
        };
        Some(Self { target, opening })
    }

    fn at_mount(mount: &Target) -> Self {
        Self { target: mount.below(Protocol::Http, "session"), opening: Opening::Session }
    }

    /// Knocks, and says what is wrong with what answers. Sessions are ended again.
    pub(super) fn knock(&self) -> Result<(), Error> {
        let address = self.target.resolve()?;
        match self.opening {
            Opening::Bytes => ask(address, b"", Until::Connected, TIMEOUT).map(drop),
            Opening::WebSocket(deflate) => self.websocket(address, deflate),
            Opening::Session => self.session(address),
            Opening::Http => self.http(address),
        }
    }

    fn websocket(&self, address: SocketAddr, deflate: Option<Deflate>) -> Result<(), Error> {
        let handshake = Handshake::new(&self.target, deflate);
        let answer = heard(ask(address, &handshake.request, Until::Head, TIMEOUT)?)?;
        if answer.status == 0 {
            return Err(Error::NotWebSocket { problem: answer.describe() });
        }
        handshake.answer(&answer.bytes()).map(drop)
    }

    fn session(&self, address: SocketAddr) -> Result<(), Error> {
        let sessions = Sessions { address, target: self.target.clone(), timeout: TIMEOUT };
        let answer = heard(sessions.open("")?)?;
        sessions.end(&answer)?;
        if answer.status == 401 {
            let (path, body) = (self.target.path().to_owned(), reason(&answer.body));
            return Err(Error::Refused { path, status: 401, body });
        }
        // A status that isn't of the address is the workload's to meet: others may pass where a poll does not, or later.
        if has_secret(&answer) || !matches!(answer.status, 0 | 200 | 400 | 404 | 421 | 426) {
            return Ok(());
        }
        let problem = match answer.status {
            0 => answer.describe(),
            _ => format!("{}, at {}; {ELSEWHERE}", answer.describe(), self.target),
        };
        Err(Error::NotSession { problem })
    }

    /// Whoever knows only WebSocket may well hang up.
    fn http(&self, address: SocketAddr) -> Result<(), Error> {
        let (path, host) = (self.target.path(), self.target.authority());
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let answer = heard(ask(address, request.as_bytes(), Until::Head, TIMEOUT)?)?;
        answer.foreign.map_or(Ok(()), |problem| Err(Error::NotWebSocket { problem }))
    }
}

/// An answer, or its absence, which is told as such.
fn heard(answer: Answer) -> Result<Answer, Error> {
    if answer.status == 0 && !answer.ended && answer.foreign.is_none() {
        return Err(Error::Timeout { waiting_for: "the server's first answer", after: TIMEOUT });
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::sync::mpsc::{Receiver, channel};
    use std::thread;

    use super::*;
    use crate::{ChatPlan, ConnectPlan, EchoPlan, LoadPlan};

    /// Somebody who gives each request this answer, and hangs up; and the requests.
    fn answering(answer: &'static [u8]) -> (SocketAddr, Receiver<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, told) = channel();
        thread::spawn(move || {
            for socket in listener.incoming() {
                let (mut socket, mut request) = (socket.unwrap(), [0; 4096]);
                let count = socket.read(&mut request).unwrap_or(0);
                // A test may not care.
                drop(tell.send(String::from_utf8_lossy(&request[..count]).into_owned()));
                drop(socket.write_all(answer));
            }
        });
        (address, told)
    }

    fn rooms(transport: Transport) -> Plan {
        let traffic = Traffic::Rooms { rooms: 1, per_client: 1 };
        Plan::Load(LoadPlan::new("http://127.0.0.1:1/a".parse().unwrap(), transport, traffic))
    }

    fn connect(url: &str) -> Plan {
        Plan::Connect(ConnectPlan::new(url.parse().unwrap()))
    }

    #[test]
    fn each_knocks_as_its_clients_will() {
        let mut session = EchoPlan::new("ws://127.0.0.1:1/session".parse().unwrap());
        session.session = true;
        let chat = Plan::Chat(ChatPlan::new("http://127.0.0.1:1/a".parse().unwrap()));
        let mut room = rooms(Transport::Raw);
        if let Plan::Load(plan) = &mut room {
            plan.target = "ws://127.0.0.1:1/room".parse().unwrap();
        }
        for (plan, url, opening) in [
            (rooms(Transport::Comet), "http://127.0.0.1:1/a/session", Opening::Session),
            (rooms(Transport::Raw), "http://127.0.0.1:1/a", Opening::Http),
            (chat, "http://127.0.0.1:1/a", Opening::Http),
            (room, "ws://127.0.0.1:1/room", Opening::WebSocket(None)),
            (Plan::Echo(session), "ws://127.0.0.1:1/session", Opening::Session),
            (connect("ws://127.0.0.1:1/b"), "ws://127.0.0.1:1/b", Opening::WebSocket(None)),
            (connect("tcp://127.0.0.1:1"), "tcp://127.0.0.1:1", Opening::Bytes),
        ] {
            assert_eq!(Knock::of(&plan), Some(Knock { target: url.parse().unwrap(), opening }), "{url}");
        }
    }

    #[test]
    fn a_session_that_was_opened_is_ended() {
        let (address, requests) = answering(b"HTTP/1.1 200 OK\r\n\r\nevent: open\ndata: {\"session\":\"a.b\"}\n\n");
        let mut plan = rooms(Transport::LongPolling);
        plan.set_address(address);
        Knock::of(&plan).unwrap().knock().unwrap();
        let [opening, ending] = [requests.recv().unwrap(), requests.recv().unwrap()];
        assert!(opening.starts_with("GET /a/session HTTP/1.1\r\n"), "{opening}");
        assert!(opening.contains("Bowline-Session: new\r\n"), "{opening}");
        assert!(ending.starts_with("DELETE /a/session HTTP/1.1\r\n"), "{ending}");
        assert!(ending.contains("Bowline-Session: a.b\r\n"), "{ending}");
    }

    #[test]
    fn whoever_is_no_server_of_the_kind_is_told() {
        const NOT_FOUND: &[u8] = b"HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\nnot here\n";
        const WHO: &[u8] = b"HTTP/1.1 401 Who\r\nConnection: close\r\n\r\nwho?\n";
        const UPGRADE: &[u8] = b"HTTP/1.1 426 Upgrade Required\r\nConnection: close\r\n\r\nno WebSocket\n";
        const PAGE: &[u8] = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n<html>";
        const FULL: &[u8] = b"HTTP/1.1 503 Full\r\nConnection: close\r\n\r\nlater\n";
        const TLS: &[u8] = b"\x15\x03\x01\x00\x02\x02\x46";
        const SSH: &[u8] = b"SSH-2.0-OpenSSH_9\r\n";
        let [comet, raw, bare] = [rooms(Transport::Comet), rooms(Transport::Raw), connect("ws://127.0.0.1:1/")];
        for (plan, answer, why) in [
            (&comet, NOT_FOUND, "no sessions at this address: status 404, not here"),
            (&comet, WHO, "refused a request for /a/session with status 401: who?"),
            (&raw, NOT_FOUND, ""),
            (&bare, NOT_FOUND, "refused a request for / with status 404: not here"),
            (&comet, UPGRADE, "no sessions at this address: status 426, no WebSocket, at http://"),
            (&comet, PAGE, "no sessions at this address: status 200, <html>"),
            (&bare, PAGE, "with status 200"),
            // That may pass.
            (&comet, FULL, ""),
            (&bare, FULL, "with status 503: later"),
            (&comet, TLS, "it speaks TLS"),
            (&raw, TLS, "it speaks TLS"),
            (&bare, TLS, "it speaks TLS"),
            (&comet, SSH, "its answer is not HTTP"),
            (&raw, SSH, "its answer is not HTTP"),
            (&comet, b"", "it hung up without an answer"),
            (&raw, b"", ""),
            (&bare, b"", "it hung up without an answer"),
        ] {
            let mut plan = plan.clone();
            let (address, _requests) = answering(answer);
            plan.set_address(address);
            match Knock::of(&plan).unwrap().knock() {
                Ok(()) => assert_eq!(why, "", "{plan:?}: {answer:?}"),
                Err(error) => assert!(!why.is_empty() && error.to_string().contains(why), "{plan:?}: {error}"),
            }
        }
    }
}
