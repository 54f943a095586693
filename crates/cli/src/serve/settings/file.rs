//! Settings from a TOML file. Whatever is wrong in it is told by file, line and key, all of it at once.

use std::borrow::Cow;
use std::fs;
use std::io::Read;
use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::kind::Form;
use super::{ALL, ROOM_DEFAULTS, Setting, Settings};

/// The largest file that is read: a thousand patterns fit, and a wrong path such as a log doesn't fill the memory.
const MAX_FILE: u64 = 1 << 20;

/// A setting and its texts.
type Given = (&'static Setting, Vec<String>);

/// What a file says, each value checked.
#[derive(Debug, Default)]
pub(crate) struct ConfigFile {
    given: Vec<Given>,
    /// A pattern, and what it says of its rooms.
    rooms: Vec<(String, Vec<Given>)>,
}

impl ConfigFile {
    /// Reads the file.
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let name = path.display().to_string();
        let unreadable = |error| format!("cannot read {name}: {error}; --config says which file");
        let mut text = String::new();
        fs::File::open(path).and_then(|file| file.take(MAX_FILE + 1).read_to_string(&mut text)).map_err(unreadable)?;
        if text.len() as u64 > MAX_FILE {
            return Err(format!("{name} is over {MAX_FILE} bytes; it is hardly a file of settings"));
        }
        Self::parse(&name, &text)
    }

    pub(super) fn parse(name: &str, text: &str) -> Result<Self, String> {
        let mut reader = Reader { name, text, wrong: Vec::new() };
        let file = match DeTable::parse(text) {
            Ok(tables) => reader.tables(tables.get_ref()),
            Err(error) => {
                reader.wrong(error.span().unwrap_or_default(), "this is no TOML", error.message().trim());
                Self::default()
            }
        };
        reader.wrong.sort_by_key(|(at, _)| *at);
        match reader.wrong.is_empty() {
            true => Ok(file),
            false => Err(reader.wrong.into_iter().map(|(_, wrong)| wrong).collect::<Vec<_>>().join("\n       ")),
        }
    }

    /// Puts all but the patterns in force.
    pub(super) fn apply(&self, settings: &mut Settings) -> Result<(), String> {
        self.given.iter().try_for_each(|given| set(settings, given))
    }

    /// Puts the patterns in force: what one doesn't say is as the defaults have it by now.
    pub(super) fn apply_rooms(&self, settings: &mut Settings) -> Result<(), String> {
        for (pattern, given) in &self.rooms {
            let mut scratch = settings.clone();
            given.iter().try_for_each(|given| set(&mut scratch, given))?;
            settings.rooms.push((pattern.clone(), scratch.room_defaults));
        }
        Ok(())
    }
}

fn set(settings: &mut Settings, (setting, texts): &Given) -> Result<(), String> {
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    (setting.set)(settings, &texts)
}

/// Reads tables, and remembers what is wrong and where.
struct Reader<'a> {
    name: &'a str,
    text: &'a str,
    wrong: Vec<(usize, String)>,
}

