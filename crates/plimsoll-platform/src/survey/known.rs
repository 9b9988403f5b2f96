//! What is recognised: one line each. A new scheduler, operator, autoscaler, exporter or network is a line here.

/// Where a finding is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Section {
    Schedulers,
    Operators,
    Gateways,
    Autoscalers,
    Metrics,
    Networks,
}

/// Something that can be recognised.
pub(super) struct Known {
    pub(super) section: Section,
    pub(super) name: &'static str,
    /// API groups it brings along.
    pub(super) groups: &'static [&'static str],
    /// Last parts of its images' names.
    pub(super) images: &'static [&'static str],
}

const fn known(
    section: Section,
    name: &'static str,
    groups: &'static [&'static str],
    images: &'static [&'static str],
) -> Known {
    Known {
        section,
        name,
        groups,
        images,
    }
}

use Section::{Autoscalers, Gateways, Metrics, Networks, Operators, Schedulers};

/// Everything that is recognised.
pub(super) const KNOWN: &[Known] = &[
    known(
        Schedulers,
        "volcano",
        &["scheduling.volcano.sh"],
        &["vc-scheduler"],
    ),
    known(
        Schedulers,
        "kai-scheduler",
        &["scheduling.run.ai"],
        &["kai-scheduler", "scheduler-kai"],
    ),
    known(Schedulers, "yunikorn", &[], &["yunikorn"]),
    known(
        Schedulers,
        "koordinator",
        &["scheduling.koordinator.sh"],
        &["koord-scheduler"],
    ),
    known(
        Schedulers,
        "scheduler-plugins",
        &["scheduling.x-k8s.io"],
        &["kube-scheduler-plugins"],
    ),
    known(Operators, "kueue", &["kueue.x-k8s.io"], &["kueue"]),
    known(Operators, "jobset", &["jobset.x-k8s.io"], &["jobset"]),
    known(
        Operators,
        "leaderworkerset",
        &["leaderworkerset.x-k8s.io"],
        &["lws"],
    ),
    known(
        Operators,
        "kuberay",
        &["ray.io"],
        &["kuberay-operator", "operator-kuberay"],
    ),
    known(
        Operators,
        "kubeflow-trainer",
        &["trainer.kubeflow.org"],
        &["trainer-controller-manager"],
    ),
    known(
        Operators,
        "training-operator",
        &["kubeflow.org"],
        &["training-operator"],
    ),
    known(
        Operators,
        "kserve",
        &["serving.kserve.io"],
        &["kserve-controller"],
    ),
    known(Operators, "grove", &["grove.io"], &["grove-operator"]),
    known(Operators, "dynamo", &["nvidia.com.dynamo"], &["dynamo-operator"]),
    known(
        Operators,
        "agent-sandbox",
        &["agents.x-k8s.io"],
        &["agent-sandbox-controller"],
    ),
    known(
        Operators,
        "nvidia-gpu-operator",
        &["nvidia.com"],
        &["gpu-operator"],
    ),
    known(
        Operators,
        "nvidia-network-operator",
        &["mellanox.com"],
        &["network-operator"],
    ),
    known(
        Operators,
        "nvidia-dra-driver",
        &["resource.nvidia.com"],
        &["k8s-dra-driver-gpu", "nvidia-dra-driver-gpu"],
    ),
    known(Operators, "nvidia-device-plugin", &[], &["k8s-device-plugin"]),
    known(
        Operators,
        "amd-gpu-operator",
        &["amd.com"],
        &["gpu-operator-controller"],
    ),
    known(
        Operators,
        "intel-device-plugins",
        &["deviceplugin.intel.com"],
        &["intel-deviceplugin-operator"],
    ),
    known(
        Operators,
        "node-feature-discovery",
        &["nfd.k8s-sigs.io"],
        &["node-feature-discovery"],
    ),
    known(Operators, "kubevirt", &["kubevirt.io"], &["virt-operator"]),
    known(Operators, "mlflow", &[], &["mlflow"]),
    known(Gateways, "gateway-api", &["gateway.networking.k8s.io"], &[]),
    known(
        Gateways,
        "inference-extension",
        &["inference.networking.k8s.io", "inference.networking.x-k8s.io"],
        &["epp"],
    ),
    known(Autoscalers, "cluster-autoscaler", &[], &["cluster-autoscaler"]),
    known(Autoscalers, "karpenter", &["karpenter.sh"], &["karpenter"]),
    known(Autoscalers, "cluster-api", &["cluster.x-k8s.io"], &[]),
    known(
        Autoscalers,
        "provisioning-requests",
        &["autoscaling.x-k8s.io"],
        &[],
    ),
    known(Autoscalers, "keda", &["keda.sh"], &["keda", "keda-operator"]),
    known(
        Autoscalers,
        "vertical-pod-autoscaler",
        &["autoscaling.k8s.io"],
        &["vpa-recommender"],
    ),
    known(
        Metrics,
        "prometheus-operator",
        &["monitoring.coreos.com"],
        &["prometheus-operator"],
    ),
    known(Metrics, "prometheus", &[], &["prometheus"]),
    known(
        Metrics,
        "victoria-metrics-operator",
        &["operator.victoriametrics.com"],
        &[],
    ),
    known(
        Metrics,
        "google-managed-prometheus",
        &["monitoring.googleapis.com"],
        &[],
    ),
    known(
        Metrics,
        "azure-managed-prometheus",
        &["azmonitoring.coreos.com"],
        &[],
    ),
    known(
        Metrics,
        "opentelemetry-operator",
        &["opentelemetry.io"],
        &["opentelemetry-operator"],
    ),
    known(Metrics, "metrics-server", &[], &["metrics-server"]),
    known(Metrics, "prometheus-adapter", &[], &["prometheus-adapter"]),
    known(Metrics, "dcgm-exporter", &[], &["dcgm-exporter"]),
    known(
        Metrics,
        "amd-device-metrics-exporter",
        &[],
        &["device-metrics-exporter"],
    ),
    known(
        Metrics,
        "intel-xpumanager",
        &[],
        &["xpumanager", "intel-xpumanager"],
    ),
    known(Metrics, "neuron-monitor", &[], &["neuron-monitor"]),
    known(Metrics, "ascend-npu-exporter", &[], &["npu-exporter"]),
    known(Networks, "cilium", &["cilium.io"], &["cilium"]),
    known(
        Networks,
        "calico",
        &["crd.projectcalico.org", "projectcalico.org"],
        &["calico-node", "node-calico"],
    ),
    known(
        Networks,
        "antrea",
        &["crd.antrea.io"],
        &["antrea-agent-ubuntu", "antrea-ubuntu"],
    ),
    known(Networks, "flannel", &[], &["flannel"]),
    known(Networks, "kindnet", &[], &["kindnetd"]),
    known(Networks, "ovn-kubernetes", &["k8s.ovn.org"], &["ovn-kube"]),
    known(Networks, "multus", &["k8s.cni.cncf.io"], &["multus-cni"]),
    known(
        Networks,
        "sriov-network-operator",
        &["sriovnetwork.openshift.io"],
        &["sriov-network-operator"],
    ),
    known(Networks, "dranet", &[], &["dranet"]),
    known(
        Networks,
        "rdma-shared-device-plugin",
        &[],
        &["k8s-rdma-shared-dev-plugin"],
    ),
    known(
        Networks,
        "admin-network-policy",
        &["policy.networking.k8s.io"],
        &[],
    ),
];

