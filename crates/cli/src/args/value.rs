//! The values of flags: sizes, durations, headers.

use std::time::Duration;

use http::{HeaderName, HeaderValue, header};

/// A number of bytes; `usize::MAX` stands for `unlimited`.
pub(crate) type Size = usize;

/// `65536`, `64KiB`, `16MiB`, `1GiB`, `10MB`, `unlimited`.
pub(crate) fn parse_size(text: &str) -> Result<Size, String> {
    if text == "unlimited" {
        return Ok(usize::MAX);
    }
    let (digits, unit) = split_unit(text);
    let factor = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        _ => return Err("write a number of bytes, as in 65536, 64KiB or 16MiB, or `unlimited`".to_owned()),
    };
    let number: usize =
        digits.parse().map_err(|_| "write a whole number of bytes, as in 65536, 64KiB or 16MiB".to_owned())?;
    match number.checked_mul(factor) {
        Some(0) => Err("it must be at least 1 byte".to_owned()),
        Some(bytes) => Ok(bytes),
        None => Err("it is too large; write `unlimited` for no limit".to_owned()),
    }
}

/// A year: timers need a bound, and a longer time is a slip of the pen.
const MAX_DURATION: Duration = Duration::from_secs(365 * 24 * 3600);

/// `500ms`, `20s`, `2m`, `1h`, or a number of seconds; above zero, up to a year.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    match parse_wait(text)? {
        Duration::ZERO => Err("it must be longer than 0".to_owned()),
        Duration::MAX => Err("it needs a bound, as in 20s".to_owned()),
        time => Ok(time),
    }
}

/// As [`parse_duration`], and also `0`, and `off` or `forever` for [`Duration::MAX`].
pub(crate) fn parse_wait(text: &str) -> Result<Duration, String> {
    if matches!(text, "off" | "forever" | "never") {
        return Ok(Duration::MAX);
    }
    let (digits, unit) = split_unit(text);
    let seconds = match unit {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return Err("write a time, as in 500ms, 20s or 2m".to_owned()),
    };
    let number: f64 = digits.parse().map_err(|_| "write a time, as in 500ms, 20s or 2m".to_owned())?;
    match Duration::try_from_secs_f64(number * seconds) {
        Ok(time) if time <= MAX_DURATION => Ok(time),
        _ => Err("it must be a year or less".to_owned()),
    }
}

fn split_unit(text: &str) -> (&str, &str) {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (digits, unit) = text.split_at(digits);
    (digits, unit.trim_start())
}

/// `HOST:PORT`.
pub(crate) fn parse_address(address: &str) -> Result<String, String> {
    let (host, port) = address.rsplit_once(':').unwrap_or_default();
    // A bare IPv6 address would otherwise lose its last group to the port.
    let bracketed = host.starts_with('[') && host.ends_with(']');
    if host.is_empty() || port.parse::<u16>().is_err() || host.contains(':') && !bracketed {
        return Err("write HOST:PORT, as in 127.0.0.1:9001, localhost:9001 or [::]:9001".to_owned());
    }
    Ok(address.to_owned())
}

/// `Name: value`.
pub(crate) fn parse_header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text.split_once(':').ok_or("write it as 'Name: value'")?;
    let name: HeaderName = name.parse().map_err(|_| format!("{name:?} is not the name of a header"))?;
    let value = HeaderValue::from_str(value.trim_matches([' ', '\t']))
        .map_err(|_| "a value holds no control characters".to_owned())?;
    // What else the handshake sets itself, the core refuses; for these there is a flag.
    if name == header::SEC_WEBSOCKET_PROTOCOL {
        return Err("use --subprotocol for it".to_owned());
    }
    if name == header::SEC_WEBSOCKET_EXTENSIONS {
        return Err("use --deflate for it".to_owned());
    }
    Ok((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("1", 1),
            ("65536", 65_536),
            ("64KiB", 65_536),
            ("64 kib", 65_536),
            ("16MiB", 16 << 20),
            ("1GiB", 1 << 30),
            ("10MB", 10_000_000),
            ("unlimited", usize::MAX),
        ] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for text in ["", "0", "-1", "1.5MiB", "16M", "MiB", "99999999999999999999", "18446744073709551615KiB"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations() {
        for (text, millis) in [("500ms", 500), ("20", 20_000), ("0.5", 500), ("20s", 20_000), ("2m", 120_000)] {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "0", "0ms", "-1s", "s", "1d", "1.2.3s", "off", "forever", "366h366h", "8761h"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
        assert_eq!(parse_duration("8760h"), Ok(MAX_DURATION));
        assert_eq!(parse_wait("0s"), Ok(Duration::ZERO));
        assert_eq!(parse_wait("forever"), Ok(Duration::MAX));
    }

    #[test]
    fn an_address_has_a_host_and_a_port() {
        for address in ["127.0.0.1:0", "localhost:9001", "[::]:9001"] {
            assert!(parse_address(address).is_ok(), "{address}");
        }
        for address in ["", "9001", ":9001", "localhost", "localhost:", "localhost:65536", "::1:9001", "a:b:1"] {
            assert!(parse_address(address).is_err(), "{address}");
        }
    }

    #[test]
    fn headers() {
        let (name, value) = parse_header("X-Name:  a: b ").expect("valid");
        assert_eq!((name.as_str(), value.as_bytes()), ("x-name", b"a: b".as_slice()));
        for text in ["", "Name", "Na me: x", ": x", "A: b\r\nC: d", "Sec-WebSocket-Extensions: x"] {
            assert!(parse_header(text).is_err(), "{text}");
        }
        assert_eq!(parse_header("Sec-WebSocket-Protocol: a"), Err("use --subprotocol for it".to_owned()));
    }
}
