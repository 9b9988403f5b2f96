//! Getting a container's image.

use std::time::Duration;

use plimsoll_apiserver::elapse;
use serde_json::Value;
use tokio::time::Instant;

use super::{
    PodWorker,
    restart::Role,
    start::Problem,
    sync::{RELIST, RETRY},
};
use crate::{
    node::{
        ground::Kind,
        images::{IMAGE_BYTES, ImageCache, told},
    },
    platform::Latencies,
};

/// How long it takes to find that another pod's pull brought the image meanwhile.
const FOUND: Duration = Duration::from_millis(20);

impl PodWorker {
    /// Makes sure that the node has a container's image.
    pub(super) async fn ensure_image(&self, container: &Value, role: Role) -> Result<(), Problem> {
        let image = container["image"].as_str().unwrap_or_default();
        let outcome = self.get_image(container, role, image).await;
        if let Err(problem) = &outcome {
            let message = format!("Error: {}", problem.reason);
            self.tell_of(container, role, Kind::Warning, "Failed", &message)
                .await;
        }
        outcome
    }

    async fn get_image(&self, container: &Value, role: Role, image: &str) -> Result<(), Problem> {
        let cache = &self.kubelet.images;
        let policy = container["imagePullPolicy"].as_str().unwrap_or("IfNotPresent");
        match (policy, cache.has(image)) {
            ("Never", false) => {
                let message = format!("Container image \"{image}\" is not present with pull policy of Never");
                self.tell_of(container, role, Kind::Warning, "ErrImageNeverPull", &message)
                    .await;
                return Err(Problem::new("ErrImageNeverPull", message));
            }
            ("Never" | "IfNotPresent", true) => {
                let access = if self.kubelet.minor >= 35 {
                    " and can be accessed by the pod"
                } else {
                    ""
                };
                let message = format!("Container image \"{image}\" already present on machine{access}");
                self.tell_of(container, role, Kind::Normal, "Pulled", &message)
                    .await;
                return Ok(());
            }
            _ => {}
        }
        if let Some((until, last)) = cache.backs_off(&self.uid, image) {
            let message = format!("Back-off pulling image \"{image}\"");
            self.tell_of(container, role, Kind::Normal, "BackOff", &message)
                .await;
            let problem = Problem::new("ImagePullBackOff", format!("{message}: ErrImagePull: {last}"));
            return Err(problem.again_at(until.max(Instant::now() + RETRY)));
        }
        self.pull(container, role, image).await
    }

    async fn pull(&self, container: &Value, role: Role, image: &str) -> Result<(), Problem> {
        let cache = &self.kubelet.images;
        let message = format!("Pulling image \"{image}\"");
        self.tell_of(container, role, Kind::Normal, "Pulling", &message)
            .await;
        let asked = Instant::now();
        let _turn = cache.turn.lock().await;
        let began = Instant::now();
        if cache.has(image) {
            elapse(FOUND).await;
        } else {
            elapse(Latencies::of(self.ground.latencies.image_pull_ms)).await;
            if let Some(refusal) = ImageCache::refusal(&self.ground.images, image) {
                let message = format!("Failed to pull image \"{image}\": {refusal}");
                self.tell_of(container, role, Kind::Warning, "Failed", &message)
                    .await;
                cache.failed(&self.uid, image, &refusal);
                // The new sandbox is news too, for which the pod is looked at again soon.
                return Err(Problem::new("ErrImagePull", refusal).again_at(Instant::now() + RELIST));
            }
            cache.insert(image);
        }
        let message = format!(
            "Successfully pulled image \"{image}\" in {} ({} including waiting). Image size: {IMAGE_BYTES} bytes.",
            told(began.elapsed()),
            told(asked.elapsed()),
        );
        self.tell_of(container, role, Kind::Normal, "Pulled", &message)
            .await;
        Ok(())
    }
}
