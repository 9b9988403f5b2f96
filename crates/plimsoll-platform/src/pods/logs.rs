//! Reading a container's log line by line until it says what is waited for.

use std::{pin::pin, time::Duration};

use futures::{AsyncBufReadExt, StreamExt};
use k8s_openapi::api::core::v1::{ContainerStateTerminated, Pod};
use kube::{Api, api::LogParams};
use tokio::time::{Instant, timeout_at};

use super::{
    condition::{ending, phase, standing},
    obstruction::{containers, obstruction},
};
use crate::wait::{Condition, Deadline, Progress, Report, Seen, WaitError, Watched, is_final};

/// Follows a container's log until `find` makes something of a line.
///
/// The container need not run yet. A log stream that breaks is opened again after the lines already read.
///
/// # Errors
/// [`WaitError::Never`] when the container ended without such a line, otherwise as [`Watched::until`].
pub async fn log_until<T>(
    api: &Api<Pod>,
    pod: &str,
    container: &str,
    find: impl FnMut(&str) -> Option<T>,
    deadline: Deadline,
) -> Result<T, WaitError> {
    let on = format!("a line in the log of container `{container}` of pod `{pod}`");
    let report = Report::started(&on, deadline.within);
    let log = Log {
        api,
        pod,
        container,
        on,
        deadline,
        started: Instant::now(),
    };
    let result = log.read_until(find).await;
    report.ended(result.is_ok());
    result
}

struct Log<'a> {
    api: &'a Api<Pod>,
    pod: &'a str,
    container: &'a str,
    on: String,
    deadline: Deadline,
    started: Instant,
}

impl Log<'_> {
    async fn read_until<T>(&self, mut find: impl FnMut(&str) -> Option<T>) -> Result<T, WaitError> {
        let watched = Watched::one(self.api.clone(), self.pod);
        watched
            .until_quietly(begun(self.container), self.deadline)
            .await?;
        let ends = self.started + self.deadline.within;
        let mut read = 0;
        let mut fault = None;
        let mut pause = PAUSE.0;
        loop {
            // A container that ended before its log was opened says no more than the stream brings.
            let over = self.termination().await?;
            let before = read;
            match timeout_at(ends, self.follow(&mut read, &mut find)).await {
                Ok(Ok(Some(found))) => return Ok(found),
                Ok(Ok(None)) => {
                    if let Some(over) = over {
                        return Err(WaitError::Never(self.said_nothing(&over, read)));
                    }
                    fault = None;
                }
                Ok(Err(error)) if is_final(&error) => return Err(self.api_failed(error)),
                Ok(Err(error)) => fault = Some(error),
                Err(_) => return Err(self.elapsed(read, fault)),
            }
            pause = if read > before {
                PAUSE.0
            } else {
                (pause * 2).min(PAUSE.1)
            };
            let left = ends.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(self.elapsed(read, fault));
            }
            // Until the container ends, or it is time to open its log again.
            let within = Deadline {
                within: pause.min(left),
                ..self.deadline
            };
            match watched.until_quietly(ended(self.container), within).await {
                Ok(_) | Err(WaitError::Elapsed { .. }) => {}
                Err(error) => return Err(error),
            }
        }
    }

    async fn termination(&self) -> Result<Option<ContainerStateTerminated>, WaitError> {
        let pod = self
            .api
            .get_opt(self.pod)
            .await
            .map_err(|error| self.api_failed(error))?;
        let Some(pod) = pod else {
            return Err(WaitError::Obstructed(format!(
                "pod `{}` was deleted by somebody else",
                self.pod
            )));
        };
        Ok(termination(&pod, self.container).cloned())
    }

    /// Reads on after the first `read` lines, until a line is made something of or the stream ends.
    async fn follow<T>(
        &self,
        read: &mut usize,
        find: &mut impl FnMut(&str) -> Option<T>,
    ) -> Result<Option<T>, kube::Error> {
        let container = Some(self.container.to_owned());
        let params = LogParams {
            container,
            follow: true,
            ..LogParams::default()
        };
        let stream = self.api.log_stream(self.pod, &params).await?;
        let stream = pin!(stream);
        let mut lines = stream.lines().skip(*read);
        while let Some(line) = lines.next().await {
            let line = line.map_err(kube::Error::ReadEvents)?;
            *read += 1;
            if let Some(found) = find(&line) {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    fn api_failed(&self, source: kube::Error) -> WaitError {
        WaitError::Api {
            on: format!("the log of pod `{}`", self.pod),
            source,
        }
    }

    fn elapsed(&self, read: usize, api: Option<kube::Error>) -> WaitError {
        let last = format!("it has logged {read} lines, but not that one");
        let waited = self.started.elapsed();
        WaitError::Elapsed {
            on: self.on.clone(),
            deadline: self.deadline,
            waited,
            last,
            api: api.map(Box::new),
        }
    }

    fn said_nothing(&self, ended: &ContainerStateTerminated, read: usize) -> String {
        let reason = ended.reason.as_deref().unwrap_or("no reason");
        format!(
            "container `{}` of pod `{}` ended with {} ({reason}) after {read} log lines, without the one waited for",
            self.container, self.pod, ended.exit_code
        )
    }
}

/// First and longest pause before a broken log stream is opened again.
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// The container has been started.
fn begun(container: &str) -> impl Condition<Pod> + use<> {
    let wanted = container.to_owned();
    let condition = move |seen: &Seen<Pod>| {
        let Some(pod) = seen.one() else {
            return absent(seen);
        };
        let state = containers(pod)
            .find(|status| status.name == wanted)
            .and_then(|status| status.state.as_ref());
        if state.is_some_and(|state| state.running.is_some() || state.terminated.is_some()) {
            return Progress::Met;
        }
        match obstruction(pod) {
            Some(why) => Progress::Obstructed(why),
            None if phase(pod) == "Failed" => Progress::Never(ending(pod)),
            None => Progress::NotYet(standing(pod)),
        }
    };
    condition.called(format!("container {container} started"))
}

/// The container has ended.
fn ended(container: &str) -> impl Condition<Pod> + use<> {
    let wanted = container.to_owned();
    let condition = move |seen: &Seen<Pod>| match seen.one() {
        Some(pod) if termination(pod, &wanted).is_some() => Progress::Met,
        Some(pod) => match obstruction(pod) {
            Some(why) => Progress::Obstructed(why),
            None => Progress::NotYet("it runs".to_owned()),
        },
        None => absent(seen),
    };
    condition.called(format!("container {container} ended"))
}

fn absent(seen: &Seen<Pod>) -> Progress {
    if seen.departed.is_empty() {
        Progress::NotYet("the pod is not there".to_owned())
    } else {
        Progress::Obstructed("the pod was deleted by somebody else".to_owned())
    }
}

fn termination<'a>(pod: &'a Pod, container: &str) -> Option<&'a ContainerStateTerminated> {
    containers(pod)
        .find(|status| status.name == container)?
        .state
        .as_ref()?
        .terminated
        .as_ref()
}
