//! Where a text drifted from the official one.

use super::super::shown::quoted;

/// The first words that differ, in words; none if the texts agree up to white space.
pub(super) fn difference(official: &str, text: &str) -> Option<String> {
    let official: Vec<&str> = official.split_whitespace().collect();
    let words: Vec<&str> = text.split_whitespace().collect();
    if official == words {
        return None;
    }
    let same = official
        .iter()
        .zip(&words)
        .take_while(|(one, other)| one == other)
        .count();
    let some = |words: &[&str]| {
        quoted(
            &words
                .iter()
                .skip(same)
                .take(4)
                .copied()
                .collect::<Vec<_>>()
                .join(" "),
        )
    };
    Some(match (same < official.len(), same < words.len()) {
        (true, true) => format!(
            "at word {} it has {} instead of {}",
            same + 1,
            some(&words),
            some(&official)
        ),
        (true, false) => format!(
            "it ends after {same} of {} words, before {}",
            official.len(),
            some(&official)
        ),
        (false, _) => format!("it goes on with {}", some(&words)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_told() {
        assert_eq!(difference("a b  c", "a b\nc"), None);
        assert_eq!(
            difference("a b c", "a x c").as_deref(),
            Some("at word 2 it has `x c` instead of `b c`")
        );
        assert_eq!(
            difference("a b c", "a").as_deref(),
            Some("it ends after 1 of 3 words, before `b c`")
        );
        assert_eq!(difference("a", "a b").as_deref(), Some("it goes on with `b`"));
    }
}
