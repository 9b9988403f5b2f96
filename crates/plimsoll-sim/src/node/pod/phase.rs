//! A pod's phase and conditions, from the statuses of its containers.

use serde_json::{Map, Value, json};

use super::restart::{Role, containers, is_restarted, name};

/// Whether a pod is to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outlook {
    /// Its containers may start, and start again.
    Open,
    /// Nothing of it is started any more.
    Over,
}

/// The statuses of all kinds of containers.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Statuses {
    pub(super) init: Vec<Value>,
    pub(super) main: Vec<Value>,
    pub(super) ephemeral: Vec<Value>,
}

impl Statuses {
    fn of(&self, container: &str) -> Option<&Value> {
        self.init
            .iter()
            .chain(&self.main)
            .find(|status| status["name"] == container)
    }
}

/// How one container stands.
enum Standing {
    Running {
        started: bool,
    },
    /// Ended with that status; or waits to be started after it did.
    Ended(i32),
    /// Was not started yet.
    Waiting,
}

fn standing(status: &Value) -> Standing {
    let code = |state: &Value| {
        let code = state["terminated"]["exitCode"].as_i64()?;
        i32::try_from(code).ok()
    };
    if status["state"].get("running").is_some() {
        Standing::Running {
            started: status["started"] == true,
        }
    } else if let Some(code) = code(&status["state"]).or_else(|| code(&status["lastState"])) {
        Standing::Ended(code)
    } else {
        Standing::Waiting
    }
}

/// The phase of a pod.
pub(super) fn phase(pod: &Value, statuses: &Statuses, outlook: Outlook) -> &'static str {
    let has_begun = has_begun(statuses);
    let (mut init_pending, mut sidecars_pending) = (0, 0);
    let (mut running, mut waiting, mut ended, mut ended_for_good, mut ended_well) = (0, 0, 0, 0, 0);
    for (container, role) in containers(pod) {
        let Some(status) = statuses.of(name(container)) else {
            continue;
        };
        let standing = standing(status);
        match (role, standing) {
            (Role::Ephemeral, _) | (Role::Sidecar, Standing::Ended(_)) => {}
            (Role::Init, Standing::Ended(0)) => {}
            (Role::Init, Standing::Ended(code)) => {
                if !is_restarted(pod, container, role, code) {
                    return "Failed";
                }
            }
            (Role::Init, Standing::Running { .. } | Standing::Waiting) => init_pending += 1,
            (Role::Sidecar, Standing::Running { started }) => {
                running += 1;
                sidecars_pending += usize::from(!started);
            }
            (Role::Sidecar, Standing::Waiting) => {
                sidecars_pending += 1;
                waiting += 1;
            }
            (Role::Main, Standing::Running { .. }) => running += 1,
            (Role::Main, Standing::Waiting) => waiting += 1,
            (Role::Main, Standing::Ended(code)) => {
                ended += 1;
                ended_well += usize::from(code == 0);
                ended_for_good += usize::from(!is_restarted(pod, container, role, code));
            }
        }
    }
    if init_pending > 0 || (sidecars_pending > 0 && !has_begun) || waiting > 0 {
        "Pending"
    } else if running > 0 {
        "Running"
    } else if ended > 0 {
        if outlook == Outlook::Open && ended != ended_for_good {
            "Running"
        } else if ended == ended_well {
            "Succeeded"
        } else {
            "Failed"
        }
    } else {
        "Pending"
    }
}

/// Whether a container that the pod is for was ever started.
fn has_begun(statuses: &Statuses) -> bool {
    statuses
        .main
        .iter()
        .any(|status| !matches!(standing(status), Standing::Waiting))
}

