//! Reads `plimsoll.toml`.

use std::{collections::BTreeMap, time::Duration};

use miette::NamedSource;
use plimsoll_program::{find, requirements};
use plimsoll_toml::{FaultKind, Table, unknown_name};
use plimsoll_vendors::Vendor;

use super::{
    AcceleratorSettings, AllocationMode, AutoscalingDeadlines, AutoscalingSettings, FaultySettings,
    GangSettings, MetricsSettings, ProbeSettings, Settings, duration,
};
use crate::gang_scheduling;

const HINT: &str =
    "`plimsoll config --init` writes a commented file; docs/guide/configuration.md has every key";

impl Settings {
    /// Reads the text of a settings file; `file` is its name in what is said about it.
    ///
    /// # Errors
    /// [`FaultySettings`], with every fault and its place.
    pub fn parse(file: &str, text: &str) -> Result<Self, FaultySettings> {
        plimsoll_toml::read(file, text, HINT, settings).map_err(|faults| FaultySettings {
            file: file.to_owned(),
            text: NamedSource::new(file, text.to_owned()),
            faults,
        })
    }
}

/// The keys that were set, and their values.
type Stated = BTreeMap<String, String>;

fn settings(mut root: Table<'_>) -> Settings {
    let mut stated = Stated::new();
    let accelerator = root
        .table("accelerator")
        .map(|table| accelerator(table, &mut stated));
    let metrics = root.table("metrics").map(|table| metrics(table, &mut stated));
    let gang = root.table("gang").map(|table| gang(table, &mut stated));
    let autoscaling = root
        .table("autoscaling")
        .map(|table| autoscaling(table, &mut stated));
    let probe = root.table("probe").map(|table| probe(table, &mut stated));
    let declared = root.table("declared").map(|table| declared(table, &mut stated));
    root.finish();
    Settings {
        accelerator: accelerator.unwrap_or_default(),
        metrics: metrics.unwrap_or_default(),
        gang: gang.unwrap_or_default(),
        autoscaling: autoscaling.unwrap_or_default(),
        probe: probe.unwrap_or_default(),
        declared: declared.unwrap_or_default(),
        stated,
    }
}

fn accelerator(mut table: Table<'_>, stated: &mut Stated) -> AcceleratorSettings {
    let vendors = Vendor::all().iter().map(|vendor| (vendor.id.as_str(), vendor));
    let profile = table.choice("profile", "accelerator profile", vendors);
    let modes = [
        ("auto", None),
        ("dra", Some(AllocationMode::Dra)),
        ("device-plugin", Some(AllocationMode::DevicePlugin)),
    ];
    let allocation = table
        .choice("allocation", "way to allocate accelerators", modes)
        .flatten();
    if let (Some(vendor), Some(mode)) = (profile, allocation)
        && let Some(why) = impossible(vendor, mode)
    {
        let help = "leave `allocation` out to try every way that is there";
        table.fault("allocation", FaultKind::Impossible { why, help });
    }
    if let Some(vendor) = profile {
        stated.insert("accelerator.profile".to_owned(), vendor.id.clone());
    }
    if let Some(mode) = allocation {
        let name = match mode {
            AllocationMode::Dra => "dra",
            AllocationMode::DevicePlugin => "device-plugin",
        };
        stated.insert("accelerator.allocation".to_owned(), name.to_owned());
    }
    table.finish();
    AcceleratorSettings { profile, allocation }
}

fn impossible(vendor: &Vendor, mode: AllocationMode) -> Option<String> {
    match mode {
        AllocationMode::Dra if vendor.dra.is_none() => Some(format!("`{}` has no DRA driver", vendor.id)),
        AllocationMode::DevicePlugin if vendor.resource().is_none() => {
            Some(format!("`{}` has no device plugin", vendor.id))
        }
        AllocationMode::Dra | AllocationMode::DevicePlugin => None,
    }
}

