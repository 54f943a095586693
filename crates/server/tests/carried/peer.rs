//! A client of a session by any carrier, which sees the same by all of them.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use crate::{
    events::Event,
    support::{Client, Site, Stream, WebSocket, event_of, next, send, socket},
};

/// What carries a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Socket,
    Comet,
    LongPoll,
    Poll,
}

pub(crate) const WAYS: [Way; 4] = [Way::Socket, Way::Comet, Way::LongPoll, Way::Poll];

/// A carrier, in the client's hands.
pub(crate) enum Carrier {
    Socket(Box<WebSocket>),
    Comet(Stream),
    /// Held so long.
    Poll(&'static str),
}

/// A client.
pub(crate) struct Peer {
    pub(crate) client: Client,
    pub(crate) carrier: Carrier,
    /// What `open` said last.
    pub(crate) open: serde_json::Value,
    /// The number of the last direct record that it has.
    pub(crate) direct: u64,
    /// What it has of each room, by its number.
    pub(crate) rooms: HashMap<u64, u64>,
    epochs: HashMap<String, u64>,
    waiting: VecDeque<Event>,
    /// The next message on the WebSocket is this publication.
    binary: Option<String>,
    /// What it has sent, from the first on: events without `id`.
    said: Vec<String>,
    /// How many of them the server has, as far as it knows.
    acked: u64,
}

impl Peer {
    /// Opens a session.
    pub(crate) async fn open(site: &Site, way: Way) -> Self {
        let mut peer = Self {
            client: Client { site: site.clone(), secret: "new".to_owned(), id: None, sent: 0 },
            carrier: Carrier::Poll("/session"),
            open: serde_json::Value::Null,
            direct: 0,
            rooms: HashMap::new(),
            epochs: HashMap::new(),
            waiting: VecDeque::new(),
            binary: None,
            said: Vec::new(),
            acked: 0,
        };
        peer.attach(way).await;
        peer.client.secret = peer.open["session"].as_str().expect("a secret").to_owned();
        peer.client.id = Some(peer.open["id"].as_str().unwrap().parse().unwrap());
        peer
    }

    fn site(&self) -> &Site {
        &self.client.site
    }

    fn is_new(&self) -> bool {
        self.client.secret == "new"
    }

    /// What it has, as it says it.
    pub(crate) fn cursor(&self) -> String {
        let rooms = self.rooms.iter().map(|(number, offset)| format!(" {number}.{offset}"));
        format!("{}{}", self.direct, rooms.collect::<String>())
    }

    /// Attaches another carrier, and gives the one before.
    pub(crate) async fn attach(&mut self, way: Way) -> Carrier {
        let (site, secret) = (self.site().clone(), self.client.secret.clone());
        let cursor = (!self.is_new()).then(|| self.cursor());
        let carrier = match way {
            Way::Socket => {
                let mut socket = socket(&site, (!self.is_new()).then_some(&secret)).await;
                self.on_open(&event_of(&next(&mut socket).await));
                if let Some(cursor) = cursor {
                    send(&mut socket, &format!("\u{1e}event: ack\ndata: {cursor}")).await;
                }
                // Records have no numbers here: those before what it has come again.
                Carrier::Socket(Box::new(socket))
            }
            Way::Comet => {
                let mut stream = Stream::attach(&site, &secret, cursor.as_deref()).await;
                self.on_open(&stream.next().await.expect("open"));
                Carrier::Comet(stream)
            }
            Way::LongPoll | Way::Poll => {
                let target = if way == Way::Poll { "/session" } else { "/session?wait=25" };
                if self.is_new() {
                    let events = site.ask("GET", target, &[("bowline-session", "new")], "").await.events();
                    self.on_open(&events[0]);
                    self.waiting.extend(events[1..].iter().cloned());
                }
                Carrier::Poll(target)
            }
        };
        let before = std::mem::replace(&mut self.carrier, carrier);
        self.say_again().await;
        before
    }

    /// Sends what the server may not have.
    async fn say_again(&mut self) {
        let unacked = usize::try_from(self.acked).unwrap();
        if let Carrier::Socket(socket) = &mut self.carrier {
            for event in &self.said[unacked..] {
                let message = event.strip_prefix("data: ").map_or_else(|| format!("\u{1e}{event}"), ToOwned::to_owned);
                send(socket, &message).await;
            }
        } else if unacked < self.said.len() {
            let events = (self.acked + 1..).zip(&self.said[unacked..]);
            let body: String = events.map(|(number, event)| format!("id: {number}\n{event}\n\n")).collect();
            let answer = self.client.post(&body).await;
            assert_eq!(answer.status, 200, "{answer:?}");
            self.acked = answer.events()[0].data.parse().unwrap();
        }
    }

    fn on_open(&mut self, event: &Event) {
        assert_eq!(event.name, "open", "{event:?}");
        self.open = event.json();
        assert_eq!(self.open["version"], 1);
        self.binary = None;
        self.acked = self.acked.max(self.open["ack"].as_u64().unwrap());
    }

    fn counted(&mut self, from: u64) {
        self.open["from"] = from.into();
    }

    /// The next of what it has not yet: a record with its number, a publication named `publication` with its room's number and
    /// offset, or a signal.
    pub(crate) async fn next(&mut self) -> Event {
        loop {
            let event = match self.waiting.pop_front() {
                Some(event) => event,
                None => self.read().await,
            };
            if let Some(event) = self.take(event) {
                return event;
            }
        }
    }

    /// The next one, of whatever kind; nothing before it counts.
    pub(crate) async fn signal(&mut self) -> Event {
        match self.waiting.pop_front() {
            Some(event) => event,
            None => self.read().await,
        }
    }

