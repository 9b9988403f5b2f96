//! Images of an architecture.

use std::collections::BTreeSet;

use super::{Case, Demand, Subject};
use crate::{
    need::{Fit, Need, NeedKind, look},
    node::Step,
};

/// The architecture that images are for.
#[derive(Clone, Debug)]
pub struct Image {
    /// As the image's name says; none where it says nothing.
    architecture: Option<&'static str>,
    /// Whether the pods themselves choose nodes by architecture.
    pinned: bool,
}

const ARCHITECTURES: &[(&str, &str)] = &[
    ("amd64", "amd64"),
    ("x86_64", "amd64"),
    ("arm64", "arm64"),
    ("arm64v8", "arm64"),
    ("aarch64", "arm64"),
];

pub(super) fn derive(subject: Subject<'_>, needs: &mut Vec<Need>) {
    let root = subject.root();
    let mut seen = BTreeSet::new();
    for set in &subject.workload.pods {
        let pinned = set
            .spec_at(root, "nodeSelector")
            .is_some_and(|selector| !selector.get("kubernetes.io/arch").is_null());
        for container in &set.containers {
            let Some(image) = look(root, &container.path).and_then(|node| node.get("image").text()) else {
                continue;
            };
            let architecture = architecture(image);
            if !seen.insert((architecture, pinned)) {
                continue;
            }
            let mut path = container.path.clone();
            path.push(Step::Key("image".to_owned()));
            let what = match architecture {
                Some(architecture) => format!("{architecture} nodes for the image `{image}`"),
                None => format!("nodes of an architecture that the image `{image}` is built for"),
            };
            let demand = Demand::Image(Image { architecture, pinned });
            needs.push(subject.need(NeedKind::Image, what, set.document, &path, demand));
        }
    }
}

fn architecture(image: &str) -> Option<&'static str> {
    let name = image.split('@').next().unwrap_or_default();
    name.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .find_map(|part| ARCHITECTURES.iter().find(|(word, _)| *word == part))
        .map(|(_, architecture)| *architecture)
}

pub(super) fn fit(case: Case<'_>, image: &Image) -> Fit {
    let nodes = &case.platform.facts.nodes;
    let there: BTreeSet<&str> = nodes
        .iter()
        .filter(|node| node.is_usable() && node.os == "linux")
        .map(|node| node.arch.as_str())
        .collect();
    let list = || there.iter().copied().collect::<Vec<_>>().join(", ");
    match image.architecture {
        _ if there.is_empty() => Fit::Unmet("no node takes pods".to_owned()),
        Some(architecture) if there.contains(architecture) => {
            if there.len() > 1 && !image.pinned {
                Fit::Unknown(format!(
                    "nodes are {}, and nothing keeps the pods to {architecture}: add a nodeSelector on kubernetes.io/arch",
                    list()
                ))
            } else {
                Fit::Surveyed(format!("nodes are {}", list()))
            }
        }
        Some(architecture) => Fit::Unmet(format!("nodes are {}, none is {architecture}", list())),
        None if there.contains("amd64") || image.pinned => Fit::Surveyed(format!(
            "nodes are {}; images are taken to be for amd64 at the least",
            list()
        )),
        None => Fit::Unknown(format!(
            "nodes are {}; whether the image is for them can't be told from its name",
            list()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_architecture_is_a_whole_word_of_the_name() {
        assert_eq!(architecture("x/y:1.2-arm64"), Some("arm64"));
        assert_eq!(architecture("arm64v8/python:3"), Some("arm64"));
        assert_eq!(architecture("x/charm64:1"), None);
        assert_eq!(architecture("x/y:1@sha256:amd64"), None);
    }
}
