//! The lists of `Sec-WebSocket-Extensions` (RFC 6455 §9.1), parsed in one pass.

use std::{borrow::Cow, fmt};

use super::{fields::is_token_byte, work};

/// How many parameters one extension may have; permessage-deflate, the only one in use, has four.
pub const MAX_PARAMETERS: usize = 16;

/// One extension of a list, with its parameters in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension<'a> {
    name: &'a str,
    parameters: Vec<Parameter<'a>>,
}

/// A parameter: `name`, or `name=value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter<'a> {
    name: &'a str,
    value: Option<Cow<'a, str>>,
}

/// An element of a list that is no extension, or has more than [`MAX_PARAMETERS`] parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

impl<'a> Extension<'a> {
    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &'a str {
        self.name
    }

    /// Its parameters, at most [`MAX_PARAMETERS`].
    #[must_use]
    pub fn parameters(&self) -> &[Parameter<'a>] {
        &self.parameters
    }
}

impl Parameter<'_> {
    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &str {
        self.name
    }

    /// Its value, without the quotes and backslashes it may have been sent with.
    #[must_use]
    pub fn value(&self) -> Option<&str> {
        self.value.as_deref()
    }
}

/// The elements of one header line. An ill-formed one is told as such, and the next begins after the next comma that isn't
/// within quotes; empty ones are left out. The work is linear in the line's length.
#[must_use]
pub const fn parse(line: &str) -> Extensions<'_> {
    Extensions { line, at: 0, quoted: false }
}

/// The iterator that [`parse`] returns.
#[derive(Clone, Debug)]
pub struct Extensions<'a> {
    line: &'a str,
    at: usize,
    /// Whether `at` is within quotes: where an ill-formed element is given up, that decides which comma ends it.
    quoted: bool,
}

impl<'a> Iterator for Extensions<'a> {
    type Item = Result<Extension<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.eat_space() == Some(b',') {
            self.advance(1);
        }
        self.peek()?;
        let result = self.extension();
        if result.is_err() {
            self.skip_element();
        }
        Some(result)
    }
}

impl<'a> Extensions<'a> {
    fn peek(&self) -> Option<u8> {
        self.line.as_bytes().get(self.at).copied()
    }

    /// All movement goes through here, and only forward, so that the count proves the work linear.
    fn advance(&mut self, bytes: usize) {
        work::count(bytes);
        self.at += bytes;
    }

    /// Skips optional whitespace (RFC 9110 §5.6.3), and says what comes next.
    fn eat_space(&mut self) -> Option<u8> {
        while matches!(self.peek(), Some(b' ' | b'\t')) {
            self.advance(1);
        }
        self.peek()
    }

    /// `extension = extension-token *( ";" extension-param )`, up to the comma or the end.
    fn extension(&mut self) -> Result<Extension<'a>, Malformed> {
        let name = self.token()?;
        let mut parameters = Vec::new();
        loop {
            match self.eat_space() {
                None | Some(b',') => return Ok(Extension { name, parameters }),
                Some(b';') if parameters.len() < MAX_PARAMETERS => {
                    self.advance(1);
                    self.eat_space();
                    parameters.push(self.parameter()?);
                }
                Some(_) => return Err(Malformed),
            }
        }
    }

    /// `extension-param = token [ "=" (token | quoted-string) ]`
    fn parameter(&mut self) -> Result<Parameter<'a>, Malformed> {
        let name = self.token()?;
        if self.eat_space() != Some(b'=') {
            return Ok(Parameter { name, value: None });
        }
        self.advance(1);
        let value = match self.eat_space() {
            Some(b'"') => self.quoted()?,
            _ => Cow::Borrowed(self.token()?),
        };
        Ok(Parameter { name, value: Some(value) })
    }

    fn token(&mut self) -> Result<&'a str, Malformed> {
        let start = self.at;
        while self.peek().is_some_and(is_token_byte) {
            self.advance(1);
        }
        if self.at == start { Err(Malformed) } else { self.line.get(start..self.at).ok_or(Malformed) }
    }

    /// RFC 6455 §9.1: what a quoted string says, once unescaped, is a token too.
    fn quoted(&mut self) -> Result<Cow<'a, str>, Malformed> {
        self.advance(1);
        self.quoted = true;
        let start = self.at;
        let mut unescaped: Option<String> = None;
        loop {
            let byte = self.peek().ok_or(Malformed)?;
            match byte {
                b'"' => {
                    let raw = self.line.get(start..self.at).ok_or(Malformed)?;
                    let value = unescaped.map_or(Cow::Borrowed(raw), Cow::Owned);
                    self.quoted = false;
                    self.advance(1);
                    return if value.is_empty() { Err(Malformed) } else { Ok(value) };
                }
                b'\\' => {
                    let escaped = self.line.as_bytes().get(self.at + 1).copied().filter(|&byte| is_token_byte(byte));
                    let escaped = escaped.ok_or(Malformed)?;
                    let before = self.line.get(start..self.at).ok_or(Malformed)?;
                    unescaped.get_or_insert_with(|| before.to_owned()).push(char::from(escaped));
                    self.advance(2);
                }
                byte if is_token_byte(byte) => {
                    if let Some(text) = &mut unescaped {
                        text.push(char::from(byte));
                    }
                    self.advance(1);
                }
                _ => return Err(Malformed),
            }
        }
    }

    /// Moves to the next comma that isn't within quotes, or to the end.
    fn skip_element(&mut self) {
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => self.quoted = !self.quoted,
                b'\\' if self.quoted => self.advance(1),
                b',' if !self.quoted => return,
                _ => {}
            }
            self.advance(1);
        }
        self.quoted = false;
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an element of Sec-WebSocket-Extensions is not of the form `name; parameter=value`")
    }
}

impl std::error::Error for Malformed {}
