//! What a run is called.

use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    str::FromStr,
};

/// A run's id. It is in the name of everything the run creates, so it is short and fit for names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(String);

/// The text can't be a run's id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` can't be a run's id, expected 1 to 20 of a-z, 0-9 and inner `-`")]
pub struct InvalidRunId(pub String);

/// Characters of a generated id: no vowels, so no words; nothing that looks like something else.
const ALPHABET: &[u8; 28] = b"bcdfghjklmnpqrstvwxz23456789";

impl RunId {
    /// A new id, in all likelihood unlike any other.
    #[must_use]
    pub fn random() -> Self {
        // Each RandomState is keyed afresh by the operating system's random numbers.
        let mut bits = RandomState::new().hash_one(std::process::id());
        let mut id = String::from("r");
        for _ in 0..7 {
            let index = usize::try_from(bits % ALPHABET.len() as u64).unwrap_or_default();
            id.push(char::from(ALPHABET[index]));
            bits /= ALPHABET.len() as u64;
        }
        Self(id)
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RunId {
    type Err = InvalidRunId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let valid = (1..=20).contains(&text.len())
            && text.chars().all(|c| plain(c) || c == '-')
            && text.starts_with(plain)
            && text.ends_with(plain);
        if valid {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidRunId(text.to_owned()))
        }
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_random_id_is_valid_and_unlike_the_next() {
        let id = RunId::random();
        assert_eq!(id.as_str().parse(), Ok(id.clone()));
        assert_ne!(id, RunId::random());
    }

    #[test]
    fn what_does_not_fit_into_names_is_refused() {
        for text in ["", "-a", "a-", "A", "a_b", "ä", "a.b", "aaaaaaaaaaaaaaaaaaaaa"] {
            assert!(text.parse::<RunId>().is_err(), "{text}");
        }
    }
}
