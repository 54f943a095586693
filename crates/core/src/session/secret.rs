//! The right to a session.

use std::{fmt, str::FromStr};

use crate::position::{from_base64url, write_base64url};

/// The name of the process that has a session, so that any other can find the way to it: 1 to 16 characters of
/// `A–Z a–z 0–9 _ -`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Node {
    /// The rest is 0.
    name: [u8; Self::MAX_LEN],
}

impl Node {
    /// The longest name.
    pub const MAX_LEN: usize = 16;

    /// A name that no other process is likely to have: eight random characters.
    #[must_use]
    pub fn random() -> Self {
        const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
        let mut name = [0; Self::MAX_LEN];
        for byte in &mut name[..8] {
            *byte = LETTERS[rand::random_range(0..LETTERS.len())];
        }
        Self { name }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let len = self.name.iter().position(|byte| *byte == 0).unwrap_or(Self::MAX_LEN);
        // All ASCII, by the only constructor.
        std::str::from_utf8(&self.name[..len]).unwrap_or_default()
    }
}

impl FromStr for Node {
    type Err = InvalidSecret;

    fn from_str(text: &str) -> Result<Self, InvalidSecret> {
        let may_stand = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        let mut name = [0; Self::MAX_LEN];
        match name.get_mut(..text.len()) {
            Some(to) if !text.is_empty() && text.bytes().all(may_stand) => to.copy_from_slice(text.as_bytes()),
            _ => return Err(InvalidSecret::Node),
        }
        Ok(Self { name })
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// What gives the right to a session: its node's name and 128 random bits. Minted by the server only.
///
/// As text, `<node>.<22 characters of base64url>`: a token, so that it can stand in a list of subprotocols. It must not stand
/// in a URL, nor in a log: `Debug` shows the node alone.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Secret {
    node: Node,
    bits: u128,
}

impl Secret {
    /// A new one, from a CSPRNG that the system seeds.
    #[must_use]
    pub fn mint(node: &Node) -> Self {
        Self { node: *node, bits: rand::random() }
    }

    /// Who has the session.
    #[must_use]
    pub const fn node(&self) -> &Node {
        &self.node
    }
}

impl FromStr for Secret {
    type Err = InvalidSecret;

    fn from_str(text: &str) -> Result<Self, InvalidSecret> {
        let (node, bits) = text.split_once('.').ok_or(InvalidSecret::Form)?;
        let bits = from_base64url(bits).ok_or(InvalidSecret::Form)?;
        Ok(Self { node: node.parse()?, bits })
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.", self.node)?;
        write_base64url(self.bits, f)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret").field("node", &self.node).finish_non_exhaustive()
    }
}

/// A text that is no [`Secret`], or no [`Node`]. It doesn't say which text: that might be one nearly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidSecret {
    /// It isn't `<node>.<22 characters of base64url>`.
    Form,
    /// The node's name is empty, too long, or has a character that it may not have.
    Node,
}

impl fmt::Display for InvalidSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form => f.write_str("a session's secret is <node>.<22 characters of base64url>"),
            Self::Node => write!(f, "a node's name is 1 to {} characters of A-Z a-z 0-9 _ -", Node::MAX_LEN),
        }
    }
}

impl std::error::Error for InvalidSecret {}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "a.AAECAwQFBgcICQoLDA0ODw";

    #[test]
    fn a_secret_survives_its_text() {
        for node in ["a", "0_-Z", "sixteen-letters_"] {
            let secret = Secret::mint(&node.parse().unwrap());
            assert_eq!(secret.to_string().parse(), Ok(secret));
            assert_eq!(secret.node().as_str(), node);
        }
        assert_eq!(TEXT.parse::<Secret>().unwrap().to_string(), TEXT);
        assert_ne!(Secret::mint(&"a".parse().unwrap()), Secret::mint(&"a".parse().unwrap()));
    }

    #[test]
    fn what_is_no_secret_is_refused() {
        let bits = &TEXT[2..];
        let long = format!("seventeen-letters.{bits}");
        for text in
            ["", ".", "a.", "a", bits, &TEXT[..23], &format!("{TEXT}A"), &format!("{TEXT}="), &TEXT.replace('w', "x")]
        {
            assert_eq!(text.parse::<Secret>(), Err(InvalidSecret::Form), "{text}");
        }
        for text in [&format!(".{bits}"), &long, &format!("é.{bits}"), &format!("a b.{bits}"), &format!("a\0.{bits}")]
        {
            assert_eq!(text.parse::<Secret>(), Err(InvalidSecret::Node), "{text}");
        }
    }

    // S8: it doesn't get into a log by way of `{:?}`.
    #[test]
    fn debug_is_redacted() {
        let shown = format!("{:?}", TEXT.parse::<Secret>().unwrap());
        assert_eq!(shown, r#"Secret { node: "a", .. }"#);
    }
}