fn metrics(mut table: Table<'_>, stated: &mut Stated) -> MetricsSettings {
    let settings = MetricsSettings {
        endpoint: judged(
            &mut table,
            "metrics",
            "endpoint",
            stated,
            is_url,
            "a URL such as http://exporter.gpu:9400/metrics",
        ),
        utilization: judged(
            &mut table,
            "metrics",
            "utilization",
            stated,
            is_metric,
            "the name of a metric",
        ),
        memory: judged(
            &mut table,
            "metrics",
            "memory",
            stated,
            is_metric,
            "the name of a metric",
        ),
    };
    table.finish();
    settings
}

fn gang(mut table: Table<'_>, stated: &mut Stated) -> GangSettings {
    let adapter = table.text("adapter").and_then(|found| {
        let known = gang_scheduling::solutions();
        if known.contains(&found.as_str()) {
            stated.insert("gang.adapter".to_owned(), found.clone());
            return Some(found);
        }
        table.fault(
            "adapter",
            unknown_name("gang scheduling solution that can be spoken to", &found, known),
        );
        None
    });
    let hold = time(&mut table, "gang", "hold", stated);
    let labels = table.entries("labels");
    for label in &labels {
        if !is_label_key(&label.name) {
            let why = format!("`{}` can't be the key of a label", label.name);
            let help = "a key is a name of up to 63 letters, digits, `-`, `_` and `.`, with a domain and `/` before it if need be";
            table.fault_in(
                "labels",
                &label.name,
                label.name_span.clone(),
                FaultKind::Impossible { why, help },
            );
        }
        if !is_label_value(&label.text) {
            let why = format!("`{}` can't be the value of a label", label.text);
            let help = "a value has up to 63 letters, digits, `-`, `_` and `.`, and begins and ends with a letter or digit";
            table.fault_in(
                "labels",
                &label.name,
                label.text_span.clone(),
                FaultKind::Impossible { why, help },
            );
        }
        stated.insert(format!("gang.labels.{}", label.name), label.text.clone());
    }
    table.finish();
    GangSettings {
        adapter,
        hold,
        labels: labels.into_iter().map(|label| (label.name, label.text)).collect(),
    }
}

fn autoscaling(mut table: Table<'_>, stated: &mut Stated) -> AutoscalingSettings {
    let is_pool = |text: &str| {
        text.split_once('=')
            .is_some_and(|(key, value)| is_label_key(key) && is_label_value(value))
    };
    let pool = judged(
        &mut table,
        "autoscaling",
        "pool",
        stated,
        is_pool,
        "a label such as pool=gpu",
    );
    let deadlines = table.table("deadlines").map(|mut table| {
        let path = "autoscaling.deadlines";
        let deadlines = AutoscalingDeadlines {
            pending: time(&mut table, path, "pending", stated),
            scale_up: time(&mut table, path, "scale-up", stated),
            scale_down: time(&mut table, path, "scale-down", stated),
            stability: time(&mut table, path, "stability", stated),
        };
        table.finish();
        deadlines
    });
    table.finish();
    AutoscalingSettings {
        pool: pool.and_then(|pool| {
            let (key, value) = pool.split_once('=')?;
            Some((key.to_owned(), value.to_owned()))
        }),
        deadlines: deadlines.unwrap_or_default(),
    }
}

fn probe(mut table: Table<'_>, stated: &mut Stated) -> ProbeSettings {
    let image = judged(
        &mut table,
        "probe",
        "image",
        stated,
        is_image,
        "an image's reference such as registry.example.org/plimsoll-probe:v1",
    );
    table.finish();
    ProbeSettings { image }
}

