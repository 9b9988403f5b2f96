//! No input makes it panic, and none makes it take long.

use std::io::Cursor;

use plimsoll_portability::{Colour, Limits, Source, adapted, answer, read, rows, table};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{examples, platform};

/// All of it, on whatever bytes.
fn whole(bytes: Vec<u8>) {
    let source = Source::Stream("-".to_owned(), Box::new(Cursor::new(bytes)));
    let Ok(manifests) = read(vec![source], Limits::default()) else {
        return;
    };
    thread_local! {
        static PLATFORMS: [plimsoll_portability::Platform; 2] = [platform("mixed"), platform("plugin-only")];
    }
    PLATFORMS.with(|platforms| {
        let answers = answer(&manifests, platforms);
        let _ = table(&manifests, platforms, &answers, Colour::Always);
        let _ = rows(&manifests, platforms, &answers);
        for number in 0..platforms.len() {
            let _ = adapted(&manifests, &answers, platforms, number);
        }
    });
}

/// Any value, with the words that manifests are made of.
fn value() -> impl Strategy<Value = Value> {
    let words = prop::sample::select(vec![
        "metadata",
        "name",
        "spec",
        "template",
        "containers",
        "resources",
        "limits",
        "requests",
        "nvidia.com/gpu",
        "cpu",
        "claims",
        "resourceClaims",
        "resourceClaimTemplateName",
        "labels",
        "kueue.x-k8s.io/queue-name",
        "replicas",
        "nodeSelector",
        "tolerations",
        "volumes",
        "spec.x",
        "image",
        "0",
        "1",
        "-1",
        "1e400",
        "5Gi",
        "",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        words.clone().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((words.clone(), inner), 0..6).prop_map(|entries| entries
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value))
                .collect()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_bytes_are_answered_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        whole(bytes);
    }

    #[test]
    fn any_text_is_answered_or_refused(text in "(---\n|[a-z]{1,3}: |- |\\{|\\}|\\[|\\]|&a|\\*a|\"|'|\\||\n|  |#|\\{\\{|\u{feff}){0,60}") {
        whole(text.into_bytes());
    }

    #[test]
    fn examples_that_were_damaged_are_answered_or_refused(
        which in 0_usize..12, at in any::<prop::sample::Index>(), length in 0_usize..40, with in ".{0,6}",
    ) {
        let (_, text) = &examples()[which];
        let mut bytes = text.clone().into_bytes();
        let start = at.index(bytes.len());
        let end = (start + length).min(bytes.len());
        bytes.splice(start..end, with.into_bytes());
        whole(bytes);
    }

    #[test]
    fn objects_of_any_shape_are_answered(
        kind in prop::sample::select(vec![
            "v1/Pod", "apps/v1/Deployment", "batch/v1/Job", "jobset.x-k8s.io/v1alpha2/JobSet", "ray.io/v1/RayJob",
            "kubeflow.org/v1/PyTorchJob", "trainer.kubeflow.org/v1alpha1/TrainJob", "v1/PersistentVolumeClaim",
            "serving.kserve.io/v1beta1/InferenceService", "resource.k8s.io/v1/ResourceClaimTemplate",
            "gateway.networking.k8s.io/v1/HTTPRoute", "autoscaling/v2/HorizontalPodAutoscaler", "v1/List",
        ]),
        metadata in value(), spec in value(), more in value(),
    ) {
        let (api_version, kind) = kind.rsplit_once('/').unwrap();
        let object = json!({"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec, "items": more});
        whole(object.to_string().into_bytes());
    }

    #[test]
    fn pods_of_any_shape_are_answered(spec in value(), replicas in any::<i64>()) {
        let job = json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"},
            "spec": {"replicas": replicas, "template": {"metadata": {"name": "x"}, "spec": spec}},
        });
        whole(job.to_string().into_bytes());
    }
}

#[test]
fn deep_nesting_is_refused_and_not_followed() {
    whole(format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)).into_bytes());
    whole("- ".repeat(50_000).into_bytes());
    whole("a:\n ".repeat(2_000).into_bytes());
}
