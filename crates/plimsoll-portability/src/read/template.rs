//! Templates that nobody rendered.

use crate::node::{Content, Node};

/// The placeholder in a text that is no YAML because of it.
pub(super) fn placeholder_in_text(text: &str) -> Option<String> {
    text.lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .find_map(|line| placeholder(line, "{{", "}}"))
}

/// The placeholder in an object that is YAML in spite of it. Braces in what programs read, such as a script or an
/// alert's text, are none; in names, images and numbers they are, and so is what only Helm has.
pub(super) fn placeholder_in_object(object: &Node) -> Option<String> {
    for path in ["apiVersion", "kind", "metadata.name", "metadata.namespace"] {
        if let Some(found) = object.at(path).text().and_then(any_placeholder) {
            return Some(found);
        }
    }
    search(object, "")
}

fn any_placeholder(text: &str) -> Option<String> {
    placeholder(text, "{{", "}}").or_else(|| placeholder(text, "${", "}"))
}

fn placeholder(text: &str, open: &str, close: &str) -> Option<String> {
    let start = text.find(open)?;
    let rest = &text[start..];
    let end = rest.find(close)? + close.len();
    let found = rest.get(..end)?;
    Some(found.chars().take(60).collect())
}

fn search(node: &Node, key: &str) -> Option<String> {
    match &node.content {
        Content::Text(text) => {
            let counts = matches!(
                key,
                "image" | "replicas" | "parallelism" | "completions" | "storageClassName" | "storage"
            );
            let found = if counts { any_placeholder(text) } else { None };
            found.or_else(|| {
                placeholder(text, "{{", "}}")
                    .filter(|found| found.contains(".Values.") || found.contains(".Release."))
            })
        }
        Content::List(items) => items.iter().find_map(|item| search(item, key)),
        Content::Map(entries) => entries
            .iter()
            .filter(|(key, _)| key != "data" && key != "stringData")
            .find_map(|(key, node)| search(node, key)),
        Content::Null | Content::Bool(_) | Content::Number(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_count_where_they_matter() {
        let found = |text: &str| placeholder_in_object(&Node::parse(text).unwrap());
        assert_eq!(
            found("kind: Pod\nspec: {containers: [{image: '{{ .Values.image }}'}]}").as_deref(),
            Some("{{ .Values.image }}")
        );
        assert_eq!(
            found("kind: Pod\nspec: {containers: [{image: '${IMAGE}'}]}").as_deref(),
            Some("${IMAGE}")
        );
        assert_eq!(
            found("kind: PrometheusRule\nspec: {summary: 'GPU {{ $labels.gpu }} hot'}"),
            None
        );
        assert_eq!(
            found("kind: Pod\nspec: {containers: [{args: ['--node=$(NODE)']}]}"),
            None
        );
        assert_eq!(
            placeholder_in_text("# {{ fine }}\n{{- if .Values.on }}\n").as_deref(),
            Some("{{- if .Values.on }}")
        );
    }
}
