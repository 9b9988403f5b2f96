//! `gang_scheduling`: a group of pods starts together or not at all, decided on real placement.
//!
//! [`adapter`] says how a gang is told to a solution, [`slots`] what gangs compete for; a [`bench`] makes gangs
//! and watches them into a [`timeline`], [`controls`] are the experiments, and [`judge`] turns what was seen
//! into rulings. [`trial`] puts them in order.

mod adapter;
mod bench;
mod controls;
mod declaration;
mod duty;
mod gang;
mod judge;
mod read_back;
mod sight;
mod slots;
mod timeline;
mod trial;

use async_trait::async_trait;
use futures::future::try_join_all;
use plimsoll_platform::chain;

use crate::{Check, CheckError, Conclusion, Context, Declaration};

pub(crate) use adapter::solutions;

/// See the module.
#[derive(Clone, Copy, Debug)]
pub struct GangScheduling;

#[async_trait(?Send)]
impl Check for GangScheduling {
    fn declaration(&self) -> &'static Declaration {
        &declaration::DECLARATION
    }

    async fn run(&self, context: &Context) -> Result<Conclusion, CheckError> {
        let wanted = context.settings.gang.adapter.as_deref();
        let found = adapter::found(&context.inventory, wanted);
        if found.is_empty() {
            return Ok(Conclusion::Absent {
                reason: absent(wanted, &context.inventory.unreadable),
            });
        }
        for (adapter, because) in &found {
            context.observe(format!("survey: {}", adapter.name()), because.clone().into());
        }
        try_join_all(found.iter().map(|(adapter, _)| trial::run(context, *adapter))).await?;
        Ok(Conclusion::Controls)
    }
}

/// Why there was nothing to try, and what would prove the requirement.
fn absent(wanted: Option<&str>, unreadable: &[String]) -> String {
    let mut reason = match wanted {
        Some(wanted) => format!("`{wanted}`, which gang.adapter of plimsoll.toml names, was not found"),
        None => "no gang scheduling solution was found. It would be proven by one that is installed: Kubernetes' own \
                 (scheduling.k8s.io, with the feature gates GenericWorkload and GangScheduling on)"
            .to_owned(),
    };
    if !unreadable.is_empty() {
        reason.push_str("; could not be read: ");
        reason.push_str(&unreadable.join(", "));
    }
    reason
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absence_names_what_would_prove_it_and_what_could_not_be_read() {
        assert!(absent(None, &[]).contains("scheduling.k8s.io"));
        assert!(absent(Some("native"), &[]).contains("gang.adapter"));
        assert!(!absent(None, &[]).contains("could not be read"));
        let unreadable = ["nodes: forbidden".to_owned()];
        assert!(absent(None, &unreadable).ends_with("could not be read: nodes: forbidden"));
    }
}
