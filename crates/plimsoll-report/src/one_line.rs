//! Text from a cluster, made safe for formats in which a line has a meaning.

/// The text on one line without control characters: what a pod prints can neither forge a line of a log nor
/// steer a terminal. Runs of blanks and line ends become one blank.
pub(crate) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for part in text
        .split(|c: char| c.is_whitespace() || is_unseen(c))
        .filter(|part| !part.is_empty())
    {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(part);
    }
    line
}

/// Control characters, those that turn the direction of text around, and what XML does not allow.
pub(crate) fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{fffe}' | '\u{ffff}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_starts_a_line_or_steers_a_terminal() {
        assert_eq!(one_line("a\n--- PASS: TestX\r\n\tb"), "a --- PASS: TestX b");
        assert_eq!(one_line("\u{1b}[31mred\u{1b}[0m \u{202e}x\u{0}"), "[31mred [0m x");
        assert_eq!(one_line("  \n "), "");
    }
}
