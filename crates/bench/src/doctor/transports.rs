//! Which transports a server allows, and what is between that doesn't.

use std::net::SocketAddr;
use std::time::Duration;

use super::Finding;
use crate::ask::{Answer, CLOSE, OPEN, Sessions, Until, ask, has_secret, secret};
use crate::handshake::Handshake;
use crate::{Error, Protocol, Target};

/// Within which the first event of Comet has to come: past it something on the way buffers, says the protocol.
const FIRST_EVENT: Duration = Duration::from_secs(2);
/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How long a poll is held: long enough to tell holding from answering at once.
const WAIT: Duration = Duration::from_secs(1);

/// How an answer is described that says that there is nothing at an address.
const NOT_FOUND: &str = "status 404";
/// How one is described that upgrades to a WebSocket, and hasn't heard of sessions.
const BARE: &str = "a WebSocket without sessions";

/// The server, and how to speak to it.
struct Server {
    address: SocketAddr,
    mount: Target,
    /// At `{mount}/session`.
    sessions: Sessions,
}

pub(super) fn examine(target: &Target) -> Result<Vec<Finding>, Error> {
    if target.protocol() == Protocol::Raw {
        return Err(Error::Plan { problem: "a tcp:// server knows no transports: use http:// or ws://".to_owned() });
    }
    let address = target.resolve()?;
    let sessions = Sessions { address, target: target.below(Protocol::Http, "session"), timeout: TIMEOUT };
    let server = Server { address, mount: target.clone(), sessions };
    let websocket = server.websocket()?;
    let sessions =
        vec![server.session_websocket()?, server.comet()?, server.long_polling()?, server.polling()?, server.post()?];
    // A server that is somebody else's has no sessions, and is right not to.
    let sessions = if websocket.is_well() && has_none(&sessions) {
        vec![Finding::new("sessions", "none here, raw WebSocket only: measure it with --raw, or by a ws:// URL")]
    } else {
        sessions
    };
    Ok([vec![websocket], sessions].concat())
}

/// Whether nothing of what was tried knows sessions: there is nothing at their address, or WebSockets as everywhere else.
fn has_none(sessions: &[Finding]) -> bool {
    let is_bare = sessions.iter().any(|finding| finding.found == BARE) && !sessions.iter().any(Finding::is_well);
    is_bare || sessions.iter().all(|finding| finding.found.starts_with(NOT_FOUND))
}

impl Server {
    /// At the address itself, and where there is none at `{mount}/echo`, Bowline's own.
    fn websocket(&self) -> Result<Finding, Error> {
        let given = self.upgrade(&self.mount, false)?;
        if given.is_well() {
            return Ok(given);
        }
        let echo = self.upgrade(&self.mount.below(Protocol::WebSocket, "echo"), false)?;
        Ok(if echo.is_well() { echo } else { given })
    }

    fn session_websocket(&self) -> Result<Finding, Error> {
        self.upgrade(&self.sessions.target, true)
    }

    fn upgrade(&self, target: &Target, session: bool) -> Result<Finding, Error> {
        let handshake = Handshake::with(target, None, session);
        let until = if session { Until::Body(has_secret) } else { Until::Head };
        let answer = ask(self.address, &handshake.request, until, TIMEOUT)?;
        self.sessions.end(&answer)?;
        let name = if session { "websocket" } else { "raw websocket" };
        let verified = handshake.answer(&answer.bytes());
        let is_open = matches!(verified, Ok(Some(_))) && (!session || answer.has(OPEN));
        if !is_open && answer.status == 101 {
            let found = if session && verified.is_err() { BARE.to_owned() } else { answer.describe() };
            let problem = verified.err().map_or("no session began".to_owned(), |error| error.to_string());
            return Ok(Finding::new(name, found).unless(false, problem, DEPLOYMENT));
        }
        let found = if is_open { format!("at {target}") } else { answer.describe() };
        let (problem, remedy) = why_no_upgrade(&answer, target);
        Ok(Finding::new(name, found).unless(is_open, problem, remedy))
    }

    fn comet(&self) -> Result<Finding, Error> {
        let accept = "Accept: text/event-stream\r\n";
        let answer = ask(self.address, &self.sessions.get("", "new", accept), Until::Body(has_secret), FIRST_EVENT)?;
        self.sessions.end(&answer)?;
        let is_open = answer.status == 200 && answer.has(OPEN);
        let found = match is_open {
            true => format!("first event after {} ms", answer.took.as_millis()),
            false if answer.status == 200 => "a head, and no event within 2 s".to_owned(),
            false => answer.describe(),
        };
        // Whoever buffers a whole answer keeps its head as well.
        let (problem, remedy) = if matches!(answer.status, 0 | 200) && !answer.ended {
            (
                "something on the way holds the answer until its end",
                "nginx: proxy_buffering off; (other gateways: no response buffering)",
            )
        } else {
            why_no_session(&answer)
        };
        Ok(Finding::new("comet", found).unless(is_open, problem, remedy))
    }

