//! What a node's labels say of a resource's devices.

use plimsoll_platform::survey::Node;

/// A label and what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said<T> {
    pub(super) label: String,
    pub(super) value: T,
}

/// How many devices there are.
pub(super) fn count(node: &Node, resource: &str) -> Option<Said<u64>> {
    find(node, resource, &["count"], |text| text.parse().ok())
}

/// What they are.
pub(super) fn product(node: &Node, resource: &str) -> Option<Said<String>> {
    find(node, resource, &["product", "product-name"], |text| {
        Some(text.to_owned()).filter(|text| !text.is_empty())
    })
}

fn find<T>(node: &Node, resource: &str, names: &[&str], read: impl Fn(&str) -> Option<T>) -> Option<Said<T>> {
    let base = resource.strip_suffix(".shared").unwrap_or(resource);
    names.iter().find_map(|name| {
        let label = format!("{base}.{name}");
        let value = read(node.labels.get(&label)?)?;
        Some(Said { label, value })
    })
}

/// Whether a label names that model: blanks can't stand in a label, and labellers mark devices that are shared.
pub(super) fn names_model(label: &str, model: &str) -> bool {
    let plain = |text: &str| -> String {
        let text: String = text
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() {
                    c.to_ascii_lowercase()
                } else {
                    '-'
                }
            })
            .collect();
        text.split('-')
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join("-")
    };
    let (label, model) = (plain(label), plain(model));
    let label = label.strip_suffix("-shared").unwrap_or(&label);
    // A label holds 63 characters.
    !label.is_empty() && (label == model || (label.len() > 50 && model.starts_with(label)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_names_a_model_without_its_blanks() {
        assert!(names_model("NVIDIA-H100-80GB-HBM3", "NVIDIA H100 80GB HBM3"));
        assert!(names_model(
            "NVIDIA-H100-80GB-HBM3-SHARED",
            "NVIDIA H100 80GB HBM3"
        ));
        assert!(!names_model("NVIDIA-A100", "NVIDIA H100 80GB HBM3"));
        assert!(!names_model("", ""));
    }

    #[test]
    fn labels_are_those_of_the_resource_whole_or_shared() {
        let labels = [
            ("nvidia.com/gpu.count".to_owned(), "4".to_owned()),
            ("nvidia.com/gpu.product".to_owned(), String::new()),
        ];
        let node = Node {
            labels: labels.into(),
            ..Node::default()
        };
        for resource in ["nvidia.com/gpu", "nvidia.com/gpu.shared"] {
            assert_eq!(count(&node, resource).map(|said| said.value), Some(4));
        }
        assert_eq!(product(&node, "nvidia.com/gpu"), None);
        assert_eq!(count(&node, "amd.com/gpu"), None);
    }
}
