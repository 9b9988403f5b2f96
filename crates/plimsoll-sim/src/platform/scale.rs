//! The same platform, bigger.

use super::PlatformSpec;

/// How big a platform is to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// How many nodes in all; as many as its file says if none.
    pub nodes: Option<u32>,
    /// How many pods of other people run; as many as its file says if none.
    pub pods: Option<u32>,
}

/// A platform can't be made smaller than its file says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the platform `{platform}` has {least} nodes and can't be made smaller: {asked} were asked for")]
pub struct TooSmall {
    /// The platform.
    pub platform: String,
    /// How many nodes its file says.
    pub least: u32,
    /// How many were asked for.
    pub asked: u32,
}

impl PlatformSpec {
    /// The platform at another size. Each kind of nodes keeps its share; rounding favours the later kinds.
    ///
    /// # Errors
    /// [`TooSmall`] for fewer nodes than the file says.
    pub fn scaled(mut self, size: Size) -> Result<Self, TooSmall> {
        if let Some(asked) = size.nodes {
            let least = self.node_count();
            if asked < least {
                return Err(TooSmall {
                    platform: self.name,
                    least,
                    asked,
                });
            }
            let (mut before, mut given) = (0, 0);
            for group in &mut self.nodes {
                before += group.count;
                let upto = u64::from(before) * u64::from(asked) / u64::from(least.max(1));
                let upto = u32::try_from(upto).unwrap_or(asked);
                group.count = upto - given;
                given = upto;
            }
        }
        if let Some(pods) = size.pods {
            self.background_pods = pods;
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::NodeGroup;

    fn platform(counts: &[u32]) -> PlatformSpec {
        let mut platform = PlatformSpec::preset("minimal").unwrap();
        platform.nodes = counts
            .iter()
            .enumerate()
            .map(|(index, count)| NodeGroup::new(format!("g{index}"), *count))
            .collect();
        platform
    }

    #[test]
    fn every_kind_of_nodes_keeps_its_share_and_the_total_is_exact() {
        for (counts, nodes) in [(&[1, 2][..], 300), (&[2, 2, 3], 5000), (&[1], 7), (&[3, 1], 4)] {
            let size = Size {
                nodes: Some(nodes),
                pods: None,
            };
            let scaled = platform(counts).scaled(size).unwrap();
            assert_eq!(scaled.node_count(), nodes);
            for (group, count) in scaled.nodes.iter().zip(counts) {
                assert!(group.count >= *count, "{counts:?} became {:?}", scaled.nodes);
            }
        }
    }

    #[test]
    fn a_platform_is_not_made_smaller() {
        let size = Size {
            nodes: Some(2),
            pods: None,
        };
        let error = platform(&[3]).scaled(size).unwrap_err();
        assert!(error.to_string().contains("3 nodes"), "{error}");
    }
}
