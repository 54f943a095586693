//! Event streams as a client reads them.

use bytes::Bytes;
use http::Response;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::time::timeout;

use crate::support::PATIENCE;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) id: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) data: Option<String>,
    pub(crate) retry: Option<u64>,
    pub(crate) comment: bool,
}

impl Event {
    fn parse(block: &str) -> Self {
        let mut event = Self::default();
        for line in block.lines() {
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "" => event.comment = true,
                "id" => event.id = Some(value.to_owned()),
                "event" => event.name = Some(value.to_owned()),
                "retry" => event.retry = Some(value.parse().unwrap()),
                "data" => match &mut event.data {
                    Some(data) => *data += &format!("\n{value}"),
                    None => event.data = Some(value.to_owned()),
                },
                other => panic!("a field {other:?}"),
            }
        }
        event
    }
}

/// The events of a whole response.
pub(crate) fn parse(text: &str) -> Vec<Event> {
    assert!(text.is_empty() || text.ends_with("\n\n"), "an event is cut: {text:?}");
    text.split("\n\n").filter(|block| !block.is_empty()).map(Event::parse).collect()
}

/// A response that goes on.
pub(crate) struct Events {
    body: Incoming,
    text: String,
}

impl Events {
    pub(crate) fn of(response: Response<Incoming>) -> Self {
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { body: response.into_body(), text: String::new() }
    }

    /// The next event or comment; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(end) = self.text.find("\n\n") {
                let event = Event::parse(&self.text[..end]);
                self.text.drain(..end + 2);
                return Some(event);
            }
            let frame = timeout(PATIENCE, self.body.frame()).await.expect("a frame in time")?;
            let data: Bytes = frame.unwrap().into_data().unwrap();
            self.text += std::str::from_utf8(&data).unwrap();
        }
    }

    /// The next event with data.
    pub(crate) async fn data(&mut self) -> Event {
        loop {
            let event = self.next().await.expect("it goes on");
            if event.data.is_some() {
                return event;
            }
        }
    }
}
