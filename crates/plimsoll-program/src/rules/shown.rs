//! Text of strangers, made harmless for terminals and logs.

/// Longer quotations are cut.
const LONGEST: usize = 120;

/// A quotation: control characters and those that turn the direction of text are written out, and what is
/// long is cut.
pub(super) fn quoted(text: &str) -> String {
    let mut shown = String::from("`");
    for (count, c) in text.chars().enumerate() {
        if count == LONGEST {
            shown.push('…');
            break;
        }
        push(&mut shown, c);
    }
    shown.push('`');
    shown
}

/// The whole text on one line, made harmless.
pub(super) fn harmless(text: &str) -> String {
    text.chars()
        .fold(String::with_capacity(text.len()), |mut shown, c| {
            push(&mut shown, c);
            shown
        })
}

fn push(shown: &mut String, c: char) {
    let turns = matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
    if c == '\t' {
        shown.push(' ');
    } else if c.is_control() || turns {
        shown.extend(c.escape_default());
    } else {
        shown.push(c);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_is_left() {
        assert_eq!(quoted("a\u{1b}[2J\n\u{202e}b"), "`a\\u{1b}[2J\\n\\u{202e}b`");
        assert!(quoted(&"x".repeat(500)).chars().count() < 130);
    }
}