impl Reader<'_> {
    fn wrong(&mut self, at: Range<usize>, key: &str, error: &str) {
        let line = self.text.get(..at.start).unwrap_or_default().matches('\n').count() + 1;
        self.wrong.push((at.start, format!("{}:{line}: {key}: {error}", self.name)));
    }

    fn tables(&mut self, tables: &DeTable<'_>) -> ConfigFile {
        let mut file = ConfigFile::default();
        for (name, value) in tables {
            let (table, at) = (name.get_ref().as_ref(), name.span());
            match value.get_ref() {
                DeValue::Array(patterns) if table == "rooms" => {
                    for pattern in patterns {
                        file.rooms.extend(self.pattern(pattern));
                    }
                }
                _ if table == "rooms" => self.wrong(at, table, "write [[rooms]] before each pattern"),
                DeValue::Table(keys) if is_table(table) => {
                    file.given.extend(keys.iter().filter_map(|(key, value)| self.value(table, table, key, value)));
                }
                _ if is_table(table) => self.wrong(at, table, &format!("write it as a table: [{table}]")),
                _ => {
                    let known = ALL.iter().map(|setting| setting.table).chain(["rooms"]);
                    let error = unknown(table, known, |name| format!("[{name}]"));
                    let home = ALL.iter().find(|setting| setting.key == table);
                    let home = home.map(|setting| format!("; {table} stands in [{}]", setting.table));
                    self.wrong(at, table, &(error + &home.unwrap_or_default()));
                }
            }
        }
        file
    }

    /// One of `[[rooms]]`.
    fn pattern(&mut self, value: &Spanned<DeValue<'_>>) -> Option<(String, Vec<Given>)> {
        const PATTERN: &str = "write pattern = \"…\", in which * stands for any text, as in \"chat:*\"";
        let DeValue::Table(keys) = value.get_ref() else {
            self.wrong(value.span(), "rooms", "write [[rooms]] before each pattern");
            return None;
        };
        let (patterns, options): (Vec<_>, Vec<_>) = keys.iter().partition(|(key, _)| key.get_ref() == "pattern");
        let options = options.into_iter().filter_map(|(key, value)| self.value(ROOM_DEFAULTS, "rooms", key, value));
        let options = options.collect();
        let pattern = patterns.first().and_then(|(_, value)| value.get_ref().as_str());
        let Some(pattern) = pattern.filter(|pattern| !pattern.is_empty()) else {
            let at = patterns.first().map_or_else(|| value.span(), |(_, value)| value.span());
            self.wrong(at, "rooms.pattern", PATTERN);
            return None;
        };
        Some((pattern.to_owned(), options))
    }

    /// One key of `table`, which the file calls `shown`.
    fn value(
        &mut self,
        table: &str,
        shown: &str,
        key: &Spanned<Cow<'_, str>>,
        value: &Spanned<DeValue<'_>>,
    ) -> Option<Given> {
        let path = format!("{shown}.{}", key.get_ref());
        let keys = || ALL.iter().filter(|setting| setting.table == table);
        let Some(setting) = keys().find(|setting| setting.key == key.get_ref()) else {
            let error = unknown(key.get_ref(), keys().map(|setting| setting.key), ToOwned::to_owned);
            self.wrong(key.span(), &path, &error);
            return None;
        };
        let read = texts(setting.form, value.get_ref()).and_then(|texts| {
            let given = (setting, texts);
            set(&mut Settings::default(), &given).map(|()| given)
        });
        match read {
            Ok(given) => Some(given),
            Err(error) => {
                let written = self.text.get(value.span()).unwrap_or_default();
                let one_line = |letter: char| if letter.is_control() { ' ' } else { letter };
                let written: String = written.chars().take(MAX_SHOWN).map(one_line).collect();
                self.wrong(value.span(), &format!("{path} = {written}"), &error);
                None
            }
        }
    }
}

/// How much of a value is shown that is none.
const MAX_SHOWN: usize = 60;

fn is_table(name: &str) -> bool {
    ALL.iter().any(|setting| setting.table == name)
}

/// The texts of a value, of which the flag would be given the same.
fn texts(form: Form, value: &DeValue<'_>) -> Result<Vec<String>, String> {
    match (form, value) {
        (Form::Text | Form::Number | Form::List, DeValue::String(text)) => Ok(vec![text.to_string()]),
        (Form::Number, DeValue::Integer(number)) => i64::from_str_radix(number.as_str(), number.radix())
            .map(|number| vec![number.to_string()])
            .map_err(|_| "it is too large".to_owned()),
        (Form::Number, DeValue::Float(number)) => Ok(vec![number.as_str().to_owned()]),
        (Form::Switch, DeValue::Boolean(on)) => Ok(vec![on.to_string()]),
        (Form::List, DeValue::Array(values)) => values
            .iter()
            .map(|value| value.get_ref().as_str().map(ToOwned::to_owned))
            .collect::<Option<_>>()
            .ok_or_else(|| Form::List.written()),
        _ => Err(form.written()),
    }
}

impl Form {
    fn written(self) -> String {
        match self {
            Self::Text => "write a string, as in \"…\"",
            Self::Number => "write a number, or a string with a unit, as in \"20s\" or \"64KiB\"",
            Self::Switch => "write true or false",
            Self::List => "write an array of strings, as in [\"…\", \"…\"]",
        }
        .to_owned()
    }
}

/// That there is no such name, and which one may be meant.
fn unknown<'a>(name: &str, known: impl Iterator<Item = &'a str> + Clone, show: impl Fn(&str) -> String) -> String {
    let near = known.clone().map(|known| (distance(name, known), known)).min();
    match near {
        Some((distance, near)) if distance <= name.len().max(3) / 3 => format!("there is none; write {}", show(near)),
        _ => {
            let mut all: Vec<_> = known.map(show).collect();
            all.dedup();
            format!("there is none; there are {}", all.join(", "))
        }
    }
}

