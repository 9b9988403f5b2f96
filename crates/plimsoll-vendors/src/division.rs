//! How the devices of a platform are offered: whole, in partitions, as virtual functions, or as alternatives of these.
//!
//! Written as `3g.40gb+2g.20gb` (partitions that lie one behind the other), `vf4` (so many virtual functions), and
//! `whole|3g.40gb+3g.40gb` (either the one or the other, since they are made of the same slices).

use std::{fmt, ops::Range, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::Vendor;

/// The most alternatives of one device, and the most parts of one alternative.
const MOST: usize = 16;

/// How a device is offered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Division(Vec<Layout>);

/// One way to offer a device.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Layout {
    Whole,
    Profiles(Vec<String>),
    Virtual(u32),
}

/// A device as its vendor divides it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Divided {
    /// Whether the whole device is offered, too.
    pub whole: bool,
    /// Of how many slices it is made; none where it is not divided at all.
    pub slices: u32,
    /// Its parts. Those of one alternative lie side by side, those of different ones overlap.
    pub parts: Vec<Part>,
}

/// A part of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its place among the parts of its device.
    pub ordinal: u32,
    /// What kind of part.
    pub kind: PartKind,
    /// The slices that it takes.
    pub slices: Range<u32>,
}

/// What kind of part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartKind {
    /// A hardware partition of that profile.
    Partition(String),
    /// A virtual function.
    Virtual,
}

/// A text or a vendor that says nothing of how a device is divided.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DivisionError {
    /// Not a division.
    #[error("`{0}` divides no device: write profiles such as `3g.40gb+2g.20gb`, `vf4` or `whole|vf4`")]
    Shape(String),
    /// The vendor's devices can't be divided like that.
    #[error("{vendor} has no {what}")]
    Unknown {
        /// The vendor's name.
        vendor: String,
        /// What is missing.
        what: String,
    },
    /// More than there is.
    #[error("`{layout}` takes {takes} slices, and a device of {vendor} has {has}")]
    TooMuch {
        /// The alternative at fault.
        layout: String,
        /// What it takes.
        takes: u32,
        /// What there is.
        has: u32,
        /// The vendor's name.
        vendor: String,
    },
    /// Partitions and virtual functions at once.
    #[error("`{0}` mixes partitions and virtual functions of one device")]
    Mixed(String),
}

impl Division {
    /// Whether devices are only offered whole.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.0.iter().all(|layout| *layout == Layout::Whole)
    }

    /// Whether devices are offered as virtual functions.
    #[must_use]
    pub fn is_virtual(&self) -> bool {
        self.0.iter().any(|layout| matches!(layout, Layout::Virtual(_)))
    }
}

impl FromStr for Division {
    type Err = DivisionError;

    fn from_str(text: &str) -> Result<Self, DivisionError> {
        let shape = || DivisionError::Shape(text.to_owned());
        let layout = |text: &str| {
            if text == "whole" {
                return Some(Layout::Whole);
            }
            if let Some(count) = text.strip_prefix("vf") {
                let count = count.parse().ok();
                return count
                    .filter(|count| (1..=16).contains(count))
                    .map(Layout::Virtual);
            }
            let profiles: Vec<String> = text.split('+').map(str::to_owned).collect();
            let plain = |profile: &String| {
                let fits =
                    |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._".contains(&byte);
                !profile.is_empty() && profile.bytes().all(fits)
            };
            (profiles.len() <= MOST && profiles.iter().all(plain)).then_some(Layout::Profiles(profiles))
        };
        let layouts: Option<Vec<Layout>> = text.split('|').map(layout).collect();
        let layouts = layouts
            .filter(|layouts| layouts.len() <= MOST)
            .ok_or_else(shape)?;
        let mixes = layouts.iter().any(|layout| matches!(layout, Layout::Virtual(_)))
            && layouts.iter().any(|layout| matches!(layout, Layout::Profiles(_)));
        if mixes {
            return Err(DivisionError::Mixed(text.to_owned()));
        }
        Ok(Self(layouts))
    }
}

impl TryFrom<String> for Division {
    type Error = DivisionError;

    fn try_from(text: String) -> Result<Self, DivisionError> {
        text.parse()
    }
}

impl From<Division> for String {
    fn from(division: Division) -> Self {
        division.to_string()
    }
}

impl fmt::Display for Division {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("whole");
        }
        for (at, layout) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str("|")?;
            }
            write!(f, "{layout}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole => f.write_str("whole"),
            Self::Profiles(profiles) => f.write_str(&profiles.join("+")),
            Self::Virtual(count) => write!(f, "vf{count}"),
        }
    }
}

impl Vendor {
    /// What becomes of one of its devices under that division.
    ///
    /// # Errors
    /// When its devices can't be divided like that.
    pub fn divide(&self, division: &Division) -> Result<Divided, DivisionError> {
        let mut divided = Divided {
            whole: division.is_whole(),
            slices: 0,
            parts: Vec::new(),
        };
        for layout in &division.0 {
            match layout {
                Layout::Whole => divided.whole = true,
                Layout::Profiles(profiles) => self.lay_out(layout, profiles, &mut divided)?,
                Layout::Virtual(count) => {
                    if self.virtual_functions.is_none() {
                        return Err(self.lacks("virtual functions"));
                    }
                    divided.slices = divided.slices.max(*count);
                    for at in 0..*count {
                        divided.add(PartKind::Virtual, at..at + 1);
                    }
                }
            }
        }
        Ok(divided)
    }

