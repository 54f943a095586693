//! The standard's own steps, without regard to cost: what the parser is held against.

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Dispatched {
    pub(super) name: String,
    pub(super) data: String,
    pub(super) last_event_id: String,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Read {
    pub(super) events: Vec<Dispatched>,
    pub(super) last_event_id: String,
    pub(super) retry: Option<u64>,
}

/// HTML Standard, "Interpreting an event stream": each step in the standard's order. The whole stream is at hand.
pub(super) fn read(stream: &[u8]) -> Read {
    let text = String::from_utf8(stream.to_vec()).expect("an event stream is UTF-8");
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let mut read = Read::default();
    let (mut data, mut name, mut id) = (String::new(), String::new(), String::new());
    for line in lines(text) {
        if line.is_empty() {
            read.last_event_id.clone_from(&id);
            if !data.is_empty() {
                let without_end = data.strip_suffix('\n').unwrap_or(&data).to_owned();
                let name = if name.is_empty() { "message".to_owned() } else { name.clone() };
                read.events.push(Dispatched { name, data: without_end, last_event_id: id.clone() });
            }
            data.clear();
            name.clear();
        } else if !line.starts_with(':') {
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "event" => value.clone_into(&mut name),
                "data" => {
                    data.push_str(value);
                    data.push('\n');
                }
                "id" if !value.contains('\0') => value.clone_into(&mut id),
                // The standard says nothing of no digits, nor of a number past 64 bits.
                "retry" if value.bytes().all(|byte| byte.is_ascii_digit()) => {
                    read.retry = value.parse().ok().or(read.retry);
                }
                _ => {}
            }
        }
    }
    read
}

/// The stream's lines, which end with CRLF, LF or CR. What has no end is discarded.
fn lines(text: &str) -> Vec<&str> {
    let mut lines = Vec::new();
    let mut rest = text;
    while let Some(end) = rest.find(['\r', '\n']) {
        lines.push(&rest[..end]);
        let crlf = rest[end..].starts_with("\r\n");
        rest = &rest[end + if crlf { 2 } else { 1 }..];
    }
    lines
}
