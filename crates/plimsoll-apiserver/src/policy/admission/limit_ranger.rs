//! Bounds and defaults of what containers, pods and storage claims ask for.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Operation, Request};
use crate::{
    Quantity, Status,
    policy::{
        View,
        fields::{items, text},
        pods::{self, Amounts, Side},
    },
    resources,
};

const ANNOTATION: &str = "kubernetes.io/limit-ranger";

pub(super) fn mutate(view: &dyn View, request: &mut Request) {
    let ranges = ranges(view, request);
    let Some(pod) = request.new_pod() else {
        return;
    };
    for range in ranges {
        fill_in(&range, pod);
    }
}

pub(super) fn validate(view: &dyn View, request: &Request) -> Result<(), Status> {
    let Some(object) = request.object.as_ref() else {
        return Ok(());
    };
    for range in ranges(view, request) {
        let broken: Vec<String> = items(&range["spec"], "limits")
            .flat_map(|limit| {
                if request.of == resources::PODS {
                    pod_faults(limit, &object["spec"])
                } else {
                    claim_faults(limit, &object["spec"])
                }
            })
            .collect();
        match broken.as_slice() {
            [] => {}
            [one] => return Err(request.forbidden(one)),
            many => return Err(request.forbidden(&format!("[{}]", many.join(", ")))),
        }
    }
    Ok(())
}

/// The LimitRanges of the request's namespace, if they judge it.
fn ranges(view: &dyn View, request: &Request) -> Vec<Arc<Value>> {
    let deleted = request
        .old
        .as_ref()
        .is_some_and(|old| !old["metadata"]["deletionTimestamp"].is_null());
    let judged = match (request.operation, request.subresource.as_deref()) {
        (Operation::Create, None) => {
            request.of == resources::PODS || request.of == resources::PERSISTENT_VOLUME_CLAIMS
        }
        (Operation::Update, None) => request.of == resources::PERSISTENT_VOLUME_CLAIMS,
        (Operation::Update, Some("resize")) => request.of == resources::PODS,
        _ => false,
    };
    if !judged || deleted {
        return Vec::new();
    }
    view.list(&resources::LIMIT_RANGES, request.namespace.as_deref())
}

/// What a container gets that says nothing: its default limits and requests, as completed by the API's own defaults.
fn defaults(range: &Value) -> (Amounts, Amounts) {
    let (mut limits, mut requests) = (Amounts::new(), Amounts::new());
    for limit in items(&range["spec"], "limits").filter(|limit| text(limit, "type") == "Container") {
        let mut own = pods::amounts(&limit["max"]);
        own.extend(pods::amounts(&limit["default"]));
        let mut asked = pods::amounts(&limit["min"]);
        asked.extend(own.clone());
        asked.extend(pods::amounts(&limit["defaultRequest"]));
        limits.extend(own);
        requests.extend(asked);
    }
    (limits, requests)
}

fn fill_in(range: &Value, pod: &mut Value) {
    let (limits, requests) = defaults(range);
    let mut notes = Vec::new();
    for (list, title) in [("containers", "container"), ("initContainers", "init container")] {
        for container in pod["spec"]
            .get_mut(list)
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            let asked = complete(container, "requests", &requests);
            let bounded = complete(container, "limits", &limits);
            let name = text(container, "name");
            for (names, side) in [(asked, "request"), (bounded, "limit")] {
                if !names.is_empty() {
                    notes.push(format!("{} {side} for {title} {name}", names.join(", ")));
                }
            }
        }
    }
    if !notes.is_empty() {
        let note = format!("LimitRanger plugin set: {}", notes.join("; "));
        pod["metadata"]["annotations"][ANNOTATION] = json!(note);
    }
}

fn complete(container: &mut Value, side: &str, defaults: &Amounts) -> Vec<String> {
    let mut set = Vec::new();
    for (name, amount) in defaults {
        if container["resources"][side][name].is_null() {
            container["resources"][side][name] = json!(amount.to_string());
            set.push(name.clone());
        }
    }
    set
}

fn pod_faults(limit: &Value, spec: &Value) -> Vec<String> {
    match text(limit, "type") {
        "Container" => ["containers", "initContainers"]
            .into_iter()
            .flat_map(|list| items(spec, list))
            .flat_map(|container| {
                Bounds {
                    limit,
                    requests: pods::of_container(container, Side::Requests),
                    limits: pods::of_container(container, Side::Limits),
                }
                .faults()
            })
            .collect(),
        "Pod" => Bounds {
            limit,
            requests: pods::of_pod(spec, Side::Requests),
            limits: pods::of_pod(spec, Side::Limits),
        }
        .faults(),
        _ => Vec::new(),
    }
}

fn claim_faults(limit: &Value, spec: &Value) -> Vec<String> {
    if text(limit, "type") != "PersistentVolumeClaim" {
        return Vec::new();
    }
    let bounds = Bounds {
        limit,
        requests: pods::amounts(&spec["resources"]["requests"]),
        limits: Amounts::new(),
    };
    let least = pods::amounts(&limit["min"]);
    let most = pods::amounts(&limit["max"]);
    let below = least
        .iter()
        .filter_map(|(name, amount)| bounds.below(name, *amount));
    let above = most.iter().filter_map(|(name, amount)| {
        let beginning = format!("maximum {name} usage per PersistentVolumeClaim is {amount}");
        match bounds.requests.get(name) {
            None => Some(format!("{beginning}.  No request is specified")),
            Some(asked) if asked > amount => Some(format!("{beginning}, but request is {asked}")),
            Some(_) => None,
        }
    });
    below.chain(above).collect()
}

/// One item of a LimitRange, held against what something asks for.
struct Bounds<'a> {
    limit: &'a Value,
    requests: Amounts,
    limits: Amounts,
}

