//! What holds for any manifests: how they are read, what order answers have, and that adapting has an end.

use std::{io::Cursor, sync::LazyLock};

use plimsoll_portability::{
    Colour, Document, Files, Limits, Manifests, Node, Platform, Source, adapted, answer, read, rows, table,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{examples, platform};

static PLATFORMS: LazyLock<Vec<Platform>> =
    LazyLock::new(|| ["nvidia", "amd", "mixed", "plugin-only"].map(platform).into());

static BACKWARDS: LazyLock<Vec<Platform>> =
    LazyLock::new(|| ["plugin-only", "mixed", "amd", "nvidia"].map(platform).into());

fn source(name: &str, bytes: impl Into<Vec<u8>>) -> Source {
    Source::Stream(name.to_owned(), Box::new(Cursor::new(bytes.into())))
}

fn of_texts(texts: &[String]) -> Manifests {
    let sources = texts
        .iter()
        .enumerate()
        .map(|(number, text)| source(&format!("{number}.yaml"), text.clone()))
        .collect();
    read(sources, Limits::default()).unwrap()
}

fn printed(manifests: &Manifests, platforms: &[Platform]) -> String {
    let answers = answer(manifests, platforms);
    let rows = serde_json::to_string(&rows(manifests, platforms, &answers)).unwrap();
    format!("{rows}\n{}", table(manifests, platforms, &answers, Colour::Never))
}

/// The changed manifests for each of the platforms; where a change can't be made, none.
fn changed(manifests: &Manifests) -> Vec<Option<Files>> {
    let answers = answer(manifests, &PLATFORMS);
    (0..PLATFORMS.len())
        .map(|number| adapted(manifests, &answers, &PLATFORMS, number).unwrap_or_default())
        .collect()
}

fn titles(manifests: &Manifests) -> Vec<String> {
    manifests.documents.iter().map(Document::title).collect()
}

/// Texts that YAML would take for something else.
fn odd_text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[-?:,\\[\\]{}#&*!|>'\"%@` \\n\\t0-9a-z.~<=+]{0,12}",
        proptest::sample::select(vec![
            "yes",
            "NO",
            "on",
            "null",
            "~",
            "0x1F",
            "0o17",
            "1e3",
            ".inf",
            ".nan",
            "1_000",
            "12:30:45",
            "2026-11-25",
            "<<",
            "---",
            "...",
            "- a",
            "a: b",
            "# c",
            " lead",
            "trail ",
            "\u{feff}",
            "\u{85}",
            "\u{2028}",
            "",
        ])
        .prop_map(str::to_owned),
    ]
}

fn tree() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        odd_text().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(odd_text(), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Amounts as people write them, and as nobody should.
fn amount() -> impl Strategy<Value = Value> {
    prop_oneof![
        (0_u32..9).prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[-+]?[0-9]{1,22}(\\.[0-9]{0,22})?(n|u|m|k|Ki|M|Mi|G|Gi|T|Ti|P|Pi|E|Ei|e[-+]?[0-9]{1,4})?"
            .prop_map(Value::from),
        odd_text().prop_map(Value::from),
    ]
}

/// Selectors of devices: pieces of the language in any order.
fn selector() -> impl Strategy<Value = String> {
    const PIECES: &[&str] = &[
        "device",
        ".driver",
        ".attributes",
        ".capacity",
        "[\"gpu.nvidia.com\"]",
        ".memory",
        ".productName",
        "==",
        "!=",
        ">=",
        "&&",
        "||",
        "!",
        "(",
        ")",
        "?",
        ":",
        "quantity(\"40Gi\")",
        "semver(\"1.2.3\")",
        "\"gpu.nvidia.com\"",
        ".compareTo(",
        ".isGreaterThan(",
        ".matches(\"(a+)+$\")",
        ".exists(x, x)",
        "[1,2,3]",
        ".map(x, [1,2,3])",
        "1",
        "/ 0",
        "9223372036854775807",
        "+",
        "true",
        "cel.bind(x, device, ",
        "\u{0}",
        "'",
        "has(",
    ];
    prop_oneof![
        prop::collection::vec(proptest::sample::select(PIECES), 0..14).prop_map(|pieces| pieces.join(" ")),
        any::<String>(),
    ]
}

fn job(name: &str, resource: &str, amount: &Value, pods: u32, queue: bool) -> Value {
    let labels = if queue {
        json!({"kueue.x-k8s.io/queue-name": "team"})
    } else {
        json!({})
    };
    json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name, "labels": labels},
        "spec": {"parallelism": pods, "completions": pods, "suspend": queue, "template": {
            "metadata": {"annotations": {"plimsoll.dev/accelerator-vendors": "nvidia,amd"}},
            "spec": {"restartPolicy": "Never", "containers": [
                {"name": "m", "image": "registry.example/m:1", "resources": {"limits": {resource: amount, "cpu": "1"}}},
            ]},
        }},
    })
}

