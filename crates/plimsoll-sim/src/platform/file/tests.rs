//! What a platform file may say, and what is said of one that may not.

use super::*;
use crate::platform::PlatformFault;

const SOUND: &str = r#"
name = "lab"
kubernetes = "1.36"

[[nodes]]
name = "node"
count = 2

[[nodes.accelerators]]
vendor = "nvidia"
count = 4
"#;

fn faults(text: &str) -> Vec<String> {
    let error = PlatformSpec::parse("p.toml", text).unwrap_err();
    error.faults.iter().map(ToString::to_string).collect()
}

fn helps(text: &str) -> Vec<String> {
    use miette::Diagnostic;
    let error = PlatformSpec::parse("p.toml", text).unwrap_err();
    let help = |fault: &PlatformFault| fault.help().map(|help| help.to_string());
    error.faults.iter().filter_map(help).collect()
}

#[test]
fn what_a_file_leaves_out_is_as_on_most_platforms() {
    let spec = PlatformSpec::parse("p.toml", SOUND).unwrap();
    assert_eq!((spec.kubernetes, spec.node_count()), (36, 2));
    assert_eq!(
        spec.gang_scheduling,
        GangScheduling {
            api: true,
            enforced: true,
            topology: true,
        }
    );
    assert_eq!(spec.latencies, Latencies::default());
    let accelerators = &spec.nodes[0].accelerators[0];
    assert_eq!((accelerators.allocation, accelerators.busy), (Allocation::Dra, 0));
    let names: Vec<String> = spec.node_names().map(|(name, _)| name).collect();
    assert_eq!(names, ["node-1", "node-2"]);
}

#[test]
fn a_version_may_be_written_as_a_number() {
    let spec = PlatformSpec::parse("p.toml", &SOUND.replace("\"1.36\"", "1.34")).unwrap();
    assert_eq!(spec.kubernetes, 34);
    assert!(!spec.gang_scheduling.api, "1.34 has none");
}

#[test]
fn everything_wrong_is_told_at_once_each_with_its_place_and_the_nearest_name() {
    let text = SOUND
        .replace("vendor = \"nvidia\"", "vendor = \"nvdia\"")
        .replace("count = 4", "cuont = 4")
        .replace("count = 2", "count = 0");
    assert_eq!(
        faults(&text),
        [
            "p.toml:7:9: `nodes[0].count` must be a whole number from 1 to 20000, found 0",
            "p.toml:10:10: `nodes[0].accelerators[0].vendor` `nvdia` is no vendor whose accelerators can be simulated",
            "p.toml:11:1: `nodes[0].accelerators[0].cuont` is no key here",
        ]
    );
    let helps = helps(&text);
    assert_eq!(helps[1..], ["did you mean `nvidia`?", "did you mean `count`?"]);
}

#[test]
fn text_that_is_no_toml_is_refused_where_it_breaks() {
    let found = faults("name = \"x\"\nkubernetes = 1.36\nnodes = [\n");
    assert!(found[0].starts_with("p.toml:"), "{found:?}");
    assert!(found[0].contains("not valid TOML"), "{found:?}");
}

#[test]
fn what_must_be_there_is_missed() {
    let found = faults("description = \"nothing\"\n");
    for key in ["name", "kubernetes", "nodes"] {
        assert!(
            found
                .iter()
                .any(|fault| fault.contains(&format!("`{key}` is missing"))),
            "{found:?}"
        );
    }
}

#[test]
fn a_value_of_another_kind_is_told_with_what_was_expected() {
    let found = faults(&SOUND.replace("count = 2", "count = \"two\""));
    assert_eq!(
        found,
        ["p.toml:7:9: `nodes[0].count` must be a whole number, found the text `two`"]
    );
    let found = faults(&SOUND.replace("count = 2", "taints = [\"gpu\", \"a:NoSchedul\", 3]"));
    assert!(
        found[0].contains("`nodes[0].taints[0]` must be `key=value:Effect`"),
        "{found:?}"
    );
    assert!(
        found[1].contains("`NoSchedul` is no effect of a taint"),
        "{found:?}"
    );
    assert!(found[2].contains("must be text, found the number 3"), "{found:?}");
}

#[test]
fn what_no_platform_can_be_is_refused() {
    for (from, to, why) in [
        (
            "count = 4",
            "count = 4\nbusy = 5",
            "5 of 4 accelerators are in use",
        ),
        (
            "vendor = \"nvidia\"",
            "vendor = \"huawei-ascend\"",
            "has no DRA driver",
        ),
        (
            "count = 4",
            "allocation = \"extended-resource\"\ndivided = \"3g.40gb+3g.40gb\"",
            "parts are not",
        ),
        (
            "name = \"node\"",
            "name = \"Node_1\"",
            "can't begin a node's name",
        ),
        ("count = 2", "kubelet = \"1.37\"", "a kubelet of 1.37"),
        (
            "count = 2",
            "count = 20000\n[[nodes]]\nname = \"more\"",
            "20001 nodes in all",
        ),
        (
            "count = 2",
            "[[nodes]]\nname = \"node\"",
            "two kinds of nodes are called `node`",
        ),
        (
            "[[nodes.accel",
            "[[nodes.accelerators]]\nvendor = \"nvidia\"\nallocation = \"plugin\"\n[[nodes.accel",
            "`nvidia` stands there twice",
        ),
    ] {
        let found = faults(&SOUND.replace(from, to));
        assert!(found.iter().any(|fault| fault.contains(why)), "{to}: {found:?}");
    }
}

#[test]
fn gang_scheduling_is_only_where_kubernetes_has_it() {
    let old = SOUND.replace("1.36", "1.34") + "[gang-scheduling]\napi = true\n";
    assert!(
        faults(&old)[0].contains("1.34 has no gang scheduling"),
        "{:?}",
        faults(&old)
    );
    let off = SOUND.to_owned() + "[gang-scheduling]\napi = false\n";
    let spec = PlatformSpec::parse("p.toml", &off).unwrap();
    assert_eq!(
        spec.gang_scheduling,
        GangScheduling {
            api: false,
            enforced: false,
            topology: false,
        }
    );
    let odd = SOUND.to_owned() + "[gang-scheduling]\napi = false\nenforced = true\n";
    assert!(faults(&odd)[0].contains("nothing to enforce"));
}

#[test]
fn latencies_and_installed_software_are_checked_by_name() {
    let text = format!("operators = [\"kueu\"]\n{SOUND}[latencies]\napi-sm = 3\n");
    assert_eq!(helps(&text), ["did you mean `kueue`?", "did you mean `api-ms`?"]);
    let text = format!("operators = [\"kueue\"]\n{SOUND}[latencies]\napi-ms = 30\n");
    let spec = PlatformSpec::parse("p.toml", &text).unwrap();
    assert_eq!(
        (spec.installed[0].id.as_str(), spec.latencies.api_ms),
        ("kueue", 30)
    );
}

#[test]
fn further_objects_are_taken_as_the_api_takes_them() {
    let object = "[[objects]]\napiVersion = \"v1\"\nkind = \"ConfigMap\"\nmetadata = { name = \"x\" }\ndata = { a = \"b\" }\n";
    let spec = PlatformSpec::parse("p.toml", &format!("{SOUND}{object}")).unwrap();
    assert_eq!(spec.objects[0]["data"]["a"], "b");
    let nameless = format!("{SOUND}[[objects]]\napiVersion = \"v1\"\nkind = \"ConfigMap\"\n");
    assert!(faults(&nameless)[0].contains("`objects[0].metadata` is missing"));
}