/// The conditions that a kubelet sets, in its order; `others` are those that it does not.
pub(super) fn conditions(
    pod: &Value,
    statuses: &Statuses,
    phase: &str,
    has_sandbox: bool,
    others: &[Value],
) -> Vec<Value> {
    let containers_ready = containers_ready(pod, statuses, phase);
    let ready = if containers_ready.0 {
        gates(pod, others)
    } else {
        containers_ready.clone()
    };
    let initialized = initialized(pod, statuses, phase);
    let plain = |met: bool| (met, "", String::new());
    let mut conditions: Vec<Value> = others.to_vec();
    for (kind, (met, reason, message)) in [
        ("PodReadyToStartContainers", plain(has_sandbox)),
        ("Initialized", initialized),
        ("Ready", ready),
        ("ContainersReady", containers_ready),
        ("PodScheduled", plain(true)),
    ] {
        let mut condition = Map::new();
        condition.insert("type".to_owned(), json!(kind));
        condition.insert("status".to_owned(), json!(if met { "True" } else { "False" }));
        if !reason.is_empty() {
            condition.insert("reason".to_owned(), json!(reason));
        }
        if !message.is_empty() {
            condition.insert("message".to_owned(), json!(message));
        }
        conditions.push(Value::Object(condition));
    }
    conditions
}

