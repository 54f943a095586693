//! The messages of websocket-shootout, as JSON.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::Ask;

#[derive(Debug, Serialize, Deserialize)]
struct Message<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    payload: Payload<'a>,
}

/// When it was sent, in nanoseconds of the load generator's clock, and what fills it up.
#[derive(Debug, Serialize, Deserialize)]
struct Payload<'a> {
    #[serde(borrow, rename = "sendTime")]
    sent: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "str::is_empty")]
    padding: Cow<'a, str>,
}

/// What a message of the server's is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Back to who asked.
    Echo,
    /// To all.
    Broadcast,
    /// To who asked, when it has gone to all.
    Result,
}

/// A request.
pub(super) fn ask(ask: Ask, sent: u64, padding: &str) -> String {
    let kind = match ask {
        Ask::Echo => "echo",
        Ask::Broadcast => "broadcast",
    };
    // Digits and padding need no escapes.
    let padding = if padding.is_empty() { String::new() } else { format!(r#","padding":"{padding}""#) };
    format!(r#"{{"type":"{kind}","payload":{{"sendTime":"{sent}"{padding}}}}}"#)
}

/// Reads a message: what it is, and when its payload was sent.
pub(super) fn read(text: &str, padding: &str) -> Option<(Kind, u64)> {
    let Message { kind, payload } = serde_json::from_str(text).ok()?;
    let kind = match &*kind {
        "echo" => Kind::Echo,
        "broadcast" => Kind::Broadcast,
        "broadcastResult" => Kind::Result,
        _ => return None,
    };
    (payload.padding == padding).then_some((kind, payload.sent.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_is_read() {
        for padding in ["", "12345"] {
            assert_eq!(read(&ask(Ask::Echo, 7, padding), padding), Some((Kind::Echo, 7)));
            assert_eq!(read(&ask(Ask::Broadcast, u64::MAX, padding), padding), Some((Kind::Broadcast, u64::MAX)));
        }
        // Other makers order members otherwise, and add some.
        let result = r#"{ "payload" : {"padding":"12", "sendTime":"5"}, "listenerCount":3, "type":"broadcastResult" }"#;
        assert_eq!(read(result, "12"), Some((Kind::Result, 5)));
        assert_eq!(read(result, "1"), None);
    }

    #[test]
    fn what_makes_no_sense_is_nothing() {
        for wrong in ["", "{}", r#"{"type":"echo"}"#, r#"{"type":"shout","payload":{"sendTime":"1"}}"#] {
            assert_eq!(read(wrong, ""), None, "{wrong}");
        }
    }
}
