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

/// Takes the first whole event off a stream; what has no data is none.
pub(crate) fn take(stream: &mut String) -> Option<Event> {
    while let Some(end) = stream.find("\n\n") {
        let block: String = stream.drain(..end + 2).collect();
        let mut event = Event { name: "message".to_owned(), ..Event::default() };
        let mut data = Vec::new();
        for line in block.lines() {
            match line.split_once(": ").unwrap_or((line, "")) {
                ("id", id) => event.id = Some(id.to_owned()),
                ("event", name) => name.clone_into(&mut event.name),
                ("data", line) => data.push(line),
                _ => {}
            }
        }
        if !data.is_empty() {
            event.data = data.join("\n");
            return Some(event);
        }
    }
    None
}

/// All events of a stream that ends with one.
pub(crate) fn all(stream: &str) -> Vec<Event> {
    let mut rest = stream.to_owned();
    let events = std::iter::from_fn(|| take(&mut rest)).collect();
    assert_eq!(rest, "", "{stream}");
    events
}
