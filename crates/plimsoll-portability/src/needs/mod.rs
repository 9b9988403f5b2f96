//! The kinds of needs: how each is read from manifests, and what meets it. One file per kind.

mod apis;
mod autoscaling;
mod claims;
mod gangs;
pub(crate) use gangs::QUEUE;
mod gateways;
mod images;
mod monitoring;
mod networks;
mod placement;
mod resources;
mod runtimes;
mod security;
mod vendors;
mod volumes;

use std::sync::Arc;

use crate::{
    change::{Change, Edit},
    devices::Offer,
    need::{Fit, Need, NeedKind, Place},
    node::{Node, Step},
    platform::Platform,
    read::{Document, Manifests},
    workload::Workload,
};

pub(crate) use claims::classes as claim_classes;

/// What is needed, for the matching.
#[derive(Clone, Debug)]
pub enum Demand {
    /// Devices by the name of a resource.
    Resource(resources::Resource),
    /// Devices by a claim.
    Claim(claims::Claim),
    /// Pods as a group.
    Gang(gangs::Gang),
    /// A kind that is served.
    Api(apis::Api),
    /// A volume.
    Volume(volumes::Volume),
    /// A network.
    Network(networks::Network),
    /// Routes.
    Gateway(gateways::Gateway),
    /// A metrics API.
    Metrics(autoscaling::Metrics),
    /// Monitoring.
    Monitoring(monitoring::Monitoring),
    /// A RuntimeClass.
    Runtime(runtimes::Runtime),
    /// Nodes.
    Placement(placement::Placement),
    /// Rights.
    Security(security::Security),
    /// Images.
    Image(images::Image),
    /// Nobody knows.
    Unknown(String),
}

/// A workload among its manifests.
#[derive(Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) manifests: &'a Manifests,
    pub(crate) workload: &'a Workload,
}

impl<'a> Subject<'a> {
    pub(crate) fn document(self, index: usize) -> &'a Document {
        &self.manifests.documents[index]
    }

    pub(crate) fn main(self) -> &'a Document {
        self.document(self.workload.main)
    }

    /// The object of the workload's main document.
    pub(crate) fn root(self) -> &'a Node {
        &self.main().node
    }

    /// Its documents of a kind.
    pub(crate) fn of_kind(self, kind: &'a str) -> impl Iterator<Item = (usize, &'a Document)> {
        self.workload
            .documents
            .iter()
            .map(move |index| (*index, self.document(*index)))
            .filter(move |(_, document)| document.kind() == kind)
    }

    pub(crate) fn place(self, index: usize, path: &[Step]) -> Place {
        Place::of(index, self.document(index), path)
    }

    pub(crate) fn need(
        self,
        kind: NeedKind,
        what: String,
        index: usize,
        path: &[Step],
        demand: Demand,
    ) -> Need {
        Need {
            kind,
            what,
            place: self.place(index, path),
            demand,
        }
    }

    pub(crate) fn change(self, what: String, index: usize, path: &[Step], edit: Edit) -> Change {
        Change {
            what,
            place: self.place(index, path),
            edit,
        }
    }
}

/// A workload on a platform.
#[derive(Clone, Copy)]
pub(crate) struct Case<'a> {
    pub(crate) subject: Subject<'a>,
    pub(crate) platform: &'a Platform,
}

/// How a need is met, and by which devices.
pub(crate) struct Outcome {
    pub(crate) fit: Fit,
    pub(crate) offer: Option<Arc<Offer>>,
}

impl From<Fit> for Outcome {
    fn from(fit: Fit) -> Self {
        Self { fit, offer: None }
    }
}

/// All needs of a workload.
pub(crate) fn derive(subject: Subject<'_>) -> Vec<Need> {
    let mut needs = Vec::new();
    let main = subject.main();
    if let Some(placeholder) = &main.unrendered {
        needs.push(subject.need(
            NeedKind::Unknown,
            format!("a rendered template: `{placeholder}` is a placeholder"),
            subject.workload.main,
            &[],
            Demand::Unknown(format!(
                "it is a template that nobody rendered (`{placeholder}`): give what `helm template` or `kustomize build` print"
            )),
        ));
        return needs;
    }
    apis::derive(subject, &mut needs);
    resources::derive(subject, &mut needs);
    claims::derive(subject, &mut needs);
    gangs::derive(subject, &mut needs);
    networks::derive(subject, &mut needs);
    volumes::derive(subject, &mut needs);
    gateways::derive(subject, &mut needs);
    autoscaling::derive(subject, &mut needs);
    monitoring::derive(subject, &mut needs);
    runtimes::derive(subject, &mut needs);
    security::derive(subject, &mut needs);
    images::derive(subject, &mut needs);
    placement::derive(subject, &mut needs);
    needs
}

/// How a platform meets each need, in their order.
pub(crate) fn fit(case: Case<'_>, needs: &[Need]) -> Vec<Fit> {
    let mut offers: Vec<(usize, u64, Arc<Offer>)> = Vec::new();
    needs
        .iter()
        .map(|need| {
            let outcome = fit_one(case, need, &offers);
            if let Some(offer) = outcome.offer {
                match &need.demand {
                    Demand::Resource(resource) => offers.push((resource.set, resource.count, offer)),
                    Demand::Claim(claim) => offers.push((claim.set, claim.count, offer)),
                    _ => {}
                }
            }
            outcome.fit
        })
        .collect()
}

fn fit_one(case: Case<'_>, need: &Need, offers: &[(usize, u64, Arc<Offer>)]) -> Outcome {
    match &need.demand {
        Demand::Resource(resource) => resources::fit(case, need, resource),
        Demand::Claim(claim) => claims::fit(case, need, claim),
        Demand::Gang(gang) => gangs::fit(case, need, gang).into(),
        Demand::Api(api) => apis::fit(case, api).into(),
        Demand::Volume(volume) => volumes::fit(case, need, volume).into(),
        Demand::Network(network) => networks::fit(case, network).into(),
        Demand::Gateway(gateway) => gateways::fit(case, gateway).into(),
        Demand::Metrics(metrics) => autoscaling::fit(case, metrics).into(),
        Demand::Monitoring(monitoring) => monitoring::fit(case, monitoring).into(),
        Demand::Runtime(runtime) => runtimes::fit(case, need, runtime).into(),
        Demand::Placement(placement) => placement::fit(case, placement, offers).into(),
        Demand::Security(rights) => security::fit(case, rights).into(),
        Demand::Image(image) => images::fit(case, image).into(),
        Demand::Unknown(why) => Fit::Unknown(why.clone()).into(),
    }
}
