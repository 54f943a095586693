//! Negotiating permessage-deflate (RFC 7692 §5, §7.1).

use std::fmt::Write as _;

use http::{HeaderMap, header::SEC_WEBSOCKET_EXTENSIONS};

use super::{
    extensions::{Extension, Malformed, parse},
    request::MAX_OFFERS,
};
use crate::message::deflate::{DeflateConfig, DeflateParams};

/// RFC 7692 §7.
const NAME: &str = "permessage-deflate";

const SERVER_NO_CONTEXT_TAKEOVER: &str = "server_no_context_takeover";
const CLIENT_NO_CONTEXT_TAKEOVER: &str = "client_no_context_takeover";
const SERVER_MAX_WINDOW_BITS: &str = "server_max_window_bits";
const CLIENT_MAX_WINDOW_BITS: &str = "client_max_window_bits";

/// The window of a peer that names none (RFC 7692 §7.1.2).
const LARGEST: u8 = 15;

/// The smallest window that this end's compressor can keep to; RFC 7692 §7.1.2.1 allows 8, and allows to decline it.
const SMALLEST_TO_COMPRESS: u8 = 9;

/// The parameters of one offer or answer, each well formed and at most once.
#[derive(Debug, Default)]
struct Parameters {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_max_window_bits: Option<u8>,
    client_max_window_bits: Option<Bits>,
}

/// RFC 7692 §7.1.2.2: in an offer `client_max_window_bits` may come without a value.
#[derive(Clone, Copy, Debug)]
enum Bits {
    Any,
    AtMost(u8),
}

/// Why a client can't go on with a server's extensions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum AnswerError {
    /// An extension that wasn't offered.
    Unoffered(Box<str>),
    /// permessage-deflate, on terms that can't be; or no list of extensions at all.
    Bad(&'static str),
}

/// RFC 7692 §7.1: each parameter at most once, known, with a value of the form that it asks for; else the offer is declined, or the
/// connection failed.
fn read(extension: &Extension<'_>) -> Option<Parameters> {
    let mut read = Parameters::default();
    for parameter in extension.parameters() {
        let fresh = match (parameter.name(), parameter.value()) {
            (SERVER_NO_CONTEXT_TAKEOVER, None) => !std::mem::replace(&mut read.server_no_context_takeover, true),
            (CLIENT_NO_CONTEXT_TAKEOVER, None) => !std::mem::replace(&mut read.client_no_context_takeover, true),
            (SERVER_MAX_WINDOW_BITS, Some(value)) => read.server_max_window_bits.replace(bits(value)?).is_none(),
            (CLIENT_MAX_WINDOW_BITS, Some(value)) => {
                read.client_max_window_bits.replace(Bits::AtMost(bits(value)?)).is_none()
            }
            (CLIENT_MAX_WINDOW_BITS, None) => read.client_max_window_bits.replace(Bits::Any).is_none(),
            _ => false,
        };
        if !fresh {
            return None;
        }
    }
    Some(read)
}

/// RFC 7692 §7.1.2: a decimal without leading zeros, 8–15.
fn bits(value: &str) -> Option<u8> {
    if value.starts_with('0') || !value.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    value.parse().ok().filter(|bits| (8..=LARGEST).contains(bits))
}

/// The server's answer to the first offer that it can meet, with the header's value.
pub(super) fn answer(config: &DeflateConfig, headers: &HeaderMap) -> Option<(DeflateParams, String)> {
    headers
        .get_all(SEC_WEBSOCKET_EXTENSIONS)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(parse)
        .take(MAX_OFFERS)
        .filter_map(Result::ok)
        .filter(|offer| offer.name() == NAME)
        .filter_map(|offer| read(&offer))
        .find_map(|offer| meet(config, &offer))
}

fn meet(config: &DeflateConfig, offer: &Parameters) -> Option<(DeflateParams, String)> {
    let wanted = config.wanted;
    let server_offered = offer.server_max_window_bits.unwrap_or(LARGEST);
    if server_offered < SMALLEST_TO_COMPRESS {
        return None;
    }
    let server_bits = wanted.server_max_window_bits.clamp(SMALLEST_TO_COMPRESS, LARGEST).min(server_offered);
    let client_bits = match offer.client_max_window_bits {
        // RFC 7692 §7.1.2.2: whoever doesn't offer it can't be asked for less.
        None => LARGEST,
        Some(Bits::Any) => wanted.client_max_window_bits.clamp(8, LARGEST),
        Some(Bits::AtMost(offered)) => wanted.client_max_window_bits.clamp(8, LARGEST).min(offered),
    };
    let params = DeflateParams {
        server_no_context_takeover: wanted.server_no_context_takeover || offer.server_no_context_takeover,
        client_no_context_takeover: wanted.client_no_context_takeover || offer.client_no_context_takeover,
        server_max_window_bits: server_bits,
        client_max_window_bits: client_bits,
    };
    let mut text = describe(params.server_no_context_takeover, params.client_no_context_takeover);
    // RFC 7692 §7.1.2.1: to answer with it is to accept it; and a server may do so unasked.
    if offer.server_max_window_bits.is_some() || server_bits < LARGEST {
        push_bits(&mut text, SERVER_MAX_WINDOW_BITS, server_bits);
    }
    if matches!(offer.client_max_window_bits, Some(Bits::AtMost(_))) || client_bits < LARGEST {
        push_bits(&mut text, CLIENT_MAX_WINDOW_BITS, client_bits);
    }
    Some((params, text))
}

