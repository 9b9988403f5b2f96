//! Permissions, quotas, Pod Security, policies and webhooks together, as a client meets them.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use plimsoll_apiserver::{
    ApiServer, User,
    policy::admission::{CallError, Endpoint, Webhooks},
};
use serde_json::{Value, json};

use crate::client::{delete, get, patch, post, server};

const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";
const ADMISSION: &str = "/apis/admissionregistration.k8s.io/v1";
const PODS: &str = "/api/v1/namespaces/ns/pods";
const CONFIG_MAPS: &str = "/api/v1/namespaces/ns/configmaps";

fn pod(name: &str, spec: Value) -> Value {
    let mut pod = json!({
        "metadata": {"name": name},
        "spec": {"containers": [{"name": "c", "image": "i"}]},
    });
    if let (Some(own), Some(more)) = (pod["spec"].as_object_mut(), spec.as_object()) {
        own.extend(more.clone());
    }
    pod
}

async fn grant(server: &ApiServer, user: &str, rules: Value) {
    let admin = User::admin();
    let path = format!("{RBAC}/namespaces/ns");
    let role = json!({"metadata": {"name": user}, "rules": rules});
    post(server, &admin, &format!("{path}/roles"), role).await.done();
    let binding = json!({
        "metadata": {"name": user},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": user},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
    });
    post(server, &admin, &format!("{path}/rolebindings"), binding)
        .await
        .done();
}

#[tokio::test(start_paused = true)]
async fn a_user_may_do_what_is_granted_and_is_told_what_is_not() {
    let (server, ann) = (server(36).await, User::named("ann", &[]));
    let rules = json!([
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["create", "list", "get"]},
        {"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["rolebindings", "roles"], "verbs": ["create"]},
    ]);
    assert_eq!(
        get(&server, &ann, PODS).await.refused(403),
        "pods is forbidden: User \"ann\" cannot list resource \"pods\" in API group \"\" in the namespace \"ns\""
    );
    grant(&server, "ann", rules).await;
    get(&server, &ann, PODS).await.done();
    post(&server, &ann, PODS, pod("p", json!({}))).await.done();
    for (path, what) in [
        (
            "/api/v1/pods",
            "pods is forbidden: User \"ann\" cannot list resource \"pods\" in API group \"\" at the cluster scope",
        ),
        (
            "/api/v1/namespaces/ns/secrets/s",
            "secrets \"s\" is forbidden: User \"ann\" cannot get resource \"secrets\" in API group \"\" in the namespace \"ns\"",
        ),
        (
            "/api/v1/namespaces/ns/pods/p/log",
            "pods \"p\" is forbidden: User \"ann\" cannot get resource \"pods/log\" in API group \"\" in the namespace \"ns\"",
        ),
    ] {
        assert_eq!(get(&server, &ann, path).await.refused(403), what);
    }
    let review = |verb: &str| json!({"spec": {"resourceAttributes": {"namespace": "ns", "verb": verb, "resource": "pods"}}});
    let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    for (verb, allowed) in [("create", true), ("delete", false)] {
        let answer = post(&server, &ann, path, review(verb)).await.done();
        assert_eq!(answer["status"]["allowed"], allowed);
    }
    let rules = json!({"metadata": {"name": "more"}, "rules": [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}]});
    let refused = post(&server, &ann, &format!("{RBAC}/namespaces/ns/roles"), rules)
        .await
        .refused(403);
    assert!(
        refused.contains("is attempting to grant RBAC permissions not currently held"),
        "{refused}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_service_accounts_token_is_good_for_what_its_account_may_do() {
    let (server, admin) = (server(36).await, User::admin());
    let path = "/api/v1/namespaces/ns/serviceaccounts/default/token";
    let answer = post(&server, &admin, path, json!({"spec": {"expirationSeconds": 600}}))
        .await
        .done();
    let token = answer["status"]["token"].as_str().unwrap().to_owned();
    let account = server.authenticate(&token).unwrap();
    assert_eq!(account.name, "system:serviceaccount:ns:default");
    assert_eq!(get(&server, &account, PODS).await.code, 403);
    grant(
        &server,
        &account.name,
        json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}]),
    )
    .await;
    get(&server, &account, PODS).await.done();
    assert!(server.authenticate("another").is_none());
}

