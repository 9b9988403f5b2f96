//! Routes from outside: the Gateway API and its inference extension.

use serde_json::json;

use super::{Case, Demand, Subject, apis};
use crate::{
    change::Edit,
    need::{Fit, Need, NeedKind},
    node::{Node, steps},
    platform::Proof,
    read::Document,
};

/// An object of the Gateway API.
#[derive(Clone, Debug)]
pub struct Gateway {
    document: usize,
    /// The GatewayClass, of a Gateway.
    class: Option<String>,
    /// Features that not every implementation has.
    extended: Vec<&'static str>,
}

const GROUP: &str = "gateway.networking.k8s.io";

const INFERENCE: &[&str] = &["inference.networking.k8s.io", "inference.networking.x-k8s.io"];

pub(super) fn derive(subject: Subject<'_>, needs: &mut Vec<Need>) {
    for index in &subject.workload.documents {
        let document = subject.document(*index);
        let group = document.group();
        if group != GROUP && !INFERENCE.contains(&group) {
            continue;
        }
        let extended = extended(document);
        let class = document
            .node
            .at("spec.gatewayClassName")
            .text()
            .map(str::to_owned);
        let mut what = format!("{} of {}", document.kind(), document.api_version());
        if let Some(class) = &class {
            what.push_str(&format!(" with GatewayClass `{class}`"));
        }
        if !extended.is_empty() {
            what.push_str(&format!(" with {}", extended.join(", ")));
        }
        let demand = Demand::Gateway(Gateway {
            document: *index,
            class,
            extended,
        });
        needs.push(subject.need(NeedKind::Gateway, what, *index, &steps("spec"), demand));
    }
}

/// Features of a route that the standard leaves to implementations.
fn extended(document: &Document) -> Vec<&'static str> {
    let mut found = Vec::new();
    let rules = document.node.at("spec.rules").items();
    for rule in rules {
        let has = |key: &str| !rule.get(key).is_null();
        let any = |list: &str, key: &str| rule.get(list).items().iter().any(|item| !item.get(key).is_null());
        let filter = |kind: &str| {
            let filters = rule.get("filters").items();
            filters
                .iter()
                .any(|filter| filter.get("type").text() == Some(kind))
        };
        for (is, name) in [
            (has("timeouts"), "timeouts"),
            (has("retry"), "retries"),
            (has("sessionPersistence"), "session persistence"),
            (any("matches", "queryParams"), "matches by query"),
            (
                any("matches", "method") && document.kind() == "HTTPRoute",
                "matches by method",
            ),
            (filter("RequestMirror"), "mirrored requests"),
            (filter("URLRewrite"), "rewritten URLs"),
            (filter("ResponseHeaderModifier"), "changed response headers"),
            (filter("ExtensionRef"), "an implementation's own filter"),
        ] {
            if is && !found.contains(&name) {
                found.push(name);
            }
        }
    }
    found
}

pub(super) fn fit(case: Case<'_>, gateway: &Gateway) -> Fit {
    let platform = case.platform;
    let document = case.subject.document(gateway.document);
    let (group, version, kind) = (document.group(), document.version(), document.kind());
    let inference = INFERENCE.contains(&group);
    let name = if inference {
        "inference-extension"
    } else {
        "gateway-api"
    };
    let found = platform.facts.gateways.iter().find(|found| found.name == name);
    if let Err(fit) = apis::served(case, group, version, kind, found) {
        return fit;
    }
    let accepted: Vec<_> = platform
        .facts
        .gateways
        .iter()
        .filter(|found| {
            found.because.starts_with("GatewayClass of ") && found.because.ends_with("accepted by it")
        })
        .collect();
    if accepted.is_empty() {
        return match platform.blind("gatewayclasses") {
            Some(why) => Fit::Unknown(why.to_owned()),
            None => Fit::Unmet(format!(
                "{kind} is served, but no GatewayClass is accepted by a controller"
            )),
        };
    }
    if inference {
        return match platform.proof(
            "advanced_inference_ingress",
            &["E1", "E2", "E3", "E4", "E5", "E6"],
            "",
        ) {
            Proof::Right => Fit::Proven("requests reach the pods that the endpoint picker names".to_owned()),
            Proof::Wrong(seen) => Fit::Unmet(seen),
            Proof::Undecided(why) => Fit::Unknown(why),
            Proof::NotRun => Fit::Unknown(format!(
                "{kind} is served, but no run shows that a gateway heeds it"
            )),
        };
    }
    let controllers: Vec<String> = accepted
        .iter()
        .map(|class| format!("GatewayClass `{}`", class.name))
        .collect();
    let because = format!("{} is accepted", controllers.join(", "));
    let proof = platform.proof("ai_inference", &["I2", "I3", "I4", "I5", "I6", "I7", "I8"], "");
    if let Some(class) = &gateway.class
        && !accepted.iter().any(|found| found.name == *class)
    {
        let [only] = accepted.as_slice() else {
            return Fit::Unmet(format!(
                "there is no GatewayClass `{class}`; there are {}",
                controllers.join(", ")
            ));
        };
        let path = steps("spec.gatewayClassName");
        let edit = Edit::Set {
            document: gateway.document,
            path: path.clone(),
            value: json!(only.name),
        };
        let what = format!("take GatewayClass `{}` instead of `{class}`", only.name);
        let change = case.subject.change(what, gateway.document, &path, edit);
        return Fit::Changed(vec![change], because);
    }
    if !gateway.extended.is_empty() && proof == Proof::NotRun {
        return Fit::Unknown(format!(
            "no run shows that it has {}, which the standard leaves to implementations",
            gateway.extended.join(", ")
        ));
    }
    let parents = document.node.at("spec.parentRefs").items();
    let elsewhere: Vec<&str> = parents
        .iter()
        .filter_map(|parent: &Node| parent.get("name").text())
        .filter(|name| {
            !case
                .subject
                .of_kind("Gateway")
                .any(|(_, gateway)| gateway.name() == *name)
        })
        .collect();
    let note = match elsewhere.as_slice() {
        [] => String::new(),
        names => format!("; the Gateway {} has to be there", names.join(", ")),
    };
    Fit::Surveyed(format!("{because}{note}")).judged(proof)
}
