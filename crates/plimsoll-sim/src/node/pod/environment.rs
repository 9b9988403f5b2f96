//! A container's environment and arguments, as its manifest makes them of the pod and of other objects.

use plimsoll_apiserver::{Direct, resources};
use serde_json::Value;

/// What a manifest can refer to.
pub(super) struct References<'a> {
    /// Where other objects are.
    pub(super) api: &'a Direct,
    /// The pod.
    pub(super) pod: &'a Value,
    /// The pod's address.
    pub(super) pod_ip: String,
    /// Its node's.
    pub(super) host_ip: String,
}

impl References<'_> {
    /// The variables of a container; or why it can't have them.
    pub(super) fn variables(&self, container: &Value) -> Result<Vec<(String, String)>, String> {
        let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        let mut variables: Vec<(String, String)> = vec![
            ("PATH".to_owned(), path.to_owned()),
            ("HOSTNAME".to_owned(), hostname(self.pod)),
        ];
        for source in container["envFrom"].as_array().into_iter().flatten() {
            let prefix = source["prefix"].as_str().unwrap_or_default();
            for (reference, of) in [
                ("configMapRef", &resources::CONFIG_MAPS),
                ("secretRef", &resources::SECRETS),
            ] {
                let reference = &source[reference];
                if reference.is_null() {
                    continue;
                }
                let name = reference["name"].as_str().unwrap_or_default();
                match self.api.get(of, Some(self.namespace()), name) {
                    Some(object) => {
                        let data = object["data"].as_object().into_iter().flatten();
                        variables.extend(data.map(|(key, value)| {
                            (
                                format!("{prefix}{key}"),
                                value.as_str().unwrap_or_default().to_owned(),
                            )
                        }));
                    }
                    None if reference["optional"] == true => {}
                    None => return Err(missing(of.resource.trim_end_matches('s'), name)),
                }
            }
        }
        for entry in container["env"].as_array().into_iter().flatten() {
            let name = entry["name"].as_str().unwrap_or_default().to_owned();
            let value = match &entry["valueFrom"] {
                Value::Null => Some(expand(entry["value"].as_str().unwrap_or_default(), &variables)),
                source => self.referred(source, container)?,
            };
            if let Some(value) = value {
                variables.retain(|(own, _)| *own != name);
                variables.push((name, value));
            }
        }
        Ok(variables)
    }

    fn namespace(&self) -> &str {
        self.pod["metadata"]["namespace"].as_str().unwrap_or_default()
    }

    fn referred(&self, source: &Value, container: &Value) -> Result<Option<String>, String> {
        if let Some(path) = source["fieldRef"]["fieldPath"].as_str() {
            return Ok(Some(self.field(path)));
        }
        if let Some(resource) = source["resourceFieldRef"]["resource"].as_str() {
            let pointer = format!("/resources/{}", resource.replace('.', "/"));
            let amount = container.pointer(&pointer).cloned().unwrap_or_default();
            let amount = amount.as_str().map_or_else(|| amount.to_string(), str::to_owned);
            return Ok(Some(if amount == "null" { "0".to_owned() } else { amount }));
        }
        for (reference, of, kind) in [
            ("configMapKeyRef", &resources::CONFIG_MAPS, "configmap"),
            ("secretKeyRef", &resources::SECRETS, "secret"),
        ] {
            let reference = &source[reference];
            if reference.is_null() {
                continue;
            }
            let text = |field: &str| reference[field].as_str().unwrap_or_default();
            let object = self.api.get(of, Some(self.namespace()), text("name"));
            let value = object
                .as_ref()
                .and_then(|object| object["data"][text("key")].as_str().map(str::to_owned));
            return match (object, value) {
                (_, Some(value)) => Ok(Some(value)),
                _ if reference["optional"] == true => Ok(None),
                (None, None) => Err(missing(kind, text("name"))),
                (Some(_), None) => Err(format!(
                    "couldn't find key {} in {kind} {}/{}",
                    text("key"),
                    self.namespace(),
                    text("name")
                )),
            };
        }
        Ok(None)
    }

    /// A field of the pod, such as `status.podIP` or `metadata.labels['x']`.
    fn field(&self, path: &str) -> String {
        match path {
            "status.podIP" | "status.podIPs" => return self.pod_ip.clone(),
            "status.hostIP" | "status.hostIPs" => return self.host_ip.clone(),
            _ => {}
        }
        let value = match path.split_once("['") {
            Some((map, key)) => {
                let map = map.replace('.', "/");
                let map = self.pod.pointer(&format!("/{map}")).unwrap_or(&Value::Null);
                map[key.trim_end_matches("']")].clone()
            }
            None => {
                let pointer = format!("/{}", path.replace('.', "/"));
                self.pod.pointer(&pointer).cloned().unwrap_or_default()
            }
        };
        value.as_str().map(str::to_owned).unwrap_or_default()
    }
}

fn missing(kind: &str, name: &str) -> String {
    format!("{kind} \"{name}\" not found")
}

/// The host name that a pod's containers see.
pub(super) fn hostname(pod: &Value) -> String {
    let own = pod["spec"]["hostname"].as_str();
    let name = own.or(pod["metadata"]["name"].as_str()).unwrap_or_default();
    name.chars().take(63).collect()
}

/// Replaces `$(NAME)` where there is such a variable, and `$$` by `$`.
pub(super) fn expand(text: &str, variables: &[(String, String)]) -> String {
    let mut expanded = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        expanded.push_str(before);
        if let Some(after) = after.strip_prefix('$') {
            expanded.push('$');
            rest = after;
            continue;
        }
        let reference = after.strip_prefix('(').and_then(|inside| inside.split_once(')'));
        let known = reference.and_then(|(name, after)| {
            let (_, value) = variables.iter().find(|(own, _)| own == name)?;
            Some((value, after))
        });
        match known {
            Some((value, after)) => {
                expanded.push_str(value);
                rest = after;
            }
            None => {
                expanded.push('$');
                rest = after;
            }
        }
    }
    expanded.push_str(rest);
    expanded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_expanded_where_they_lead_somewhere() {
        let variables = [("RANK".to_owned(), "3".to_owned())];
        let cases = [
            ("--rank=$(RANK)", "--rank=3"),
            ("$$(RANK)", "$(RANK)"),
            ("$(NONE) $RANK", "$(NONE) $RANK"),
            ("cost $", "cost $"),
        ];
        for (text, expanded) in cases {
            assert_eq!(expand(text, &variables), expanded);
        }
    }

    #[test]
    fn a_host_is_called_after_its_pod_unless_it_says_otherwise() {
        let pod = serde_json::json!({"metadata": {"name": "p-0"}, "spec": {}});
        assert_eq!(hostname(&pod), "p-0");
        let named = serde_json::json!({"metadata": {"name": "p-0"}, "spec": {"hostname": "h"}});
        assert_eq!(hostname(&named), "h");
    }
}
