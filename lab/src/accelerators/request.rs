//! Which accelerators a node gets: `VENDOR:COUNT[:dra|plugin]`.

use std::fmt;
use std::str::FromStr;

use plimsoll_defects::Allocation;
use plimsoll_vendors::{UnknownVendor, Vendor};
use serde::{Deserialize, Serialize};

/// Some accelerators of one vendor on every node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AcceleratorRequest {
    /// A vendor profile's id.
    pub(crate) vendor: String,
    pub(crate) count: u8,
    pub(crate) allocation: Allocation,
}

/// Why a text asks for no accelerators that a lab can have.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestError {
    #[error("`{0}` is not VENDOR:COUNT[:dra|plugin]")]
    Shape(String),
    #[error("`{count}` in `{request}` is not a number of accelerators from 1 to {max}", max = AcceleratorRequest::MAX)]
    Count { request: String, count: String },
    #[error("`{how}` in `{request}` is no way to hand out accelerators: expected `dra` or `plugin`")]
    Allocation { request: String, how: String },
    #[error(transparent)]
    Vendor(#[from] UnknownVendor),
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
}

impl FromStr for AcceleratorRequest {
    type Err = RequestError;

    fn from_str(text: &str) -> Result<Self, RequestError> {
        let parts: Vec<_> = text.trim().split(':').collect();
        let (vendor, count, how) = match parts[..] {
            [vendor, count] => (vendor, count, "dra"),
            [vendor, count, how] => (vendor, count, how),
            _ => return Err(RequestError::Shape(text.to_owned())),
        };
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
        Ok(Self {
            vendor: vendor.to_owned(),
            count,
            allocation,
        })
    }
}

impl fmt::Display for AcceleratorRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = match self.allocation {
            Allocation::Dra => "dra",
            Allocation::Plugin => "plugin",
        };
        write!(f, "{}:{}:{how}", self.vendor, self.count)
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
    fn what_cannot_be_had_is_refused_by_the_part_that_is_wrong() {
        assert!(error("nvidia").contains("VENDOR:COUNT"));
        assert!(error("nvidia:two").contains("`two`"));
        assert!(error("nvidia:0").contains("from 1 to 16"));
        assert!(error("nvidia:99").contains("`99`"));
        assert!(error("nvidia:2:magic").contains("`magic`"));
        assert!(error("nvdia:2").contains("nvidia"));
        assert!(error("example:1").contains("imitate"));
        assert!(
            error("huawei-ascend:1:dra").contains("DRA driver")
                || error("huawei-ascend:1").contains("imitate")
        );
    }
}
