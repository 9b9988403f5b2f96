//! What kind of ground a platform stands on.

use std::collections::BTreeMap;

/// The label of `kube-system` by which a lab says what it is; its value is the lab's name.
const LAB_LABEL: &str = "plimsoll.dev/lab";

/// The label of `kube-system` by which a simulated platform says what it is; its value is its name.
const SIMULATED_LABEL: &str = "plimsoll.dev/simulated";

/// Whether a platform is somebody's, or made to try the suite on. What is not somebody's certifies nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ground {
    /// A cluster of the user's.
    Cluster,
    /// Plimsoll's own lab, by name.
    Lab(String),
    /// A simulated platform, by name.
    Simulated(String),
}

impl Ground {
    /// What the labels of the namespace `kube-system` say.
    pub(crate) fn of(system: &BTreeMap<String, String>) -> Self {
        if let Some(name) = system.get(SIMULATED_LABEL) {
            Self::Simulated(name.clone())
        } else if let Some(name) = system.get(LAB_LABEL) {
            Self::Lab(name.clone())
        } else {
            Self::Cluster
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_says_so_is_no_cluster() {
        let of = |labels: &[(&str, &str)]| {
            let labels = labels
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
            Ground::of(&labels.collect())
        };
        assert_eq!(of(&[]), Ground::Cluster);
        assert_eq!(
            of(&[("kubernetes.io/metadata.name", "kube-system")]),
            Ground::Cluster
        );
        assert_eq!(of(&[(LAB_LABEL, "default")]), Ground::Lab("default".to_owned()));
        assert_eq!(
            of(&[(SIMULATED_LABEL, "nvidia")]),
            Ground::Simulated("nvidia".to_owned())
        );
    }
}