#[tokio::test(start_paused = true)]
async fn a_quota_counts_what_comes_and_goes() {
    let (server, admin) = (server(36).await, User::admin());
    let quotas = "/api/v1/namespaces/ns/resourcequotas";
    let quota =
        json!({"metadata": {"name": "q"}, "spec": {"hard": {"requests.nvidia.com/gpu": "2", "pods": "5"}}});
    post(&server, &admin, quotas, quota).await.done();
    let used = async || get(&server, &admin, &format!("{quotas}/q")).await.done()["status"]["used"].clone();
    assert_eq!(used().await, json!({"pods": "0", "requests.nvidia.com/gpu": "0"}));
    let gpu = |name: &str| {
        let resources = json!({"limits": {"nvidia.com/gpu": "2"}, "requests": {"nvidia.com/gpu": "2"}});
        pod(
            name,
            json!({"containers": [{"name": "c", "image": "i", "resources": resources}]}),
        )
    };
    post(&server, &admin, PODS, gpu("a")).await.done();
    assert_eq!(used().await, json!({"pods": "1", "requests.nvidia.com/gpu": "2"}));
    assert_eq!(
        post(&server, &admin, PODS, gpu("b")).await.refused(403),
        "pods \"b\" is forbidden: exceeded quota: q, requested: requests.nvidia.com/gpu=2, used: \
         requests.nvidia.com/gpu=2, limited: requests.nvidia.com/gpu=2"
    );
    delete(&server, &admin, &format!("{PODS}/a")).await.done();
    assert_eq!(used().await, json!({"pods": "0", "requests.nvidia.com/gpu": "0"}));
    post(&server, &admin, PODS, gpu("b")).await.done();
}

#[tokio::test(start_paused = true)]
async fn pods_are_held_to_their_namespaces_level_and_workloads_warned_of_it() {
    let (server, admin) = (server(36).await, User::admin());
    let labels = json!({"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}});
    patch(&server, &admin, "/api/v1/namespaces/ns", labels)
        .await
        .done();
    let refused = post(&server, &admin, PODS, pod("p", json!({"hostNetwork": true})))
        .await
        .refused(403);
    assert_eq!(
        refused,
        "pods \"p\" is forbidden: violates PodSecurity \"restricted:latest\": host namespaces (hostNetwork=true), \
         allowPrivilegeEscalation != false (container \"c\" must set securityContext.allowPrivilegeEscalation=false), \
         unrestricted capabilities (container \"c\" must set securityContext.capabilities.drop=[\"ALL\"]), runAsNonRoot \
         != true (pod or container \"c\" must set securityContext.runAsNonRoot=true), seccompProfile (pod or container \
         \"c\" must set securityContext.seccompProfile.type to \"RuntimeDefault\" or \"Localhost\")"
    );
    let deployment = json!({
        "metadata": {"name": "d"},
        "spec": {
            "selector": {"matchLabels": {"a": "b"}},
            "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}},
        },
    });
    let answer = post(
        &server,
        &admin,
        "/apis/apps/v1/namespaces/ns/deployments",
        deployment,
    )
    .await;
    assert_eq!(answer.code, 201, "{}", answer.body);
    assert!(
        answer
            .warnings
            .iter()
            .any(|warning| warning.contains("would violate PodSecurity \\\"restricted:latest\\\"")),
        "{:?}",
        answer.warnings
    );
    let sound = json!({
        "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [{"name": "c", "image": "i", "securityContext": {
            "allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]},
        }}],
    });
    post(&server, &admin, PODS, pod("sound", sound)).await.done();
}

async fn policy(server: &ApiServer, kind: &str, spec: Value, binding: Value) {
    let admin = User::admin();
    let policy = json!({"metadata": {"name": "p"}, "spec": spec});
    post(server, &admin, &format!("{ADMISSION}/{kind}policies"), policy)
        .await
        .done();
    let mut bound = json!({"metadata": {"name": "b"}, "spec": {"policyName": "p"}});
    if let (Some(own), Some(more)) = (bound["spec"].as_object_mut(), binding.as_object()) {
        own.extend(more.clone());
    }
    post(
        server,
        &admin,
        &format!("{ADMISSION}/{kind}policybindings"),
        bound,
    )
    .await
    .done();
}

#[tokio::test(start_paused = true)]
async fn a_validating_policy_refuses_also_the_administrator() {
    let (server, admin) = (server(36).await, User::admin());
    let spec = json!({
        "matchConstraints": {"resourceRules": [
            {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["configmaps"]},
        ]},
        "validations": [{"expression": "size(object.data) <= 1", "message": "too much data"}],
    });
    policy(
        &server,
        "validatingadmission",
        spec,
        json!({"validationActions": ["Deny"]}),
    )
    .await;
    let config = |data: Value| json!({"metadata": {"name": "c"}, "data": data});
    let refused = post(&server, &admin, CONFIG_MAPS, config(json!({"a": "1", "b": "2"})))
        .await
        .refused(422);
    let message = "configmaps \"c\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: too much data";
    assert_eq!(refused, message);
    post(&server, &admin, CONFIG_MAPS, config(json!({"a": "1"})))
        .await
        .done();
    let more = json!({"data": {"b": "2"}});
    assert_eq!(
        patch(&server, &admin, &format!("{CONFIG_MAPS}/c"), more)
            .await
            .refused(422),
        message
    );
}