/// The client's one offer.
pub(super) fn offer(config: &DeflateConfig) -> String {
    let wanted = config.wanted;
    let mut text = describe(wanted.server_no_context_takeover, wanted.client_no_context_takeover);
    if wanted.server_max_window_bits < LARGEST {
        push_bits(&mut text, SERVER_MAX_WINDOW_BITS, wanted.server_max_window_bits);
    }
    // RFC 7692 §7.1.2.2: always offered, so that a server that wants to save memory can ask for a smaller window.
    if wanted.client_max_window_bits < LARGEST {
        push_bits(&mut text, CLIENT_MAX_WINDOW_BITS, wanted.client_max_window_bits);
    } else {
        text.push_str("; ");
        text.push_str(CLIENT_MAX_WINDOW_BITS);
    }
    text
}

fn describe(server_no_context_takeover: bool, client_no_context_takeover: bool) -> String {
    let mut text = String::with_capacity(144);
    text.push_str(NAME);
    for (name, on) in [
        (SERVER_NO_CONTEXT_TAKEOVER, server_no_context_takeover),
        (CLIENT_NO_CONTEXT_TAKEOVER, client_no_context_takeover),
    ] {
        if on {
            text.push_str("; ");
            text.push_str(name);
        }
    }
    text
}

fn push_bits(text: &mut String, name: &str, bits: u8) {
    // Writing to a `String` can't fail.
    let _ = write!(text, "; {name}={bits}");
}

/// What the server's answer to [`offer`] settles (RFC 6455 §4.1 point 5, RFC 7692 §7.1); `config` is what was offered, if anything.
pub(super) fn settle(
    config: Option<&DeflateConfig>,
    headers: &HeaderMap,
) -> Result<Option<DeflateParams>, AnswerError> {
    let mut settled = None;
    for line in headers.get_all(SEC_WEBSOCKET_EXTENSIONS) {
        let line = line.to_str().map_err(|_| AnswerError::Bad("the header's value is not ASCII"))?;
        for element in parse(line) {
            let extension =
                element.map_err(|Malformed| AnswerError::Bad("the header's value is no list of extensions"))?;
            let config = config.filter(|_| extension.name() == NAME).ok_or_else(|| unoffered(extension.name()))?;
            if settled.is_some() {
                return Err(AnswerError::Bad("permessage-deflate is answered twice"));
            }
            settled = Some(settle_one(config.wanted, &extension)?);
        }
    }
    Ok(settled)
}

fn settle_one(wanted: DeflateParams, answer: &Extension<'_>) -> Result<DeflateParams, AnswerError> {
    let Some(answer) = read(answer) else {
        return Err(AnswerError::Bad("a parameter of permessage-deflate is unknown, doubled or ill-formed"));
    };
    // RFC 7692 §7.1.1.1: a server that doesn't answer with it hasn't accepted it.
    if wanted.server_no_context_takeover && !answer.server_no_context_takeover {
        return Err(AnswerError::Bad("server_no_context_takeover was asked for and is not answered"));
    }
    // RFC 7692 §7.1.2.1: the same or a smaller window than asked for.
    let server_bits = answer.server_max_window_bits.unwrap_or(LARGEST);
    if server_bits > wanted.server_max_window_bits {
        return Err(AnswerError::Bad("server_max_window_bits is larger than asked for"));
    }
    let client_bits = match answer.client_max_window_bits {
        None => LARGEST,
        Some(Bits::AtMost(bits)) => bits,
        // RFC 7692 §7.1.2.2: in an answer it has a value.
        Some(Bits::Any) => return Err(AnswerError::Bad("client_max_window_bits is answered without a value")),
    };
    Ok(DeflateParams {
        server_no_context_takeover: answer.server_no_context_takeover,
        // RFC 7692 §7.1.1.2, §7.1.2.2: what a client has said of itself holds, whether it is answered or not.
        client_no_context_takeover: wanted.client_no_context_takeover || answer.client_no_context_takeover,
        server_max_window_bits: server_bits,
        client_max_window_bits: wanted.client_max_window_bits.min(client_bits),
    })
}

fn unoffered(name: &str) -> AnswerError {
    AnswerError::Unoffered(name.chars().take(64).collect())
}