fn declared(mut table: Table<'_>, stated: &mut Stated) -> BTreeMap<String, String> {
    let entries = table.entries("not-applicable");
    for entry in &entries {
        if find(&entry.name).is_err() {
            let known = requirements().iter().map(|requirement| requirement.id.as_str());
            let kind = unknown_name("requirement", &entry.name, known);
            table.fault_in("not-applicable", &entry.name, entry.name_span.clone(), kind);
        }
        if !entry.text.chars().any(char::is_alphanumeric) {
            let why = "a requirement is not applicable only for a reason".to_owned();
            let help =
                "say why it doesn't arise on this product; the sentence ends up in the submission's notes";
            table.fault_in(
                "not-applicable",
                &entry.name,
                entry.text_span.clone(),
                FaultKind::Impossible { why, help },
            );
        }
        stated.insert(
            format!("declared.not-applicable.{}", entry.name),
            entry.text.clone(),
        );
    }
    table.finish();
    entries
        .into_iter()
        .map(|entry| (entry.name, entry.text))
        .collect()
}

/// A piece of text that must be of a certain form.
fn judged(
    table: &mut Table<'_>,
    path: &str,
    key: &'static str,
    stated: &mut Stated,
    is_sound: impl Fn(&str) -> bool,
    expected: &'static str,
) -> Option<String> {
    let text = table.text(key)?;
    if is_sound(&text) {
        stated.insert(format!("{path}.{key}"), text.clone());
        return Some(text);
    }
    table.fault(
        key,
        FaultKind::WrongKind {
            expected: expected.to_owned(),
            found: format!("`{text}`"),
        },
    );
    None
}

fn time(table: &mut Table<'_>, path: &str, key: &'static str, stated: &mut Stated) -> Option<Duration> {
    let text = judged(
        table,
        path,
        key,
        stated,
        |text| duration::parse(text).is_some(),
        "a duration up to a week such as 45s, 2m or 1m30s",
    )?;
    duration::parse(&text)
}

fn is_url(text: &str) -> bool {
    let rest = text
        .strip_prefix("http://")
        .or_else(|| text.strip_prefix("https://"));
    rest.is_some_and(|rest| {
        rest.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '[')
            && rest.chars().all(|character| character.is_ascii_graphic())
    })
}

fn is_metric(text: &str) -> bool {
    let fits = |character: char| character.is_ascii_alphanumeric() || character == '_' || character == ':';
    !text.is_empty() && !text.starts_with(|first: char| first.is_ascii_digit()) && text.chars().all(fits)
}

fn is_image(text: &str) -> bool {
    !text.is_empty()
        && !text.contains("://")
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.chars().all(|character| character.is_ascii_graphic())
}

fn is_label_key(text: &str) -> bool {
    let (domain, name) = text
        .split_once('/')
        .map_or((None, text), |(domain, name)| (Some(domain), name));
    let is_domain = |domain: &str| {
        domain.len() <= 253
            && domain.split('.').all(|part| {
                part.starts_with(|first: char| first.is_ascii_lowercase() || first.is_ascii_digit())
                    && !part.ends_with('-')
                    && part
                        .bytes()
                        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            })
    };
    !name.is_empty() && is_label_value(name) && domain.is_none_or(is_domain)
}

