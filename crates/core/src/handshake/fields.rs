//! Header fields: token lists, single values, and the names that a handshake keeps for itself.

use std::fmt;

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD},
};
use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{
        CONNECTION, CONTENT_LENGTH, HOST, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY,
        SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, TRANSFER_ENCODING, UPGRADE,
    },
};
use sha1::{Digest as _, Sha1};

use super::work;

/// The only version of the protocol (RFC 6455 §4.1).
pub(super) const VERSION: &str = "13";

/// RFC 6455 §1.3.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// RFC 4648 §3.5 lets a decoder ignore the unused bits of the last character, and the example key of RFC 6455 §4.1
/// (`AQIDBAUGBwgJCgsMDQ4PEC==`) has some set.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
);

/// A header that the handshake writes itself, or whose presence would change how the message ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReservedHeader {
    name: HeaderName,
}

impl ReservedHeader {
    /// The header's name.
    #[must_use]
    pub const fn name(&self) -> &HeaderName {
        &self.name
    }

    /// Refuses the names that a handshake keeps for itself.
    pub(super) fn check(name: &HeaderName) -> Result<(), Self> {
        const RESERVED: [HeaderName; 10] = [
            HOST,
            UPGRADE,
            CONNECTION,
            CONTENT_LENGTH,
            TRANSFER_ENCODING,
            SEC_WEBSOCKET_KEY,
            SEC_WEBSOCKET_VERSION,
            SEC_WEBSOCKET_ACCEPT,
            SEC_WEBSOCKET_PROTOCOL,
            SEC_WEBSOCKET_EXTENSIONS,
        ];
        if RESERVED.contains(name) { Err(Self { name: name.clone() }) } else { Ok(()) }
    }
}

impl fmt::Display for ReservedHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the handshake sets the header `{}` itself; leave it out", self.name)
    }
}

impl std::error::Error for ReservedHeader {}

/// A header that may stand once stood twice.
#[derive(Debug)]
pub(super) struct Doubled;

/// The one value of a header that must not be repeated.
pub(super) fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a HeaderValue>, Doubled> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() { Err(Doubled) } else { Ok(first) }
}

/// The elements of a comma-separated header, over all its lines (RFC 9110 §5.3, §5.6.1), empty ones left out.
pub(super) fn elements<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> + use<'a> {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .inspect(|line| work::count(line.len()))
        .flat_map(|line| line.split(','))
        .map(|element| element.trim_matches([' ', '\t']))
        .filter(|element| !element.is_empty())
}

/// Whether a comma-separated header has this element, in whatever case.
pub(super) fn lists(headers: &HeaderMap, name: &HeaderName, element: &str) -> bool {
    elements(headers, name).any(|found| found.eq_ignore_ascii_case(element))
}

/// RFC 9110 §5.6.2.
pub(super) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_token_byte)
}

/// RFC 9110 §5.6.2.
pub(super) const fn is_token_byte(byte: u8) -> bool {
    matches!(
        byte,
        b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.'
            | b'^' | b'_' | b'`' | b'|' | b'~'
    )
}

/// The host (with the brackets of an IPv6 address) and port.
pub(super) fn split_port(text: &str, default: u16) -> Option<(&str, u16)> {
    let (host, port) = match text.rsplit_once(':') {
        // The colons of an IPv6 address are within brackets.
        Some((host, port)) if !port.contains(']') => (host, port),
        _ => (text, ""),
    };
    // RFC 3986 §3.2.3: an empty port is the default one.
    let port = if port.is_empty() { default } else { port.parse().ok().filter(|port| *port != 0)? };
    if host.is_empty() { None } else { Some((host, port)) }
}

/// RFC 6455 §4.2.1: a key is 16 bytes in base64.
pub(super) fn is_key(value: &HeaderValue) -> bool {
    // Room for what 24 characters can decode to; a longer value doesn't fit and is an error.
    let mut decoded = [0; 18];
    value.len() == 24 && matches!(LENIENT.decode_slice(value, &mut decoded), Ok(16))
}

/// RFC 6455 §4.2.2: the answer to a key.
pub(super) fn accept_value(key: &[u8]) -> [u8; 28] {
    let digest = Sha1::new().chain_update(key).chain_update(GUID).finalize();
    let mut value = [0; 28];
    let written = STANDARD.encode_slice(digest, &mut value);
    debug_assert_eq!(written, Ok(value.len()));
    value
}

/// Appends `name: value` and the line's end.
pub(super) fn write_field(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Appends all of `headers`. Names and values are typed, so neither can hold a line's end (CVE-2026-1527).
pub(super) fn write_fields(out: &mut Vec<u8>, headers: &HeaderMap) {
    for (name, value) in headers {
        write_field(out, name.as_str(), value.as_bytes());
    }
}
