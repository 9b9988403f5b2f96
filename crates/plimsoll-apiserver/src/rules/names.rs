//! Names, keys and values of certain forms: what is wrong with a text, as the API words it.

use std::sync::LazyLock;

use regex::Regex;

const LABEL: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const SUBDOMAIN: &str = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";
const LABEL_1035: &str = "[a-z]([-a-z0-9]*[a-z0-9])?";
const QUALIFIED: &str = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
const LABEL_VALUE: &str = "(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?";
const CONFIG_KEY: &str = "[-._a-zA-Z0-9]+";
const C_IDENTIFIER: &str = "[A-Za-z_][A-Za-z0-9_]*";

/// A form that texts can have.
struct Form {
    pattern: &'static str,
    regex: LazyLock<Option<Regex>>,
    rule: &'static str,
    examples: &'static [&'static str],
}

macro_rules! form {
    ($name:ident: $pattern:expr, $rule:literal, $examples:expr) => {
        static $name: Form = Form {
            pattern: $pattern,
            regex: LazyLock::new(|| Regex::new(&format!("^(?:{})$", $pattern)).ok()),
            rule: $rule,
            examples: &$examples,
        };
    };
}

form!(DNS_LABEL: LABEL, "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character", ["my-name", "123-abc"]);
form!(DNS_SUBDOMAIN: SUBDOMAIN, "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character", ["example.com"]);
form!(DNS_1035: LABEL_1035, "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character", ["my-name", "abc-123"]);
form!(NAME_PART: QUALIFIED, "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character", ["MyName", "my.name", "123-abc"]);
form!(VALUE: LABEL_VALUE, "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character", ["MyValue", "my_value", "12345"]);
form!(KEY: CONFIG_KEY, "a valid config key must consist of alphanumeric characters, '-', '_' or '.'", ["key.name", "KEY_NAME", "key-name"]);
form!(IDENTIFIER: C_IDENTIFIER, "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_'", ["my_name", "MY_NAME", "MyName"]);

impl Form {
    fn matches(&self, text: &str) -> bool {
        self.regex.as_ref().is_none_or(|regex| regex.is_match(text))
    }

    fn told(&self) -> String {
        let examples: Vec<String> = self
            .examples
            .iter()
            .map(|example| format!("'{example}', "))
            .collect();
        format!(
            "{} (e.g. {}regex used for validation is '{}')",
            self.rule,
            examples.join(" or "),
            self.pattern
        )
    }

    fn check(&self, text: &str, longest: usize) -> Vec<String> {
        let mut wrong = too_long(text, longest, "characters");
        if !self.matches(text) {
            wrong.push(self.told());
        }
        wrong
    }
}

/// Lengths are in bytes, whatever the unit is called.
fn too_long(text: &str, longest: usize, unit: &str) -> Vec<String> {
    if text.len() > longest {
        vec![format!("must be no more than {longest} {unit}")]
    } else {
        Vec::new()
    }
}

/// `my-name`: names of most things that have an address.
pub(crate) fn dns1123_label(text: &str) -> Vec<String> {
    let mut wrong = too_long(text, 63, "characters");
    if !DNS_LABEL.matches(text) {
        wrong.push(if DNS_SUBDOMAIN.matches(text) {
            "must not contain dots".to_owned()
        } else {
            DNS_LABEL.told()
        });
    }
    wrong
}

/// `example.com`: names of most objects.
pub(crate) fn dns1123_subdomain(text: &str) -> Vec<String> {
    DNS_SUBDOMAIN.check(text, 253)
}

/// A label that begins with a letter: names of services.
pub(crate) fn dns1035_label(text: &str) -> Vec<String> {
    DNS_1035.check(text, 63)
}

