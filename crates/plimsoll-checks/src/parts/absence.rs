//! Why no part of a kind can be tried.

use plimsoll_platform::{Inventory, Path};

use crate::Conclusion;

/// Others hold all that there is of it, or there is none and there need not be: `none` says what was looked for.
pub(crate) fn none_offered(
    inventory: &Inventory,
    what: &str,
    is_of_kind: impl Fn(&Path) -> bool,
    none: &str,
) -> Conclusion {
    let busy: Vec<&str> = inventory
        .accelerators
        .iter()
        .filter(|accelerator| accelerator.total > 0 && is_of_kind(&accelerator.path))
        .map(|accelerator| accelerator.because.as_str())
        .collect();
    if busy.is_empty() {
        Conclusion::NotApplicable {
            reason: none.to_owned(),
        }
    } else {
        Conclusion::Absent {
            reason: format!("no {what} is free to be tried: {}", busy.join("; ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_platform::Accelerator;

    use super::*;

    fn conclusion(resource: &str, total: u32) -> Conclusion {
        let inventory = Inventory {
            accelerators: vec![Accelerator {
                path: Path::DevicePlugin {
                    resource: resource.to_owned(),
                },
                vendor: None,
                node: "n1".to_owned(),
                devices: Vec::new(),
                total,
                free: 0,
                because: "2 allocatable, 2 in use by pods".to_owned(),
            }],
            ..Inventory::default()
        };
        let is_part =
            |path: &Path| matches!(path, Path::DevicePlugin { resource } if resource == "x.com/part");
        none_offered(&inventory, "part", is_part, "none")
    }

    #[test]
    fn what_a_platform_does_not_have_it_need_not_have() {
        for (resource, total) in [("x.com/whole", 2), ("x.com/part", 0)] {
            assert!(matches!(
                conclusion(resource, total),
                Conclusion::NotApplicable { .. }
            ));
        }
    }

    #[test]
    fn what_others_hold_is_not_judged() {
        assert!(
            matches!(conclusion("x.com/part", 2), Conclusion::Absent { reason } if reason.contains("in use"))
        );
    }
}