    /// Opens, and polls once more, which is to be held.
    fn long_polling(&self) -> Result<Finding, Error> {
        let name = "long polling";
        let opened = self.sessions.open(&format!("?wait={}", WAIT.as_secs()))?;
        let Some(secret) = secret(&opened.body) else { return Ok(refused(name, &opened)) };
        let query = format!("?wait={}", WAIT.as_secs());
        let held = ask(
            self.address,
            &self.sessions.get(&query, &secret, &format!("Bowline-Cursor: 0\r\n{CLOSE}")),
            Until::End,
            TIMEOUT,
        )?;
        self.sessions.end(&opened)?;
        let found = format!("{} after {:.1} s", held.describe(), held.took.as_secs_f64());
        // A little less, for the server's clock begins later.
        let is_held = held.status == 204 && held.took >= WAIT.mul_f64(0.9);
        Ok(Finding::new(name, found).unless(
            is_held,
            "a poll was to be held for 1 s, and then answered 204",
            "nginx: proxy_read_timeout 75s; bowline serve: --max-poll-wait 25s",
        ))
    }

    fn polling(&self) -> Result<Finding, Error> {
        let name = "polling";
        let opened = self.sessions.open("")?;
        let Some(_) = secret(&opened.body) else { return Ok(refused(name, &opened)) };
        self.sessions.end(&opened)?;
        Ok(Finding::new(name, format!("answered after {} ms", opened.took.as_millis())))
    }

    fn post(&self) -> Result<Finding, Error> {
        let name = "post";
        let opened = self.sessions.open("")?;
        let Some(secret) = secret(&opened.body) else { return Ok(refused(name, &opened)) };
        let body = "id: 1\ndata: doctor\n\n";
        let more = format!("Content-Type: text/event-stream\r\nContent-Length: {}\r\n{CLOSE}", body.len());
        let request = [self.sessions.request("POST", "", &secret, &more), body.as_bytes().to_vec()].concat();
        let answer = ask(self.address, &request, Until::End, TIMEOUT)?;
        self.sessions.end(&opened)?;
        if answer.status == 200 && answer.has("event: ack") {
            return Ok(Finding::new(name, format!("acknowledged after {} ms", answer.took.as_millis())));
        }
        let (problem, remedy) = match answer.status {
            405 => {
                ("something on the way lets no POST pass", "allow GET, POST and DELETE for the address in the gateway")
            }
            413 => ("something on the way bounds bodies below ours", "nginx: client_max_body_size 2m;"),
            _ => why_no_session(&answer),
        };
        Ok(Finding::new(name, answer.describe()).unless(false, problem, remedy))
    }
}

const DEPLOYMENT: &str = "see that the address is the mount of a Bowline server: {URL}/session is asked";

fn refused(name: &'static str, answer: &Answer) -> Finding {
    let (problem, remedy) = why_no_session(answer);
    Finding::new(name, answer.describe()).unless(false, problem, remedy)
}

fn why_no_session(answer: &Answer) -> (&'static str, &'static str) {
    match answer.status {
        0 if answer.ended => ("something ends the connection", "look into the logs of what is in front of the server"),
        0 => (
            "something on the way holds requests or answers",
            "nginx: proxy_buffering off; proxy_request_buffering off;",
        ),
        200 => ("it is answered by something else, or without what a session begins with", DEPLOYMENT),
        400 => ("the header Bowline-Session doesn't arrive", "let the gateway pass the headers Bowline-*"),
        401 => ("it wants to know who asks", "measure a mount without authentication"),
        403 => (
            "the server, or something in front, doesn't allow it",
            "bowline serve: --allow-origin, or the gateway's rules",
        ),
        404 => ("there are no sessions at this address", DEPLOYMENT),
        421 => ("the server doesn't go by this name", "bowline serve: --host NAME"),
        429 | 503 => {
            ("the server is full", "bowline serve: --max-sessions, --max-connections, --max-connections-per-ip")
        }
        502 | 504 => ("a gateway doesn't reach the server", "start the server, and point the gateway at it"),
        _ => ("that is not how a session begins", DEPLOYMENT),
    }
}

fn why_no_upgrade(answer: &Answer, target: &Target) -> (String, String) {
    let upgrade = "nginx: proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection \"upgrade\";";
    let (problem, remedy) = match answer.status {
        0 if !answer.ended => ("something on the way swallows the upgrade", upgrade),
        // The server never saw `Upgrade`, or has a page there.
        200 | 400 | 426 => ("the upgrade doesn't reach a WebSocket", upgrade),
        404 => return (format!("there is no WebSocket at {target}"), "give the address of one".to_owned()),
        _ => why_no_session(answer),
    };
    (problem.to_owned(), remedy.to_owned())
}

#[cfg(test)]
mod tests;