    /// The data of the next one.
    pub(crate) async fn data(&mut self) -> String {
        self.next().await.data
    }

    async fn read(&mut self) -> Event {
        match &mut self.carrier {
            Carrier::Socket(socket) => {
                let message = next(socket).await;
                self.of_message(message)
            }
            Carrier::Comet(stream) => stream.next().await.expect("it goes on"),
            Carrier::Poll(target) => {
                let target = *target;
                loop {
                    let answer = self.client.get(target, &[("bowline-cursor", &*self.cursor())]).await;
                    if answer.status == 200 {
                        let events = answer.events();
                        self.on_open(&events[0]);
                        self.waiting.extend(events[1..].iter().cloned());
                        if let Some(event) = self.waiting.pop_front() {
                            return event;
                        }
                    }
                    assert!([200, 204].contains(&answer.status), "{answer:?}");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    /// A message of a WebSocket as the event that it would be over HTTP, but that a publication has its room's number.
    fn of_message(&mut self, message: String) -> Event {
        let mut counts = || {
            let number = self.open["from"].as_u64().unwrap() + 1;
            self.open["from"] = number.into();
            Some(number.to_string())
        };
        if let Some(place) = self.binary.take() {
            return Event { id: Some(place), name: "publication".to_owned(), data: message };
        }
        let Some(rest) = message.strip_prefix('\u{1e}') else {
            return Event { id: counts(), name: "message".to_owned(), data: message };
        };
        if rest.starts_with('\u{1e}') {
            return Event { id: counts(), name: "message".to_owned(), data: rest.to_owned() };
        }
        if rest.starts_with(|first: char| first.is_ascii_digit()) {
            let Some((place, text)) = rest.split_once(' ') else {
                self.binary = Some(rest.to_owned());
                return Event { name: "nothing".to_owned(), ..Event::default() };
            };
            return Event { id: Some(place.to_owned()), name: "publication".to_owned(), data: text.to_owned() };
        }
        let mut event = event_of(&message);
        if !["open", "ack", "from", "gap", "presence"].contains(&&*event.name) {
            event.id = counts();
        }
        event
    }

    /// Passes over what it has.
    fn take(&mut self, mut event: Event) -> Option<Event> {
        match &*event.name {
            "nothing" => return None,
            "ack" => {
                self.acked = self.acked.max(event.data.parse().unwrap());
                return None;
            }
            "from" => {
                self.counted(event.data.parse().unwrap());
                return None;
            }
            "joined" => {
                let joined = event.json();
                let (epoch, offset) = joined["position"].as_str().unwrap().rsplit_once('-').unwrap();
                let number = joined["number"].as_u64().unwrap();
                self.epochs.insert(epoch.to_owned(), number);
                if event.id.as_ref().is_some_and(|id| id.parse::<u64>().unwrap() > self.direct) {
                    self.rooms.insert(number, offset.parse().unwrap());
                }
            }
            "gap" => {
                let gap = event.json();
                let (epoch, offset) = gap["to"].as_str().unwrap().rsplit_once('-').unwrap();
                let offset: u64 = offset.parse().unwrap();
                let number = gap["number"].as_u64().unwrap_or_else(|| self.epochs[epoch]);
                self.epochs.insert(epoch.to_owned(), number);
                let place = self.rooms.entry(number).or_default();
                if gap["number"].is_null() && offset <= *place {
                    return None;
                }
                *place = offset;
                return Some(event);
            }
            _ => {}
        }
        let id = event.id.clone()?;
        if let Ok(number) = id.parse::<u64>() {
            if number <= self.direct {
                return None;
            }
            assert_eq!(number, self.direct + 1, "{event:?}");
            self.direct = number;
            return Some(event);
        }
        if let Some((epoch, offset)) = id.rsplit_once('-') {
            event.id = Some(format!("{}.{offset}", self.epochs[epoch]));
            event.name = "publication".to_owned();
        }
        let place = event.id.as_ref().unwrap();
        let (number, offset) = place.split_once('.').expect("a place");
        let (number, offset) = (number.parse().unwrap(), offset.parse().unwrap());
        let has = self.rooms.get_mut(&number).unwrap_or_else(|| panic!("{event:?} of a room that it isn't in"));
        if offset <= *has {
            return None;
        }
        *has = offset;
        Some(event)
    }

    /// Sends a record: an event without `id`.
    pub(crate) async fn say(&mut self, event: &str) {
        self.said.push(event.to_owned());
        self.client.sent += 1;
        if let Carrier::Socket(socket) = &mut self.carrier {
            let message = event.strip_prefix("data: ").map_or_else(|| format!("\u{1e}{event}"), ToOwned::to_owned);
            send(socket, &message).await;
        } else {
            self.say_again().await;
        }
    }

    pub(crate) async fn text(&mut self, text: &str) {
        self.say(&format!("data: {text}")).await;
    }

    /// Sends a command, and gives its answer, with nothing before it.
    pub(crate) async fn command(&mut self, kind: &str, data: &serde_json::Value) -> Event {
        self.say(&format!("event: {kind}\ndata: {data}")).await;
        let event = self.next().await;
        assert_eq!(event.json()["to"], self.client.sent, "{event:?}");
        event
    }

    /// Acknowledges what it has.
    pub(crate) async fn acknowledge(&mut self) {
        let cursor = self.cursor();
        if let Carrier::Socket(socket) = &mut self.carrier {
            send(socket, &format!("\u{1e}event: ack\ndata: {cursor}")).await;
        } else {
            let headers = [("bowline-session", &*self.client.secret), ("bowline-cursor", &*cursor)];
            let answer = self.client.site.ask("POST", "/session", &headers, "").await;
            assert_eq!(answer.status, 200, "{answer:?}");
        }
    }
}
