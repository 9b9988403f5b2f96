//! Texts that get past YAML's scanner, for properties of all that reads YAML.

use proptest::{prelude::*, sample::select};

/// Pieces that YAML gives a meaning to, between words of the file in question.
const PIECES: &[&str] = &[
    "metadata:",
    "spec:",
    "networking:",
    "\n",
    "\n  ",
    "\n    - ",
    "evidence: [",
    "]",
    "{",
    "}",
    "&a ",
    "*a",
    "<<: *a",
    "!!binary ",
    "? ",
    ": ",
    "|",
    ">\n",
    "\"",
    "'",
    "---\n",
    "...\n",
    "%TAG ! x",
    "\t",
    "#",
    "é",
    "\u{feff}",
    ".inf",
    "0x1F",
    "~",
    "1e400",
    "\r",
];

/// Any such pieces, and these words, in any order.
pub(crate) fn yaml_like(words: &[&'static str]) -> impl Strategy<Value = String> + use<> {
    let pieces = [PIECES, words].concat();
    prop::collection::vec(select(pieces), 0..40).prop_map(|pieces| pieces.concat())
}

/// A sound text cut off, and with a character put in there.
pub(crate) fn cut_or_changed(sound: &'static str) -> impl Strategy<Value = [String; 2]> {
    let places: Vec<usize> = sound.char_indices().map(|(at, _)| at).collect();
    (select(places), any::<char>()).prop_map(move |(cut, c)| {
        let (before, behind) = sound.split_at(cut);
        [before.to_owned(), format!("{before}{c}{behind}")]
    })
}
