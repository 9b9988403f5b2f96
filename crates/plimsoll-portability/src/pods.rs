//! Where kinds of workloads keep their pods.

use std::collections::BTreeMap;

use plimsoll_apiserver::Quantity;

use crate::{
    need::look,
    node::{Node, Step, steps},
    read::Document,
};

/// Pods of one template.
#[derive(Clone, Debug)]
pub struct PodSet {
    /// The number of its document.
    pub document: usize,
    /// What it is called within the workload; empty where there is only one.
    pub role: String,
    /// The way to the pod's metadata.
    pub metadata: Vec<Step>,
    /// The way to the pod's spec.
    pub spec: Vec<Step>,
    /// How many pods; that many at the least where something scales them.
    pub count: u64,
    /// Its containers.
    pub containers: Vec<ContainerAt>,
    /// Whether the pod template is as Kubernetes itself defines it: a custom resource may drop what its schema of old
    /// does not know.
    pub exact: bool,
}

/// A container.
#[derive(Clone, Debug)]
pub struct ContainerAt {
    /// The way to it.
    pub path: Vec<Step>,
    /// The key of its resources.
    pub resources: &'static str,
    /// Whether it only runs before the others.
    pub initial: bool,
}

/// How a kind keeps pods.
enum Shape {
    /// A template at a path, and the keys whose product is the number of pods.
    Template(&'static str, &'static [&'static str]),
    /// The same for each item of a list: its path, the template's path in the item, the item's keys, its name.
    Each(&'static str, &'static str, &'static [&'static str]),
    /// The same for each entry of a mapping.
    Roles(&'static str),
    /// A spec without a template around it.
    Bare(&'static str, &'static str),
    /// A trainer's own settings.
    Trainer(&'static str),
}

use Shape::{Bare, Each, Roles, Template, Trainer};

/// Group, kind, and where its pods are. Exact are those without a group of their own and the apps and batch groups.
const SHAPES: &[(&str, &str, &[Shape])] = &[
    ("", "Pod", &[Template("", &[])]),
    (
        "",
        "ReplicationController",
        &[Template("spec.template", &["spec.replicas"])],
    ),
    (
        "apps",
        "Deployment",
        &[Template("spec.template", &["spec.replicas"])],
    ),
    (
        "apps",
        "ReplicaSet",
        &[Template("spec.template", &["spec.replicas"])],
    ),
    (
        "apps",
        "StatefulSet",
        &[Template("spec.template", &["spec.replicas"])],
    ),
    ("apps", "DaemonSet", &[Template("spec.template", &[])]),
    (
        "batch",
        "Job",
        &[Template("spec.template", &["spec.parallelism"])],
    ),
    (
        "batch",
        "CronJob",
        &[Template(
            "spec.jobTemplate.spec.template",
            &["spec.jobTemplate.spec.parallelism"],
        )],
    ),
    (
        "jobset.x-k8s.io",
        "JobSet",
        &[Each(
            "spec.replicatedJobs",
            "template.spec.template",
            &["replicas", "template.spec.parallelism"],
        )],
    ),
    (
        "leaderworkerset.x-k8s.io",
        "LeaderWorkerSet",
        &[
            Template("spec.leaderWorkerTemplate.leaderTemplate", &["spec.replicas"]),
            Template(
                "spec.leaderWorkerTemplate.workerTemplate",
                &["spec.replicas", "spec.leaderWorkerTemplate.size"],
            ),
        ],
    ),
    (
        "ray.io",
        "RayCluster",
        &[
            Template("spec.headGroupSpec.template", &[]),
            Each("spec.workerGroupSpecs", "template", &["replicas", "numOfHosts"]),
        ],
    ),
    (
        "ray.io",
        "RayJob",
        &[
            Template("spec.rayClusterSpec.headGroupSpec.template", &[]),
            Each(
                "spec.rayClusterSpec.workerGroupSpecs",
                "template",
                &["replicas", "numOfHosts"],
            ),
            Template("spec.submitterPodTemplate", &[]),
        ],
    ),
    (
        "ray.io",
        "RayService",
        &[
            Template("spec.rayClusterConfig.headGroupSpec.template", &[]),
            Each(
                "spec.rayClusterConfig.workerGroupSpecs",
                "template",
                &["replicas", "numOfHosts"],
            ),
        ],
    ),
    ("trainer.kubeflow.org", "TrainJob", &[Trainer("spec.trainer")]),
    ("kubeflow.org", "PyTorchJob", &[Roles("spec.pytorchReplicaSpecs")]),
    ("kubeflow.org", "MPIJob", &[Roles("spec.mpiReplicaSpecs")]),
    ("kubeflow.org", "TFJob", &[Roles("spec.tfReplicaSpecs")]),
    ("kubeflow.org", "XGBoostJob", &[Roles("spec.xgbReplicaSpecs")]),
    ("kubeflow.org", "JAXJob", &[Roles("spec.jaxReplicaSpecs")]),
    ("kubeflow.org", "PaddleJob", &[Roles("spec.paddleReplicaSpecs")]),
    (
        "serving.kserve.io",
        "InferenceService",
        &[
            Bare("spec.predictor", "spec.predictor.minReplicas"),
            Bare("spec.transformer", "spec.transformer.minReplicas"),
            Bare("spec.explainer", "spec.explainer.minReplicas"),
        ],
    ),
    (
        "machinelearning.seldon.io",
        "SeldonDeployment",
        &[Each("spec.predictors", "componentSpecs", &["replicas"])],
    ),
    ("mlops.seldon.io", "Model", &[]),
    (
        "batch.volcano.sh",
        "Job",
        &[Each("spec.tasks", "template", &["replicas"])],
    ),
    ("agents.x-k8s.io", "Sandbox", &[Template("spec.podTemplate", &[])]),
];

/// Whether objects of the kind are workloads.
#[must_use]
pub(crate) fn is_workload(document: &Document) -> bool {
    shapes(document).is_some()
}

fn shapes(document: &Document) -> Option<&'static [Shape]> {
    SHAPES
        .iter()
        .find(|(group, kind, _)| *group == document.group() && *kind == document.kind())
        .map(|(_, _, shapes)| *shapes)
}

/// The pods of an object.
#[must_use]
pub(crate) fn pod_sets(index: usize, document: &Document) -> Vec<PodSet> {
    let exact =
        ["", "apps", "batch", "jobset.x-k8s.io", "leaderworkerset.x-k8s.io"].contains(&document.group());
    let mut sets = Vec::new();
    let root = &document.node;
    for shape in shapes(document).unwrap_or_default() {
        match shape {
            Template(path, keys) => add(&mut sets, root, steps(path), count(root, keys), String::new()),
            Each(list, template, keys) => {
                for (number, item) in root.at(list).items().iter().enumerate() {
                    let mut path = steps(list);
                    path.push(Step::Index(number));
                    let role = ["name", "groupName"].iter().find_map(|key| item.get(key).text());
                    let role = role.unwrap_or_default().to_owned();
                    path.extend(steps(template));
                    // Seldon's predictors hold a list of templates.
                    let inner = look(root, &path).map_or(0, |node| node.items().len());
                    if inner == 0 {
                        add(&mut sets, root, path, count(item, keys), role);
                    } else {
                        for number in 0..inner {
                            let mut path = path.clone();
                            path.push(Step::Index(number));
                            add(&mut sets, root, path, count(item, keys), role.clone());
                        }
                    }
                }
            }
            Roles(map) => {
                for (role, item) in root.at(map).entries() {
                    let mut path = steps(map);
                    path.extend([Step::Key(role.clone()), Step::Key("template".to_owned())]);
                    add(
                        &mut sets,
                        root,
                        path,
                        count(item, &["replicas"]),
                        role.to_lowercase(),
                    );
                }
            }
            Bare(path, replicas) => {
                if root.at(path).is_null() {
                    continue;
                }
                let spec = steps(path);
                let mut containers = containers(root, &spec);
                let mut model = spec.clone();
                model.push(Step::Key("model".to_owned()));
                if look(root, &model).is_some() {
                    containers.push(ContainerAt {
                        path: model,
                        resources: "resources",
                        initial: false,
                    });
                }
                let role = path.rsplit('.').next().unwrap_or_default().to_owned();
                sets.push(PodSet {
                    document: 0,
                    role,
                    metadata: steps("metadata"),
                    spec,
                    count: root.at(replicas).whole().unwrap_or(1),
                    containers,
                    exact: false,
                });
            }
            Trainer(path) => {
                let spec = steps(path);
                sets.push(PodSet {
                    document: 0,
                    role: "node".to_owned(),
                    metadata: steps("metadata"),
                    count: root.at(path).get("numNodes").whole().unwrap_or(1),
                    containers: vec![ContainerAt {
                        path: spec.clone(),
                        resources: "resourcesPerNode",
                        initial: false,
                    }],
                    spec,
                    exact: false,
                });
            }
        }
    }
    if document.kind() == "LeaderWorkerSet" {
        leaders_are_no_workers(&mut sets, root);
    }
    for set in &mut sets {
        set.document = index;
        set.exact = exact;
    }
    sets
}

fn add(sets: &mut Vec<PodSet>, root: &Node, template: Vec<Step>, count: u64, role: String) {
    if look(root, &template).is_none() {
        return;
    }
    let below = |key: &str| {
        let mut path = template.clone();
        path.push(Step::Key(key.to_owned()));
        path
    };
    let spec = below("spec");
    sets.push(PodSet {
        document: 0,
        role,
        metadata: below("metadata"),
        containers: containers(root, &spec),
        spec,
        count,
        exact: false,
    });
}

/// The product of what stands at the keys; what is missing is 1.
fn count(node: &Node, keys: &[&str]) -> u64 {
    keys.iter()
        .map(|key| node.at(key).whole().unwrap_or(1))
        .fold(1, u64::saturating_mul)
}

/// Where there are leaders of their own, they take one place of each group.
fn leaders_are_no_workers(sets: &mut [PodSet], root: &Node) {
    let groups = root.at("spec.replicas").whole().unwrap_or(1);
    let led = sets.len() == 2;
    if let [leader, worker] = sets {
        leader.role = "leader".to_owned();
        worker.role = "worker".to_owned();
        if led {
            worker.count = worker.count.saturating_sub(groups);
        }
    }
}

fn containers(root: &Node, spec: &[Step]) -> Vec<ContainerAt> {
    let mut found = Vec::new();
    for (key, initial) in [("containers", false), ("initContainers", true)] {
        let mut list = spec.to_vec();
        list.push(Step::Key(key.to_owned()));
        for (number, container) in look(root, &list)
            .map(Node::items)
            .unwrap_or_default()
            .iter()
            .enumerate()
        {
            let mut path = list.clone();
            path.push(Step::Index(number));
            found.push(ContainerAt {
                path,
                resources: "resources",
                initial: initial && container.get("restartPolicy").text() != Some("Always"),
            });
        }
    }
    found
}

/// An amount of a resource in a pod, and the container that asks for it first.
#[derive(Clone, Debug)]
pub struct Asked {
    /// How much: thousandths of it.
    pub milli: u64,
    /// The way to where it stands first.
    pub path: Vec<Step>,
}

impl PodSet {
    /// What a path below the spec leads to.
    #[must_use]
    pub fn spec_at<'n>(&self, root: &'n Node, path: &str) -> Option<&'n Node> {
        let mut way = self.spec.clone();
        way.extend(steps(path));
        look(root, &way)
    }

