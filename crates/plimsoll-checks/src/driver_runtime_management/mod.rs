//! `driver_runtime_management`: what the API states of a node's driver and runtime is what pods find there.
//!
//! One trial per vendor. [`statement`] gathers what is stated of each accelerated node (V1), [`sampling`] chooses the
//! nodes that are looked at from inside pods, and [`sight`] looks: a pod with one device beside one without, on the
//! same node. [`judge`] compares (V2 to V4, V6); [`kept`] asks whether somebody keeps the statements (V5).

mod declaration;
mod fleet;
mod judge;
mod keepers;
mod kept;
mod sampling;
mod sight;
mod statement;
mod version;

use std::collections::BTreeMap;

use async_trait::async_trait;
use futures::{StreamExt, future::try_join_all, stream};
use k8s_openapi::api::core::v1::Node;
use kube::{Api, ResourceExt, api::ListParams};
use serde_json::json;

use crate::{
    Check, CheckError, Conclusion, Context, Declaration,
    probe_pod::{Ruling, chain},
};
use fleet::Fleet;
use sight::Sight;
use statement::Statement;

/// Nodes that are looked at at the same time.
const AT_ONCE: usize = 4;

/// The check.
#[derive(Clone, Copy, Debug)]
pub struct DriverRuntimeManagement;

/// What became of looking at a node: what was seen there, or why nothing can be said.
type Sighting = Result<Result<Sight, Ruling>, CheckError>;

#[async_trait(?Send)]
impl Check for DriverRuntimeManagement {
    fn declaration(&self) -> &'static Declaration {
        &declaration::DECLARATION
    }

    async fn run(&self, context: &Context) -> Result<Conclusion, CheckError> {
        let fleets = fleet::of(&context.inventory);
        if fleets.is_empty() {
            return Ok(Conclusion::Absent {
                reason: fleet::absence(&context.inventory),
            });
        }
        let nodes = nodes(context).await?;
        let resources = statement::resources(context).await?;
        try_join_all(fleets.iter().enumerate().map(|(at, fleet)| {
            let trial = Trialled {
                context,
                fleet,
                nodes: &nodes,
                is_first: at == 0,
            };
            let statements = fleet
                .sites
                .iter()
                .map(|site| {
                    let node = nodes.get(&site.node);
                    (
                        site.node.clone(),
                        statement::of_node(fleet, site, node, &resources),
                    )
                })
                .collect();
            trial.run(statements)
        }))
        .await?;
        Ok(Conclusion::Controls)
    }
}

async fn nodes(context: &Context) -> Result<BTreeMap<String, Node>, CheckError> {
    let api: Api<Node> = Api::all(context.platform.client());
    let list = api
        .list(&ListParams::default())
        .await
        .map_err(|source| CheckError::Api {
            what: "list nodes".to_owned(),
            source,
        })?;
    Ok(list
        .items
        .into_iter()
        .map(|node| (node.name_any(), node))
        .collect())
}

/// What is stated of each node of a fleet.
type Statements = BTreeMap<String, Vec<Statement>>;

/// One vendor's trial.
struct Trialled<'a> {
    context: &'a Context,
    fleet: &'a Fleet,
    nodes: &'a BTreeMap<String, Node>,
    /// Whether it also answers for vendors of which no node has anything.
    is_first: bool,
}

impl Trialled<'_> {
    async fn run(self, statements: Statements) -> Result<(), CheckError> {
        let trial = self.context.trial(&self.fleet.name);
        judge::stated(self.fleet, &statements).tell(&trial, "V1");
        judge::only_where_hardware_is(self.fleet, self.nodes, &self.context.inventory, self.is_first)
            .tell(&trial, "V6");
        let sample = sampling::choose(self.fleet, &statements);
        if sample.sites.is_empty() {
            trial.undecided("V2", sample.describe());
        } else {
            let looks = sample.sites.iter().map(|site| async {
                let seen = Sight::of(self.context, self.fleet, site).await;
                (site.node.clone(), seen)
            });
            let seen: Vec<_> = stream::iter(looks).buffered(AT_ONCE).collect().await;
            self.tell_sights(&trial, &statements, seen, &sample.describe());
        }
        kept::kept(self.context, self.fleet, &statements, self.nodes)
            .await
            .tell(&trial, "V5");
        kept::returns(self.context, self.fleet, &statements, &trial).await;
        Ok(())
    }

    fn tell_sights(
        &self,
        trial: &crate::Trial,
        statements: &Statements,
        seen: Vec<(String, Sighting)>,
        sample: &str,
    ) {
        let (mut true_to_it, mut works, mut clean) = (Vec::new(), Vec::new(), Vec::new());
        let mut table = Vec::new();
        for (node, sight) in seen {
            let stated = statements.get(&node).map(Vec::as_slice).unwrap_or_default();
            let sight = match sight {
                Ok(Ok(sight)) => sight,
                Ok(Err(gap)) => {
                    true_to_it.push(gap);
                    continue;
                }
                Err(error) => {
                    true_to_it.push(Ruling::Undecided(format!("node `{node}`: {}", chain(&error))));
                    continue;
                }
            };
            true_to_it.push(judge::stated_is_found(self.fleet, &node, stated, &sight));
            works.push(judge::works(self.fleet, &node, &sight));
            clean.push(judge::clean(self.fleet, &node, &sight));
            let owners: Vec<String> = stated.iter().map(ToString::to_string).collect();
            let runtime = self
                .context
                .inventory
                .node(&node)
                .map(|node| node.runtime.clone());
            table.push(json!({
                "node": node, "stated": owners, "found": sight.version(), "kernel": sight.kernel(),
                "runtime": runtime, "runtime_files": sight.runtime_files(),
                "devices": sight.granted.devices().map(|node| &node.path).collect::<Vec<_>>(),
            }));
        }
        self.context.observe(
            format!("drivers of {}: stated and found", self.fleet.name),
            json!(table),
        );
        let and_sample = |ruling: Ruling| match ruling {
            Ruling::Right(detail) => Ruling::Right(format!("{detail} ({sample})")),
            other => other,
        };
        and_sample(Ruling::all(true_to_it)).tell(trial, "V2");
        if !works.is_empty() {
            Ruling::all(works).tell(trial, "V3");
            Ruling::all(clean).tell(trial, "V4");
        }
    }
}
