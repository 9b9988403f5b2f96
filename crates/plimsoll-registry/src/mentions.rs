//! What products name: schedulers, operators, gateways, autoscalers, accelerators. Careful on purpose: whole words only,
//! and each with the line that says so.

use std::{collections::BTreeMap, sync::LazyLock};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Entry;

#[derive(Deserialize)]
struct Kind {
    words: Vec<Vec<String>>,
}

static KINDS: LazyLock<BTreeMap<String, Kind>> = LazyLock::new(|| {
    toml::from_str(include_str!("mentions.toml")).expect("mentions.toml is tested to be valid")
});

/// Where a product names something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Mention {
    /// The product.
    pub product: String,
    /// The file and line.
    pub source: String,
    /// The line, shortened.
    pub text: String,
}

/// What is named how often, by kind and name; each product counts once.
pub type Stats = BTreeMap<String, BTreeMap<String, Vec<Mention>>>;

/// Counts what products name. Official texts, which name things as examples, are no statements of the product.
#[must_use]
pub fn stats<'e>(entries: impl IntoIterator<Item = &'e Entry>) -> Stats {
    let mut stats = Stats::new();
    for entry in entries {
        for (index, line) in entry.text.lines().enumerate() {
            let said = line.trim_start().trim_start_matches("- ");
            if said.starts_with("description:") && line.starts_with("    ") || said.starts_with('#') {
                continue;
            }
            for (kind, name) in named(said) {
                let mentions = stats
                    .entry(kind.to_owned())
                    .or_default()
                    .entry(name.to_owned())
                    .or_default();
                if mentions
                    .last()
                    .is_none_or(|last: &Mention| last.product != entry.id)
                {
                    mentions.push(Mention {
                        product: entry.id.clone(),
                        source: format!("{}/PRODUCT.yaml:{}", entry.id, index + 1),
                        text: said.chars().filter(|c| !c.is_control()).take(160).collect(),
                    });
                }
            }
        }
    }
    stats
}

fn named(line: &str) -> Vec<(&'static str, &'static str)> {
    let lower = line.to_lowercase();
    let mut named = Vec::new();
    for (kind, words) in KINDS.iter() {
        for names in &words.words {
            if let Some(name) = names
                .first()
                .filter(|_| names.iter().any(|name| has_word(&lower, &name.to_lowercase())))
            {
                named.push((kind.as_str(), name.as_str()));
            }
        }
    }
    named
}

/// Whether the text has the word, neither in front of nor behind another letter or digit.
fn has_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_words_are_found_and_parts_are_not() {
        let names = |line| named(line).into_iter().map(|(_, name)| name).collect::<Vec<_>>();
        assert_eq!(names("runs on H100 with kueue."), ["H100", "Kueue"]);
        assert_eq!(names("nothing but H1000 and kueues"), [""; 0]);
        assert!(KINDS.len() == 5);
    }
}