/// `example.com/MyName`: keys of labels and annotations, finalizers.
pub(crate) fn qualified_name(text: &str) -> Vec<String> {
    let parts: Vec<&str> = text.split('/').collect();
    let mut wrong = Vec::new();
    let name = match parts.as_slice() {
        [name] => name,
        ["", name] => {
            wrong.push("prefix part must be non-empty".to_owned());
            name
        }
        [prefix, name] => {
            wrong.extend(
                dns1123_subdomain(prefix)
                    .into_iter()
                    .map(|what| format!("prefix part {what}")),
            );
            name
        }
        _ => {
            let told = NAME_PART.told();
            let told = told.strip_prefix("name part ").unwrap_or(&told);
            return vec![format!(
                "a valid label key {told} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
            )];
        }
    };
    if name.is_empty() {
        wrong.push("name part must be non-empty".to_owned());
    } else if name.len() > 63 {
        wrong.push("name part must be no more than 63 bytes".to_owned());
    }
    if !NAME_PART.matches(name) {
        wrong.push(NAME_PART.told());
    }
    wrong
}

/// The value of a label.
pub(crate) fn label_value(text: &str) -> Vec<String> {
    let mut wrong = too_long(text, 63, "bytes");
    if !VALUE.matches(text) {
        wrong.push(VALUE.told());
    }
    wrong
}

/// A key of a ConfigMap or Secret.
pub(crate) fn config_key(text: &str) -> Vec<String> {
    let mut wrong = KEY.check(text, 253);
    match text {
        "." => wrong.push("must not be '.'".to_owned()),
        ".." => wrong.push("must not be '..'".to_owned()),
        text if text.starts_with("..") => wrong.push("must not start with '..'".to_owned()),
        _ => {}
    }
    wrong
}

/// The name of an attribute or capacity of a device.
pub(crate) fn c_identifier(text: &str) -> Vec<String> {
    IDENTIFIER.check(text, usize::MAX)
}

/// The name of a container's port.
pub(crate) fn port_name(text: &str) -> Vec<String> {
    let mut wrong = too_long(text, 15, "characters");
    if text.is_empty()
        || !text
            .chars()
            .all(|c| c == '-' || c.is_ascii_lowercase() || c.is_ascii_digit())
    {
        wrong.push("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)".to_owned());
    }
    if !text.contains(|c: char| c.is_ascii_lowercase()) {
        wrong.push("must contain at least one letter (a-z)".to_owned());
    }
    if text.contains("--") {
        wrong.push("must not contain consecutive hyphens".to_owned());
    }
    if text.starts_with('-') || text.ends_with('-') {
        wrong.push("must not begin or end with a hyphen".to_owned());
    }
    wrong
}

/// The name of an RBAC object: anything that can be part of a path.
pub(crate) fn path_segment(text: &str) -> Vec<String> {
    match text {
        "." => vec!["may not be '.'".to_owned()],
        ".." => vec!["may not be '..'".to_owned()],
        text => {
            let found = ["/", "%"].into_iter().filter(|sign| text.contains(sign));
            found.map(|sign| format!("may not contain '{sign}'")).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_right_from_wrong() {
        assert!(dns1123_label("a-1").is_empty() && dns1123_subdomain("a.b-c").is_empty());
        assert_eq!(dns1123_label("a.b"), ["must not contain dots"]);
        assert!(dns1035_label("1a")[0].starts_with("a DNS-1035 label must consist"));
        assert!(qualified_name("example.com/My_Name.x").is_empty());
        assert!(qualified_name("a/b/c")[0].starts_with("a valid label key must consist"));
        assert_eq!(qualified_name("/a"), ["prefix part must be non-empty"]);
        assert!(label_value("").is_empty() && !label_value("-a").is_empty());
        assert!(!port_name("8080").is_empty() && port_name("http-1").is_empty());
        assert!(!config_key("..data").is_empty() && config_key("a_b.c").is_empty());
    }

    #[test]
    fn the_rule_is_worded_as_the_api_does() {
        assert_eq!(
            dns1123_label("A"),
            [
                "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start \
              and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is \
              '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
            ]
        );
    }
}