/// How many letters differ (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.chars().count()).collect();
    for (i, a) in one.chars().take(MAX_SHOWN).enumerate() {
        let mut before = i;
        row.iter_mut().take(1).for_each(|first| *first = i + 1);
        let mut left = i + 1;
        for (cell, b) in row.iter_mut().skip(1).zip(other.chars()) {
            let here = (before + usize::from(a != b)).min(left + 1).min(*cell + 1);
            before = std::mem::replace(cell, here);
            left = here;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(text: &str) -> String {
        ConfigFile::parse("a.toml", text).err().unwrap_or_default()
    }

    #[test]
    fn what_is_wrong_is_told_by_file_line_and_key() {
        for (text, expected) in [
            (
                "[limits]\nmax_mesage_size = 1",
                "a.toml:2: limits.max_mesage_size: there is none; write max_message_size",
            ),
            ("[limit]", "a.toml:1: limit: there is none; write [limits]"),
            (
                "[quotas]",
                "a.toml:1: quotas: there is none; there are [listener], [tls], [guards], [status], [limits], \
              [sessions], [keepalive], [deflate], [drain], [room_defaults], [rooms]",
            ),
            (
                "threads = 2",
                "a.toml:1: threads: there is none; there are [listener], [tls], [guards], [status], [limits], \
              [sessions], [keepalive], [deflate], [drain], [room_defaults], [rooms]; threads stands in [listener]",
            ),
            ("limits = 3", "a.toml:1: limits: write it as a table: [limits]"),
            ("\n[limits]\n\nmax_message_size = 0", "a.toml:4: limits.max_message_size = 0: it must be at least 1 byte"),
            (
                "[limits]\nmax_message_size = \"16M\"",
                "a.toml:2: limits.max_message_size = \"16M\": write a number of \
              bytes, as in 65536, 64KiB or 16MiB, or `unlimited`",
            ),
            (
                "[limits]\nmax_headers = true",
                "a.toml:2: limits.max_headers = true: write a number, or a string with a unit, \
              as in \"20s\" or \"64KiB\"",
            ),
            ("[deflate]\nenabled = \"yes\"", "a.toml:2: deflate.enabled = \"yes\": write true or false"),
            (
                "[listener]\nlisten = 80",
                "a.toml:2: listener.listen = 80: write an array of strings, as in [\"…\", \"…\"]",
            ),
            (
                "[listener]\nlisten = [\"80\"]",
                "a.toml:2: listener.listen = [\"80\"]: write HOST:PORT, as in \
              127.0.0.1:9001, localhost:9001 or [::]:9001",
            ),
            ("[rooms]", "a.toml:1: rooms: write [[rooms]] before each pattern"),
            (
                "[[rooms]]\nhistory = 1",
                "a.toml:1: rooms.pattern: write pattern = \"…\", in which * stands for any text, as \
              in \"chat:*\"",
            ),
            ("[[rooms]]\npattern = \"a\"\nhistry = 1", "a.toml:3: rooms.histry: there is none; write history"),
        ] {
            assert_eq!(errors(text), expected, "{text}");
        }
        assert!(errors("[limits]\nmax_headers = ").starts_with("a.toml:2: this is no TOML: "));
        assert!(errors("[limits]\nmax_headers = 1\nmax_headers = 2").starts_with("a.toml:3: this is no TOML: "));
    }

    #[test]
    fn all_that_is_wrong_is_told_in_the_order_of_the_file() {
        let errors = errors("[limits]\nmax_headers = 0\n[drain]\nwindow = 1\nwindw = 1\n[deflate]\nlevel = 10\n");
        let lines: Vec<_> = errors.lines().map(|line| line.trim().split(": ").next().unwrap()).collect();
        assert_eq!(lines, ["a.toml:2", "a.toml:5", "a.toml:7"], "{errors}");
    }

    #[test]
    fn a_pattern_has_what_the_defaults_have_unless_it_says_otherwise() {
        let text = "[[rooms]]\npattern = \"a*\"\nmax_members = 3\n[room_defaults]\nhistory = 7\nmax_members = 5";
        let file = ConfigFile::parse("a.toml", text).expect("right");
        let mut settings = Settings::default();
        file.apply(&mut settings).expect("right");
        file.apply_rooms(&mut settings).expect("right");
        let (pattern, rooms) = settings.rooms.first().expect("one");
        assert_eq!((pattern.as_str(), rooms.history.0, rooms.max_members.0), ("a*", 7, 3));
        assert_eq!(settings.room_defaults.max_members.0, 5);
    }

    #[test]
    fn numbers_may_be_written_as_toml_has_them() {
        let text = "[limits]\nmax_message_size = 0x1_000\nmax_fragments = 1_000\n[drain]\nwindow = 0.5";
        let mut settings = Settings::default();
        ConfigFile::parse("a.toml", text).expect("right").apply(&mut settings).expect("right");
        assert_eq!((settings.limits.max_message_size.0, settings.limits.max_fragments.0), (4096, 1000));
        assert_eq!(settings.drain.window.0.as_millis(), 500);
    }

    #[test]
    fn letters_that_differ_are_counted() {
        for (one, other, expected) in [("", "abc", 3), ("abc", "abc", 0), ("kitten", "sitting", 3), ("ab", "ba", 2)] {
            assert_eq!(distance(one, other), expected, "{one} {other}");
        }
    }
}
