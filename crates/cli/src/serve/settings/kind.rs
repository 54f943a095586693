//! Kinds of values: how each is written in a flag and in the file, and what to write instead of what is none.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bowline_core::session::Node;
use bowline_server::http::{Hosts, Origin};
use bowline_server::room::SlowConsumer;

use crate::args::value::{parse_address, parse_size, parse_wait};

/// What a value may be in TOML.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// A string.
    Text,
    /// A number, or a string where it has a unit or is a word.
    Number,
    /// `true` or `false`.
    Switch,
    /// An array of strings.
    List,
}

/// A kind of values.
pub(crate) trait Kind: Sized {
    /// What stands for it in the help.
    const NAME: &'static str;
    const FORM: Form;

    /// The value, or what to write instead. Lists are given all their texts, others one.
    fn read(texts: &[&str]) -> Result<Self, String>;

    /// As TOML; [`read`](Self::read) reads it.
    fn show(&self) -> String;
}

/// A kind that isn't a list.
pub(crate) trait Single: Sized {
    const NAME: &'static str;
    const FORM: Form;
    fn parse(text: &str) -> Result<Self, String>;
    fn show(&self) -> String;
}

impl<S: Single> Kind for S {
    const NAME: &'static str = S::NAME;
    const FORM: Form = S::FORM;

    fn read(texts: &[&str]) -> Result<Self, String> {
        match texts {
            [text] => Self::parse(text),
            _ => Err("write one value".to_owned()),
        }
    }

    fn show(&self) -> String {
        Single::show(self)
    }
}

/// Any number of values.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct List<S>(pub(crate) Vec<S>);

impl<S: Single> Kind for List<S> {
    const NAME: &'static str = S::NAME;
    const FORM: Form = Form::List;

    fn read(texts: &[&str]) -> Result<Self, String> {
        texts.iter().map(|text| S::parse(text)).collect::<Result<_, _>>().map(Self)
    }

    fn show(&self) -> String {
        format!("[{}]", self.0.iter().map(Single::show).collect::<Vec<_>>().join(", "))
    }
}

/// A number of bytes; `usize::MAX` stands for `unlimited`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size(pub(crate) usize);

impl Single for Size {
    const NAME: &'static str = "BYTES";
    const FORM: Form = Form::Number;

    fn parse(text: &str) -> Result<Self, String> {
        parse_size(text).map(Self)
    }

    fn show(&self) -> String {
        match self.0 {
            usize::MAX => quoted("unlimited"),
            bytes if bytes % (1 << 20) == 0 => quoted(&format!("{}MiB", bytes >> 20)),
            bytes if bytes % (1 << 10) == 0 => quoted(&format!("{}KiB", bytes >> 10)),
            bytes => bytes.to_string(),
        }
    }
}

/// How many, from `MIN` to `MAX`; without a `MAX` also `unlimited`, which is `usize::MAX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Count<const MIN: usize, const MAX: usize = { usize::MAX }>(pub(crate) usize);

impl<const MIN: usize, const MAX: usize> Count<MIN, MAX> {
    /// As the narrower type that some limits have, whose greatest value stands for no limit as well.
    pub(crate) fn narrow(self) -> u32 {
        u32::try_from(self.0).unwrap_or(u32::MAX)
    }
}

impl<const MIN: usize, const MAX: usize> Single for Count<MIN, MAX> {
    const NAME: &'static str = "N";
    const FORM: Form = Form::Number;

    fn parse(text: &str) -> Result<Self, String> {
        if text == "unlimited" && MAX == usize::MAX {
            return Ok(Self(usize::MAX));
        }
        let number = text.parse().ok().filter(|number| (MIN..=MAX).contains(number));
        number.map(Self).ok_or_else(|| match MAX {
            usize::MAX => format!("write a whole number from {MIN} on, or `unlimited`"),
            _ => format!("write a whole number from {MIN} to {MAX}"),
        })
    }

    fn show(&self) -> String {
        if self.0 == usize::MAX { quoted("unlimited") } else { self.0.to_string() }
    }
}

/// What is found out at the start unless it is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Auto<S>(pub(crate) Option<S>);

impl<S: Single> Single for Auto<S> {
    const NAME: &'static str = S::NAME;
    const FORM: Form = S::FORM;

    fn parse(text: &str) -> Result<Self, String> {
        if text == "auto" {
            return Ok(Self(None));
        }
        S::parse(text).map(|value| Self(Some(value))).map_err(|error| format!("{error}; or `auto`"))
    }

    fn show(&self) -> String {
        self.0.as_ref().map_or_else(|| quoted("auto"), Single::show)
    }
}

/// A process's name in the secrets of its sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NodeText(pub(crate) Node);