#[tokio::test(start_paused = true)]
async fn a_mutating_policy_holds_members_of_a_group() {
    let (server, admin) = (server(36).await, User::admin());
    let gates = "Object{spec: Object.spec{schedulingGates: [Object.spec.schedulingGates{name: \"example.com/gang\"}]}}";
    let spec = json!({
        "failurePolicy": "Fail",
        "reinvocationPolicy": "Never",
        "matchConstraints": {"resourceRules": [
            {"apiGroups": [""], "apiVersions": ["*"], "operations": ["CREATE"], "resources": ["pods"]},
        ]},
        "matchConditions": [{"name": "concerned", "expression": "has(object.spec.schedulingGroup)"}],
        "mutations": [{"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": gates}}],
    });
    policy(&server, "mutatingadmission", spec, json!({})).await;
    let member = pod("member", json!({"schedulingGroup": {"podGroupName": "g"}}));
    let made = post(&server, &admin, PODS, member).await.done();
    assert_eq!(
        made["spec"]["schedulingGates"],
        json!([{"name": "example.com/gang"}])
    );
    let made = post(&server, &admin, PODS, pod("other", json!({}))).await.done();
    assert_eq!(made["spec"]["schedulingGates"], Value::Null);
}

/// Names the image of every container, as a policy engine would.
struct Pins;

#[async_trait]
impl Webhooks for Pins {
    async fn call(&self, _: &Endpoint, review: Value, _: Duration) -> Result<Value, CallError> {
        let request = &review["request"];
        let refuses = request["object"]["metadata"]["labels"]["refuse"] == "yes";
        let mut response = json!({"uid": request["uid"], "allowed": !refuses});
        if refuses {
            response["status"] =
                json!({"message": "labelled to be refused", "code": 403, "reason": "Forbidden"});
        } else {
            response["patchType"] = json!("JSONPatch");
            response["patch"] = json!([{"op": "replace", "path": "/spec/containers/0/image", "value": "registry.example/i@sha256:0"}]);
        }
        Ok(json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}))
    }
}

#[tokio::test(start_paused = true)]
async fn a_webhook_changes_or_refuses_pods_and_is_missed_when_it_is_gone() {
    let (server, admin) = (server(36).await, User::admin());
    let configuration = json!({
        "metadata": {"name": "pins"},
        "webhooks": [{
            "name": "pins.example.com",
            "clientConfig": {"service": {"namespace": "ns", "name": "pins", "path": "/mutate"}},
            "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}],
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
        }],
    });
    post(
        &server,
        &admin,
        &format!("{ADMISSION}/mutatingwebhookconfigurations"),
        configuration,
    )
    .await
    .done();
    let missing = post(&server, &admin, PODS, pod("p", json!({})))
        .await
        .refused(500);
    assert_eq!(
        missing,
        "Internal error occurred: failed calling webhook \"pins.example.com\": failed to call webhook: Post \
         \"https://pins.ns.svc:443/mutate?timeout=10s\": service \"pins\" not found"
    );
    let service = json!({"metadata": {"name": "pins"}, "spec": {"ports": [{"port": 443}]}});
    post(&server, &admin, "/api/v1/namespaces/ns/services", service)
        .await
        .done();
    let endpoint = Endpoint::Service {
        namespace: "ns".to_owned(),
        name: "pins".to_owned(),
        port: 443,
        path: "/mutate".to_owned(),
    };
    server.webhooks().set(&endpoint, Arc::new(Pins));
    let made = post(&server, &admin, PODS, pod("p", json!({}))).await.done();
    assert_eq!(
        made["spec"]["containers"][0]["image"],
        "registry.example/i@sha256:0"
    );
    let mut marked = pod("q", json!({}));
    marked["metadata"]["labels"] = json!({"refuse": "yes"});
    assert_eq!(
        post(&server, &admin, PODS, marked).await.refused(403),
        "admission webhook \"pins.example.com\" denied the request: labelled to be refused"
    );
    server.webhooks().remove(&endpoint);
    let gone = post(&server, &admin, PODS, pod("r", json!({})))
        .await
        .refused(500);
    assert!(gone.contains("connect: connection refused"), "{gone}");
}
