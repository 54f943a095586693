//! The list of `Sec-WebSocket-Extensions`: parsed, and negotiated by a server.
#![no_main]

use bowline_core::handshake::extensions::{MAX_PARAMETERS, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(line) = std::str::from_utf8(data) else { return };
    let mut rebuilt = Vec::new();
    for extension in parse(line).flatten() {
        assert!(!extension.name().is_empty() && extension.parameters().len() <= MAX_PARAMETERS);
        let mut text = extension.name().to_owned();
        for parameter in extension.parameters() {
            assert!(parameter.value() != Some(""));
            text.push(';');
            text.push_str(parameter.name());
            if let Some(value) = parameter.value() {
                text.push_str("=\"");
                text.push_str(value);
                text.push('"');
            }
        }
        rebuilt.push(text);
    }
    assert!(parse(line).count() <= line.len());
    // What was understood reads the same when it is written out again.
    let line = rebuilt.join(",");
    let again: Vec<_> = parse(&line).map(|extension| extension.expect("it was one")).collect();
    assert_eq!(again.len(), rebuilt.len());
});
