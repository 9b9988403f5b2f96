//! Which accelerators a node gets: `VENDOR:COUNT[:dra|plugin[:DIVISION]][:replicas=N[:renamed]]`.
//!
//! How devices can be divided, such as `whole|3g.40gb+1g.10gb` or `vf4`, is told by [`Division`].

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use plimsoll_accelerator::Sharing;
use plimsoll_defects::Allocation;
use plimsoll_vendors::{Divided, Division, DivisionError, PartKind, UnknownVendor, Vendor};
use serde::{Deserialize, Serialize};

/// Some accelerators of one vendor on every node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AcceleratorRequest {
    /// A vendor profile's id.
    pub(crate) vendor: String,
    pub(crate) count: u8,
    pub(crate) allocation: Allocation,
    /// How each of them is divided, if they are.
    #[serde(default)]
    pub(crate) division: Division,
    /// How the plugin shares each of them among pods.
    #[serde(default)]
    pub(crate) sharing: Option<Sharing>,
}

/// Why a text asks for no accelerators that a lab can have.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestError {
    #[error("`{0}` is not VENDOR:COUNT[:dra|plugin[:DIVISION]][:replicas=N[:renamed]]")]
    Shape(String),
    #[error("`{count}` in `{request}` is not a number of accelerators from 1 to {max}", max = AcceleratorRequest::MAX)]
    Count { request: String, count: String },
    #[error("`{how}` in `{request}` is no way to hand out accelerators: expected `dra` or `plugin`")]
    Allocation { request: String, how: String },
    #[error("`{word}` in `{request}` is no way to share: expected `replicas=N` with N from 2 to {max}, and perhaps \
             `renamed` after it", max = AcceleratorRequest::MAX)]
    Sharing { request: String, word: String },
    #[error("`{0}` would share what a DRA driver hands out: only `plugin` shares by replicas")]
    SharedByDriver(String),
    #[error(transparent)]
    Vendor(#[from] UnknownVendor),
    #[error(transparent)]
    Division(#[from] DivisionError),
    #[error("the lab cannot imitate accelerators of `{0}`")]
    NotImitated(String),
    #[error("`{vendor}` has no {lacks}: its accelerators cannot be handed out by `{how}`")]
    NotOffered {
        vendor: String,
        how: &'static str,
        lacks: &'static str,
    },
}

impl AcceleratorRequest {
    /// As many loop devices as a small machine bears.
    pub(crate) const MAX: u8 = 16;

    /// The extended resources by which they are asked for, and how many of each a node has; none by DRA.
    pub(crate) fn resources(&self) -> BTreeMap<String, u32> {
        let mut resources = BTreeMap::new();
        let Some((vendor, divided)) = self.divided().filter(|_| self.allocation == Allocation::Plugin) else {
            return resources;
        };
        let mut offer = |resource: Option<String>| {
            if let Some(resource) = resource {
                *resources.entry(resource).or_default() += u32::from(self.count);
            }
        };
        if divided.whole {
            let suffix = match self.sharing {
                Some(sharing) if sharing.renamed => ".shared",
                Some(_) | None => "",
            };
            offer(vendor.resource().map(|resource| format!("{resource}{suffix}")));
        }
        for part in &divided.parts {
            offer(match &part.kind {
                PartKind::Partition(profile) => vendor
                    .partitions
                    .as_ref()
                    .and_then(|partitions| partitions.resource_of(profile)),
                PartKind::Virtual => vendor
                    .virtual_functions
                    .as_ref()
                    .and_then(|functions| functions.lab.as_ref()?.resource.clone()),
            });
        }
        resources
    }

    fn divided(&self) -> Option<(&'static Vendor, Divided)> {
        let vendor = Vendor::by_id(&self.vendor).ok()?;
        Some((vendor, vendor.divide(&self.division).ok()?))
    }
}

impl FromStr for AcceleratorRequest {
    type Err = RequestError;

    fn from_str(text: &str) -> Result<Self, RequestError> {
        let parts: Vec<_> = text.trim().split(':').collect();
        let first_share = parts.iter().position(|part| part.starts_with("replicas="));
        let (parts, shares) = parts.split_at(first_share.unwrap_or(parts.len()));
        let usual = if shares.is_empty() { "dra" } else { "plugin" };
        let (vendor, count, how, division) = match *parts {
            [vendor, count] => (vendor, count, usual, "whole"),
            [vendor, count, how] => (vendor, count, how, "whole"),
            [vendor, count, how, division] => (vendor, count, how, division),
            _ => return Err(RequestError::Shape(text.to_owned())),
        };
        let sharing = sharing(text, shares)?;
        let profile = Vendor::by_id(vendor)?;
        if profile.lab.is_none() {
            return Err(RequestError::NotImitated(vendor.to_owned()));
        }
        let allocation = match how {
            "dra" => Allocation::Dra,
            "plugin" => Allocation::Plugin,
            _ => {
                return Err(RequestError::Allocation {
                    request: text.to_owned(),
                    how: how.to_owned(),
                });
            }
        };
        if sharing.is_some() && allocation == Allocation::Dra {
            return Err(RequestError::SharedByDriver(text.to_owned()));
        }
        match allocation {
            Allocation::Dra if profile.dra.is_none() => {
                return Err(RequestError::NotOffered {
                    vendor: vendor.to_owned(),
                    how: "dra",
                    lacks: "DRA driver",
                });
            }
            Allocation::Plugin if profile.resource().is_none() => {
                let lacks = "extended resource";
                return Err(RequestError::NotOffered {
                    vendor: vendor.to_owned(),
                    how: "plugin",
                    lacks,
                });
            }
            Allocation::Dra | Allocation::Plugin => {}
        }
        let wrong = || RequestError::Count {
            request: text.to_owned(),
            count: count.to_owned(),
        };
        let count = count
            .parse()
            .ok()
            .filter(|count| (1..=Self::MAX).contains(count))
            .ok_or_else(wrong)?;
        let division: Division = division.parse()?;
        profile.divide(&division)?;
        let request = Self {
            vendor: vendor.to_owned(),
            count,
            allocation,
            division,
            sharing,
        };
        if allocation == Allocation::Plugin && request.resources().is_empty() {
            return Err(RequestError::NotOffered {
                vendor: vendor.to_owned(),
                how: "plugin",
                lacks: "extended resource for parts of devices",
            });
        }
        Ok(request)
    }
}

/// What a request says after the way in which accelerators are handed out.
fn sharing(request: &str, words: &[&str]) -> Result<Option<Sharing>, RequestError> {
    let wrong = |word: &str| RequestError::Sharing {
        request: request.to_owned(),
        word: word.to_owned(),
    };
    let (replicas, renamed) = match words {
        [] => return Ok(None),
        [replicas] => (replicas, false),
        [replicas, "renamed"] => (replicas, true),
        [_, other, ..] => return Err(wrong(other)),
    };
    let number = replicas
        .strip_prefix("replicas=")
        .and_then(|number| number.parse().ok())
        .filter(|number| (2..=u32::from(AcceleratorRequest::MAX)).contains(number));
    let replicas = number.ok_or_else(|| wrong(replicas))?;
    Ok(Some(Sharing { replicas, renamed }))
}

impl fmt::Display for AcceleratorRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = match self.allocation {
            Allocation::Dra => "dra",
            Allocation::Plugin => "plugin",
        };
        write!(f, "{}:{}:{how}", self.vendor, self.count)?;
        if !self.division.is_whole() {
            write!(f, ":{}", self.division)?;
        }
        match self.sharing {
            Some(Sharing { replicas, renamed }) => {
                write!(f, ":replicas={replicas}{}", if renamed { ":renamed" } else { "" })
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        text.parse::<AcceleratorRequest>().unwrap_err().to_string()
    }

    #[test]
    fn dra_is_the_default_and_the_plugin_can_be_asked_for() {
        assert_eq!(
            "nvidia:4".parse::<AcceleratorRequest>().unwrap().to_string(),
            "nvidia:4:dra"
        );
        assert_eq!(
            "amd:2:plugin".parse::<AcceleratorRequest>().unwrap().to_string(),
            "amd:2:plugin"
        );
    }

    #[test]
    fn devices_can_be_divided_into_partitions_and_virtual_functions() {
        let request = |text: &str| text.parse::<AcceleratorRequest>().unwrap();
        let text = "nvidia:2:dra:whole|3g.40gb+1g.10gb";
        assert_eq!(request(text).to_string(), text);
        assert!(request(text).resources().is_empty());
        let resources: Vec<_> = request("nvidia:2:plugin:3g.40gb+1g.10gb+1g.10gb")
            .resources()
            .into_iter()
            .collect();
        assert_eq!(
            resources,
            [
                ("nvidia.com/mig-1g.10gb".to_owned(), 4),
                ("nvidia.com/mig-3g.40gb".to_owned(), 2)
            ]
        );
        assert!(error("nvidia:2:dra:9g.90gb").contains("`9g.90gb`"));
        assert!(error("intel-gpu:1:plugin:vf2").contains("extended resource"));
        assert!(error("nvidia:2:dra:vf2:x").contains("VENDOR:COUNT"));
    }

    #[test]
    fn a_plugin_may_share_each_device_and_rename_the_shares() {
        for (text, whole) in [
            ("nvidia:2:replicas=4", "nvidia:2:plugin:replicas=4"),
            (
                "nvidia:2:plugin:replicas=2:renamed",
                "nvidia:2:plugin:replicas=2:renamed",
            ),
        ] {
            assert_eq!(text.parse::<AcceleratorRequest>().unwrap().to_string(), whole);
        }
    }

    #[test]
    fn what_cannot_be_had_is_refused_by_the_part_that_is_wrong() {
        assert!(error("nvidia").contains("VENDOR:COUNT"));
        assert!(error("nvidia:two").contains("`two`"));
        assert!(error("nvidia:0").contains("from 1 to 16"));
        assert!(error("nvidia:99").contains("`99`"));
        assert!(error("nvidia:2:magic").contains("`magic`"));
        assert!(error("nvidia:2:plugin:replicas=1").contains("from 2 to 16"));
        assert!(error("nvidia:2:plugin:replicas=4:twice").contains("`twice`"));
        assert!(error("nvidia:2:dra:replicas=4").contains("only `plugin`"));
        assert!(error("nvdia:2").contains("nvidia"));
        assert!(error("example:1").contains("imitate"));
        assert!(
            error("huawei-ascend:1:dra").contains("DRA driver")
                || error("huawei-ascend:1").contains("imitate")
        );
    }
}
