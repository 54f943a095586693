//! Reading the body of a request.

use std::{pin::pin, time::Duration};

use bowline_core::handshake::Refusal;
use bytes::{Buf as _, Bytes, BytesMut};
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH},
};
use http_body::Body;
use http_body_util::BodyExt as _;
use tokio::time::timeout;

use super::{
    authorize::refusal,
    bodies::Share,
    guards::{Turned, of, retry_after},
};
use crate::metrics::Refused;

/// How long a body may take to come whole: at 1 MiB, from a client of 280 kbit/s.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// No more than this is reserved for a body because of what its header claims (threat F2).
const MAX_RESERVE: usize = 64 << 10;

/// Reads a body of at most `max` bytes, in work linear in its length, and within its `share` of what all may have.
///
/// # Errors
/// 413 if it is longer, from `Content-Length` alone where that tells; 415 if it is encoded (threat F10: what it would
/// be decoded to is unbounded); 503 if others have the room that it needs; 408 past 30 s; 400 if it breaks off.
pub(super) async fn collect<B>(headers: &HeaderMap, body: B, max: usize, share: &mut Share) -> Result<Bytes, Turned>
where
    B: Body,
{
    check_encoding(headers)?;
    let too_large = || {
        let text = format!("The message is over {max} bytes. Send a smaller one.\n");
        Turned::new(Refused::TooLarge, of(StatusCode::PAYLOAD_TOO_LARGE, text))
    };
    let claimed = claimed(headers);
    if claimed.is_some_and(|claimed| claimed > max as u64) {
        return Err(too_large());
    }
    let reading = async {
        let mut body = pin!(body);
        let claimed = usize::try_from(claimed.unwrap_or(0)).unwrap_or(usize::MAX);
        let reserve = claimed.min(MAX_RESERVE);
        if !share.hold(reserve) {
            return Err(busy());
        }
        let mut bytes = BytesMut::with_capacity(reserve);
        while let Some(frame) = body.frame().await {
            let broken = |_| malformed("The request's body broke off.\n");
            // Trailers say nothing here.
            let Ok(mut data) = frame.map_err(broken)?.into_data() else { continue };
            if data.remaining() > max - bytes.len() {
                return Err(too_large());
            }
            if !share.hold(bytes.len() + data.remaining()) {
                return Err(busy());
            }
            while data.has_remaining() {
                let chunk = data.chunk();
                bytes.extend_from_slice(chunk);
                let len = chunk.len();
                data.advance(len);
            }
        }
        Ok(bytes.freeze())
    };
    let late = |_| Turned::new(Refused::Timeout, Refusal::request_timeout());
    timeout(BODY_TIMEOUT, reading).await.map_err(late)?
}

/// How long a body is, as its header says.
pub(super) fn claimed(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok())
}

/// Others are being read, and it won't take long.
fn busy() -> Turned {
    let text = "The server is reading as many messages as it has room for. Try again later.\n";
    Turned::new(Refused::Rate, retry_after(refusal(StatusCode::SERVICE_UNAVAILABLE, text), Duration::from_secs(1)))
}

fn check_encoding(headers: &HeaderMap) -> Result<(), Turned> {
    let is_identity = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
    if headers.get_all(CONTENT_ENCODING).iter().all(is_identity) {
        return Ok(());
    }
    let text = "The request's body is encoded. Send it as it is, without Content-Encoding.\n";
    let encoded = refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE, text);
    // RFC 9110 §15.5.16: says which encodings would do. Fails for headers of the handshake's own only.
    let told = encoded.clone().header(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    Err(Turned::new(Refused::Malformed, told.unwrap_or(encoded)))
}

/// 400, with what was wrong.
pub(super) fn malformed(text: &'static str) -> Turned {
    Turned::new(Refused::Malformed, Refusal::bad_request(text))
}
