//! How rooms behave, and which rooms behave how.

use std::{sync::Arc, time::Duration};

/// What becomes of a member that stands so far behind that its next publication has left the room's log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SlowConsumer {
    /// Its connection is closed with 1013 (try again later) and the reason `slow consumer`. The default: a client that
    /// reconnects and recovers knows what it missed, whatever it speaks. One that goes from carrier to carrier (`bowline.v1`)
    /// loses its carrier only, and is told of the gap by the next.
    #[default]
    Disconnect,
    /// It is told of the gap, and goes on with the oldest publication that is still there.
    SkipToOldest,
    /// It is told of the gap, and goes on with the next publication that comes.
    SkipToNewest,
    /// Of the publications with the same key only the latest is kept, and so a member that is behind steps over those
    /// that have been superseded. Past the log's bounds as [`SkipToOldest`](Self::SkipToOldest).
    KeepLatest,
    /// The publisher is pushed back until the member has caught up, or its connection has been closed because it took
    /// nothing for `write_timeout`. One that goes from carrier to carrier is waited for while it has one, by what that was
    /// given, and for `write_timeout` after: what is lost with a carrier may have left the log by then, and is told as a gap.
    Backpressure,
}

macro_rules! room_options {
    ($($(#[$doc:meta])* $name:ident: $type:ty = $default:expr;)*) => {
        /// How a room behaves. `RoomOptions::default()` suits a chat without history.
        ///
        /// Setters take and return `self`: `RoomOptions::default().history(100)`.
        #[derive(Clone, Debug, PartialEq)]
        pub struct RoomOptions { $(pub(crate) $name: $type,)* }

        impl Default for RoomOptions {
            fn default() -> Self {
                Self { $($name: $default,)* }
            }
        }

        impl RoomOptions {
            $(
                $(#[$doc])*
                #[must_use]
                pub const fn $name(mut self, $name: $type) -> Self {
                    self.$name = $name;
                    self
                }
            )*
        }
    };
}

room_options! {
    /// Bounds the publications in the log, for members that are behind. Default 1,024. Past it the oldest goes, and who
    /// has not got it is a slow consumer. Worst-case memory: 80 B each besides `max_log_bytes`. `usize::MAX` leaves it
    /// to the bytes.
    max_log_count: usize = 1_024;

    /// Bounds the payload of the publications in the log in bytes. Default 256 KiB. Past it the oldest goes, though never
    /// the latest: a message that a client may send (`max_message_size`) is taken, and stands alone if need be. One that is
    /// larger than both is refused. Worst-case memory: this or a single such message, and as much again for each encoding that
    /// has readers (raw WebSocket and session, each set of deflate parameters, event stream), twice as much where the latest of each key
    /// is kept. `usize::MAX` turns it off.
    max_log_bytes: usize = 256 << 10;

    /// Bounds how long a publication stays in the log. Default 5 min: far longer than a member may take nothing
    /// (`write_timeout`), and than most clients take to come back. Past it, it goes within 5 s. `Duration::MAX` turns it
    /// off. Costs no memory.
    max_log_age: Duration = Duration::from_secs(300);

    /// How many of the log's latest publications those get who come later: newcomers that ask for them, and members that
    /// come back. Default 0: a member that comes back has missed what was published meanwhile. The log's bounds hold
    /// besides. Costs no memory of its own.
    history: usize = 0;

    /// What becomes of a member that has fallen off the log. Default [`SlowConsumer::Disconnect`].
    slow_consumer: SlowConsumer = SlowConsumer::Disconnect;

    /// Bounds the members, readers without a session included. Default 100,000. Past it a join fails with
    /// `JoinError::RoomFull` (status 503). Worst-case memory: 100 B each.
    max_members: usize = 100_000;

    /// Whether members are told who joins and leaves. Default `false`. Who is there can always be asked.
    presence: bool = false;

    /// Bounds the events of presence that are kept for members that are behind. Default 1,024. Past it the oldest goes;
    /// who has not got it is told that it missed some. Worst-case memory: 80 B each.
    max_presence_log: usize = 1_024;

    /// Bounds the idempotency keys that are remembered. Default 1,024. Past it the oldest is forgotten, and a repetition
    /// counts as new. Worst-case memory: 350 B each, and who published it. 0 turns it off.
    max_idempotency_keys: usize = 1_024;

    /// Bounds how long an idempotency key is remembered: as long, or until the room vanishes and its log with it
    /// ([`empty_timeout`](Self::empty_timeout)). Default 5 min.
    idempotency_window: Duration = Duration::from_secs(300);

    /// Bounds the publishers that wait for a room that pushes back. Default 1,024. Past it publishing fails with
    /// `PublishError::Backpressure` at once. Worst-case memory: 24 B each.
    max_waiting_publishers: usize = 1_024;

    /// How long a room with history outlives its last member, so that members that lose their connections find their places
    /// again. Default 60 s. A room without history vanishes with its last member. Worst-case memory: the log's.
    empty_timeout: Duration = Duration::from_secs(60);
}

impl RoomOptions {
    /// Publications that the log may hold.
    pub(crate) fn log_count(&self) -> usize {
        self.max_log_count.max(self.history).max(1)
    }
}

/// Which rooms have which options: the first pattern that fits a name decides.
#[derive(Clone, Debug, Default)]
pub(crate) struct Patterns {
    rules: Vec<(Box<str>, Arc<RoomOptions>)>,
    default: Arc<RoomOptions>,
}

impl Patterns {
    pub(crate) fn add(&mut self, pattern: &str, options: RoomOptions) {
        let options = Arc::new(options);
        if pattern == "*" {
            self.default = options;
        } else {
            self.rules.push((pattern.into(), options));
        }
    }

    pub(crate) fn of(&self, name: &str) -> &Arc<RoomOptions> {
        self.rules.iter().find(|(pattern, _)| fits(pattern, name)).map_or(&self.default, |(_, options)| options)
    }
}

/// Whether `name` fits `pattern`, in which each `*` stands for any text. Linear but for backtracking to the last `*`.
fn fits(pattern: &str, name: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut name) = name.strip_prefix(first) else { return false };
    let mut parts = rest.split('*').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return name.ends_with(part);
        }
        match name.find(part) {
            Some(at) => name = &name[at + part.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, name, expected) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("*", "", true),
            ("chat:*", "chat:", true),
            ("chat:*", "chat:1", true),
            ("chat:*", "chats:1", false),
            ("*:log", "a:log", true),
            ("*:log", "a:logs", false),
            ("a*b*c", "a--b--c", true),
            ("a*b*c", "abc", true),
            ("a*b*c", "acb", false),
            ("a*a", "a", false),
            ("*aab", "aaab", true),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn the_first_pattern_that_fits_decides() {
        let mut patterns = Patterns::default();
        patterns.add("a*", RoomOptions::default().history(1));
        patterns.add("*", RoomOptions::default().history(2));
        patterns.add("ab*", RoomOptions::default().history(3));
        let history = |name| patterns.of(name).history;
        assert_eq!([history("abc"), history("b"), history("a")], [1, 2, 1]);
    }
}
