//! Which device: by what an exporter, the API and the device itself call it.

use std::fmt;

use plimsoll_probe::protocol::DeviceNode;

/// By what an exporter tells devices apart.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ids {
    pub(super) uuid: Option<String>,
    pub(super) pci: Option<String>,
    pub(super) index: Option<String>,
}

/// A device that one of our containers holds, by what it says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) path: String,
    pub(super) uuid: Option<String>,
    pub(super) pci: Option<String>,
    pub(super) index: Option<u64>,
}

impl Ids {
    pub(super) fn is_empty(&self) -> bool {
        self.uuid.is_none() && self.pci.is_none() && self.index.is_none()
    }

    /// The one that tells most.
    pub(super) fn key(&self) -> &str {
        let known = self.uuid.as_ref().or(self.pci.as_ref()).or(self.index.as_ref());
        known.map_or("", String::as_str)
    }
}

impl fmt::Display for Ids {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.index, self.key()) {
            (Some(index), key) if index != key => write!(f, "{index} ({key})"),
            (_, key) => f.write_str(key),
        }
    }
}

impl Held {
    /// What a node in a container says.
    pub(super) fn of(node: &DeviceNode) -> Self {
        let identity = node.identity.as_ref();
        Self {
            path: node.path.clone(),
            uuid: identity.and_then(|identity| identity.uuid.clone()),
            pci: identity.and_then(|identity| identity.pci_address.clone()),
            index: identity.and_then(|identity| identity.index),
        }
    }

    /// Which of these it is: by uuid if any has one that is the same, else by address, else by number.
    pub(super) fn among<'a>(&self, all: impl Iterator<Item = &'a Ids> + Clone) -> Option<&'a Ids> {
        let by_uuid = all
            .clone()
            .find(|ids| same(ids.uuid.as_deref(), self.uuid.as_deref(), uuid));
        let by_pci = || {
            all.clone()
                .find(|ids| same(ids.pci.as_deref(), self.pci.as_deref(), pci))
        };
        let by_index = || {
            // Numbers tell nothing where uuids could have and did not.
            let comparable = self.uuid.is_some() && all.clone().any(|ids| ids.uuid.is_some());
            let mut all = all.clone();
            all.find(|ids| !comparable && ids.index.as_deref().is_some_and(|index| self.is_number(index)))
        };
        by_uuid.or_else(by_pci).or_else(by_index)
    }

    /// Whether a label such as `0`, `nvidia0` or `renderD128` is this one's.
    fn is_number(&self, label: &str) -> bool {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        name == label || self.index.is_some_and(|index| index.to_string() == label) || {
            let digits = name.trim_start_matches(|letter: char| !letter.is_ascii_digit());
            self.index.is_none() && !digits.is_empty() && digits == label
        }
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.uuid.as_ref().or(self.pci.as_ref()) {
            Some(id) => write!(f, "{id} ({})", self.path),
            None => f.write_str(&self.path),
        }
    }
}

fn same(one: Option<&str>, other: Option<&str>, plain: fn(&str) -> String) -> bool {
    one.zip(other)
        .is_some_and(|(one, other)| plain(one) == plain(other))
}

/// A uuid without what one tool writes and another leaves out.
pub(super) fn uuid(text: &str) -> String {
    let text = text.trim().to_lowercase();
    text.strip_prefix("gpu-").unwrap_or(&text).to_owned()
}

/// An address on the PCI bus, whose domain has four digits or eight.
fn pci(text: &str) -> String {
    let text = text.trim().to_lowercase();
    match text.split_once(':') {
        Some((domain, rest)) => format!("{}:{rest}", domain.trim_start_matches('0')),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(uuid: &str, pci: &str, index: &str) -> Ids {
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        Ids {
            uuid: some(uuid),
            pci: some(pci),
            index: some(index),
        }
    }

    fn held(uuid: Option<&str>, pci: Option<&str>, index: Option<u64>) -> Held {
        Held {
            path: "/dev/nvidia1".to_owned(),
            uuid: uuid.map(str::to_owned),
            pci: pci.map(str::to_owned),
            index,
        }
    }

    #[test]
    fn a_uuid_is_the_same_however_it_is_written() {
        let all = [ids("GPU-AB", "", "0"), ids("GPU-CD", "", "1")];
        let found = held(Some("cd"), None, Some(0));
        assert_eq!(
            found.among(all.iter()),
            Some(&all[1]),
            "uuids tell more than numbers"
        );
    }

    #[test]
    fn an_address_has_a_domain_of_four_digits_or_eight() {
        let all = [ids("", "00000000:3B:00.0", "0"), ids("", "00000000:86:00.0", "1")];
        assert_eq!(
            held(Some("x"), Some("0000:86:00.0"), None).among(all.iter()),
            Some(&all[1])
        );
    }

    #[test]
    fn a_number_is_told_by_the_device_or_by_its_name() {
        let all = [ids("", "", "0"), ids("", "", "1")];
        assert_eq!(held(None, None, None).among(all.iter()), Some(&all[1]));
        assert_eq!(held(None, None, Some(0)).among(all.iter()), Some(&all[0]));
        let named = [ids("", "", "nvidia1")];
        assert_eq!(held(None, None, None).among(named.iter()), Some(&named[0]));
    }

    #[test]
    fn a_uuid_that_none_has_is_not_replaced_by_a_number() {
        let all = [ids("a", "", "0"), ids("b", "", "1")];
        assert_eq!(held(Some("c"), None, Some(1)).among(all.iter()), None);
        assert_eq!(held(Some("c"), None, Some(1)).among([].iter()), None);
    }
}