fn is_label_value(text: &str) -> bool {
    let edge = |character: char| character.is_ascii_alphanumeric();
    text.is_empty()
        || (text.len() <= 63
            && text.starts_with(edge)
            && text.ends_with(edge)
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn faults(text: &str) -> Vec<String> {
        let error = Settings::parse("plimsoll.toml", text).unwrap_err();
        error.faults.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_empty_file_says_nothing() {
        assert_eq!(Settings::parse("p", "").unwrap(), Settings::default());
    }

    #[test]
    fn every_key_is_read_and_kept_for_the_record() {
        let text = r#"
[accelerator]
profile = "amd"
allocation = "device-plugin"
[metrics]
endpoint = "http://exporter.gpu:9400/metrics"
utilization = "gpu_busy"
memory = "gpu_memory"
[gang]
adapter = "native"
hold = "1m30s"
labels = { "kueue.x-k8s.io/queue-name" = "team" }
[autoscaling]
pool = "pool=gpu"
deadlines = { pending = "1m", scale-up = "20m", scale-down = "1h", stability = "2m" }
[probe]
image = "registry.example.org/probe:v1"
[declared.not-applicable]
cluster_autoscaling = "bare metal: no machine can be added"
"#;
        let settings = Settings::parse("p", text).unwrap();
        assert_eq!(settings.accelerator.profile.unwrap().id, "amd");
        assert_eq!(
            settings.accelerator.allocation,
            Some(AllocationMode::DevicePlugin)
        );
        assert_eq!(settings.gang.hold, Some(Duration::from_secs(90)));
        assert_eq!(settings.gang.labels["kueue.x-k8s.io/queue-name"], "team");
        assert_eq!(
            settings.autoscaling.pool,
            Some(("pool".to_owned(), "gpu".to_owned()))
        );
        assert_eq!(
            settings.autoscaling.deadlines.scale_down,
            Some(Duration::from_secs(3600))
        );
        assert!(settings.declared["cluster_autoscaling"].starts_with("bare metal"));
        assert_eq!(settings.stated.len(), 15);
        assert_eq!(settings.unread().count(), 5);
    }

    #[test]
    fn everything_wrong_is_told_at_once_each_with_its_place() {
        let text = "[accelerator]\nprofile = \"nvdia\"\n[gang]\nhodl = \"3s\"\nhold = \"soon\"\n\
                    [declared.not-applicable]\ngang_schedulin = \"no\"\ndra_support = \" \"\n[prob]\n";
        assert_eq!(
            faults(text),
            [
                "plimsoll.toml:2:11: `accelerator.profile` `nvdia` is no accelerator profile",
                "plimsoll.toml:4:1: `gang.hodl` is no key here",
                "plimsoll.toml:5:8: `gang.hold` must be a duration up to a week such as 45s, 2m or 1m30s, found `soon`",
                "plimsoll.toml:7:1: `declared.not-applicable.gang_schedulin` `gang_schedulin` is no requirement",
                "plimsoll.toml:8:15: `declared.not-applicable.dra_support` can't be: a requirement is not applicable \
                 only for a reason",
                "plimsoll.toml:9:2: `prob` is no key here",
            ]
        );
    }

    #[test]
    fn a_way_that_the_vendor_does_not_have_is_refused() {
        let found = faults("[accelerator]\nprofile = \"cambricon\"\nallocation = \"dra\"\n");
        assert!(
            found[0].starts_with("plimsoll.toml:3:14:") && found[0].contains("no DRA driver"),
            "{found:?}"
        );
    }

    #[test]
    fn impossible_values_are_refused() {
        for bad in [
            "[metrics]\nendpoint = \"exporter:9400\"",
            "[metrics]\nutilization = \"busy seconds\"",
            "[gang]\nadapter = \"kubeflow\"",
            "[gang]\nlabels = { \"-x\" = \"y\" }",
            "[gang]\nlabels = { x = \"-\" }",
            "[autoscaling]\npool = \"gpu\"",
            "[probe]\nimage = \"https://registry/x\"",
            "[probe]\nimage = 3",
            "accelerator = 3",
            "[accelerator\n",
        ] {
            assert_eq!(faults(bad).len(), 1, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC*") {
            let _ = Settings::parse("p", &text);
        }

        #[test]
        fn no_value_makes_it_panic(
            table in "(accelerator|metrics|gang|autoscaling|probe|declared)",
            key in "(profile|hold|labels|pool|image|not-applicable|endpoint|[a-z]{1,5})",
            value in "(\"[^\"\\\\\n]{0,12}\"|-?[0-9]{1,20}|true|\\[\\]|\\{ [a-z]{1,3} = \"x\" \\})",
        ) {
            let text = format!("[{table}]\n{key} = {value}\n");
            if let Err(error) = Settings::parse("p", &text) {
                prop_assert!(!error.faults.is_empty());
            }
        }
    }
}
