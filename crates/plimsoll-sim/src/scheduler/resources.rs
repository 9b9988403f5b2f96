//! What nodes have and pods ask for: processors, memory, storage, and whatever else has a name.

use std::collections::BTreeMap;

use serde_json::Value;

use super::amount::Amount;

/// Amounts by resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Resources {
    /// Thousandths of processors.
    pub(super) cpu: i64,
    /// Bytes.
    pub(super) memory: i64,
    /// Bytes of local storage.
    pub(super) storage: i64,
    /// Everything else, in whole ones.
    pub(super) others: BTreeMap<String, i64>,
}

impl Resources {
    /// Reads a list of resources, such as a container's requests.
    pub(super) fn read(list: &Value) -> Self {
        let mut resources = Self::default();
        for (name, value) in list.as_object().into_iter().flatten() {
            let amount = Amount::read(value).unwrap_or_default();
            match name.as_str() {
                "cpu" => resources.cpu = amount.thousandths(),
                "memory" => resources.memory = amount.ceiling(),
                "ephemeral-storage" => resources.storage = amount.ceiling(),
                // How many pods a node takes is counted, not asked for.
                "pods" => {}
                _ => {
                    resources.others.insert(name.clone(), amount.ceiling());
                }
            }
        }
        resources
    }

    /// What all of a pod's containers need at the most at any one time.
    pub(super) fn of_pod(spec: &Value) -> Self {
        let mut running = Self::default();
        let mut peak = Self::default();
        for container in spec["initContainers"].as_array().into_iter().flatten() {
            let need = of_container(container);
            if container["restartPolicy"] == "Always" {
                // A sidecar stays beside all that starts after it.
                running.add(&need);
                peak.raise_to(&running);
            } else {
                let mut beside = running.clone();
                beside.add(&need);
                peak.raise_to(&beside);
            }
        }
        for container in spec["containers"].as_array().into_iter().flatten() {
            running.add(&of_container(container));
        }
        running.raise_to(&peak);
        running.replace_by_pod_level(&spec["resources"]);
        running.add(&Self::read(&spec["overhead"]));
        running
    }

    /// What is asked for the pod as a whole stands above its containers' sum.
    fn replace_by_pod_level(&mut self, resources: &Value) {
        let whole = requests(resources);
        for (name, _) in resources["requests"]
            .as_object()
            .into_iter()
            .chain(resources["limits"].as_object())
            .flatten()
        {
            match name.as_str() {
                "cpu" => self.cpu = whole.cpu,
                "memory" => self.memory = whole.memory,
                _ => {
                    if let Some(amount) = whole.others.get(name) {
                        self.others.insert(name.clone(), *amount);
                    }
                }
            }
        }
    }

    /// Adds `other`.
    pub(super) fn add(&mut self, other: &Self) {
        self.combine(other, i64::saturating_add);
    }

    /// Takes `other` away.
    pub(super) fn subtract(&mut self, other: &Self) {
        self.combine(other, i64::saturating_sub);
    }

    fn raise_to(&mut self, other: &Self) {
        self.combine(other, i64::max);
    }

    fn combine(&mut self, other: &Self, operation: impl Fn(i64, i64) -> i64) {
        self.cpu = operation(self.cpu, other.cpu);
        self.memory = operation(self.memory, other.memory);
        self.storage = operation(self.storage, other.storage);
        for (name, amount) in &other.others {
            let own = self.others.entry(name.clone()).or_default();
            *own = operation(*own, *amount);
        }
    }

    /// The resources of which `self` asks for more than what is `free`, by name, in the order in which the
    /// scheduler names them.
    pub(super) fn lacking<'a>(&'a self, capacity: &Self, used: &Self) -> Vec<&'a str> {
        let mut lacking = Vec::new();
        let mut check = |name: &'a str, asked: i64, capacity: i64, used: i64| {
            if asked > 0 && asked > capacity.saturating_sub(used) {
                lacking.push(name);
            }
        };
        check("cpu", self.cpu, capacity.cpu, used.cpu);
        check("memory", self.memory, capacity.memory, used.memory);
        check("ephemeral-storage", self.storage, capacity.storage, used.storage);
        for (name, asked) in &self.others {
            let of = |resources: &Self| resources.others.get(name).copied().unwrap_or_default();
            check(name, *asked, of(capacity), of(used));
        }
        lacking
    }
}

/// A container's requests; a limit without one stands for it.
fn of_container(container: &Value) -> Resources {
    requests(&container["resources"])
}

fn requests(resources: &Value) -> Resources {
    let mut list = resources["limits"].clone();
    if !list.is_object() {
        return Resources::read(&resources["requests"]);
    }
    for (name, amount) in resources["requests"].as_object().into_iter().flatten() {
        list[name] = amount.clone();
    }
    Resources::read(&list)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn container(cpu: &str) -> Value {
        json!({"resources": {"requests": {"cpu": cpu, "memory": "1Gi"}}})
    }

    #[test]
    fn containers_add_up_and_the_largest_init_container_counts_beside_nobody() {
        let spec = json!({"containers": [container("1"), container("500m")], "initContainers": [container("1200m")]});
        let need = Resources::of_pod(&spec);
        assert_eq!((need.cpu, need.memory), (1500, 2 << 30));
        let spec = json!({"containers": [container("1")], "initContainers": [container("2")]});
        assert_eq!(Resources::of_pod(&spec).cpu, 2000);
    }

    #[test]
    fn sidecars_stay_beside_what_starts_after_them() {
        let mut sidecar = container("300m");
        sidecar["restartPolicy"] = json!("Always");
        let spec = json!({"containers": [container("1")], "initContainers": [container("1"), sidecar.clone(), container("1100m")]});
        assert_eq!(Resources::of_pod(&spec).cpu, 1400);
        let spec = json!({"containers": [container("1")], "initContainers": [sidecar]});
        assert_eq!(Resources::of_pod(&spec).cpu, 1300);
    }

    #[test]
    fn overhead_is_added_and_pod_level_requests_replace_the_sum() {
        let spec = json!({"containers": [container("1")], "overhead": {"cpu": "250m"}});
        assert_eq!(Resources::of_pod(&spec).cpu, 1250);
        let spec = json!({"containers": [container("1")], "overhead": {"cpu": "250m"}, "resources": {"requests": {"cpu": "3"}}});
        let need = Resources::of_pod(&spec);
        assert_eq!((need.cpu, need.memory), (3250, 1 << 30));
    }

    #[test]
    fn a_limit_alone_is_a_request() {
        let spec = json!({"containers": [{"resources": {"limits": {"nvidia.com/gpu": "2", "cpu": "2"}, "requests": {"cpu": "1"}}}]});
        let need = Resources::of_pod(&spec);
        assert_eq!((need.cpu, need.others.get("nvidia.com/gpu")), (1000, Some(&2)));
    }

    #[test]
    fn what_is_lacking_is_named() {
        let capacity = Resources::read(&json!({"cpu": "2", "memory": "4Gi", "a/b": "1"}));
        let used = Resources::read(&json!({"cpu": "1500m"}));
        let asked =
            Resources::read(&json!({"cpu": "1", "memory": "1Gi", "a/b": "1", "c/d": "1", "e/f": "0"}));
        assert_eq!(asked.lacking(&capacity, &used), ["cpu", "c/d"]);
    }
}
