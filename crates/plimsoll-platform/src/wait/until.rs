//! Waiting until a condition is met.

use std::time::Duration;

use tokio::time::{Instant, timeout, timeout_at};

use super::{
    Condition, Deadline, Progress, Seen, WaitError, Watchable, Watched,
    deadline::Limit,
    is_final,
    observer::Report,
    silent,
    view::{Step, View},
};
use crate::pods::explain;

/// How long the read that decides after the deadline may take.
const LAST_READ: Duration = Duration::from_secs(5);

impl<K: Watchable> Watched<K> {
    /// Waits until the condition is met.
    ///
    /// A failing API is ridden over; when the deadline passes, one direct read decides, so that a lost watch
    /// is never held against the platform. While there is progress, a deadline of patience moves on.
    ///
    /// # Errors
    /// [`WaitError`], which tells whether the platform is to blame.
    pub async fn until(
        &self,
        condition: impl Condition<K>,
        deadline: Deadline,
    ) -> Result<Seen<K>, WaitError> {
        let on = condition.describe();
        let mut report = Report::started(&on, deadline.within);
        let result = self.watch_until(&condition, on, deadline, &mut report).await;
        report.ended(result.is_ok());
        result
    }

    /// As [`until`](Self::until), as part of another wait: no observer is told.
    pub(crate) async fn until_quietly(
        &self,
        condition: impl Condition<K>,
        deadline: Deadline,
    ) -> Result<Seen<K>, WaitError> {
        self.watch_until(&condition, condition.describe(), deadline, &mut Report::silent())
            .await
    }

    async fn watch_until(
        &self,
        condition: &impl Condition<K>,
        on: String,
        deadline: Deadline,
        report: &mut Report,
    ) -> Result<Seen<K>, WaitError> {
        let started = Instant::now();
        let mut limit = Limit::new(deadline);
        let mut view = View::new(self);
        while let Ok(step) = timeout_at(limit.ends(), view.next()).await {
            match step {
                Step::Fault(source) if is_final(&source) => {
                    return Err(WaitError::Api {
                        on: self.what.clone(),
                        source,
                    });
                }
                Step::Fault(source) => report.progressed(&format!("the API fails: {source}")),
                Step::Changed | Step::Relisted | Step::NodeChanged if view.is_complete() => {
                    match condition.progress(&view.seen) {
                        Progress::Met => return Ok(view.seen),
                        Progress::Never(why) => return Err(WaitError::Never(why)),
                        Progress::Obstructed(why) => return Err(WaitError::Obstructed(why)),
                        Progress::NotYet(why) => match view.node_trouble() {
                            Some(trouble) => return Err(WaitError::Obstructed(format!("{trouble} ({why})"))),
                            None => {
                                limit.at_stage(&why);
                                report.progressed(&why);
                            }
                        },
                    }
                }
                Step::Changed | Step::Relisted | Step::NodeChanged => {}
            }
        }
        self.judge_late(condition, on, deadline, started, view).await
    }

    /// The deadline has passed: reads the state once and judges by that.
    async fn judge_late(
        &self,
        condition: &impl Condition<K>,
        on: String,
        deadline: Deadline,
        started: Instant,
        mut view: View<K>,
    ) -> Result<Seen<K>, WaitError> {
        let elapsed = |last, api| WaitError::Elapsed {
            on,
            deadline,
            waited: started.elapsed(),
            last,
            api,
        };
        let read = timeout(LAST_READ, self.read())
            .await
            .unwrap_or_else(|_| Err(silent()));
        match read {
            Ok(listing) => view.take_listing(listing),
            Err(error) => {
                let last = format!("could not read {}", self.what);
                return Err(elapsed(last, Some(Box::new(error))));
            }
        }
        match condition.progress(&view.seen) {
            Progress::Met => Ok(view.seen),
            Progress::Never(why) => Err(WaitError::Never(why)),
            Progress::Obstructed(why) => Err(WaitError::Obstructed(why)),
            Progress::NotYet(last) => {
                let client = self.api.clone().into_client();
                let Some(trouble) = explain(&client, view.seen.iter()).await else {
                    return Err(elapsed(last, None));
                };
                let last = trouble.added_to(last);
                Err(if trouble.obstructs {
                    WaitError::Obstructed(last)
                } else {
                    elapsed(last, None)
                })
            }
        }
    }
}
