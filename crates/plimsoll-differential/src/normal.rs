//! Takes out of a transcript what differs from run to run.

use std::{borrow::Cow, sync::LazyLock};

use regex::Regex;

/// What is replaced by what, in this order.
static RULES: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    [
        (
            r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
            "UID",
        ),
        (r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z", "TIME"),
        (r"\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b", "IP"),
        // Names made by the API server and by controllers: a hash of the template, five random characters, or both.
        (
            r"-[bcdfghjklmnpqrstvwxz2456789]{7,10}-[bcdfghjklmnpqrstvwxz2456789]{5}\b",
            "-HASH-RANDOM",
        ),
        (r"-[bcdfghjklmnpqrstvwxz2456789]{8,10}\b", "-HASH"),
        (r"-[bcdfghjklmnpqrstvwxz2456789]{5}\b", "-RANDOM"),
        (
            r#"("pod-template-hash"|pod-template-hash)([:=] ?)"?[a-z0-9]+"?"#,
            "$1${2}HASH",
        ),
        (r#""(resourceVersion|continue)":"[^"]*""#, r#""$1":"…""#),
        (r"in record \(\d+\)", "in record (…)"),
        (
            r#"\\"resourceVersion\\":\\"\d+\\""#,
            r#"\"resourceVersion\":\"…\""#,
        ),
        (r"sha256:[0-9a-f]{64}", "DIGEST"),
        (r"\b[0-9a-f]{64}\b", "ID"),
        (r"v1\.(\d+)\.\d+", "v1.$1.x"),
    ]
    .into_iter()
    // Constant, and used by every test of this crate.
    .filter_map(|(pattern, with)| Some((Regex::new(pattern).ok()?, with)))
    .collect()
});

/// The text without what differs from run to run.
pub(crate) fn normal(text: &str, namespace: &str) -> String {
    let mut text = text.replace(namespace, "NS");
    for (pattern, with) in RULES.iter() {
        if let Cow::Owned(replaced) = pattern.replace_all(&text, *with) {
            text = replaced;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_taken_out() {
        let line =
            r#"pod "web-6d4b75cb6d-x2x7k" in d-7 at 2026-01-01T00:00:00Z: {"resourceVersion":"12"} 10.0.0.1"#;
        assert_eq!(
            normal(line, "d-7"),
            r#"pod "web-HASH-RANDOM" in NS at TIME: {"resourceVersion":"…"} IP"#
        );
        assert_eq!(normal("create ConfigMap plain", "d-7"), "create ConfigMap plain");
    }

    #[test]
    fn every_rule_is_a_pattern() {
        assert_eq!(RULES.len(), 13);
    }
}