    fn lay_out(
        &self,
        layout: &Layout,
        profiles: &[String],
        divided: &mut Divided,
    ) -> Result<(), DivisionError> {
        let geometry = self
            .partitions
            .as_ref()
            .and_then(|partitions| partitions.geometry.as_ref());
        let geometry = geometry.ok_or_else(|| self.lacks("partitions that could be imitated"))?;
        divided.slices = geometry.slices;
        let mut next = 0;
        for profile in profiles {
            let size = geometry.profiles.get(profile).copied();
            let size = size.ok_or_else(|| self.lacks(&format!("partition profile `{profile}`")))?;
            divided.add(PartKind::Partition(profile.clone()), next..next + size);
            next += size;
        }
        if next > geometry.slices {
            return Err(DivisionError::TooMuch {
                layout: layout.to_string(),
                takes: next,
                has: geometry.slices,
                vendor: self.name.clone(),
            });
        }
        Ok(())
    }

    fn lacks(&self, what: &str) -> DivisionError {
        DivisionError::Unknown {
            vendor: self.name.clone(),
            what: what.to_owned(),
        }
    }
}

impl Divided {
    fn add(&mut self, kind: PartKind, slices: Range<u32>) {
        let ordinal = u32::try_from(self.parts.len()).unwrap_or(u32::MAX);
        self.parts.push(Part {
            ordinal,
            kind,
            slices,
        });
    }
}

impl Part {
    /// Its name in a pool, where its device is called `device`.
    #[must_use]
    pub fn name(&self, device: &str) -> String {
        let what = match &self.kind {
            PartKind::Partition(profile) => profile.replace(['.', '_'], "-"),
            PartKind::Virtual => "vf".to_owned(),
        };
        format!("{device}-{what}-{}", self.ordinal)
    }

    /// Its profile, where it is a partition.
    #[must_use]
    pub fn profile(&self) -> Option<&str> {
        match &self.kind {
            PartKind::Partition(profile) => Some(profile),
            PartKind::Virtual => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn divide(vendor: &str, text: &str) -> Result<Divided, DivisionError> {
        Vendor::by_id(vendor).unwrap().divide(&text.parse()?)
    }

    #[test]
    fn partitions_lie_one_behind_the_other() {
        let divided = divide("nvidia", "3g.40gb+2g.20gb+1g.10gb").unwrap();
        assert_eq!((divided.whole, divided.slices), (false, 8));
        let parts: Vec<_> = divided
            .parts
            .iter()
            .map(|part| (part.profile().unwrap(), part.slices.clone()))
            .collect();
        assert_eq!(parts, [("3g.40gb", 0..4), ("2g.20gb", 4..6), ("1g.10gb", 6..7)]);
        assert_eq!(divided.parts[1].name("gpu-0"), "gpu-0-2g-20gb-1");
    }

    #[test]
    fn alternatives_are_made_of_the_same_slices() {
        let divided = divide("nvidia", "whole|3g.40gb+3g.40gb|1g.10gb").unwrap();
        assert!(divided.whole);
        assert_eq!(divided.parts[0].slices, 0..4);
        assert_eq!(divided.parts[2].slices, 0..1);
        assert_eq!(divided.parts[2].ordinal, 2);
    }

    #[test]
    fn virtual_functions_are_equal_parts() {
        let divided = divide("intel-gpu", "whole|vf4").unwrap();
        assert_eq!((divided.whole, divided.slices, divided.parts.len()), (true, 4, 4));
        assert_eq!(divided.parts[3].slices, 3..4);
        assert_eq!(divided.parts[3].name("gpu-1"), "gpu-1-vf-3");
    }

    #[test]
    fn an_undivided_device_is_whole() {
        let whole = Division::default();
        assert!(whole.is_whole() && !whole.is_virtual());
        assert_eq!(whole.to_string(), "whole");
        assert_eq!(divide("amd", "whole").unwrap().slices, 0);
    }

    #[test]
    fn what_can_not_be_is_refused_by_the_part_that_is_wrong() {
        let error = |vendor: &str, text: &str| divide(vendor, text).unwrap_err().to_string();
        assert!(error("nvidia", "3g.40gb+3g.40gb+1g.10gb").contains("9 slices"));
        assert!(error("nvidia", "9g.90gb").contains("`9g.90gb`"));
        assert!(error("huawei-ascend", "vf2").contains("virtual functions"));
        assert!(error("huawei-ascend", "1g.10gb").contains("partitions"));
        assert!(error("intel-gpu", "vf2|1g.10gb").contains("mixes"));
        for text in ["", "|", "vf", "vf0", "vf99", "a b", "1g.10gb+", "3G"] {
            assert!(text.parse::<Division>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_division_reads_back() {
        for text in ["whole", "whole|vf4", "3g.40gb+1g.10gb|7g.80gb"] {
            assert_eq!(text.parse::<Division>().unwrap().to_string(), text);
        }
    }
}
