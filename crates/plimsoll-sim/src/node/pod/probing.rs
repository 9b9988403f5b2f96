//! Startup, readiness and liveness probes, as far as a simulated container can be asked.

use std::time::Duration;

use plimsoll_apiserver::elapse;
use serde_json::Value;

use super::{
    GRACE, PodWorker,
    restart::{Role, name},
};
use crate::node::{ground::Kind, images::Content, runtime::Container};

/// How a probe turns out.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Answer {
    /// Always well: the container is one that the simulation knows nothing of.
    Well,
    /// Well while somebody listens at that port.
    Port(u16),
    /// Never well, for that reason.
    Ill(String),
}

/// One probe of a container.
struct Probe<'a> {
    spec: &'a Value,
    /// What Events call it.
    title: &'static str,
    answer: Answer,
}

impl Probe<'_> {
    fn seconds(&self, field: &str, usual: u64) -> Duration {
        Duration::from_secs(self.spec[field].as_u64().unwrap_or(usual))
    }

    fn times(&self, field: &str, usual: u64) -> u64 {
        self.spec[field].as_u64().unwrap_or(usual).max(1)
    }
}

impl PodWorker {
    /// Asks a container that was started whatever its manifest says, for as long as it runs.
    pub(super) fn probe(&self, container: &Value, role: Role, running: &Container) {
        let asked = ["startupProbe", "readinessProbe", "livenessProbe"];
        if asked.iter().all(|probe| container[probe].is_null()) {
            return;
        }
        if let Some(me) = self.me.upgrade() {
            let (container, running) = (container.clone(), running.clone());
            self.ground.tasks.spawn(async move {
                tokio::select! {
                    biased;
                    _ = running.end() => {}
                    () = me.keep_asking(&container, role, &running) => {}
                }
            });
        }
    }

    async fn keep_asking(&self, container: &Value, role: Role, running: &Container) {
        if let Some(startup) = self.probe_of(container, "startupProbe", "Startup")
            && !self.becomes_well(&startup, container, role).await
        {
            self.end_unhealthy(container, role, running, "startup").await;
            return;
        }
        self.mark(container, |own| own.is_started = true);
        let readiness = async {
            match self.probe_of(container, "readinessProbe", "Readiness") {
                Some(readiness) => self.keep_ready(&readiness, container, role).await,
                None => self.mark(container, |own| own.is_ready = true),
            }
        };
        let liveness = async {
            if let Some(liveness) = self.probe_of(container, "livenessProbe", "Liveness")
                && self.becomes_ill(&liveness, container, role).await
            {
                self.end_unhealthy(container, role, running, "liveness").await;
            }
        };
        tokio::join!(readiness, liveness);
    }

    fn probe_of<'a>(&self, container: &'a Value, field: &str, title: &'static str) -> Option<Probe<'a>> {
        let spec = container.get(field).filter(|spec| !spec.is_null())?;
        let image = container["image"].as_str().unwrap_or_default();
        let answer = match self.ground.images.content(image) {
            Content::Probe(_) => answer(spec, container),
            Content::Unknown => Answer::Well,
        };
        Some(Probe { spec, title, answer })
    }

    /// Asks until the answer is good. False when it was bad too often.
    async fn becomes_well(&self, probe: &Probe<'_>, container: &Value, role: Role) -> bool {
        elapse(probe.seconds("initialDelaySeconds", 0)).await;
        for _ in 0..probe.times("failureThreshold", 3) {
            if self.ask(probe, container, role).await {
                return true;
            }
            elapse(probe.seconds("periodSeconds", 10)).await;
        }
        false
    }

