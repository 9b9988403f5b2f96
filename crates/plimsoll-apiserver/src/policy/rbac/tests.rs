use jiff::Timestamp;
use serde_json::{Value, json};

use super::{reviews::Answers, *};
use crate::{
    Clock, GroupResource, Reason, Seed, User,
    policy::{
        tokens::{Tokens, service_account},
        world::World,
    },
    resources,
};

fn role(name: &str, rules: Value) -> Value {
    json!({"metadata": {"name": name}, "rules": rules})
}

fn in_namespace(namespace: &str, mut object: Value) -> Value {
    object["metadata"]["namespace"] = json!(namespace);
    object
}

fn binding(name: &str, role: (&str, &str), subjects: Value) -> Value {
    json!({
        "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": role.0, "name": role.1},
        "subjects": subjects,
    })
}

fn bootstrapped() -> World {
    let mut world = World::default();
    for object in bootstrap() {
        let of = match object["kind"].as_str() {
            Some("ClusterRole") => resources::CLUSTER_ROLES,
            _ => resources::CLUSTER_ROLE_BINDINGS,
        };
        world.put(&of, object);
    }
    world
}

/// `VERB GROUP/RESOURCE[/SUBRESOURCE] [in NAMESPACE] [named NAME]`, or `VERB PATH`.
fn asked<'a>(user: &'a User, text: &'a str) -> Attributes<'a> {
    let words: Vec<&str> = text.split(' ').collect();
    if words[1].starts_with('/') {
        return Attributes::path(user, words[0], words[1]);
    }
    let after = |word: &str| {
        words
            .iter()
            .position(|own| *own == word)
            .map(|at| words[at + 1])
            .unwrap_or_default()
    };
    let mut parts = words[1].split('/');
    Attributes {
        user,
        verb: words[0],
        group: parts.next().unwrap_or_default().trim_start_matches("core"),
        resource: parts.next().unwrap_or_default(),
        subresource: parts.next().unwrap_or_default(),
        namespace: after("in"),
        name: after("named"),
        path: "",
    }
}

fn granted_by(rule: Value) -> World {
    let user = json!([{"kind": "User", "name": "ann"}]);
    World::default()
        .with(&resources::CLUSTER_ROLES, role("r", json!([rule])))
        .with(
            &resources::CLUSTER_ROLE_BINDINGS,
            binding("b", ("ClusterRole", "r"), user),
        )
}

