//! `accelerator_metrics`: an endpoint tells utilisation and memory of each accelerator, and what it tells is so.
//!
//! One trial a vendor. [`endpoints`] finds exporters, [`survey`] visits them once, [`bench`] works on a device of each of
//! some nodes while it visits that node's exporter, and [`judge`] alone decides: from a [`chart::Chart`] of what was said
//! and from what was done meanwhile ([`experiment`]). Names prove nothing: what a series is called only says where to
//! look ([`vocabulary`]).

mod bench;
mod chart;
mod declaration;
mod device;
mod endpoints;
mod experiment;
mod feed;
mod judge;
#[cfg(test)]
mod made_up;
mod stimulus;
mod subject;
mod survey;
mod trial;
mod vocabulary;

use std::collections::BTreeMap;

use async_trait::async_trait;
use futures::future::try_join_all;
use plimsoll_platform::{Inventory, PodSecurity};
use serde_json::json;

use crate::{
    Check, CheckError, Conclusion, Context, Declaration,
    probe_pod::{Roster, chain},
};
use subject::Subject;
use survey::Sighting;
use vocabulary::Named;

/// The check.
#[derive(Clone, Copy, Debug)]
pub struct AcceleratorMetrics;

#[async_trait(?Send)]
impl Check for AcceleratorMetrics {
    fn declaration(&self) -> &'static Declaration {
        &declaration::DECLARATION
    }

    async fn run(&self, context: &Context) -> Result<Conclusion, CheckError> {
        let settings = &context.settings.metrics;
        let named = Named {
            utilisation: settings.utilization.clone(),
            used: settings.memory.clone(),
        };
        let mut subjects = Subject::all(&context.inventory);
        for subject in &mut subjects {
            subject.named = named.clone();
        }
        if subjects.is_empty() {
            return Ok(absent(
                "the platform offers no accelerator, so there is none to tell of",
            ));
        }
        let mut found = endpoints::find(context, &subjects).await;
        if let Some(url) = &settings.endpoint {
            found.endpoints.insert(0, endpoints::named(url));
        }
        if !found.unreadable.is_empty() {
            context.observe(
                "places of exporters that could not be looked for",
                json!(found.unreadable),
            );
        }
        if found.endpoints.is_empty() {
            let mut reason = "no exporter of accelerators' metrics was found: one that is known by the labels of its \
                              Service or pods, is annotated prometheus.io/scrape, or is picked by a ServiceMonitor or \
                              PodMonitor, would prove it"
                .to_owned();
            if let Some(why) = found.unreadable.first() {
                reason = format!("{reason}; and not everything could be looked at: {why}");
            }
            return Ok(absent(reason));
        }
        let namespace = context
            .workspace
            .namespace("metrics", PodSecurity::Baseline)
            .await?;
        let roster = Roster::new(namespace.clone());
        let visited = survey::visit(context, &roster, &found.endpoints).await;
        roster.clear(&context.patience).await;
        let visited = match visited {
            Ok(Ok(visited)) => visited,
            Ok(Err(error)) => return Err(CheckError::Lacking(survey::not_visited(&error))),
            Err(CheckError::Create(refusal)) => return Err(CheckError::Lacking(chain(&refusal))),
            Err(error) => return Err(error),
        };
        if let Some(name) = named
            .names()
            .find(|name| !visited.iter().any(|place| place.has(name)))
        {
            return Ok(absent(format!(
                "no exporter that was visited has a series called {name}, which `metrics` of plimsoll.toml names"
            )));
        }
        let sightings: Vec<BTreeMap<String, Sighting>> = subjects
            .iter()
            .map(|subject| survey::of_subject(subject, &visited))
            .collect();
        let trials = subjects.iter().zip(&sightings);
        try_join_all(trials.map(|(subject, sightings)| trial::run(context, &namespace, subject, sightings)))
            .await?;
        Ok(Conclusion::Controls)
    }
}

/// Where a node's exporter of a vendor's devices can be visited; nowhere, with what could not be looked at.
pub(crate) async fn exporters(context: &Context, vendor: &str, node: &str) -> (Vec<String>, Vec<String>) {
    let subjects: Vec<Subject> = Subject::all(&context.inventory)
        .into_iter()
        .filter(|subject| subject.name == vendor)
        .collect();
    let found = endpoints::find(context, &subjects).await;
    let named = context.settings.metrics.endpoint.iter().cloned();
    let of_node = found
        .endpoints
        .into_iter()
        .filter(|endpoint| endpoint.node.as_deref() == Some(node) && endpoint.of.as_deref() == Some(vendor))
        .map(|endpoint| endpoint.url);
    (named.chain(of_node).collect(), found.unreadable)
}

/// How many choices are made of an inventory before anything is created.
pub(crate) fn choices(inventory: &Inventory) -> usize {
    let subjects = Subject::all(inventory);
    subjects
        .iter()
        .map(|subject| subject.loadable() + subject.homes.len())
        .sum()
}

fn absent(reason: impl Into<String>) -> Conclusion {
    Conclusion::Absent {
        reason: reason.into(),
    }
}
