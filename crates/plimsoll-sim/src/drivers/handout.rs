//! What a container is given that was allocated a device: the device's own nodes, unless a defect has it otherwise.

use plimsoll_vendors::PartKind;

use super::{Accelerator, Edits};
use crate::Faults;

/// The changes that come with `device`, one of `all`; `None` where there is nothing behind it.
pub(super) fn edits<'a>(
    device: &'a Accelerator,
    all: impl IntoIterator<Item = &'a Accelerator>,
    injects_node: bool,
    faults: &Faults,
) -> Option<Edits> {
    let kind = device.part.as_ref().map(|part| &part.kind);
    let is_partition = matches!(kind, Some(PartKind::Partition(_)));
    let is_virtual = matches!(kind, Some(PartKind::Virtual));
    if is_virtual && faults.has("virt.no-backing") {
        return None;
    }
    let parent = device.parent.as_ref().map(|(_, uuid)| uuid);
    let all: Vec<&Accelerator> = all.into_iter().collect();
    let given =
        if (is_partition && faults.has("mig.unpartitioned")) || (is_virtual && faults.has("virt.whole")) {
            all.iter().find(|other| Some(&other.uuid) == parent)
        } else if is_virtual && faults.has("virt.shared-group") {
            let siblings = all
                .iter()
                .filter(|other| other.parent.as_ref().map(|(_, uuid)| uuid) == parent);
            siblings.min_by_key(|other| other.part.as_ref().map(|part| part.ordinal))
        } else {
            None
        };
    let mut edits = Edits::of(given.copied().unwrap_or(device), injects_node);
    if is_partition && faults.has("mig.caps-open") {
        edits
            .nodes
            .extend(all.iter().filter_map(|other| other.capability.clone()));
    }
    Some(edits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drivers::fixture::divided;

    fn given(vendor: &str, division: &str, defect: &str) -> Option<Vec<String>> {
        let devices = divided(vendor, 1, division, &[]);
        let edits = edits(&devices[2], &devices, true, &[defect].into_iter().collect())?;
        Some(edits.nodes.into_keys().collect())
    }

    #[test]
    fn a_partition_comes_with_its_own_capability_alone() {
        let given = |defect| given("nvidia", "1g.10gb+1g.10gb", defect).unwrap();
        assert_eq!(given(""), ["/dev/nvidia-caps/nvidia-cap2", "/dev/nvidia0p1"]);
        assert_eq!(given("mig.unpartitioned"), ["/dev/nvidia0"]);
        assert_eq!(given("mig.caps-open").len(), 3);
    }

    #[test]
    fn a_virtual_function_may_be_another_or_none_or_the_physical_one() {
        let given = |defect| given("intel-gpu", "vf2", defect);
        assert_eq!(given("").unwrap(), ["/dev/vfio/21"]);
        assert_eq!(given("virt.shared-group").unwrap(), ["/dev/vfio/20"]);
        assert_eq!(given("virt.whole").unwrap(), ["/dev/dri/renderD128"]);
        assert_eq!(given("virt.no-backing"), None);
    }
}