type Verdict = (bool, &'static str, String);

fn containers_ready(pod: &Value, statuses: &Statuses, phase: &str) -> Verdict {
    match phase {
        "Succeeded" => return (false, "PodCompleted", String::new()),
        "Failed" => return (false, "PodFailed", String::new()),
        _ => {}
    }
    let unready: Vec<&str> = containers(pod)
        .into_iter()
        .filter(|(container, role)| {
            let counts = matches!(role, Role::Sidecar | Role::Main);
            let status = statuses.of(name(container));
            counts && status.is_none_or(|status| status["ready"] != true)
        })
        .map(|(container, _)| name(container))
        .collect();
    if unready.is_empty() {
        (true, "", String::new())
    } else {
        let message = format!("containers with unready status: [{}]", unready.join(" "));
        (false, "ContainersNotReady", message)
    }
}

fn gates(pod: &Value, others: &[Value]) -> Verdict {
    let gates = pod["spec"]["readinessGates"].as_array().into_iter().flatten();
    let unmet: Vec<String> = gates
        .filter_map(|gate| gate["conditionType"].as_str())
        .filter_map(|gate| {
            let condition = others.iter().find(|condition| condition["type"] == gate);
            match condition.and_then(|condition| condition["status"].as_str()) {
                Some("True") => None,
                Some(status) => Some(format!(
                    "the status of pod readiness gate \"{gate}\" is not \"True\", but {status}"
                )),
                None => Some(format!(
                    "corresponding condition of pod readiness gate \"{gate}\" does not exist."
                )),
            }
        })
        .collect();
    if unmet.is_empty() {
        (true, "", String::new())
    } else {
        (false, "ReadinessGatesNotReady", unmet.join(", "))
    }
}

fn initialized(pod: &Value, statuses: &Statuses, phase: &str) -> Verdict {
    if phase == "Succeeded" {
        return (true, "PodCompleted", String::new());
    }
    if has_begun(statuses) {
        return (true, "", String::new());
    }
    let incomplete: Vec<&str> = containers(pod)
        .into_iter()
        .filter(|(container, role)| {
            let status = statuses.of(name(container));
            match role {
                Role::Init => status.is_none_or(|status| status["ready"] != true),
                Role::Sidecar => status.is_none_or(|status| status["started"] != true),
                Role::Main | Role::Ephemeral => false,
            }
        })
        .map(|(container, _)| name(container))
        .collect();
    if incomplete.is_empty() {
        (true, "", String::new())
    } else {
        let message = format!("containers with incomplete status: [{}]", incomplete.join(" "));
        (false, "ContainersNotInitialized", message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(policy: &str) -> Value {
        json!({"spec": {
            "restartPolicy": policy,
            "initContainers": [{"name": "i"}, {"name": "s", "restartPolicy": "Always"}],
            "containers": [{"name": "a"}, {"name": "b"}],
        }})
    }

    fn status(name: &str, word: &str) -> Value {
        let (state, ready, started) = match word {
            "runs" => (json!({"running": {}}), true, true),
            "waits" => (json!({"waiting": {}}), false, false),
            code => (
                json!({"terminated": {"exitCode": code.parse::<i32>().unwrap()}}),
                code == "0",
                false,
            ),
        };
        json!({"name": name, "state": state, "ready": ready, "started": started})
    }

    fn statuses(init: &str, sidecar: &str, a: &str, b: &str) -> Statuses {
        Statuses {
            init: vec![status("i", init), status("s", sidecar)],
            main: vec![status("a", a), status("b", b)],
            ephemeral: Vec::new(),
        }
    }

    fn phase_of(policy: &str, init: &str, sidecar: &str, a: &str, b: &str) -> &'static str {
        phase(&pod(policy), &statuses(init, sidecar, a, b), Outlook::Open)
    }

    #[test]
    fn a_pod_is_pending_until_all_have_begun_and_runs_while_one_does() {
        assert_eq!(phase_of("Never", "waits", "waits", "waits", "waits"), "Pending");
        assert_eq!(phase_of("Never", "0", "runs", "runs", "waits"), "Pending");
        assert_eq!(phase_of("Never", "0", "runs", "runs", "1"), "Running");
        assert_eq!(
            phase_of("Never", "0", "runs", "0", "0"),
            "Running",
            "the sidecar still runs"
        );
    }

    #[test]
    fn a_pod_ends_as_its_containers_did_unless_they_come_again() {
        assert_eq!(phase_of("Never", "0", "0", "0", "0"), "Succeeded");
        assert_eq!(phase_of("Never", "0", "0", "0", "1"), "Failed");
        assert_eq!(phase_of("OnFailure", "0", "0", "0", "1"), "Running");
        assert_eq!(phase_of("Always", "0", "0", "0", "0"), "Running");
        assert_eq!(phase_of("Never", "1", "waits", "waits", "waits"), "Failed");
        let over = phase(&pod("Always"), &statuses("0", "0", "0", "137"), Outlook::Over);
        assert_eq!(over, "Failed");
    }

    fn told(policy: &str, statuses: &Statuses, others: &[Value]) -> Vec<String> {
        let pod = pod(policy);
        let phase = phase(&pod, statuses, Outlook::Open);
        conditions(&pod, statuses, phase, true, others)
            .iter()
            .map(|condition| {
                let text = |field: &str| condition[field].as_str().unwrap_or_default();
                format!(
                    "{} {} {} {}",
                    text("type"),
                    text("status"),
                    text("reason"),
                    text("message")
                )
                .trim()
                .to_owned()
            })
            .collect()
    }

    #[test]
    fn conditions_say_what_is_missing() {
        assert_eq!(
            told("Never", &statuses("runs", "waits", "waits", "waits"), &[]),
            [
                "PodReadyToStartContainers True",
                "Initialized False ContainersNotInitialized containers with incomplete status: [s]",
                "Ready False ContainersNotReady containers with unready status: [s a b]",
                "ContainersReady False ContainersNotReady containers with unready status: [s a b]",
                "PodScheduled True",
            ]
        );
        let ready = statuses("0", "runs", "runs", "runs");
        assert!(told("Never", &ready, &[]).contains(&"Ready True".to_owned()));
        let ended = told("Never", &statuses("0", "0", "0", "0"), &[]);
        assert!(ended.contains(&"Ready False PodCompleted".to_owned()));
        assert!(ended.contains(&"Initialized True PodCompleted".to_owned()));
    }

    #[test]
    fn conditions_of_others_are_kept_and_may_be_gates() {
        let mut gated = pod("Never");
        gated["spec"]["readinessGates"] = json!([{"conditionType": "example.com/ok"}]);
        let statuses = statuses("0", "runs", "runs", "runs");
        let ready = |others: &[Value]| {
            let all = conditions(&gated, &statuses, "Running", true, others);
            let ready = all.iter().find(|condition| condition["type"] == "Ready").unwrap();
            (ready["status"].clone(), all.len())
        };
        assert_eq!(ready(&[]), (json!("False"), 5));
        assert_eq!(
            ready(&[json!({"type": "example.com/ok", "status": "True"})]),
            (json!("True"), 6)
        );
    }
}
