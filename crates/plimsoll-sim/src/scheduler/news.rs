//! What happened on the platform, as far as it may make room for a pod that was refused.

use super::refusal::Account;

/// A set of kinds of news.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct News(u8);

impl News {
    pub(super) const NONE: Self = Self(0);
    /// A node came, or has other labels, taints or resources.
    pub(super) const NODE: Self = Self(1);
    /// A pod gave its room back.
    pub(super) const POD_LEFT: Self = Self(1 << 1);
    /// A pod took its place, or has other labels now.
    pub(super) const POD_PLACED: Self = Self(1 << 2);
    /// A claim came, went, or gave something back.
    pub(super) const CLAIM: Self = Self(1 << 3);
    /// Devices were published, or tainted otherwise.
    pub(super) const SLICE: Self = Self(1 << 4);
    /// A DeviceClass came or changed.
    pub(super) const CLASS: Self = Self(1 << 5);
    /// A namespace has other labels.
    pub(super) const NAMESPACE: Self = Self(1 << 6);

    /// Whether both have something in common.
    pub(super) fn touches(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

impl std::ops::BitOr for News {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl std::ops::BitOrAssign for News {
    fn bitor_assign(&mut self, other: Self) {
        *self = *self | other;
    }
}

impl Account {
    /// What would have to happen for one of the nodes to say otherwise.
    pub(super) fn cures(&self) -> News {
        if self.beforehand.is_some() {
            return News::CLAIM | News::CLASS;
        }
        let texts = self
            .refusals
            .values()
            .flatten()
            .map(|refusal| refusal.text.as_ref());
        texts.fold(News::NODE, |cures, text| cures | cures_of(text))
    }
}

fn cures_of(text: &str) -> News {
    if text.starts_with("Insufficient ") || text == "Too many pods" || text.contains("free ports") {
        News::POD_LEFT | News::NODE
    } else if text.contains("affinity rules") || text.contains("topology spread") {
        News::POD_LEFT | News::POD_PLACED | News::NODE | News::NAMESPACE
    } else if text.contains("claim") || text.contains("resource pools") {
        News::CLAIM | News::SLICE | News::CLASS | News::NODE
    } else {
        News::NODE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_help_is_waited_for() {
        let of = |text: &str| cures_of(text);
        assert!(of("Insufficient nvidia.com/gpu").touches(News::POD_LEFT));
        assert!(!of("Insufficient cpu").touches(News::POD_PLACED | News::CLAIM));
        assert!(!of("node(s) had untolerated taint(s)").touches(News::POD_LEFT));
        assert!(of("node(s) didn't match pod affinity rules").touches(News::POD_PLACED));
        assert!(of("cannot allocate all claims").touches(News::SLICE));
        assert!(of("invalid resource pools were encountered").touches(News::SLICE));
        assert!(of("resourceclaim not available on the node").touches(News::CLAIM));
    }
}
