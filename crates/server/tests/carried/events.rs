//! An event stream, read by other means than the project's own.

/// An event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) id: Option<String>,
    /// `message` where it has none.
    pub(crate) name: String,
    pub(crate) data: String,
}

impl Event {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.data).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// The whole events of a stream, and what is behind the last.
pub(crate) fn parse(text: &str) -> (Vec<Event>, &str) {
    let mut events = Vec::new();
    let mut rest = text;
    while let Some(end) = rest.find("\n\n") {
        let mut event = Event { name: "message".to_owned(), ..Event::default() };
        let mut data = Vec::new();
        for line in rest[..end].lines() {
            match line.split_once(": ").unwrap_or((line, "")) {
                ("id", id) => event.id = Some(id.to_owned()),
                ("event", name) => name.clone_into(&mut event.name),
                ("data", line) => data.push(line),
                _ => {}
            }
        }
        if !data.is_empty() {
            event.data = data.join("\n");
            events.push(event);
        }
        rest = &rest[end + 2..];
    }
    (events, rest)
}
