//! Requiring a condition for a whole window.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::{Instant, timeout, timeout_at};

use super::{
    Condition, Progress, Seen, WaitError, Watchable, Watched, is_final,
    observer::Report,
    silent,
    view::{Step, View},
};

/// How long the first sight of the objects, and the read at the end, may take.
const READ: Duration = Duration::from_secs(10);

/// How long the watch may lag behind a direct read at the end.
const LAG: Duration = Duration::from_secs(2);

/// How much longer than asked for a window may get because the watch was lost.
const STRETCH: u32 = 4;

impl<K: Watchable> Watched<K> {
    /// Requires the condition from the first sight of the objects to the end of the window.
    ///
    /// # Guarantees
    /// - Time in which the watch was lost does not count: the window gets longer by it.
    /// - At the end the objects are read directly: a watch that silently lags behind can't feign a hold.
    /// - An object that went while the watch was lost is judged by its last known state, and if that was
    ///   fine, the hold is [`WaitError::Obstructed`]: nobody saw what became of it.
    ///
    /// # Errors
    /// [`WaitError::Broken`] as soon as the condition is not met; [`WaitError::Obstructed`] where it can't be
    /// judged; [`WaitError::Api`] when the API fails.
    pub async fn hold(&self, condition: impl Condition<K>, window: Duration) -> Result<Seen<K>, WaitError> {
        let on = format!("{} to hold for {} s", condition.describe(), window.as_secs());
        let report = Report::started(&on, window);
        let result = self.watch_through(&condition, window).await;
        report.ended(result.is_ok());
        result
    }

    async fn watch_through(
        &self,
        condition: &impl Condition<K>,
        window: Duration,
    ) -> Result<Seen<K>, WaitError> {
        let mut view = View::new(self);
        self.first_sight(&mut view).await?;
        judge(condition, &view)?;
        let mut contact = Instant::now();
        let mut ends = contact + window;
        let latest = contact + window * STRETCH;
        while let Ok(step) = timeout_at(ends, view.next()).await {
            match step {
                Step::Fault(source) if is_final(&source) => return Err(self.api_failed(source)),
                Step::Fault(_) => {}
                Step::Changed | Step::NodeChanged => {
                    judge(condition, &view)?;
                    contact = Instant::now();
                }
                Step::Relisted => {
                    judge(condition, &view)?;
                    ends += contact.elapsed();
                    contact = Instant::now();
                    if ends > latest {
                        let why = format!("the watch of {} is lost again and again", self.what);
                        return Err(WaitError::Obstructed(why));
                    }
                }
            }
        }
        self.confirm(condition, view).await
    }

    async fn first_sight(&self, view: &mut View<K>) -> Result<(), WaitError> {
        let by = Instant::now() + READ;
        let mut fault = None;
        while !view.is_complete() {
            match timeout_at(by, view.next()).await {
                Ok(Step::Fault(source)) if is_final(&source) => return Err(self.api_failed(source)),
                Ok(Step::Fault(source)) => fault = Some(source),
                Ok(Step::Changed | Step::Relisted | Step::NodeChanged) => {}
                Err(_) => return Err(self.api_failed(fault.unwrap_or_else(silent))),
            }
        }
        Ok(())
    }

    /// The window is over: the watch must agree with a direct read.
    async fn confirm(&self, condition: &impl Condition<K>, mut view: View<K>) -> Result<Seen<K>, WaitError> {
        let listing = self.read_now().await?;
        let by = Instant::now() + LAG;
        while !view.agrees_with(&listing) {
            match timeout_at(by, view.next()).await {
                Ok(Step::Fault(_)) => {}
                Ok(Step::Changed | Step::Relisted | Step::NodeChanged) => judge(condition, &view)?,
                Err(_) => {
                    // Read again: what the watch has beyond the first read may just be newer.
                    let listing = self.read_now().await?;
                    view.take_listing(listing);
                    break;
                }
            }
        }
        judge(condition, &view)?;
        Ok(view.seen)
    }

    async fn read_now(&self) -> Result<BTreeMap<String, K>, WaitError> {
        match timeout(READ, self.read()).await {
            Ok(Ok(listing)) => Ok(listing),
            Ok(Err(source)) => Err(self.api_failed(source)),
            Err(_) => Err(self.api_failed(silent())),
        }
    }

    fn api_failed(&self, source: kube::Error) -> WaitError {
        WaitError::Api {
            on: self.what.clone(),
            source,
        }
    }
}

fn judge<K: Watchable>(condition: &impl Condition<K>, view: &View<K>) -> Result<(), WaitError> {
    match condition.progress(&view.seen) {
        Progress::Met => match view.seen.unwitnessed.first() {
            Some(name) => Err(WaitError::Obstructed(format!(
                "`{name}` went while its watch was lost"
            ))),
            None => Ok(()),
        },
        Progress::NotYet(why) | Progress::Never(why) => Err(match view.node_trouble() {
            Some(trouble) => WaitError::Obstructed(format!("{trouble} ({why})")),
            None => WaitError::Broken(why),
        }),
        Progress::Obstructed(why) => Err(WaitError::Obstructed(why)),
    }
}