/// An API by which pods can be scheduled as a group.
pub(super) struct KnownGang {
    pub(super) adapter: &'static str,
    pub(super) group: &'static str,
    /// Those we can speak, the best first.
    pub(super) versions: &'static [&'static str],
    /// The kind that stands for a group of pods.
    pub(super) kind: &'static str,
}

/// The gang APIs that are recognised. One adapter's best line comes first.
pub(super) const GANG_APIS: &[KnownGang] = &[
    KnownGang {
        adapter: "native",
        group: "scheduling.k8s.io",
        versions: &["v1", "v1beta1", "v1alpha3", "v1alpha2"],
        kind: "PodGroup",
    },
    KnownGang {
        adapter: "native",
        group: "scheduling.k8s.io",
        versions: &["v1alpha1"],
        kind: "Workload",
    },
    KnownGang {
        adapter: "kueue",
        group: "kueue.x-k8s.io",
        versions: &["v1beta2", "v1beta1"],
        kind: "Workload",
    },
    KnownGang {
        adapter: "volcano",
        group: "scheduling.volcano.sh",
        versions: &["v1beta1"],
        kind: "PodGroup",
    },
    KnownGang {
        adapter: "kai",
        group: "scheduling.run.ai",
        versions: &["v2alpha2"],
        kind: "PodGroup",
    },
    KnownGang {
        adapter: "coscheduling",
        group: "scheduling.x-k8s.io",
        versions: &["v1alpha1"],
        kind: "PodGroup",
    },
];