    /// What one pod asks for, by resource: all containers together, or one that runs before them if that is more.
    #[must_use]
    pub fn resources(&self, root: &Node) -> BTreeMap<String, Asked> {
        let mut together: BTreeMap<String, Asked> = BTreeMap::new();
        let mut before: BTreeMap<String, Asked> = BTreeMap::new();
        for container in &self.containers {
            let Some(node) = look(root, &container.path) else {
                continue;
            };
            let resources = node.get(container.resources);
            let mut own: BTreeMap<&str, Asked> = BTreeMap::new();
            // Requests decide; limits stand in for what is not requested.
            for list in ["limits", "requests"] {
                for (name, amount) in resources.get(list).entries() {
                    let Some(milli) = Quantity::read(&amount.to_json()).map(Quantity::milli) else {
                        continue;
                    };
                    let mut path = container.path.clone();
                    path.extend([container.resources, list, name].map(|key| Step::Key(key.to_owned())));
                    own.insert(
                        name,
                        Asked {
                            milli: u64::try_from(milli).unwrap_or(0),
                            path,
                        },
                    );
                }
            }
            for (name, asked) in own {
                if container.initial {
                    let most = before.entry(name.to_owned()).or_insert_with(|| asked.clone());
                    if most.milli < asked.milli {
                        *most = asked;
                    }
                } else {
                    together
                        .entry(name.to_owned())
                        .and_modify(|sum| sum.milli = sum.milli.saturating_add(asked.milli))
                        .or_insert(asked);
                }
            }
        }
        for (name, asked) in before {
            let sum = together.entry(name).or_insert_with(|| asked.clone());
            sum.milli = sum.milli.max(asked.milli);
        }
        together
    }