    /// Asks for as long as the answer is good, or could become so again.
    async fn becomes_ill(&self, probe: &Probe<'_>, container: &Value, role: Role) -> bool {
        if probe.answer == Answer::Well {
            return false;
        }
        elapse(probe.seconds("initialDelaySeconds", 0)).await;
        let mut failures = 0;
        loop {
            failures = if self.ask(probe, container, role).await {
                0
            } else {
                failures + 1
            };
            if failures >= probe.times("failureThreshold", 3) {
                return true;
            }
            elapse(probe.seconds("periodSeconds", 10)).await;
        }
    }

    async fn keep_ready(&self, probe: &Probe<'_>, container: &Value, role: Role) {
        elapse(probe.seconds("initialDelaySeconds", 0)).await;
        if probe.answer == Answer::Well {
            self.mark(container, |own| own.is_ready = true);
            return;
        }
        loop {
            let is_well = self.ask(probe, container, role).await;
            self.mark(container, |own| own.is_ready = is_well);
            elapse(probe.seconds("periodSeconds", 10)).await;
        }
    }

    async fn ask(&self, probe: &Probe<'_>, container: &Value, role: Role) -> bool {
        let address = self.state().sandbox.as_ref().map(|sandbox| sandbox.address);
        let failure = match (&probe.answer, address) {
            (Answer::Well, _) => return true,
            (Answer::Port(port), Some(address)) => {
                if self.ground.fabric.listens(address.into(), *port) {
                    return true;
                }
                format!("dial tcp {address}:{port}: connect: connection refused")
            }
            (Answer::Port(port), None) => format!("dial tcp :{port}: no route to host"),
            (Answer::Ill(reason), _) => reason.clone(),
        };
        let message = format!("{} probe failed: {failure}", probe.title);
        self.tell_of(container, role, Kind::Warning, "Unhealthy", &message)
            .await;
        false
    }

    async fn end_unhealthy(&self, container: &Value, role: Role, running: &Container, probe: &str) {
        let message = format!(
            "Container {} failed {probe} probe, will be restarted",
            name(container)
        );
        self.tell_of(container, role, Kind::Normal, "Killing", &message)
            .await;
        let grace = self.pod()["spec"]["terminationGracePeriodSeconds"]
            .as_u64()
            .unwrap_or(GRACE);
        running.stop(Duration::from_secs(grace)).await;
    }

    /// Takes note of how a container is; that is news.
    fn mark(&self, container: &Value, change: impl FnOnce(&mut super::state::ContainerState)) {
        if let Some(own) = self.state().containers.get_mut(name(container)) {
            change(own);
        }
        self.latest.send_modify(|_| {});
    }
}

/// How a probe of the probe's own program turns out.
fn answer(spec: &Value, container: &Value) -> Answer {
    for kind in ["httpGet", "tcpSocket", "grpc"] {
        let port = &spec[kind]["port"];
        if port.is_null() {
            continue;
        }
        let number = port.as_u64().or_else(|| {
            let ports = container["ports"].as_array()?;
            let named = ports.iter().find(|own| own["name"] == *port)?;
            named["containerPort"].as_u64()
        });
        return match number.and_then(|number| u16::try_from(number).ok()) {
            Some(port) => Answer::Port(port),
            None => Answer::Ill(format!("couldn't find port: {port}")),
        };
    }
    let program = spec["exec"]["command"][0].as_str().unwrap_or_default();
    Answer::Ill(format!("exec: \"{program}\": executable file not found in $PATH"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_probe_asks_at_a_port_by_number_or_by_name() {
        let container = json!({"ports": [{"name": "http", "containerPort": 8080}]});
        let ask = |spec: Value| answer(&spec, &container);
        assert_eq!(ask(json!({"tcpSocket": {"port": 80}})), Answer::Port(80));
        assert_eq!(ask(json!({"httpGet": {"port": "http"}})), Answer::Port(8080));
        assert!(matches!(
            ask(json!({"httpGet": {"port": "none"}})),
            Answer::Ill(_)
        ));
        assert!(matches!(
            ask(json!({"exec": {"command": ["sh"]}})),
            Answer::Ill(_)
        ));
    }
}
