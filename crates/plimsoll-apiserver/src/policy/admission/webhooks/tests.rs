use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{
    super::{Admission, Operation, Plugins, Request},
    *,
};
use crate::{Reason, Seed, Status, User, elapse, policy::world::World, resources};

/// A webhook that answers as it is told, and remembers what it was asked.
#[derive(Default)]
struct Fake {
    response: Value,
    takes: Duration,
    asked: Mutex<Vec<Value>>,
}

#[async_trait]
impl Webhooks for Fake {
    async fn call(&self, _: &Endpoint, review: Value, _: Duration) -> Result<Value, CallError> {
        self.asked.lock().unwrap().push(review.clone());
        elapse(self.takes).await;
        let mut response = self.response.clone();
        if response["uid"].is_null() {
            response["uid"] = review["request"]["uid"].clone();
        }
        Ok(json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}))
    }
}

fn fake(response: Value) -> Arc<Fake> {
    Arc::new(Fake {
        response,
        ..Fake::default()
    })
}

fn service(name: &str) -> Endpoint {
    Endpoint::Service {
        namespace: "hooks".to_owned(),
        name: name.to_owned(),
        port: 443,
        path: "/judge".to_owned(),
    }
}

/// A webhook about ConfigMaps, behind a service of its first name.
fn hook(name: &str, change: Value) -> Value {
    let mut hook = json!({
        "name": name,
        "clientConfig": {"service": {
            "namespace": "hooks", "name": name.split('.').next(), "path": "/judge",
        }},
        "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["*"], "resources": ["configmaps"]}],
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "failurePolicy": "Fail",
        "timeoutSeconds": 5,
    });
    json_patch::merge(&mut hook, &change);
    hook
}

fn world(of: &GroupResource, hooks: Vec<Value>) -> World {
    let mut world = World::default();
    world.put(
        &resources::NAMESPACES,
        json!({"metadata": {"name": "ns", "labels": {"team": "a"}}, "status": {"phase": "Active"}}),
    );
    for hook in &hooks {
        let name = &hook["clientConfig"]["service"]["name"];
        if !name.is_null() && *name != "missing" {
            let service =
                json!({"metadata": {"namespace": "hooks", "name": name}, "spec": {"clusterIP": "10.0.0.9"}});
            world.put(&resources::SERVICES, service);
        }
    }
    world.put(
        of,
        json!({"metadata": {"name": "configuration"}, "webhooks": hooks}),
    );
    world
}

fn config() -> Request {
    let mut request = Request::new(
        User::named("ann", &[]),
        Operation::Create,
        resources::CONFIG_MAPS,
        "v1",
        "ConfigMap",
    );
    request.namespace = Some("ns".to_owned());
    request.name = "c".to_owned();
    request.object = Some(json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": "ns", "name": "c"}, "data": {"a": "1"},
    }));
    request
}

struct Ground {
    world: World,
    handlers: Handlers,
}

impl Ground {
    fn validating(hooks: Vec<Value>) -> Self {
        Self {
            world: world(&resources::VALIDATING_WEBHOOK_CONFIGURATIONS, hooks),
            handlers: Handlers::default(),
        }
    }

    fn mutating(hooks: Vec<Value>) -> Self {
        Self {
            world: world(&resources::MUTATING_WEBHOOK_CONFIGURATIONS, hooks),
            handlers: Handlers::default(),
        }
    }

    fn with(self, name: &str, fake: &Arc<Fake>) -> Self {
        self.handlers.set(&service(name), fake.clone());
        self
    }

    async fn run(&self, request: &mut Request) -> Result<(), Status> {
        let chain = Admission::new(
            36,
            Seed::new(1),
            Arc::new(self.handlers.clone()),
            Plugins::default(),
        );
        chain.mutate(&self.world, request).await?;
        chain.validate(&self.world, request).await
    }

    async fn message(&self) -> Option<String> {
        self.run(&mut config()).await.err().map(|status| status.message)
    }
}

