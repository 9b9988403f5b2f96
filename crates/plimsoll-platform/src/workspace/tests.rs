//! What a run creates, and that nothing of it is left.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::*;
use crate::fake::{Answer, Fake};

fn run(id: &str) -> RunId {
    id.parse().unwrap()
}

/// The controller that gives each namespace its ServiceAccount, for one namespace.
fn account(fake: &Fake, namespace: &str) {
    let meta = json!({"name": "default", "namespace": namespace});
    fake.put(json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta}));
}

async fn namespace(fake: &Fake, workspace: &Workspace) -> Namespace {
    account(fake, "plimsoll-r1-test");
    workspace
        .namespace("test", PodSecurity::Restricted)
        .await
        .unwrap()
}

fn pod(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"containers": []}})
}

fn class(name: &str) -> Value {
    json!({"apiVersion": "resource.k8s.io/v1", "kind": "DeviceClass", "metadata": {"name": name}, "spec": {}})
}

const POD: &str = "/api/v1/namespaces/plimsoll-r1-test/pods/p";
const SPACE: &str = "/api/v1/namespaces/plimsoll-r1-test";

#[tokio::test(start_paused = true)]
async fn a_check_lets_go_of_its_own_namespaces_and_of_no_others() {
    let fake = Fake::new();
    let workspace = Workspace::new(fake.platform(), run("r1"));
    let (one, other) = (workspace.named("one"), workspace.named("other"));
    let _kept = namespace(&fake, &one).await;
    other.let_go().await;
    assert!(fake.get(SPACE).is_some());
    one.let_go().await;
    assert!(fake.get(SPACE).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_namespace_is_labelled_and_ready_for_pods_and_the_run_shows_that_it_lives() {
    let fake = Fake::new();
    let workspace = Workspace::new(fake.platform(), run("r1"));
    let namespace = namespace(&fake, &workspace).await;
    assert_eq!(namespace.name(), "plimsoll-r1-test");
    let stored = fake.get(SPACE).unwrap();
    let labels = &stored["metadata"]["labels"];
    assert_eq!(labels["plimsoll.dev/run"], "r1");
    assert_eq!(labels["app.kubernetes.io/managed-by"], "plimsoll");
    assert_eq!(labels["pod-security.kubernetes.io/enforce"], "restricted");
    assert_eq!(labels["istio-injection"], "disabled");
    assert_eq!(labels["linkerd.io/inject"], "disabled");
    assert_eq!(stored["metadata"]["uid"], namespace.uid());

    let lease = || {
        fake.get("/apis/coordination.k8s.io/v1/namespaces/plimsoll-r1/leases/plimsoll-run")
            .unwrap()
    };
    let first = lease()["metadata"]["resourceVersion"].clone();
    let _ = tokio::time::timeout(Duration::from_secs(6), std::future::pending::<()>()).await;
    assert_ne!(
        lease()["metadata"]["resourceVersion"],
        first,
        "the lease is renewed"
    );
}

#[tokio::test(start_paused = true)]
async fn a_namespace_that_never_gets_its_service_account_is_an_error_by_name() {
    let fake = Fake::new();
    let workspace = Workspace::new(fake.platform(), run("r1"));
    let error = workspace
        .namespace("test", PodSecurity::Baseline)
        .await
        .map(|_| ())
        .unwrap_err();
    assert!(
        matches!(&error, CreateError::NotReady { namespace, .. } if namespace == "plimsoll-r1-test"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn two_namespaces_of_one_purpose_have_two_names() {
    let fake = Fake::new();
    let workspace = Workspace::new(fake.platform(), run("r1"));
    namespace(&fake, &workspace).await;
    account(&fake, "plimsoll-r1-test-2");
    let second = workspace
        .named("check")
        .namespace("test", PodSecurity::Restricted)
        .await
        .unwrap();
    assert_eq!(second.name(), "plimsoll-r1-test-2");
}

#[tokio::test(start_paused = true)]
async fn an_object_has_namespace_label_and_owner() {
    let fake = Fake::new();
    let workspace = Workspace::new(fake.platform(), run("r1"));
    let namespace = namespace(&fake, &workspace).await;
    let created = namespace.create(pod("p")).await.unwrap();
    assert!(created.metadata.uid.is_some());
    let stored = fake.get(POD).unwrap();
    assert_eq!(stored["metadata"]["labels"]["plimsoll.dev/run"], "r1");
    assert_eq!(stored["metadata"]["ownerReferences"][0]["uid"], namespace.uid());
    assert!(
        fake.requests()
            .iter()
            .any(|request| request.contains("fieldManager=plimsoll"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_request_whose_answer_got_lost_is_not_taken_for_somebody_elses_object() {
    let fake = Fake::new();
    let workspace = Workspace::new(fake.platform(), run("r1"));
    let namespace = namespace(&fake, &workspace).await;
    fake.script(Method::POST, &format!("{SPACE}/pods"), Answer::Lost);
    let created = namespace.create(pod("p")).await.unwrap();
    assert_eq!(
        created.metadata.uid.as_deref(),
        fake.get(POD).unwrap()["metadata"]["uid"].as_str()
    );

    let error = namespace.create(pod("p")).await.unwrap_err();
    assert!(matches!(error, CreateError::Exists { .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn refusals_say_who_and_what() {
    let fake = Fake::new();
    let workspace = Workspace::new(fake.platform(), run("r1"));
    let namespace = namespace(&fake, &workspace).await;
    let message = "admission webhook \"no.example.com\" denied the request: not here";
    fake.script(
        Method::POST,
        &format!("{SPACE}/pods"),
        Answer::Refusal(403, "Forbidden", message),
    );
    let error = namespace.create(pod("p")).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("Pod `p` in namespace `plimsoll-r1-test` was refused by webhook no.example.com: {message}")
    );

    let unserved = json!({"apiVersion": "x/v1", "kind": "Y", "metadata": {"name": "y"}});
    assert!(matches!(
        namespace.create(unserved).await,
        Err(CreateError::Unserved { .. })
    ));
    assert!(matches!(
        namespace.create(class("c")).await,
        Err(CreateError::Invalid { .. })
    ));
    assert!(matches!(
        namespace.create(json!(null)).await,
        Err(CreateError::Unserved { .. })
    ));
}

#[tokio::test(start_paused = true)]
async fn two_requests_that_meet_in_a_quota_are_made_again() {
    let fake = Fake::new();
    let workspace = Workspace::new(fake.platform(), run("r1"));
    let namespace = namespace(&fake, &workspace).await;
    fake.script(
        Method::POST,
        &format!("{SPACE}/pods"),
        Answer::Refusal(409, "Conflict", "quota was changed"),
    );
    namespace.create(pod("p")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn deleting_is_about_that_very_object() {
    let fake = Fake::new();
    let workspace = Workspace::new(fake.platform(), run("r1"));
    let namespace = namespace(&fake, &workspace).await;
    let first = namespace.create(pod("p")).await.unwrap();
    namespace.delete(&first, Grace::SHORT).await.unwrap();
    assert!(fake.get(POD).is_none());
    namespace.delete(&first, Grace::Own).await.unwrap();

    namespace.create(pod("p")).await.unwrap();
    namespace.delete(&first, Grace::SHORT).await.unwrap();
    assert!(fake.get(POD).is_some(), "the second of that name stays");
}

#[tokio::test(start_paused = true)]
async fn cleanup_removes_what_the_run_made_and_nothing_else() {
    let fake = Fake::new();
    fake.put(class("somebody-elses"));
    fake.put(json!({
        "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "other", "labels": {"plimsoll.dev/run": "r2"}},
    }));
    let workspace = Workspace::new(fake.platform(), run("r1"));
    let namespace = namespace(&fake, &workspace).await;
    workspace
        .create_cluster_scoped(&namespace, class("plimsoll-r1-class"))
        .await
        .unwrap();
    let cleanup = workspace.cleanup().await;
    assert_eq!(cleanup.left, [""; 0]);
    assert_eq!(
        cleanup.removed,
        [
            "DeviceClass plimsoll-r1-class",
            "Namespace plimsoll-r1",
            "Namespace plimsoll-r1-test"
        ]
    );
    assert!(
        fake.get("/apis/resource.k8s.io/v1/deviceclasses/somebody-elses")
            .is_some()
    );
    assert!(fake.get("/api/v1/namespaces/other").is_some());
    assert!(fake.get(SPACE).is_none());
}

#[tokio::test(start_paused = true)]
async fn cleanup_says_what_a_dead_api_holds_up_and_does_not_wait_for_it() {
    let fake = Fake::new();
    let workspace = Workspace::new(fake.platform(), run("r1"));
    namespace(&fake, &workspace).await;
    let mut stuck = fake.get(SPACE).unwrap();
    let condition = |kind: &str, status: &str| json!({"type": kind, "status": status, "message": "metrics.k8s.io/v1beta1: dead"});
    stuck["status"]["conditions"] = json!([
        condition("NamespaceDeletionDiscoveryFailure", "True"),
        condition("NamespaceContentRemaining", "False"),
        condition("NamespaceFinalizersRemaining", "False"),
    ]);
    fake.put(stuck.clone());
    fake.script(Method::DELETE, SPACE, Answer::Json(stuck.clone()));
    fake.script(Method::DELETE, SPACE, Answer::Json(stuck));
    let started = Instant::now();
    let cleanup = workspace.cleanup().await;
    assert_eq!(cleanup.removed, ["Namespace plimsoll-r1"]);
    assert_eq!(cleanup.left.len(), 1);
    assert!(
        cleanup.left[0].starts_with("Namespace plimsoll-r1-test: is empty"),
        "{:?}",
        cleanup.left
    );
    assert!(cleanup.left[0].contains("metrics.k8s.io/v1beta1: dead"));
    assert_eq!(started.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn cleanup_of_an_api_that_is_away_reports_what_it_could_not_do() {
    let fake = Fake::new();
    let workspace = Workspace::new(fake.platform(), run("r1"));
    namespace(&fake, &workspace).await;
    fake.set_broken(Some(Answer::Refusal(500, "InternalError", "etcd is away")));
    let cleanup = workspace.cleanup().await;
    assert_eq!(cleanup.removed, [""; 0]);
    assert!(cleanup.left[0].contains("etcd is away"), "{:?}", cleanup.left);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_was_killed_is_cleaned_up_and_one_that_lives_is_not() {
    let fake = Fake::new();
    let living = Workspace::new(fake.platform(), run("r1"));
    namespace(&fake, &living).await;
    let killed = Workspace::new(fake.platform(), run("r2"));
    account(&fake, "plimsoll-r2-test");
    let space = killed.namespace("test", PodSecurity::Restricted).await.unwrap();
    killed
        .create_cluster_scoped(&space, class("plimsoll-r2-class"))
        .await
        .unwrap();
    drop((killed, space));

    let found = leftovers(&fake.platform()).await.unwrap();
    let runs: Vec<_> = found
        .iter()
        .map(|run| (run.run.as_str(), run.alive, run.objects.len()))
        .collect();
    assert_eq!(runs, [("r1", true, 2), ("r2", false, 3)]);

    let cleanup = cleanup_all(&fake.platform(), false).await.unwrap();
    assert_eq!(cleanup.skipped, ["run r1 is still running"]);
    assert_eq!(cleanup.left, [""; 0]);
    assert_eq!(cleanup.removed.len(), 3);
    assert!(fake.get(SPACE).is_some());
    assert!(
        fake.get("/apis/resource.k8s.io/v1/deviceclasses/plimsoll-r2-class")
            .is_none()
    );

    let forced = cleanup_all(&fake.platform(), true).await.unwrap();
    assert_eq!(forced.removed.len(), 2);
    assert!(fake.get(SPACE).is_none());
}

#[tokio::test(start_paused = true)]
async fn whether_a_run_lives_is_not_decided_when_its_lease_can_not_be_read() {
    let fake = Fake::new();
    let killed = Workspace::new(fake.platform(), run("r1"));
    namespace(&fake, &killed).await;
    drop(killed);
    let lease = "/apis/coordination.k8s.io/v1/namespaces/plimsoll-r1/leases";
    fake.script(Method::GET, lease, Answer::Refusal(403, "Forbidden", "no"));
    let cleanup = cleanup_all(&fake.platform(), false).await.unwrap();
    assert_eq!(cleanup.skipped.len(), 1);
    assert!(fake.get(SPACE).is_some());
}

fn node(fake: &Fake, layout: &str) {
    fake.put(
        json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1", "labels": {"layout": layout}}}),
    );
}

const NODE: &str = "/api/v1/nodes/n1";

async fn relabelled(fake: &Fake, workspace: &Workspace) -> LabelChange {
    node(fake, "old");
    account(fake, "plimsoll-r1-divide");
    let change = LabelChange {
        node: "n1".to_owned(),
        label: "layout".to_owned(),
        before: Some("old".to_owned()),
        after: "new".to_owned(),
    };
    let made = workspace
        .remembering("divide", PodSecurity::Baseline, vec![change.clone()])
        .await;
    made.map(drop).unwrap();
    change.make(&fake.platform()).await.unwrap();
    assert_eq!(fake.get(NODE).unwrap()["metadata"]["labels"]["layout"], "new");
    change
}

#[tokio::test(start_paused = true)]
async fn a_label_of_a_node_is_put_back_by_whoever_cleans_up() {
    let fake = Fake::new();
    let workspace = Workspace::new(fake.platform(), run("r1"));
    relabelled(&fake, &workspace).await;
    workspace.let_go().await;
    assert_eq!(fake.get(NODE).unwrap()["metadata"]["labels"]["layout"], "old");

    let fake = Fake::new();
    let workspace = Workspace::new(fake.platform(), run("r1"));
    relabelled(&fake, &workspace).await;
    drop(workspace);
    let cleanup = cleanup_all(&fake.platform(), true).await.unwrap();
    assert_eq!(cleanup.left, Vec::<String>::new());
    assert_eq!(fake.get(NODE).unwrap()["metadata"]["labels"]["layout"], "old");
}

#[tokio::test(start_paused = true)]
async fn what_somebody_else_set_meanwhile_is_theirs() {
    let fake = Fake::new();
    let workspace = Workspace::new(fake.platform(), run("r1"));
    relabelled(&fake, &workspace).await;
    node(&fake, "theirs");
    assert_eq!(workspace.cleanup().await.left, Vec::<String>::new());
    assert_eq!(fake.get(NODE).unwrap()["metadata"]["labels"]["layout"], "theirs");
}

#[tokio::test(start_paused = true)]
async fn a_namespace_stays_that_remembers_what_could_not_be_put_back() {
    let fake = Fake::new();
    let workspace = Workspace::new(fake.platform(), run("r1"));
    relabelled(&fake, &workspace).await;
    fake.script(Method::PATCH, NODE, Answer::Refusal(403, "Forbidden", "no"));
    let left = workspace.cleanup().await.left;
    assert!(
        left.iter().any(|left| left.contains("label layout of node `n1`")),
        "{left:?}"
    );
    assert!(fake.get("/api/v1/namespaces/plimsoll-r1-divide").is_some());
    assert_eq!(workspace.cleanup().await.left, Vec::<String>::new());
    assert_eq!(fake.get(NODE).unwrap()["metadata"]["labels"]["layout"], "old");
}
