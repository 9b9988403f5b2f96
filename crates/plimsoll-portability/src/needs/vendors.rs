//! Whose accelerators a workload can use at all: that is in its images, and no platform changes it.

use plimsoll_vendors::Vendor;

use super::Subject;
use crate::pods::PodSet;

/// The annotation of a pod template that says for which vendors its images are built: ids, separated by commas.
pub(crate) const DECLARED: &str = "plimsoll.dev/accelerator-vendors";

/// Parts of images' names that say for whose accelerators they are built.
const MARKS: &[(&str, &str)] = &[
    ("nvcr.io", "nvidia"),
    ("nvidia", "nvidia"),
    ("cuda", "nvidia"),
    ("tensorrt", "nvidia"),
    ("rocm", "amd"),
    ("habana", "intel-gaudi"),
    ("gaudi", "intel-gaudi"),
    ("neuron", "aws-neuron"),
    ("neuronx", "aws-neuron"),
    ("tpu", "google-tpu"),
    ("libtpu", "google-tpu"),
    ("xpu", "intel-gpu"),
    ("oneapi", "intel-gpu"),
    ("ascend", "huawei-ascend"),
    ("cann", "huawei-ascend"),
];

/// Whether pods can use another vendor's accelerators.
pub(super) enum Portable {
    /// Their template says so.
    Yes,
    /// An image is built for one vendor.
    No(String),
    /// Nothing says so.
    Unknown,
}

/// Whether the pods of a template can use accelerators of a vendor that they don't ask for.
pub(super) fn portable(subject: Subject<'_>, set: &PodSet, to: &Vendor) -> Portable {
    let root = subject.root();
    if let Some(declared) = set.annotation(root, DECLARED) {
        return if declared.split(',').any(|id| id.trim() == to.id) {
            Portable::Yes
        } else {
            Portable::No(format!(
                "its images are declared to be for {declared}, not for {}",
                to.id
            ))
        };
    }
    for container in &set.containers {
        let image = crate::need::look(root, &container.path).and_then(|node| node.get("image").text());
        if let Some((image, vendor)) = image.and_then(|image| Some((image, mark(image)?)))
            && vendor != to.id
        {
            return Portable::No(format!(
                "the image `{image}` is built for {vendor}, as its name says"
            ));
        }
    }
    Portable::Unknown
}

/// What is said where [`Portable::Unknown`].
pub(super) fn undeclared(to: &Vendor) -> String {
    format!(
        "whether the images can use {} is not known: declare it with the annotation `{DECLARED}` on the pod template",
        to.name
    )
}

fn mark(image: &str) -> Option<&'static str> {
    let name = image.split('@').next().unwrap_or_default().to_lowercase();
    name.split(|c: char| !c.is_ascii_alphabetic() && c != '.')
        .flat_map(|part| [part, part.split('.').next().unwrap_or_default()])
        .find_map(|part| {
            MARKS
                .iter()
                .find(|(mark, _)| *mark == part)
                .map(|(_, vendor)| *vendor)
        })
}

/// The vendor whose class or driver something names.
pub(super) fn by_class(class: &str, selectors: &[String]) -> Option<&'static Vendor> {
    Vendor::all().iter().find(|vendor| {
        vendor.dra.as_ref().is_some_and(|dra| {
            dra.device_classes.iter().any(|known| known == class)
                || selectors.iter().any(|selector| selector.contains(&dra.driver))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_says_whose_it_is_only_in_whole_words() {
        assert_eq!(mark("nvcr.io/x/y:1"), Some("nvidia"));
        assert_eq!(
            mark("docker.io/pytorch/pytorch:2.9.0-cuda12.8-cudnn9-runtime"),
            Some("nvidia")
        );
        assert_eq!(mark("rocm/vllm:latest"), Some("amd"));
        assert_eq!(mark("ghcr.io/acme/barracuda:1"), None);
        assert_eq!(mark("registry.example/llm-server:1.2@sha256:c0da"), None);
    }

    #[test]
    fn every_mark_is_of_a_known_vendor() {
        for (mark, id) in MARKS {
            assert!(Vendor::by_id(id).is_ok(), "{mark}: {id}");
        }
    }
}
