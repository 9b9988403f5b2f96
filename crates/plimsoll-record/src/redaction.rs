//! Keeps credentials out of the record: [`redact`] replaces what looks like one by `[redacted]`.
//!
//! Facts come from clusters: container environments, log lines, error messages, annotations. None of the
//! checks needs a credential as evidence, so a doubtful string loses its doubtful part. Shapes are known by
//! their own form (tokens, keys, URLs with a password) or by what stands before them (`password=`); values
//! of structured facts also by the name of their field.

use std::sync::LazyLock;

use regex::{Captures, Regex};
use serde_json::{Map, Value};

/// What stands in for a credential.
pub const REDACTED: &str = "[redacted]";

/// Replaces every credential within `value`, at any depth; says whether there was one.
pub fn redact(value: &mut Value) -> bool {
    match value {
        Value::String(text) => match redact_text(text) {
            Some(clean) => {
                *text = clean;
                true
            }
            None => false,
        },
        Value::Array(items) => redact_items(items),
        Value::Object(fields) => redact_fields(fields),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

// No short circuit here and below: each part has to be cleaned.
fn redact_items(items: &mut [Value]) -> bool {
    let mut found = false;
    // An argument of its own after its flag: `["--password", "…"]`.
    let mut after_flag = false;
    for item in items {
        found |= if after_flag { hide(item) } else { redact(item) };
        after_flag = item
            .as_str()
            .is_some_and(|text| text.starts_with('-') && names_a_credential(text));
    }
    found
}

fn redact_fields(fields: &mut Map<String, Value>) -> bool {
    // An environment variable: the name of the credential is itself a value.
    let variable = fields
        .get("name")
        .and_then(Value::as_str)
        .is_some_and(names_a_credential);
    fields.iter_mut().fold(false, |found, (key, value)| {
        let secret = names_a_credential(key) || (variable && key == "value");
        if secret && hide(value) {
            true
        } else {
            redact(value) | found
        }
    })
}

/// Hides a scalar that stands under a credential's name; lists and objects are looked into instead.
fn hide(value: &mut Value) -> bool {
    let hidden = match value {
        Value::String(text) => !text.is_empty() && text != REDACTED,
        Value::Number(_) => true,
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => false,
    };
    if hidden {
        *value = Value::String(REDACTED.to_owned());
    }
    hidden
}

fn names_a_credential(name: &str) -> bool {
    const ENDINGS: [&str; 12] = [
        "password",
        "passwd",
        "passphrase",
        "token",
        "apikey",
        "accesskey",
        "secretkey",
        "privatekey",
        "clientsecret",
        "clientkeydata",
        "authorization",
        "dockerconfigjson",
    ];
    let bare: String = name
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    bare == "secret" || name == "tls.key" || ENDINGS.iter().any(|ending| bare.ends_with(ending))
}

/// One shape of credential.
struct Shape {
    pattern: Regex,
    /// Keeps capture `keep` in front of the mark.
    keep: bool,
    /// Asks whether what was matched (capture `value`) is one after all.
    plausible: fn(&str) -> bool,
}

static SHAPES: LazyLock<Vec<Shape>> = LazyLock::new(|| {
    let always: fn(&str) -> bool = |_| true;
    [
        // PEM private keys, also when the end is cut off.
        (r"(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\z)", always),
        // The same in base64, as kubeconfig files and Secrets hold them.
        (r"LS0tLS1CRUdJTiB(?:QUklW|SU0Eg|EU0Eg|FQyBQ|FTkNS|PUEVO)[A-Za-z0-9+/=]*", always),
        // JSON web tokens, service account tokens among them: the base64 of `{"`, and its parts.
        (r"\beyJ[A-Za-z0-9_-]{16,}(?:\.[A-Za-z0-9_-]*)*", always),
        // Tokens that say whose they are.
        (
            concat!(
                r"\b(?:gh[opsur]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{20,}|hf_[A-Za-z0-9]{20,}",
                r"|xox[abeprs]-[\w-]{10,}|(?:AKIA|ASIA)[A-Z0-9]{16}|sk-[\w-]{20,}|nvapi-[\w-]{20,}|AIza[\w-]{30,})"
            ),
            always,
        ),
        (
            r#"(?i)(?P<keep>\bauthorization["']?\s*[:=]\s*["']?(?:(?:bearer|basic|token|negotiate)\s+)?)[^\s"',]+"#,
            always,
        ),
        (r"(?i)(?P<keep>\bbearer\s+)(?P<value>[A-Za-z0-9._~+/=-]{8,})", looks_random),
        // `https://user:password@host`
        (r"(?P<keep>\b[A-Za-z][A-Za-z0-9+.-]*://[^/\s:@]*:)[^@\s/]+@", always),
        (
            r#"(?i)(?P<keep>(?:passw(?:or)?d|passphrase|secret|token|api[_-]?key|access[_-]?key|secret[_-]?key|private[_-]?key|client-key-data)["']?\s*=\s*)(?:"[^"]*"|'[^']*'|[^\s,;&"']+)"#,
            always,
        ),
        (
            r#"(?i)(?P<keep>(?:passw(?:or)?d|passphrase|api[_-]?key|secret[_-]?key|client-key-data)["']?\s*:\s*)(?:"[^"]*"|'[^']*'|[^\s,;&"']+)"#,
            always,
        ),
        // Prose says `token: expired`; a value that looks random is one.
        (
            r#"(?i)(?P<keep>(?:secret|token)["']?\s*:\s*["']?)(?P<value>[^\s,;&"']{12,})"#,
            looks_random,
        ),
    ]
    .into_iter()
    .map(|(pattern, plausible)| {
        // A pattern that does not compile is a fault of this file, which the tests find.
        let pattern = Regex::new(pattern).expect("the patterns of credentials are valid");
        let keep = pattern.capture_names().flatten().any(|name| name == "keep");
        Shape { pattern, keep, plausible }
    })
    .collect()
});

fn looks_random(value: &str) -> bool {
    value.len() >= 24 || value.bytes().any(|byte| byte.is_ascii_digit())
}

/// The text without its credentials, if it has any.
fn redact_text(text: &str) -> Option<String> {
    // Most strings are names; nothing that short can hold what any shape needs.
    if text.len() < 8 {
        return None;
    }
    let mut clean: Option<String> = None;
    for shape in SHAPES.iter() {
        let current = clean.as_deref().unwrap_or(text);
        let replaced = shape
            .pattern
            .replace_all(current, |found: &Captures<'_>| replacement(shape, found));
        if replaced != current {
            clean = Some(replaced.into_owned());
        }
    }
    clean
}

fn replacement(shape: &Shape, found: &Captures<'_>) -> String {
    let whole = &found[0];
    let already = whole.ends_with(REDACTED) || whole.ends_with("[redacted]@");
    if already
        || found
            .name("value")
            .is_some_and(|value| !(shape.plausible)(value.as_str()))
    {
        return whole.to_owned();
    }
    let kept = if shape.keep { &found["keep"] } else { "" };
    let after = if whole.ends_with('@') { "@" } else { "" };
    format!("{kept}{REDACTED}{after}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const JWT: &str =
        "eyJhbGciOiJSUzI1NiIsImtpZCI6IngifQ.eyJzdWIiOiJzeXN0ZW06c2VydmljZWFjY291bnQifQ.c2lnbmF0dXJl";

    fn cleaned(text: &str) -> String {
        redact_text(text).unwrap_or_else(|| text.to_owned())
    }

    #[test]
    fn credentials_are_known_by_their_form() {
        for (text, clean) in [
            (
                format!("probe said {JWT}, then stopped"),
                "probe said [redacted], then stopped".to_owned(),
            ),
            (
                "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\nrest".to_owned(),
                "[redacted]\nrest".to_owned(),
            ),
            (
                "cut off: -----BEGIN PRIVATE KEY-----\nMIIE".to_owned(),
                "cut off: [redacted]".to_owned(),
            ),
            (
                "client-key: LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVkt".to_owned(),
                "client-key: [redacted]".to_owned(),
            ),
            (
                "LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0tCg==".to_owned(),
                "[redacted]".to_owned(),
            ),
            (
                "LS0tLS1CRUdJTiBFQyBQUklWQVRFIEtFWS0tLS0tCg==".to_owned(),
                "[redacted]".to_owned(),
            ),
            (
                "Authorization: Basic dXNlcjpwYXNz refused".to_owned(),
                "Authorization: [redacted] refused".replace(": [", ": Basic ["),
            ),
            (
                "sent bearer abcdef.0123456789abcdef".to_owned(),
                "sent bearer [redacted]".to_owned(),
            ),
            (
                "GET https://bob:s3cret@host/x".to_owned(),
                "GET https://bob:[redacted]@host/x".to_owned(),
            ),
            (
                "--password=hunter2 --x=1".to_owned(),
                "--password=[redacted] --x=1".to_owned(),
            ),
            (
                "DB_PASSWORD: \"a b\"".to_owned(),
                "DB_PASSWORD: [redacted]".to_owned(),
            ),
            (
                "HF token hf_abcdefghijklmnopqrstuvwx".to_owned(),
                "HF token [redacted]".to_owned(),
            ),
            (
                "token: abcdefgh12345678".to_owned(),
                "token: [redacted]".to_owned(),
            ),
        ] {
            assert_eq!(cleaned(&text), clean);
        }
    }

    #[test]
    fn what_only_sounds_like_a_credential_stays() {
        for text in [
            "secrets \"registry\" is forbidden",
            "token: permission denied",
            "bearer authentication is off",
            "basic scheduling works",
            "/var/run/secrets/kubernetes.io/serviceaccount/token",
            "GPU-5f3c2a10-77aa-4b6e-9a3c-000000000001",
            "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "https://example.org:8443/metrics",
            "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
        ] {
            assert_eq!(redact_text(text), None, "{text}");
        }
    }

    #[test]
    fn fields_and_variables_are_known_by_their_name() {
        let mut fact = json!({
            "env": [{"name": "HF_TOKEN", "value": "plain"}, {"name": "RANK", "value": "1"}],
            "auth": {"password": 12345, "clientSecret": "x", "user": "bob"},
            "automountServiceAccountToken": false,
            "serviceAccountToken": {"path": "token"},
            "data": {"tls.key": "x", "tls.crt": "y"},
            "args": ["--token", "abc", "--verbose", "--db-password", "x"],
        });
        assert!(redact(&mut fact));
        assert_eq!(
            fact,
            json!({
                "env": [{"name": "HF_TOKEN", "value": "[redacted]"}, {"name": "RANK", "value": "1"}],
                "auth": {"password": "[redacted]", "clientSecret": "[redacted]", "user": "bob"},
                "automountServiceAccountToken": false,
                "serviceAccountToken": {"path": "token"},
                "data": {"tls.key": "[redacted]", "tls.crt": "y"},
                "args": ["--token", "[redacted]", "--verbose", "--db-password", "[redacted]"],
            })
        );
    }

    #[test]
    fn what_is_clean_is_not_touched_again() {
        let mut fact =
            json!(["--password=hunter2", "https://u:p@h/", format!("Bearer {JWT}"), {"token": "abc"}]);
        assert!(redact(&mut fact));
        let once = fact.clone();
        assert!(!redact(&mut fact), "second pass changed {fact}");
        assert_eq!(fact, once);
    }
}