#[tokio::test(start_paused = true)]
async fn a_webhook_is_told_what_is_asked_for_and_may_refuse_it() {
    let refusing = fake(json!({
        "allowed": false, "status": {"code": 403, "reason": "Forbidden", "message": "not today"}, "warnings": ["careful"],
    }));
    let ground = Ground::validating(vec![hook("w.example.com", json!({}))]).with("w", &refusing);
    let status = ground.run(&mut config()).await.unwrap_err();
    assert_eq!(
        (status.reason, status.message.as_str()),
        (
            Reason::Forbidden,
            "admission webhook \"w.example.com\" denied the request: not today"
        )
    );
    let asked = refusing.asked.lock().unwrap();
    let told = &asked[0]["request"];
    assert_eq!(asked[0]["apiVersion"], "admission.k8s.io/v1");
    assert_eq!(told["operation"], "CREATE");
    assert_eq!(
        told["resource"],
        json!({"group": "", "version": "v1", "resource": "configmaps"})
    );
    assert_eq!((&told["namespace"], &told["name"]), (&json!("ns"), &json!("c")));
    assert_eq!(told["userInfo"]["username"], "ann");
    assert_eq!(
        (&told["object"]["data"], &told["oldObject"]),
        (&json!({"a": "1"}), &Value::Null)
    );
    assert_eq!(told["uid"].as_str().unwrap().len(), 36);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_without_words_or_code_is_a_bad_request() {
    for (status, message) in [
        (
            json!(null),
            "admission webhook \"w.example.com\" denied the request without explanation",
        ),
        (
            json!({"message": "no"}),
            "admission webhook \"w.example.com\" denied the request: no",
        ),
        (
            json!({"reason": "Tired"}),
            "admission webhook \"w.example.com\" denied the request: Tired",
        ),
    ] {
        let ground = Ground::validating(vec![hook("w.example.com", json!({}))])
            .with("w", &fake(json!({"allowed": false, "status": status})));
        let status = ground.run(&mut config()).await.unwrap_err();
        assert_eq!(
            (status.reason, status.message.as_str()),
            (Reason::BadRequest, message)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_webhook_that_gives_no_answer_fails_the_request_unless_that_is_ignored() {
    let slow = Arc::new(Fake {
        response: json!({"allowed": true}),
        takes: Duration::from_secs(60),
        ..Fake::default()
    });
    let url = json!({"clientConfig": {"service": null, "url": "https://hooks.example.com/judge"}});
    for (change, why) in [
        (
            json!({"clientConfig": {"service": {"name": "nobody"}}}),
            "failed to call webhook: Post \"https://nobody.hooks.svc:443/judge?timeout=5s\": dial tcp 10.0.0.9:443: \
             connect: connection refused",
        ),
        (
            json!({"clientConfig": {"service": {"name": "missing"}}}),
            "failed to call webhook: Post \"https://missing.hooks.svc:443/judge?timeout=5s\": service \"missing\" not \
             found",
        ),
        (
            url,
            "failed to call webhook: Post \"https://hooks.example.com/judge?timeout=5s\": dial tcp \
             hooks.example.com:443: connect: connection refused",
        ),
        (
            json!({"clientConfig": {"service": {"name": "slow"}}}),
            "failed to call webhook: Post \"https://slow.hooks.svc:443/judge?timeout=5s\": context deadline exceeded",
        ),
        (
            json!({"clientConfig": {"service": {"name": "odd"}}}),
            "received invalid webhook response: validating webhook may not return response.patchType",
        ),
    ] {
        for failures in ["Fail", "Ignore"] {
            let mut change = change.clone();
            change["failurePolicy"] = json!(failures);
            let ground = Ground::validating(vec![hook("w.example.com", change)])
                .with("slow", &slow)
                .with("odd", &fake(json!({"allowed": true, "patchType": "JSONPatch"})));
            let began = tokio::time::Instant::now();
            let expected =
                format!("Internal error occurred: failed calling webhook \"w.example.com\": {why}");
            let refused = (failures == "Fail").then_some(expected);
            assert_eq!(ground.message().await, refused);
            assert!(began.elapsed() <= Duration::from_secs(5));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_webhook_changes_what_it_patches_in_either_encoding() {
    let operations = json!([{"op": "add", "path": "/data/b", "value": "2"}]);
    for patch in [operations.clone(), json!(STANDARD.encode(operations.to_string()))] {
        let patching =
            fake(json!({"allowed": true, "patchType": "JSONPatch", "patch": patch, "warnings": ["w"]}));
        let ground = Ground::mutating(vec![hook("w.example.com", json!({}))]).with("w", &patching);
        let mut request = config();
        assert_eq!(ground.run(&mut request).await, Ok(()));
        assert_eq!(request.object.unwrap()["data"], json!({"a": "1", "b": "2"}));
        assert_eq!(request.warnings, ["w"]);
        assert_eq!(
            patching.asked.lock().unwrap().len(),
            1,
            "it did not ask to be asked again"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_webhook_that_wants_to_is_shown_what_later_ones_changed() {
    let patch = |key: &str| {
        json!({
            "allowed": true, "patchType": "JSONPatch",
            "patch": [{"op": "add", "path": format!("/data/{key}"), "value": "x"}],
        })
    };
    let (first, second) = (fake(patch("first")), fake(patch("second")));
    let ground = Ground::mutating(vec![
        hook("first.example.com", json!({"reinvocationPolicy": "IfNeeded"})),
        hook("second.example.com", json!({})),
    ])
    .with("first", &first)
    .with("second", &second);
    assert_eq!(ground.run(&mut config()).await, Ok(()));
    let seen: Vec<Value> = first
        .asked
        .lock()
        .unwrap()
        .iter()
        .map(|review| review["request"]["object"]["data"].clone())
        .collect();
    assert_eq!(
        seen,
        [json!({"a": "1"}), json!({"a": "1", "first": "x", "second": "x"})]
    );
    assert_eq!(second.asked.lock().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_webhook_is_asked_about_what_its_rules_selectors_and_conditions_choose() {
    for (change, judged) in [
        (json!({}), true),
        (
            json!({"rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["UPDATE"], "resources": ["*"]}]}),
            false,
        ),
        (
            json!({"rules": [{"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"], "resources": ["*/*"]}]}),
            true,
        ),
        (json!({"namespaceSelector": {"matchLabels": {"team": "a"}}}), true),
        (
            json!({"namespaceSelector": {"matchLabels": {"team": "b"}}}),
            false,
        ),
        (json!({"objectSelector": {"matchLabels": {"app": "x"}}}), false),
        (
            json!({"matchConditions": [{"name": "n", "expression": "object.data.a == '1'"}]}),
            true,
        ),
        (
            json!({"matchConditions": [{"name": "n", "expression": "object.data.a == '2'"}]}),
            false,
        ),
    ] {
        let asked = fake(json!({"allowed": true}));
        let ground = Ground::validating(vec![hook("w.example.com", change.clone())]).with("w", &asked);
        assert_eq!(ground.run(&mut config()).await, Ok(()));
        assert_eq!(asked.asked.lock().unwrap().len() == 1, judged, "{change}");
    }
    let broken = json!({"matchConditions": [{"name": "n", "expression": "object.data.gone == '1'"}]});
    let ground =
        Ground::validating(vec![hook("w.example.com", broken)]).with("w", &fake(json!({"allowed": true})));
    assert_eq!(
        ground.message().await.unwrap(),
        "configmaps \"c\" is forbidden: expression 'object.data.gone == '1'' resulted in error: no such key: gone"
    );
}

#[tokio::test(start_paused = true)]
async fn judges_are_asked_at_the_same_time_and_the_first_refusal_counts() {
    let slow = |message: &str| {
        Arc::new(Fake {
            response: json!({"allowed": false, "status": {"message": message}}),
            takes: Duration::from_secs(2),
            ..Fake::default()
        })
    };
    let ground = Ground::validating(vec![
        hook("a.example.com", json!({})),
        hook("b.example.com", json!({})),
    ])
    .with("a", &slow("first"))
    .with("b", &slow("second"));
    let began = tokio::time::Instant::now();
    assert!(ground.message().await.unwrap().ends_with("first"));
    assert_eq!(began.elapsed(), Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_is_not_shown_to_webhooks_with_side_effects() {
    let ground = Ground::validating(vec![hook("w.example.com", json!({"sideEffects": "Some"}))])
        .with("w", &fake(json!({"allowed": true})));
    let mut dry = config();
    dry.dry_run = true;
    assert_eq!(
        ground.run(&mut dry).await.unwrap_err().message,
        "admission webhook \"w.example.com\" does not support dry run"
    );
}