    /// The pod's labels.
    #[must_use]
    pub fn labels<'n>(&self, root: &'n Node) -> &'n [(String, Node)] {
        look(root, &self.metadata).map_or(&[], |metadata| metadata.get("labels").entries())
    }

    /// The value of a label.
    #[must_use]
    pub fn label<'n>(&self, root: &'n Node, key: &str) -> Option<&'n str> {
        look(root, &self.metadata)?.get("labels").get(key).text()
    }

    /// The value of an annotation.
    #[must_use]
    pub fn annotation<'n>(&self, root: &'n Node, key: &str) -> Option<&'n str> {
        look(root, &self.metadata)?.get("annotations").get(key).text()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::{Limits, Source, read};

    fn sets(text: &str) -> Vec<(String, u64, usize)> {
        let source = Source::Stream("-".to_owned(), Box::new(std::io::Cursor::new(text.to_owned())));
        let manifests = read(vec![source], Limits::default()).unwrap();
        pod_sets(0, &manifests.documents[0])
            .into_iter()
            .map(|set| (set.role, set.count, set.containers.len()))
            .collect()
    }

    #[test]
    fn pods_are_found_and_counted_in_each_shape() {
        let pod = "{spec: {containers: [{name: c}]}}";
        assert_eq!(
            sets(&format!(
                "{{apiVersion: apps/v1, kind: Deployment, spec: {{replicas: 3, template: {pod}}}}}"
            )),
            [(String::new(), 3, 1)]
        );
        assert_eq!(
            sets(&format!(
                "{{apiVersion: jobset.x-k8s.io/v1alpha2, kind: JobSet, spec: {{replicatedJobs: [{{name: w, replicas: 2, template: {{spec: {{parallelism: 4, template: {pod}}}}}}}]}}}}"
            )),
            [("w".to_owned(), 8, 1)]
        );
        assert_eq!(
            sets(&format!(
                "{{apiVersion: leaderworkerset.x-k8s.io/v1, kind: LeaderWorkerSet, spec: {{replicas: 2, leaderWorkerTemplate: {{size: 4, leaderTemplate: {pod}, workerTemplate: {pod}}}}}}}"
            )),
            [("leader".to_owned(), 2, 1), ("worker".to_owned(), 6, 1)]
        );
        assert_eq!(
            sets(&format!(
                "{{apiVersion: kubeflow.org/v1, kind: PyTorchJob, spec: {{pytorchReplicaSpecs: {{Master: {{template: {pod}}}, Worker: {{replicas: 3, template: {pod}}}}}}}}}"
            )),
            [("master".to_owned(), 1, 1), ("worker".to_owned(), 3, 1)]
        );
        assert_eq!(
            sets(
                "{apiVersion: trainer.kubeflow.org/v1alpha1, kind: TrainJob, spec: {trainer: {numNodes: 4}}}"
            ),
            [("node".to_owned(), 4, 1)]
        );
        assert_eq!(
            sets(
                "{apiVersion: serving.kserve.io/v1beta1, kind: InferenceService, spec: {predictor: {minReplicas: 2, model: {}}}}"
            ),
            [("predictor".to_owned(), 2, 1)]
        );
    }

    #[test]
    fn a_pod_asks_for_the_sum_of_its_containers_or_the_most_before_them() {
        let text = "apiVersion: v1\nkind: Pod\nspec:\n  initContainers:\n  - resources: {limits: {x/y: 4, cpu: 100m}}\n  containers:\n  - resources: {limits: {x/y: 1}, requests: {cpu: 1}}\n  - resources: {limits: {x/y: '2', cpu: 2}}\n";
        let source = Source::Stream("-".to_owned(), Box::new(std::io::Cursor::new(text.to_owned())));
        let manifests = read(vec![source], Limits::default()).unwrap();
        let root = &manifests.documents[0].node;
        let asked = pod_sets(0, &manifests.documents[0])[0].resources(root);
        assert_eq!((asked["x/y"].milli, asked["cpu"].milli), (4000, 3000));
    }
}