impl Single for NodeText {
    const NAME: &'static str = "NAME";
    const FORM: Form = Form::Text;

    fn parse(text: &str) -> Result<Self, String> {
        let node = text.parse();
        node.map(Self).map_err(|_| "write 1 to 16 letters, digits, `_` and `-`, as in fra-3".to_owned())
    }

    fn show(&self) -> String {
        quoted(self.0.as_str())
    }
}

/// A time in whole milliseconds. `ZERO` says whether it may be 0, `OFF` whether it may be `off`, which is `Duration::MAX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Time<const ZERO: bool, const OFF: bool>(pub(crate) Duration);

/// A time that ends, and isn't over at once.
pub(crate) type Bounded = Time<false, false>;
/// A time that may be `off`.
pub(crate) type OrOff = Time<false, true>;
/// A time that may be 0.
pub(crate) type OrZero = Time<true, false>;

impl<const ZERO: bool, const OFF: bool> Single for Time<ZERO, OFF> {
    const NAME: &'static str = "TIME";
    const FORM: Form = Form::Number;

    fn parse(text: &str) -> Result<Self, String> {
        match parse_wait(text)? {
            Duration::ZERO if !ZERO && OFF => Err("it must be longer than 0; write `off` for never".to_owned()),
            Duration::ZERO if !ZERO => Err("it must be longer than 0".to_owned()),
            Duration::MAX if !OFF => Err("it needs a bound, as in 20s".to_owned()),
            Duration::MAX => Ok(Self(Duration::MAX)),
            time if time.subsec_nanos() % 1_000_000 != 0 => Err("write whole milliseconds".to_owned()),
            time => Ok(Self(time)),
        }
    }

    fn show(&self) -> String {
        let millis = self.0.as_millis();
        quoted(&match millis {
            _ if self.0 == Duration::MAX => "off".to_owned(),
            0 => "0s".to_owned(),
            _ if millis.is_multiple_of(3_600_000) => format!("{}h", millis / 3_600_000),
            _ if millis.is_multiple_of(60_000) => format!("{}m", millis / 60_000),
            _ if millis.is_multiple_of(1_000) => format!("{}s", millis / 1_000),
            _ => format!("{millis}ms"),
        })
    }
}

/// On or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Switch(pub(crate) bool);

impl Single for Switch {
    const NAME: &'static str = "true|false";
    const FORM: Form = Form::Switch;

    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map(Self).map_err(|_| "write true or false".to_owned())
    }

    fn show(&self) -> String {
        self.0.to_string()
    }
}

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address(pub(crate) String);

impl Single for Address {
    const NAME: &'static str = "ADDR";
    const FORM: Form = Form::Text;

    fn parse(text: &str) -> Result<Self, String> {
        parse_address(text).map(Self)
    }

    fn show(&self) -> String {
        quoted(&self.0)
    }
}

/// An origin, or `*` for all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OriginText(pub(crate) String);

impl Single for OriginText {
    const NAME: &'static str = "ORIGIN";
    const FORM: Form = Form::Text;

    fn parse(text: &str) -> Result<Self, String> {
        if text != "*" && text.parse::<Origin>().is_err() {
            return Err(
                "write scheme://host or scheme://host:port without a path, as in https://example.com, or *".to_owned()
            );
        }
        Ok(Self(text.to_owned()))
    }

    fn show(&self) -> String {
        quoted(&self.0)
    }
}

/// A host, with a port or without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HostText(pub(crate) String);

impl Single for HostText {
    const NAME: &'static str = "NAME";
    const FORM: Form = Form::Text;

    fn parse(text: &str) -> Result<Self, String> {
        match Hosts::list([text]) {
            Ok(_) => Ok(Self(text.to_owned())),
            Err(_) => {
                Err("write a name or an address, with a port or without, as in localhost:9001 or [::1]".to_owned())
            }
        }
    }

    fn show(&self) -> String {
        quoted(&self.0)
    }
}

/// A file; none if it is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct File(pub(crate) PathBuf);

impl File {
    pub(crate) fn path(&self) -> Option<&Path> {
        (!self.0.as_os_str().is_empty()).then_some(&*self.0)
    }
}

impl Single for File {
    const NAME: &'static str = "FILE";
    const FORM: Form = Form::Text;

    fn parse(text: &str) -> Result<Self, String> {
        Ok(Self(text.into()))
    }

    fn show(&self) -> String {
        quoted(&self.0.to_string_lossy())
    }
}

/// The policies by name.
const SLOW: [(&str, SlowConsumer); 4] = [
    ("disconnect", SlowConsumer::Disconnect),
    ("skip-to-oldest", SlowConsumer::SkipToOldest),
    ("skip-to-newest", SlowConsumer::SkipToNewest),
    ("backpressure", SlowConsumer::Backpressure),
];