impl Bounds<'_> {
    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for (field, judge) in [
            (
                "min",
                &Self::below as &dyn Fn(&Self, &str, Quantity) -> Option<String>,
            ),
            ("max", &Self::above),
            ("maxLimitRequestRatio", &Self::too_far_apart),
        ] {
            let bounds = pods::amounts(&self.limit[field]);
            faults.extend(
                bounds
                    .iter()
                    .filter_map(|(name, amount)| judge(self, name, *amount)),
            );
        }
        faults
    }

    fn below(&self, name: &str, least: Quantity) -> Option<String> {
        let beginning = format!("minimum {name} usage per {} is {least}", text(self.limit, "type"));
        match (self.requests.get(name), self.limits.get(name)) {
            (None, _) => Some(format!("{beginning}.  No request is specified")),
            (Some(asked), _) if *asked < least => Some(format!("{beginning}, but request is {asked}")),
            (_, Some(limit)) if *limit < least => Some(format!("{beginning}, but limit is {limit}")),
            _ => None,
        }
    }

    fn above(&self, name: &str, most: Quantity) -> Option<String> {
        let beginning = format!("maximum {name} usage per {} is {most}", text(self.limit, "type"));
        match (self.limits.get(name), self.requests.get(name)) {
            (None, _) => Some(format!("{beginning}.  No limit is specified")),
            (Some(limit), _) if *limit > most => Some(format!("{beginning}, but limit is {limit}")),
            (_, Some(asked)) if *asked > most => Some(format!("{beginning}, but request is {asked}")),
            _ => None,
        }
    }

    fn too_far_apart(&self, name: &str, most: Quantity) -> Option<String> {
        let kind = text(self.limit, "type");
        let beginning = format!("{name} max limit to request ratio per {kind} is {most}");
        let given = |amounts: &Amounts| amounts.get(name).copied().filter(|amount| !amount.is_zero());
        let Some(asked) = given(&self.requests) else {
            return Some(format!(
                "{beginning}, but no request is specified or request is 0"
            ));
        };
        let Some(limit) = given(&self.limits) else {
            return Some(format!("{beginning}, but no limit is specified or limit is 0"));
        };
        let ratio = limit.ratio_to(asked);
        (ratio > most.ratio_to(Quantity::whole(1)))
            .then(|| format!("{beginning}, but provided ratio is {ratio:.6}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{User, policy::world::World};

    fn request(pod: Value) -> Request {
        let mut request = Request::new(User::admin(), Operation::Create, resources::PODS, "v1", "Pod");
        request.namespace = Some("ns".to_owned());
        request.name = "p".to_owned();
        request.object = Some(pod);
        request
    }

    fn with(limit: Value) -> World {
        let range = json!({"metadata": {"namespace": "ns", "name": "l"}, "spec": {"limits": [limit]}});
        World::default().with(&resources::LIMIT_RANGES, range)
    }

    fn pod(resources: Value) -> Value {
        json!({"metadata": {}, "spec": {"containers": [{"name": "c", "resources": resources}]}})
    }

    #[test]
    fn containers_get_the_defaults_that_they_leave_open() {
        let world = with(
            json!({"type": "Container", "default": {"cpu": "1", "memory": "1Gi"}, "defaultRequest": {"cpu": "100m"}}),
        );
        let mut request = request(pod(json!({"limits": {"memory": "2Gi"}})));
        mutate(&world, &mut request);
        let pod = request.object.unwrap();
        assert_eq!(
            pod["spec"]["containers"][0]["resources"],
            json!({"limits": {"cpu": "1", "memory": "2Gi"}, "requests": {"cpu": "100m", "memory": "1Gi"}})
        );
        assert_eq!(
            pod["metadata"]["annotations"][ANNOTATION],
            "LimitRanger plugin set: cpu, memory request for container c; cpu limit for container c"
        );
    }

    #[test]
    fn bounds_are_told_in_the_servers_words() {
        for (limit, resources, fault) in [
            (
                json!({"type": "Container", "max": {"cpu": "1"}}),
                json!({"limits": {"cpu": "2"}, "requests": {"cpu": "2"}}),
                Some("maximum cpu usage per Container is 1, but limit is 2"),
            ),
            (
                json!({"type": "Container", "max": {"cpu": "2"}}),
                json!({"limits": {"cpu": "2"}, "requests": {"cpu": "2"}}),
                None,
            ),
            (
                json!({"type": "Container", "max": {"memory": "1Gi"}}),
                json!({}),
                Some("maximum memory usage per Container is 1Gi.  No limit is specified"),
            ),
            (
                json!({"type": "Container", "min": {"cpu": "500m"}}),
                json!({"requests": {"cpu": "100m"}}),
                Some("minimum cpu usage per Container is 500m, but request is 100m"),
            ),
            (
                json!({"type": "Pod", "max": {"memory": "1Gi"}}),
                json!({"limits": {"memory": "2Gi"}}),
                Some("maximum memory usage per Pod is 1Gi, but limit is 2Gi"),
            ),
            (
                json!({"type": "Container", "maxLimitRequestRatio": {"cpu": "2"}}),
                json!({"limits": {"cpu": "3"}, "requests": {"cpu": "1"}}),
                Some("cpu max limit to request ratio per Container is 2, but provided ratio is 3.000000"),
            ),
        ] {
            let verdict =
                validate(&with(limit.clone()), &request(pod(resources))).map_err(|status| status.message);
            let expected = fault.map_or(Ok(()), |fault| Err(format!("pods \"p\" is forbidden: {fault}")));
            assert_eq!(verdict, expected, "{limit}");
        }
    }
}