/// Jobs that run on some of the platforms, with or without changes.
fn jobs() -> impl Strategy<Value = Vec<String>> {
    let resources = vec!["nvidia.com/gpu", "amd.com/gpu", "intel.com/gpu", "memory"];
    let one = (
        proptest::sample::select(resources),
        0_u64..5,
        1_u32..5,
        any::<bool>(),
    );
    prop::collection::vec(one, 1..4).prop_map(|wanted| {
        let jobs = wanted.into_iter().enumerate();
        jobs.map(|(number, (resource, count, pods, queue))| {
            job(&format!("j{number}"), resource, &json!(count), pods, queue).to_string()
        })
        .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_read_is_read_again_as_the_same(tree in tree()) {
        let written = serde_saphyr::to_string(&Node::from(tree.clone())).unwrap();
        let node = Node::parse(&written);
        prop_assert!(node.is_ok(), "{:?}: {}", node, written);
        prop_assert_eq!(node.unwrap().to_json(), tree, "{}", written);
    }

    #[test]
    fn documents_keep_their_order_however_they_are_cut_into_files(
        names in prop::collection::vec("[a-z]{1,8}", 1..12), cut in 0_usize..12,
    ) {
        let texts: Vec<String> = names
            .iter()
            .map(|name| format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}q}}\n"))
            .collect();
        let whole = of_texts(&[texts.join("---\n")]);
        let cut = cut.min(texts.len());
        let (first, second) = (texts[..cut].join("---\n"), texts[cut..].join("---\n"));
        prop_assert_eq!(titles(&whole), titles(&of_texts(&[first, second])));
        prop_assert_eq!(titles(&whole), names.iter().map(|name| format!("Pod/{name}q")).collect::<Vec<_>>());
    }

    #[test]
    fn any_bytes_between_documents_leave_the_others_alone(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let pod = |name: &str| format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\n");
        let mut stream = format!("{}---\n", pod("a")).into_bytes();
        stream.extend(&bytes);
        stream.extend(format!("\n---\n{}", pod("z")).into_bytes());
        // Either everything is refused, or what is sound on both sides is there.
        if let Ok(manifests) = read(vec![source("-", stream)], Limits::default()) {
            let titles = titles(&manifests);
            prop_assert_eq!(titles.first().map(String::as_str), Some("Pod/a"));
            prop_assert_eq!(titles.last().map(String::as_str), Some("Pod/z"));
        }
    }

    #[test]
    fn any_amount_of_anything_is_answered_and_each_time_the_same(amount in amount(), resource in odd_text()) {
        for resource in ["cpu", "memory", "nvidia.com/gpu", resource.as_str()] {
            let manifests = of_texts(&[job("j", resource, &amount, 1, false).to_string()]);
            prop_assert_eq!(printed(&manifests, &PLATFORMS), printed(&manifests, &PLATFORMS));
        }
    }

    #[test]
    fn any_selector_of_devices_is_answered_and_never_taken_for_met_when_it_can_not_be_read(text in selector()) {
        let template = json!({
            "apiVersion": "resource.k8s.io/v1", "kind": "ResourceClaimTemplate", "metadata": {"name": "t"},
            "spec": {"spec": {"devices": {"requests": [{"name": "d", "exactly": {
                "deviceClassName": "gpu.nvidia.com", "selectors": [{"cel": {"expression": text}}],
            }}]}}},
        });
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"},
            "spec": {"resourceClaims": [{"name": "c", "resourceClaimTemplateName": "t"}], "containers": [
                {"name": "m", "image": "registry.example/m:1", "resources": {"claims": [{"name": "c"}]}},
            ]},
        });
        let manifests = of_texts(&[template.to_string(), pod.to_string()]);
        let answers = answer(&manifests, &PLATFORMS[..1]);
        if plimsoll_apiserver::cel::DeviceSelector::compile(&text).is_err() {
            let verdicts: Vec<_> = answers.answers.iter().map(|answer| answer.verdict).collect();
            prop_assert!(
                verdicts.iter().all(|verdict| *verdict != plimsoll_portability::Verdict::Runs),
                "{:?}", answers.answers
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_adapted_has_nothing_left_to_change(texts in jobs(), example in 0_usize..12) {
        let mut texts = texts;
        let examples = examples();
        texts.push(examples[example % examples.len()].1.clone());
        for (number, files) in changed(&of_texts(&texts)).into_iter().enumerate() {
            let Some(files) = files else { continue };
            let texts: Vec<String> = files.into_values().collect();
            let again = of_texts(&texts);
            let answers = answer(&again, &PLATFORMS);
            let second = adapted(&again, &answers, &PLATFORMS, number);
            prop_assert!(matches!(second, Ok(None)), "{second:?}\nof\n{}", texts.join("---\n"));
        }
    }

    #[test]
    fn the_order_of_workloads_and_of_platforms_changes_no_answer(texts in jobs()) {
        let forwards = of_texts(&texts);
        let backwards = of_texts(&texts.iter().rev().cloned().collect::<Vec<_>>());
        let said = |manifests: &Manifests, platforms: &[Platform]| {
            let answers = answer(manifests, platforms);
            let mut said: Vec<String> = answers
                .answers
                .iter()
                .map(|found| {
                    let workload = &answers.workloads[found.workload];
                    let title = manifests.documents[workload.main].title();
                    format!("{title} {} {:?} {:?}", platforms[found.platform].name, found.verdict, found.reasons)
                })
                .collect();
            said.sort();
            said
        };
        prop_assert_eq!(said(&forwards, &PLATFORMS), said(&backwards, &BACKWARDS));
    }
}