/// What becomes of a slow member. Keeping the latest of each key isn't among them: none of the raw addresses gives keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Slow(pub(crate) SlowConsumer);

impl Single for Slow {
    const NAME: &'static str = "POLICY";
    const FORM: Form = Form::Text;

    fn parse(text: &str) -> Result<Self, String> {
        let found = SLOW.iter().find(|(name, _)| *name == text).map(|(_, policy)| Self(*policy));
        found.ok_or_else(|| format!("write {}", SLOW.map(|(name, _)| name).join(", ")))
    }

    fn show(&self) -> String {
        quoted(SLOW.iter().find(|(_, policy)| *policy == self.0).map_or("disconnect", |(name, _)| name))
    }
}

/// A basic string of TOML.
pub(crate) fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            control if control.is_control() => quoted.push_str(&format!("\\U{:08X}", u32::from(control))),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip<K: Kind + PartialEq + std::fmt::Debug>(texts: &[&str]) {
        let value = K::read(texts).expect("a value");
        let shown = value.show();
        let inner = shown.trim_matches(['[', ']']);
        let parts: Vec<_> =
            inner.split(", ").filter(|part| !part.is_empty()).map(|part| part.trim_matches('"')).collect();
        assert_eq!(K::read(&parts), Ok(value), "{texts:?} is shown as {shown}");
    }

    #[test]
    fn what_is_shown_can_be_read() {
        for text in ["1", "1023", "64KiB", "1MiB", "3GiB", "1000", "10MB", "unlimited"] {
            round_trip::<Size>(&[text]);
        }
        for text in ["1ms", "999ms", "1s", "90s", "60s", "5m", "1h", "8760h", "0.25"] {
            round_trip::<Bounded>(&[text]);
        }
        round_trip::<OrOff>(&["off"]);
        round_trip::<OrZero>(&["0"]);
        for text in ["0", "1", "1000000", "unlimited"] {
            round_trip::<Count<0>>(&[text]);
        }
        round_trip::<Count<0, 9>>(&["9"]);
        round_trip::<Auto<Count<1>>>(&["auto"]);
        round_trip::<Auto<Count<1>>>(&["12"]);
        for (name, _) in SLOW {
            round_trip::<Slow>(&[name]);
        }
        round_trip::<List<Address>>(&["127.0.0.1:1", "[::]:2"]);
        round_trip::<List<OriginText>>(&[]);
        round_trip::<List<OriginText>>(&["https://example.com"]);
        round_trip::<List<HostText>>(&["chat.example.com", "[::1]:9001"]);
        round_trip::<Auto<NodeText>>(&["auto"]);
        round_trip::<Auto<NodeText>>(&["fra-3"]);
        round_trip::<File>(&[""]);
    }

    #[test]
    fn what_is_no_value_says_what_is_one() {
        fn assert_says<K: Kind>(text: &str, part: &str) {
            let error = K::read(&[text]).err().expect("no value");
            assert!(error.contains(part), "{text}: {error}");
        }
        assert_says::<Count<1>>("0", "from 1 on, or `unlimited`");
        assert_says::<Count<0, 9>>("10", "from 0 to 9");
        assert_says::<Count<0, 9>>("unlimited", "from 0 to 9");
        assert_says::<Auto<Count<1>>>("some", "or `auto`");
        assert_says::<Bounded>("0", "longer than 0");
        assert_says::<Bounded>("off", "needs a bound");
        assert_says::<OrOff>("0", "`off` for never");
        assert_says::<OrZero>("off", "needs a bound");
        assert_says::<Bounded>("0.0001", "whole milliseconds");
        assert_says::<Switch>("yes", "true or false");
        assert_says::<Address>("80", "127.0.0.1:9001");
        assert_says::<OriginText>("example.com", "https://example.com");
        assert_says::<OriginText>("https://*.example.com", "https://example.com");
        assert_says::<HostText>("http://localhost", "localhost:9001");
        assert_says::<Auto<NodeText>>("a.b", "letters, digits");
        assert_says::<Auto<NodeText>>("seventeen_letters", "1 to 16");
        assert_says::<Slow>("keep", "skip-to-oldest");
    }

    #[test]
    fn a_string_is_quoted_so_that_toml_reads_it() {
        for text in ["", "a b", "\"", "\\", "a\nb\t\u{1b}\u{7f}", "ü*"] {
            let read: Vec<_> = toml::de::DeTable::parse(&format!("a = {}", quoted(text)))
                .expect("TOML")
                .get_ref()
                .values()
                .filter_map(|value| value.get_ref().as_str().map(ToOwned::to_owned))
                .collect();
            assert_eq!(read, [text]);
        }
    }
}
