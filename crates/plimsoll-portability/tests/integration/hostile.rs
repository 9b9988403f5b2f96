//! No input makes it panic, and none makes it take long. What is random comes from seeds, so a failure names its own.

use std::{io::Cursor, panic};

use fastrand::Rng;
use plimsoll_portability::{Colour, Limits, Platform, Source, adapted, answer, read, rows, table};
use serde_json::{Map, Value, json};

use super::{examples, platform};

/// All of it, on whatever bytes.
fn whole(platforms: &[Platform], bytes: Vec<u8>) {
    let source = Source::Stream("-".to_owned(), Box::new(Cursor::new(bytes)));
    let Ok(manifests) = read(vec![source], Limits::default()) else {
        return;
    };
    let answers = answer(&manifests, platforms);
    let _ = table(&manifests, platforms, &answers, Colour::Always);
    let _ = serde_json::to_vec(&rows(&manifests, platforms, &answers)).unwrap();
    for number in 0..platforms.len() {
        let _ = adapted(&manifests, &answers, platforms, number);
    }
}

/// Many inputs, each of a seed of its own.
fn many(make: impl Fn(&mut Rng) -> Vec<u8>) {
    let platforms = [platform("mixed"), platform("plugin-only")];
    for seed in 0..300 {
        let bytes = make(&mut Rng::with_seed(seed));
        let ended = panic::catch_unwind(panic::AssertUnwindSafe(|| whole(&platforms, bytes.clone())));
        assert!(ended.is_ok(), "seed {seed}: {}", String::from_utf8_lossy(&bytes));
    }
}

const WORDS: &[&str] = &[
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
    "image",
    "0",
    "1",
    "-1",
    "1e400",
    "5Gi",
    "",
];

/// Any value, with the words that manifests are made of.
fn value(random: &mut Rng, depth: u32) -> Value {
    match random.u32(0..if depth == 0 { 5 } else { 9 }) {
        0 => Value::Null,
        1 => random.bool().into(),
        2 => random.i64(..).into(),
        3 => random.u64(..).into(),
        4 => WORDS[random.usize(..WORDS.len())].into(),
        5 | 6 => (0..random.u32(..4)).map(|_| value(random, depth - 1)).collect(),
        _ => {
            let mut map = Map::new();
            for _ in 0..random.u32(..6) {
                let key = WORDS[random.usize(..WORDS.len())].to_owned();
                map.insert(key, value(random, depth - 1));
            }
            Value::Object(map)
        }
    }
}

#[test]
fn any_bytes_are_answered_or_refused() {
    many(|random| (0..random.usize(..512)).map(|_| random.u8(..)).collect());
}

#[test]
fn any_text_is_answered_or_refused() {
    const PARTS: &[&str] = &[
        "---\n",
        "a: ",
        "- ",
        "{",
        "}",
        "[",
        "]",
        "&a ",
        "*a",
        "\"",
        "'",
        "|\n",
        "\n",
        "  ",
        "#",
        "{{",
        "kind: Pod\n",
        "apiVersion: v1\n",
        "\u{feff}",
        "<<: ",
        "!!int ",
        "...\n",
        "\t",
        "\0",
        "${",
        "?",
    ];
    many(|random| {
        let parts: String = (0..random.usize(..60))
            .map(|_| PARTS[random.usize(..PARTS.len())])
            .collect();
        parts.into_bytes()
    });
}

#[test]
fn examples_that_were_damaged_are_answered_or_refused() {
    let examples = examples();
    many(|random| {
        let mut bytes = examples[random.usize(..examples.len())].1.clone().into_bytes();
        let start = random.usize(..bytes.len());
        let end = (start + random.usize(..40)).min(bytes.len());
        let with: Vec<u8> = (0..random.usize(..6)).map(|_| random.u8(b' '..b'~')).collect();
        bytes.splice(start..end, with);
        bytes
    });
}

#[test]
fn objects_of_any_shape_are_answered() {
    const KINDS: &[(&str, &str)] = &[
        ("v1", "Pod"),
        ("apps/v1", "Deployment"),
        ("apps/v1", "StatefulSet"),
        ("batch/v1", "Job"),
        ("jobset.x-k8s.io/v1alpha2", "JobSet"),
        ("ray.io/v1", "RayJob"),
        ("kubeflow.org/v1", "PyTorchJob"),
        ("trainer.kubeflow.org/v1alpha1", "TrainJob"),
        ("serving.kserve.io/v1beta1", "InferenceService"),
        ("machinelearning.seldon.io/v1", "SeldonDeployment"),
        ("resource.k8s.io/v1", "ResourceClaimTemplate"),
        ("gateway.networking.k8s.io/v1", "HTTPRoute"),
        ("autoscaling/v2", "HorizontalPodAutoscaler"),
        ("v1", "PersistentVolumeClaim"),
        ("v1", "List"),
    ];
    many(|random| {
        let (api_version, kind) = KINDS[random.usize(..KINDS.len())];
        let object = json!({
            "apiVersion": api_version, "kind": kind, "metadata": value(random, 3), "spec": value(random, 6),
            "items": value(random, 3),
        });
        object.to_string().into_bytes()
    });
}

#[test]
fn pods_of_any_shape_are_answered() {
    many(|random| {
        let mut container = Map::new();
        for key in ["name", "image", "resources", "securityContext"] {
            container.insert(key.to_owned(), value(random, 4));
        }
        container.insert(
            "resources".to_owned(),
            json!({"limits": {"nvidia.com/gpu": value(random, 0)}}),
        );
        let job = json!({
            "apiVersion": "batch/v1", "kind": "Job",
            "metadata": {"name": "d", "labels": {"kueue.x-k8s.io/queue-name": value(random, 0)}},
            "spec": {
                "parallelism": value(random, 0),
                "template": {
                    "metadata": value(random, 2),
                    "spec": {
                        "containers": [container], "volumes": value(random, 3), "tolerations": value(random, 3),
                        "nodeSelector": value(random, 2), "affinity": value(random, 5), "resourceClaims": value(random, 2),
                    },
                },
            },
        });
        job.to_string().into_bytes()
    });
}

#[test]
fn deep_nesting_is_refused_and_not_followed() {
    let none: [Platform; 0] = [];
    whole(
        &none,
        format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)).into_bytes(),
    );
    whole(&none, "- ".repeat(50_000).into_bytes());
    whole(&none, "a:\n ".repeat(2_000).into_bytes());
}