#[test]
fn a_rule_grants_what_it_names_and_no_neighbour() {
    let pods = json!({"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]});
    let logs = json!({"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]});
    let all = json!({"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]});
    let scales = json!({"apiGroups": ["apps"], "resources": ["*/scale"], "verbs": ["update"]});
    let named =
        json!({"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"], "resourceNames": ["a"]});
    let paths = json!({"nonResourceURLs": ["/healthz", "/metrics/*"], "verbs": ["get"]});
    for (rule, yes, no) in [
        (
            &pods,
            "get core/pods in ns named p",
            "get core/pods/log in ns named p",
        ),
        (&pods, "list core/pods", "watch core/pods"),
        (&pods, "list core/pods in ns", "list apps/pods in ns"),
        (
            &logs,
            "get core/pods/log in ns named p",
            "get core/pods in ns named p",
        ),
        (&all, "delete apps/deployments/status in ns", "get /healthz"),
        (
            &scales,
            "update apps/deployments/scale in ns",
            "update apps/deployments in ns",
        ),
        (
            &scales,
            "update apps/statefulsets/scale in ns",
            "update core/pods/scale in ns",
        ),
        (
            &named,
            "get core/secrets in ns named a",
            "get core/secrets in ns named b",
        ),
        (&named, "get core/secrets named a", "get core/secrets in ns"),
        (&paths, "get /healthz", "get /healthz/etcd"),
        (&paths, "get /metrics/slis", "get /metrics"),
        (&paths, "get /healthz", "post /healthz"),
    ] {
        let (world, rbac, ann) = (granted_by(rule.clone()), Rbac::default(), User::named("ann", &[]));
        assert!(rbac.allows(&world, &asked(&ann, yes)), "{rule}: {yes}");
        assert!(!rbac.allows(&world, &asked(&ann, no)), "{rule}: {no}");
        assert!(
            !rbac.allows(&world, &asked(&User::named("bob", &[]), yes)),
            "{rule}: {yes}"
        );
    }
}

#[test]
fn a_binding_in_a_namespace_holds_there_only_and_for_whom_it_names() {
    let read = json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}]);
    let account = service_account("one", "runner");
    let subjects = [
        (json!({"kind": "User", "name": "ann"}), User::named("ann", &[])),
        (
            json!({"kind": "Group", "name": "team"}),
            User::named("x", &["team"]),
        ),
        (
            json!({"kind": "ServiceAccount", "name": "runner"}),
            account.clone(),
        ),
        (
            json!({"kind": "ServiceAccount", "name": "runner", "namespace": "one"}),
            account.clone(),
        ),
        (
            json!({"kind": "Group", "name": "system:serviceaccounts:one"}),
            account.clone(),
        ),
        (json!({"kind": "Group", "name": "system:authenticated"}), account),
    ];
    for (subject, user) in subjects {
        for kind in ["Role", "ClusterRole"] {
            let world = World::default()
                .with(&resources::CLUSTER_ROLES, role("r", read.clone()))
                .with(&resources::ROLES, in_namespace("one", role("r", read.clone())))
                .with(
                    &resources::ROLE_BINDINGS,
                    in_namespace("one", binding("b", (kind, "r"), json!([subject]))),
                );
            let rbac = Rbac::default();
            assert!(
                rbac.allows(&world, &asked(&user, "list core/pods in one")),
                "{subject}"
            );
            assert!(
                !rbac.allows(&world, &asked(&user, "list core/pods in two")),
                "{subject}"
            );
            assert!(!rbac.allows(&world, &asked(&user, "list core/pods")), "{subject}");
            let stranger = User {
                name: "stranger".to_owned(),
                groups: Vec::new(),
            };
            assert!(!rbac.allows(&world, &asked(&stranger, "list core/pods in one")));
        }
    }
}

#[test]
fn refusals_are_worded_as_the_server_words_them() {
    let (world, rbac, x) = (World::default(), Rbac::default(), User::named("x", &[]));
    for (what, message) in [
        (
            "list core/pods in y",
            r#"pods is forbidden: User "x" cannot list resource "pods" in API group "" in the namespace "y""#,
        ),
        (
            "get core/pods/log in y named p",
            r#"pods "p" is forbidden: User "x" cannot get resource "pods/log" in API group "" in the namespace "y""#,
        ),
        (
            "create apps/deployments",
            r#"deployments.apps is forbidden: User "x" cannot create resource "deployments" in API group "apps" at the cluster scope"#,
        ),
        (
            "get /metrics",
            r#"forbidden: User "x" cannot get path "/metrics""#,
        ),
    ] {
        let status = rbac.authorize(&world, &asked(&x, what)).unwrap_err();
        assert_eq!(
            (status.reason, status.message.as_str()),
            (Reason::Forbidden, message)
        );
    }
}

#[test]
fn a_role_that_is_not_there_grants_nothing_and_is_named() {
    let world = World::default().with(
        &resources::CLUSTER_ROLE_BINDINGS,
        binding(
            "b",
            ("ClusterRole", "gone"),
            json!([{"kind": "User", "name": "x"}]),
        ),
    );
    let x = User::named("x", &[]);
    let status = Rbac::default()
        .authorize(&world, &asked(&x, "list core/nodes"))
        .unwrap_err();
    assert!(
        status.message.ends_with(
            r#"at the cluster scope: RBAC: clusterrole.rbac.authorization.k8s.io "gone" not found"#
        ),
        "{}",
        status.message
    );
}

#[test]
fn what_is_granted_follows_the_objects_at_once() {
    let rule = json!({"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]});
    let mut world = granted_by(rule.clone());
    let (rbac, ann) = (Rbac::default(), User::named("ann", &[]));
    let list = asked(&ann, "list core/pods");
    assert!(rbac.allows(&world, &list));
    world.put(&resources::CLUSTER_ROLES, role("r", json!([])));
    assert!(!rbac.allows(&world, &list));
    world.put(&resources::CLUSTER_ROLES, role("r", json!([rule])));
    assert!(rbac.allows(&world, &list));
    world.remove(&resources::CLUSTER_ROLE_BINDINGS, None, "b");
    assert!(!rbac.allows(&world, &list));
}

#[test]
fn aggregating_roles_hold_what_the_chosen_ones_hold() {
    let mut world = bootstrapped();
    for name in ["admin", "edit", "view"] {
        let subjects = json!([{"kind": "User", "name": name}]);
        let bound = binding(name, ("ClusterRole", name), subjects);
        world.put(&resources::ROLE_BINDINGS, in_namespace("ns", bound));
    }
    let custom = json!({
        "metadata": {"name": "w", "labels": {"rbac.authorization.k8s.io/aggregate-to-view": "true"}},
        "rules": [{"apiGroups": ["example.com"], "resources": ["widgets"], "verbs": ["get"]}],
    });
    world.put(&resources::CLUSTER_ROLES, custom);
    let rbac = Rbac::default();
    for (what, holders) in [
        ("get core/pods/log in ns named p", vec!["admin", "edit", "view"]),
        (
            "get example.com/widgets in ns named w",
            vec!["admin", "edit", "view"],
        ),
        ("create core/pods in ns", vec!["admin", "edit"]),
        ("get core/secrets in ns named s", vec!["admin", "edit"]),
        ("create rbac.authorization.k8s.io/roles in ns", vec!["admin"]),
        ("create core/resourcequotas in ns", vec![]),
        ("get core/nodes", vec![]),
    ] {
        for name in ["admin", "edit", "view"] {
            let user = User::named(name, &[]);
            assert_eq!(
                rbac.allows(&world, &asked(&user, what)),
                holders.contains(&name),
                "{name}: {what}"
            );
        }
    }
    assert!(rbac.allows(&world, &asked(&User::admin(), "delete core/nodes named n")));
    assert!(rbac.allows(&world, &asked(&User::named("x", &[]), "get /apis/apps")));
}

#[test]
fn nobody_grants_what_they_do_not_hold() {
    let own = json!([
        {"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["*"], "verbs": ["create", "update"]},
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]},
    ]);
    let subject = json!([{"kind": "User", "name": "ann"}]);
    let mut world = bootstrapped()
        .with(&resources::CLUSTER_ROLES, role("own", own))
        .with(
            &resources::ROLE_BINDINGS,
            in_namespace("ns", binding("own", ("ClusterRole", "own"), subject.clone())),
        );
    let (rbac, ann) = (Rbac::default(), User::named("ann", &[]));
    let less = in_namespace(
        "ns",
        role(
            "less",
            json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]),
        ),
    );
    let more = in_namespace(
        "ns",
        role(
            "more",
            json!([{"apiGroups": [""], "resources": ["pods", "secrets"], "verbs": ["get", "watch"]}]),
        ),
    );
    assert_eq!(
        rbac.may_grant(&world, &ann, &resources::ROLES, None, &less),
        Ok(())
    );
    assert_eq!(
        rbac.may_grant(&world, &ann, &resources::ROLES, None, &more)
            .unwrap_err()
            .message,
        "roles.rbac.authorization.k8s.io \"more\" is forbidden: user \"ann\" (groups=[\"system:authenticated\"]) is \
         attempting to grant RBAC permissions not currently held:\n\
         {APIGroups:[\"\"], Resources:[\"pods\"], Verbs:[\"watch\"]}\n\
         {APIGroups:[\"\"], Resources:[\"secrets\"], Verbs:[\"get\" \"watch\"]}"
    );
    assert_eq!(
        rbac.may_grant(&world, &ann, &resources::ROLES, Some(&more), &more),
        Ok(())
    );

    let bind = |name: &str| in_namespace("ns", binding("x", ("ClusterRole", name), subject.clone()));
    let try_bind = |world: &World, name: &str| {
        rbac.may_grant(world, &ann, &resources::ROLE_BINDINGS, None, &bind(name))
            .map_err(|status| status.reason)
    };
    assert_eq!(try_bind(&world, "own"), Ok(()));
    assert_eq!(try_bind(&world, "edit"), Err(Reason::Forbidden));
    assert_eq!(try_bind(&world, "gone"), Err(Reason::NotFound));
    let may_bind = json!([{
        "apiGroups": ["rbac.authorization.k8s.io"], "resources": ["clusterroles"], "verbs": ["bind"], "resourceNames": ["edit"],
    }]);
    world.put(&resources::ROLES, in_namespace("ns", role("binder", may_bind)));
    let bound = binding("binder", ("Role", "binder"), subject.clone());
    world.put(&resources::ROLE_BINDINGS, in_namespace("ns", bound));
    assert_eq!(try_bind(&world, "edit"), Ok(()));
    assert_eq!(try_bind(&world, "admin"), Err(Reason::Forbidden));
}

#[test]
fn a_thousand_evaluations_are_looked_up_and_not_searched() {
    let mut world = bootstrapped();
    for at in 0..2000 {
        let subject = json!([{"kind": "User", "name": format!("user-{at}")}]);
        let name = format!("b-{at}");
        world.put(
            &resources::ROLE_BINDINGS,
            in_namespace("ns", binding(&name, ("ClusterRole", "view"), subject)),
        );
    }
    let rbac = Rbac::default();
    for at in 0..1000 {
        let user = User::named(&format!("user-{at}"), &[]);
        assert!(rbac.allows(&world, &asked(&user, "list core/pods in ns")));
    }
}

fn answer(
    world: &World,
    user: &User,
    resource: &'static str,
    group: &'static str,
    question: Value,
) -> Result<Value, String> {
    let answers = Answers {
        view: world,
        rbac: &Rbac::default(),
        tokens: &Tokens::default(),
        clock: &Clock::starting_at(Timestamp::UNIX_EPOCH),
    };
    let of = GroupResource::new(group, resource);
    assert!(REVIEWS.contains(&of));
    review(answers, user, &of, Some("ns"), question).map_err(|status| status.message)
}

#[tokio::test]
async fn reviews_say_what_the_authoriser_would_do_and_why() {
    let world = granted_by(json!({"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}));
    let (ann, bob) = (User::named("ann", &[]), User::named("bob", &[]));
    let spec =
        json!({"spec": {"resourceAttributes": {"verb": "list", "resource": "pods", "namespace": "ns"}}});
    let group = "authorization.k8s.io";
    let own = |user| answer(&world, user, "selfsubjectaccessreviews", group, spec.clone()).unwrap();
    assert_eq!(
        own(&ann)["status"],
        json!({"allowed": true, "reason": r#"RBAC: allowed by ClusterRoleBinding "b" of ClusterRole "r" to User "ann""#})
    );
    assert_eq!(own(&bob)["status"], json!({"allowed": false}));
    assert_eq!(own(&User::admin())["status"], json!({"allowed": true}));

    let mut about = spec.clone();
    about["spec"]["user"] = json!("ann");
    for kind in ["subjectaccessreviews", "localsubjectaccessreviews"] {
        assert_eq!(
            answer(&world, &bob, kind, group, about.clone()).unwrap()["status"]["allowed"],
            true
        );
    }
    about["spec"]["resourceAttributes"]["namespace"] = json!("other");
    let refused = answer(&world, &bob, "localsubjectaccessreviews", group, about).unwrap_err();
    assert_eq!(
        refused,
        "LocalSubjectAccessReview.authorization.k8s.io \"\" is invalid: spec.resourceAttributes.namespace: \
         Invalid value: \"other\": must match metadata.namespace"
    );

    let rules = answer(
        &world,
        &ann,
        "selfsubjectrulesreviews",
        group,
        json!({"spec": {"namespace": "ns"}}),
    )
    .unwrap();
    assert_eq!(
        rules["status"],
        json!({
            "resourceRules": [{"verbs": ["list"], "apiGroups": [""], "resources": ["pods"]}],
            "nonResourceRules": [],
            "incomplete": false,
        })
    );
    let me = answer(
        &world,
        &ann,
        "selfsubjectreviews",
        "authentication.k8s.io",
        json!({}),
    )
    .unwrap();
    assert_eq!(me["status"]["userInfo"]["username"], "ann");
}

#[tokio::test(start_paused = true)]
async fn a_token_is_its_accounts_until_it_runs_out_or_the_account_is_made_anew() {
    let account = json!({"metadata": {"namespace": "ns", "name": "runner", "uid": "u1"}});
    let mut world = World::default().with(&resources::SERVICE_ACCOUNTS, account.clone());
    let clock = Clock::starting_at(Timestamp::UNIX_EPOCH);
    let (tokens, seed) = (Tokens::default(), Seed::new(1));
    let issue = |request| tokens.issue(&world, (&clock, &seed), "ns", "runner", request);
    let request = issue(json!({"spec": {"expirationSeconds": 600}})).unwrap();
    assert_eq!(request["status"]["expirationTimestamp"], "1970-01-01T00:10:00Z");
    let other = issue(json!({"spec": {"audiences": ["elsewhere"]}})).unwrap();
    let short = issue(json!({"spec": {"expirationSeconds": 1}})).unwrap_err();
    assert_eq!(
        short.message,
        "TokenRequest.authentication.k8s.io \"\" is invalid: spec.expirationSeconds: Invalid value: 1: \
         may not specify a duration less than 10 minutes"
    );
    let token = request["status"]["token"].as_str().unwrap();
    let user = tokens.authenticate(&world, &clock, token).unwrap();
    assert_eq!(user, service_account("ns", "runner"));
    assert!(
        tokens
            .authenticate(&world, &clock, other["status"]["token"].as_str().unwrap())
            .is_none()
    );
    assert!(tokens.authenticate(&world, &clock, "something").is_none());
    let review = |world: &World, spec: Value| {
        let answers = Answers {
            view: world,
            rbac: &Rbac::default(),
            tokens: &tokens,
            clock: &clock,
        };
        let of = GroupResource::new("authentication.k8s.io", "tokenreviews");
        super::review(answers, &User::admin(), &of, None, json!({"spec": spec})).unwrap()["status"].clone()
    };
    assert_eq!(review(&world, json!({"token": token}))["user"]["uid"], "u1");
    assert_eq!(
        review(&world, json!({"token": token, "audiences": ["x"]}))["authenticated"],
        Value::Null
    );

    let mut anew = account;
    anew["metadata"]["uid"] = json!("u2");
    world.put(&resources::SERVICE_ACCOUNTS, anew);
    assert!(tokens.authenticate(&world, &clock, token).is_none());
}
