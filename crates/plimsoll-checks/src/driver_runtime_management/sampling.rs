//! Which nodes are looked at from inside pods.

use std::collections::BTreeMap;

use super::{Statements, fleet::Fleet, fleet::Site};

/// As many are looked at; of more, some of each kind.
const MOST: usize = 16;

/// The nodes to look at, and why not the others.
pub(super) struct Sample<'a> {
    pub(super) sites: Vec<&'a Site>,
    total: usize,
    busy: Vec<&'a str>,
}

/// All nodes that have an accelerator free; of more than a few, as many of each kind of statement as fit.
pub(super) fn choose<'a>(fleet: &'a Fleet, statements: &Statements) -> Sample<'a> {
    let (free, busy): (Vec<&Site>, Vec<&Site>) = fleet.sites.iter().partition(|site| site.free > 0);
    let sites = if free.len() <= MOST {
        free
    } else {
        let mut kinds: BTreeMap<Vec<String>, Vec<&Site>> = BTreeMap::new();
        for site in free {
            let stated = statements.get(&site.node).into_iter().flatten();
            kinds
                .entry(stated.map(ToString::to_string).collect())
                .or_default()
                .push(site);
        }
        // One of each kind in turn, until it is enough.
        let rounds = kinds.values().map(Vec::len).max().unwrap_or_default();
        (0..rounds)
            .flat_map(|round| kinds.values().filter_map(move |sites| sites.get(round).copied()))
            .take(MOST)
            .collect()
    };
    Sample {
        sites,
        total: fleet.sites.len(),
        busy: busy.iter().map(|site| site.node.as_str()).collect(),
    }
}

impl Sample<'_> {
    /// What was looked at of how many, for the verdict's text.
    pub(super) fn describe(&self) -> String {
        let looked = self.sites.len();
        let mut text = if looked == 0 {
            format!("none of {} nodes could be looked at", self.total)
        } else if looked == self.total {
            format!("all {looked} nodes looked at")
        } else {
            format!("{looked} of {} nodes looked at", self.total)
        };
        if !self.busy.is_empty() {
            let some: Vec<&str> = self.busy.iter().take(5).copied().collect();
            text.push_str(&format!(
                "; no accelerator could be had on {}{}",
                some.join(", "),
                if self.busy.len() > some.len() { " …" } else { "" }
            ));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_platform::Path;

    use super::{
        super::statement::{Source, Statement},
        *,
    };

    fn fleet(free: &[u32]) -> Fleet {
        let site = |(at, free): (usize, &u32)| Site {
            node: format!("n{at:02}"),
            path: Path::DevicePlugin {
                resource: "x/y".to_owned(),
            },
            free: *free,
            versions: Vec::new(),
        };
        Fleet {
            name: "x".to_owned(),
            vendor: None,
            sites: free.iter().enumerate().map(site).collect(),
        }
    }

    #[test]
    fn nodes_without_a_free_accelerator_are_named() {
        let fleet = fleet(&[1, 0, 2]);
        let sample = choose(&fleet, &Statements::new());
        assert_eq!(sample.sites.len(), 2);
        assert_eq!(
            sample.describe(),
            "2 of 3 nodes looked at; no accelerator could be had on n01"
        );
    }

    #[test]
    fn of_many_nodes_each_kind_is_represented() {
        let fleet = fleet(&[1; 40]);
        let odd = Statement {
            source: Source::Label("l".to_owned()),
            version: "2".to_owned(),
            owner: None,
        };
        let statements = Statements::from([("n39".to_owned(), vec![odd])]);
        let sample = choose(&fleet, &statements);
        assert_eq!(sample.sites.len(), MOST);
        assert!(sample.sites.iter().any(|site| site.node == "n39"));
    }

    #[test]
    fn no_node_at_all_is_nothing_looked_at() {
        assert_eq!(
            choose(&fleet(&[]), &Statements::new()).describe(),
            "none of 0 nodes could be looked at"
        );
    }
}
