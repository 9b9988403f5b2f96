//! API servers that can't be worked with: who they are, what they did and what to do is told, and nothing hangs.

use std::fs;

use serde_json::{Value, json};

use crate::{
    plimsoll,
    scripted::{Answer, connectable, refusal, serve},
    text,
};

/// Runs `plimsoll` against a scripted server; gives the exit code and what was said to people.
fn told(
    arguments: &[&str],
    answer: impl Fn(&str, &str, &Value) -> Answer + Send + Sync + 'static,
) -> (Option<i32>, String, tempfile::TempDir) {
    let home = tempfile::tempdir().unwrap();
    let kubeconfig = serve(home.path(), answer);
    let arguments: Vec<&str> = arguments
        .iter()
        .copied()
        .chain(["--kubeconfig", kubeconfig])
        .collect();
    let output = plimsoll(home.path(), &arguments);
    let said = text(&output.stderr);
    assert!(
        !said.contains("planted-secret-token"),
        "a credential was printed:\n{said}"
    );
    (output.status.code(), said, home)
}

#[test]
fn one_that_accepts_connections_and_never_answers_is_told_from_one_that_is_not_there() {
    let (code, said, home) = told(&["run"], |_, _, _| None);
    assert_eq!(code, Some(4), "{said}");
    assert!(
        said.contains("accepts connections") && said.contains("127.0.0.1"),
        "{said}"
    );
    let left: Vec<_> = fs::read_dir(home.path())
        .unwrap()
        .flatten()
        .map(|entry| entry.file_name())
        .collect();
    assert_eq!(left, ["kubeconfig"], "nothing may be written");
}

#[test]
fn one_that_falls_silent_after_the_first_answers_is_given_up() {
    let (code, said, _home) = told(&["survey"], |_, path, _| connectable(path));
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("does not answer"), "{said}");
}

#[test]
fn credentials_that_have_expired_are_named_with_what_to_do() {
    let (code, said, _home) = told(&["run"], |_, path, _| match path {
        "/version" => connectable(path),
        _ => refusal(401, "Unauthorized", "Unauthorized"),
    });
    assert_eq!(code, Some(4), "{said}");
    assert!(
        said.contains("expired") && said.contains("log in again"),
        "{said}"
    );
}

#[test]
fn who_may_look_but_not_touch_is_told_what_is_missing_before_anything_is_created() {
    let forbidden = |path: &str| {
        let message = format!("{path} is forbidden: User \"u\" cannot do that");
        refusal(403, "Forbidden", &message)
    };
    let (code, said, home) = told(&["run", "--out", "out"], move |method, path, body| {
        match (method, path) {
            ("POST", path) if path.starts_with("/apis/authorization.k8s.io/v1/selfsubject") => {
                let mut review = body.clone();
                review["status"] = if path.contains("rules") {
                    json!({"resourceRules": [], "nonResourceRules": [], "incomplete": false})
                } else {
                    json!({"allowed": false})
                };
                Some((201, review))
            }
            ("POST" | "PUT" | "PATCH" | "DELETE", path) => {
                panic!("{method} {path} although nothing is allowed")
            }
            (_, path) if path.starts_with("/api/v1/nodes") => Some((
                200,
                json!({"kind": "NodeList", "apiVersion": "v1", "metadata": {}, "items": []}),
            )),
            (_, "/api") => Some((
                200,
                json!({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}),
            )),
            (_, "/apis") => Some((
                200,
                json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": []}),
            )),
            (_, path) => connectable(path).or_else(|| forbidden(path)),
        }
    });
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("may not") && said.contains("namespaces"), "{said}");
    assert!(
        home.path().join("out/results.json").exists(),
        "a run without a verdict has results all the same"
    );
}

#[test]
fn who_may_not_even_look_is_told_so() {
    let (code, said, _home) = told(&["run", "--out", "out"], |_, path, _| {
        connectable(path).or_else(|| {
            refusal(
                403,
                "Forbidden",
                "nodes is forbidden: User \"u\" cannot list resource \"nodes\"",
            )
        })
    });
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("forbidden"), "{said}");
}
