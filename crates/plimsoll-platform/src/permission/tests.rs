//! The least role, and what is missing of it.

use http::Method;
use serde_json::json;

use super::*;
use crate::fake::{Answer, Fake};

#[test]
fn the_least_role_is_merged_and_sorted() {
    let permissions = [
        Permission::own("resource.k8s.io", "resourceclaims"),
        Permission::read("resource.k8s.io", "resourceclaims"),
        Permission::own("resource.k8s.io", "resourceclaimtemplates"),
        Permission::own("", "pods").subresource("log").verbs(&[Verb::Get]),
        Permission::read("", "nodes"),
        Permission::read("", "configmaps")
            .names(&["cluster-autoscaler-status"])
            .verbs(&[Verb::Get]),
        Permission::read("", "nodes")
            .names(&["one"])
            .verbs(&[Verb::Get, Verb::Patch]),
    ];
    let role = cluster_role(&permissions);
    let rules: Vec<String> = role["rules"]
        .as_array()
        .unwrap()
        .iter()
        .map(ToString::to_string)
        .collect();
    insta::assert_snapshot!(rules.join("\n"), @r#"
    {"apiGroups":[""],"resources":["pods/log"],"verbs":["get"]}
    {"apiGroups":[""],"resources":["nodes"],"verbs":["get","list","watch"]}
    {"apiGroups":[""],"resourceNames":["cluster-autoscaler-status"],"resources":["configmaps"],"verbs":["get"]}
    {"apiGroups":[""],"resourceNames":["one"],"resources":["nodes"],"verbs":["patch"]}
    {"apiGroups":["resource.k8s.io"],"resources":["resourceclaims","resourceclaimtemplates"],"verbs":["get","list","watch","create","patch","delete"]}
    "#);
    let mut reversed = permissions;
    reversed.reverse();
    assert_eq!(cluster_role(&reversed), cluster_role(&permissions));
    assert_eq!(cluster_role(&[])["rules"], json!([]));
}

#[test]
fn every_run_asks_for_nothing_that_it_must_not_have() {
    let role = cluster_role(EVERY_RUN).to_string();
    for never in [
        "secrets",
        "exec",
        "proxy",
        "impersonate",
        "\"*\"",
        "escalate",
        "bind",
    ] {
        assert!(!role.contains(never), "{never}");
    }
}

const RULES: &str = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews";
const ACCESS: &str = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";

fn rules(rules: serde_json::Value) -> Answer {
    Answer::Json(json!({
        "spec": {}, "status": {"resourceRules": rules, "nonResourceRules": [], "incomplete": false},
    }))
}

fn access(allowed: bool) -> Answer {
    Answer::Json(json!({"spec": {}, "status": {"allowed": allowed}}))
}

#[tokio::test]
async fn what_the_rules_grant_is_not_asked_for_again() {
    let fake = Fake::new();
    fake.script(
        Method::POST,
        RULES,
        rules(json!([{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}])),
    );
    let missing = fake.platform().may(EVERY_RUN).await.unwrap();
    assert_eq!(missing, []);
    assert_eq!(fake.requests().len(), 1);
}

#[tokio::test]
async fn what_the_rules_do_not_show_is_asked_for_verb_by_verb() {
    let fake = Fake::new();
    let nodes = json!({"apiGroups": [""], "resources": ["nodes"], "verbs": ["get", "list"]});
    let named = json!({"apiGroups": [""], "resources": ["pods"], "verbs": ["*"], "resourceNames": ["one"]});
    fake.script(Method::POST, RULES, rules(json!([nodes, named])));
    fake.script(Method::POST, ACCESS, access(true));
    fake.script(Method::POST, ACCESS, access(false));
    let pods = Permission::own("", "pods").verbs(&[Verb::Create]);
    let missing = fake
        .platform()
        .may(&[Permission::read("", "nodes"), pods])
        .await
        .unwrap();
    // Sorted: nodes watch is asked first, then pods create.
    assert_eq!(missing, [pods]);
}

#[tokio::test]
async fn an_authoriser_that_can_not_list_its_rules_is_asked_one_by_one() {
    let fake = Fake::new();
    fake.script(
        Method::POST,
        RULES,
        Answer::Refusal(500, "InternalError", "webhook authoriser"),
    );
    for allowed in [true, false, true] {
        fake.script(Method::POST, ACCESS, access(allowed));
    }
    let missing = fake
        .platform()
        .may(&[Permission::read("", "nodes")])
        .await
        .unwrap();
    assert_eq!(missing, [Permission::read("", "nodes").verbs(&[Verb::List])]);
}

#[tokio::test]
async fn a_client_names_its_check() {
    let fake = Fake::new();
    let platform = fake.platform();
    platform.discover().await.unwrap();
    fake.script(Method::POST, RULES, rules(json!([])));
    platform.named("gang_scheduling").may(&[]).await.unwrap();
    let version = env!("CARGO_PKG_VERSION");
    let agents = fake.agents();
    assert_eq!(agents.first().unwrap(), &format!("plimsoll/{version}"));
    assert_eq!(
        agents.last().unwrap(),
        &format!("plimsoll/{version} (gang_scheduling)")
    );
}

#[tokio::test]
async fn what_is_served_is_asked_for_once() {
    let platform = Fake::new().platform();
    let first = platform.discover().await.unwrap();
    assert_eq!(platform.named("x").discover().await.unwrap(), first);
}
