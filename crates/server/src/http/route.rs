//! Which address is what.

use bowline_core::handshake::Refusal;
use http::Method;
use percent_encoding::percent_decode_str;

use super::guards::Turned;
use crate::{metrics::Refused, room::RoomName};

/// What is at an address below the mount point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// `/ws`: a WebSocket with the hub's handler.
    WebSocket,
    /// `/session`: a session with the hub's handler, whatever carries it.
    Session,
    /// `/rooms/{room}`.
    Room(RoomName),
}

impl Route {
    /// What is at `path`, from which the mount point has been taken off. A room's name is one segment, percent-decoded:
    /// with `%2F` it may have slashes.
    ///
    /// # Errors
    /// 404 for an address where nothing is, 400 for a room that can't be.
    pub(super) fn parse(path: &str) -> Result<Self, Turned> {
        match path {
            "/ws" => return Ok(Self::WebSocket),
            "/session" => return Ok(Self::Session),
            _ => {}
        }
        let Some(name) = path.strip_prefix("/rooms/").filter(|name| !name.contains('/')) else {
            return Err(not_found());
        };
        let bad = |text: String| Turned::new(Refused::Malformed, Refusal::bad_request(text));
        let name = percent_decode_str(name).decode_utf8();
        let name = name.map_err(|_| bad("The room's name is not UTF-8 once it is percent-decoded.\n".into()))?;
        RoomName::new(&name).map(Self::Room).map_err(|error| bad(format!("This is no room: {error}.\n")))
    }

    /// Whether it takes this method, of a request that asks for no WebSocket.
    pub(super) fn takes(&self, method: &Method) -> bool {
        match self {
            Self::WebSocket => *method == Method::GET,
            Self::Session => [Method::GET, Method::POST, Method::DELETE].contains(method),
            Self::Room(_) => [Method::GET, Method::HEAD, Method::POST].contains(method),
        }
    }

    /// The methods that the address takes, as `Allow` has them.
    pub(super) const fn methods(&self) -> &'static str {
        match self {
            Self::WebSocket => "GET, OPTIONS",
            Self::Session => "GET, POST, DELETE, OPTIONS",
            Self::Room(_) => "GET, HEAD, POST, OPTIONS",
        }
    }
}

/// 404.
pub(super) fn not_found() -> Turned {
    let text = "Nothing is at this address. There are /ws, /session and /rooms/{room} below the mount point.\n";
    Turned::new(Refused::NotFound, super::authorize::refusal(http::StatusCode::NOT_FOUND, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let room = |name: &str| Some(Route::Room(RoomName::new(name).unwrap()));
        let longest = format!("/rooms/{}", "%41".repeat(255));
        let table = [
            ("/ws", Some(Route::WebSocket)),
            ("/session", Some(Route::Session)),
            ("/rooms/a", room("a")),
            ("/rooms/a%20b", room("a b")),
            ("/rooms/a+b", room("a+b")),
            ("/rooms/%C3%BC", room("ü")),
            ("/rooms/a%2Fb", room("a/b")),
            ("/rooms/..", room("..")),
            ("/rooms/%2e%2e%2f", room("../")),
            ("/rooms/100%", room("100%")),
            (&longest, room(&"A".repeat(255))),
        ];
        for (path, expected) in table {
            assert_eq!(Route::parse(path).ok(), expected, "{path}");
        }
    }

    #[test]
    fn what_is_no_address() {
        let too_long = format!("/rooms/{}", "%41".repeat(256));
        let table = [
            ("/", 404),
            ("", 404),
            ("/ws/", 404),
            ("/WS", 404),
            ("/rooms", 404),
            ("/rooms/a/", 404),
            ("/rooms/a/b", 404),
            ("//ws", 404),
            ("/other", 404),
            ("/rooms/", 400),
            ("/rooms/%FF", 400),
            ("/rooms/a%0Ab", 400),
            ("/rooms/%00", 400),
            (&too_long, 400),
        ];
        for (path, status) in table {
            assert_eq!(Route::parse(path).unwrap_err().refusal.status().as_u16(), status, "{path:?}");
        }
    }
}
