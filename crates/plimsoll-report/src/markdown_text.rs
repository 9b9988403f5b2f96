//! Text from a cluster inside Markdown.

use crate::one_line::one_line;

/// One line of text that is safe in a paragraph and in the cell of a table. Backticks stay: messages quote
/// values with them.
pub(crate) fn inline(text: &str) -> String {
    one_line(text)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('|', "\\|")
}

/// A name as code.
pub(crate) fn code(text: &str) -> String {
    format!("`{}`", one_line(text).replace('`', "'").replace('|', "\\|"))
}

/// A block of code, with a fence longer than any inside.
pub(crate) fn block(language: &str, text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}{language}\n{text}\n{fence}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_leaves_neither_its_cell_nor_its_block() {
        assert_eq!(
            inline("a | b\n<img src=x> & `c`"),
            "a \\| b &lt;img src=x> &amp; `c`"
        );
        assert_eq!(code("a`b|c"), "`a'b\\|c`");
        assert_eq!(block("json", "x ```` y"), "`````json\nx ```` y\n`````\n");
        assert_eq!(block("", "x"), "```\nx\n```\n");
    }
}
