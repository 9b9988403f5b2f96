//! Keeps the API's picture of the pool equal to what is there.
//!
//! The kubelet removes a node's slices when it starts, and people remove them by mistake: whatever goes or
//! changes is put back, which a watch tells. A change of content comes with a new generation.

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt;
use k8s_openapi::api::resource::v1::ResourceSlice;
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, Patch, PatchParams},
    runtime::{WatchStreamExt, watcher},
};

use super::slices::{Pool, slices};
use crate::{
    device::Device,
    layout::Layout,
    log::{chain, log},
    monitor::{Monitor, Reading, Readings},
    shutdown::Shutdown,
};

/// Whose fields they are.
pub(crate) const MANAGER: &str = "plimsoll-accelerator";

/// A pool that cannot be published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The API server does not say what is there.
    #[error("could not list the ResourceSlices of driver `{driver}` on node `{node}`")]
    List {
        /// The driver.
        driver: String,
        /// The node.
        node: String,
        /// Why.
        #[source]
        source: Box<kube::Error>,
    },
}

/// What the API is known to hold: names, generations and resource versions.
#[derive(Debug, Default)]
struct Known {
    slices: BTreeMap<String, (i64, u64)>,
    /// A list that is being received; it replaces the rest once it is complete.
    listing: Option<BTreeMap<String, (i64, u64)>>,
}

impl Known {
    /// Takes note of a slice; older news than what is known already is ignored.
    fn note(&mut self, slice: &ResourceSlice) {
        let seen = (slice.spec.pool.generation, version(slice));
        let entry = self.slices.entry(slice.name_any()).or_insert(seen);
        if seen.1 >= entry.1 {
            *entry = seen;
        }
    }

    /// Takes note of what a watch says.
    fn heed(&mut self, event: watcher::Event<ResourceSlice>) {
        match event {
            watcher::Event::Init => self.listing = Some(BTreeMap::new()),
            watcher::Event::InitApply(slice) => {
                let seen = (slice.spec.pool.generation, version(&slice));
                self.listing
                    .get_or_insert_default()
                    .insert(slice.name_any(), seen);
            }
            watcher::Event::InitDone => {
                if let Some(listing) = self.listing.take() {
                    self.slices = listing;
                }
            }
            watcher::Event::Apply(slice) => self.note(&slice),
            watcher::Event::Delete(slice) => self.forget(&slice),
        }
    }

    fn forget(&mut self, slice: &ResourceSlice) {
        if self
            .slices
            .get(&slice.name_any())
            .is_some_and(|(_, known)| *known <= version(slice))
        {
            self.slices.remove(&slice.name_any());
        }
    }

    fn newest_generation(&self) -> i64 {
        self.slices
            .values()
            .map(|(generation, _)| *generation)
            .max()
            .unwrap_or(0)
    }

    /// Whether the API holds exactly these slices at their generations.
    fn is(&self, wanted: &[ResourceSlice]) -> bool {
        let wanted: BTreeMap<String, i64> = wanted
            .iter()
            .map(|slice| (slice.name_any(), slice.spec.pool.generation))
            .collect();
        let known: BTreeMap<String, i64> = self
            .slices
            .iter()
            .map(|(name, (generation, _))| (name.clone(), *generation))
            .collect();
        wanted == known
    }
}

fn version(slice: &ResourceSlice) -> u64 {
    slice
        .resource_version()
        .and_then(|version| version.parse().ok())
        .unwrap_or(0)
}

/// Publishes a pool until it is time to end, then takes it back.
pub(crate) struct Publisher {
    pub(crate) client: Client,
    pub(crate) pool: Pool,
    pub(crate) devices: Vec<Device>,
    pub(crate) layout: Layout,
    pub(crate) monitor: Monitor,
}

impl Publisher {
    /// Runs until it is time to end.
    pub(crate) async fn run(mut self, shutdown: &Shutdown) -> Result<(), PublishError> {
        let api: Api<ResourceSlice> = Api::all(self.client.clone());
        let mut known = Known::default();
        let parameters = kube::api::ListParams::default().fields(&self.selector());
        let listed = api.list(&parameters).await.map_err(|source| PublishError::List {
            driver: self.pool.dra.driver.clone(),
            node: self.pool.node.clone(),
            source: Box::new(source),
        })?;
        listed.items.iter().for_each(|slice| known.note(slice));
        let mut generation = known.newest_generation() + 1;
        let mut unhealthy = unhealthy(&self.devices, &self.monitor.borrow_and_update());
        let mut laid_out = self.layout.apply(&self.devices);
        let mut wanted = slices(&self.pool, &laid_out, &unhealthy, generation);
        let config = watcher::Config::default().fields(&self.selector());
        let mut events = std::pin::pin!(watcher(api.clone(), config).default_backoff());
        loop {
            if !known.is(&wanted) {
                self.bring_about(&api, &wanted, &mut known).await;
            }
            tokio::select! {
                biased;
                () = shutdown.wait() => break,
                event = events.next() => self.heed(event, &mut known),
                changed = self.monitor.changed() => if changed.is_err() { break },
            }
            let now = self::unhealthy(&self.devices, &self.monitor.borrow());
            let offered = |devices: &[Device]| -> Vec<bool> {
                devices.iter().map(|device| device.is_offered).collect()
            };
            // The monitor tells something once a second, which is soon enough for both.
            let now_laid_out = self.layout.apply(&self.devices);
            if now != unhealthy || offered(&now_laid_out) != offered(&laid_out) {
                (unhealthy, laid_out) = (now, now_laid_out);
                generation += 1;
                wanted = slices(&self.pool, &laid_out, &unhealthy, generation);
            }
        }
        self.take_back(&api, &known).await;
        Ok(())
    }

    fn selector(&self) -> String {
        format!(
            "spec.driver={},spec.nodeName={}",
            self.pool.dra.driver, self.pool.node
        )
    }

    fn heed(&self, event: Option<watcher::Result<watcher::Event<ResourceSlice>>>, known: &mut Known) {
        match event {
            Some(Ok(event)) => known.heed(event),
            Some(Err(error)) => log!("{}: watching slices: {}", self.pool.dra.driver, chain(&error)),
            None => {}
        }
    }

    /// What fails here is tried again with the next event; the monitor alone brings one a second.
    async fn bring_about(&self, api: &Api<ResourceSlice>, wanted: &[ResourceSlice], known: &mut Known) {
        let parameters = PatchParams::apply(MANAGER).force();
        for slice in wanted {
            let name = slice.name_any();
            match api.patch(&name, &parameters, &Patch::Apply(slice)).await {
                Ok(slice) => known.note(&slice),
                Err(error) => log!(
                    "{}: publishing slice `{name}`: {}",
                    self.pool.dra.driver,
                    chain(&error)
                ),
            }
        }
        let names: BTreeSet<String> = wanted.iter().map(ResourceExt::name_any).collect();
        let surplus: Vec<String> = known
            .slices
            .keys()
            .filter(|name| !names.contains(*name))
            .cloned()
            .collect();
        for name in surplus {
            if self.delete(api, &name).await {
                known.slices.remove(&name);
            }
        }
    }

    async fn take_back(&self, api: &Api<ResourceSlice>, known: &Known) {
        for name in known.slices.keys() {
            self.delete(api, name).await;
        }
    }

    async fn delete(&self, api: &Api<ResourceSlice>, name: &str) -> bool {
        match api.delete(name, &DeleteParams::default()).await {
            Ok(_) => true,
            Err(kube::Error::Api(status)) if status.is_not_found() => true,
            Err(error) => {
                log!(
                    "{}: removing slice `{name}`: {}",
                    self.pool.dra.driver,
                    chain(&error)
                );
                false
            }
        }
    }
}

fn unhealthy(devices: &[Device], readings: &Readings) -> BTreeSet<String> {
    let uuids = devices.iter().map(|device| &device.identity.uuid);
    uuids
        .filter(|uuid| !readings.get(*uuid).is_some_and(Reading::is_healthy))
        .cloned()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slice(name: &str, generation: i64, version: &str) -> ResourceSlice {
        let mut slice = ResourceSlice::default();
        slice.metadata.name = Some(name.to_owned());
        slice.metadata.resource_version = Some(version.to_owned());
        slice.spec.pool.generation = generation;
        slice
    }

    #[test]
    fn late_news_of_an_old_version_is_ignored() {
        let mut known = Known::default();
        known.note(&slice("a", 2, "10"));
        known.note(&slice("a", 1, "9"));
        assert!(known.is(&[slice("a", 2, "")]));
        known.forget(&slice("a", 1, "9"));
        assert!(
            known.is(&[slice("a", 2, "")]),
            "deleted before it was published again"
        );
        known.forget(&slice("a", 2, "11"));
        assert!(known.is(&[]));
    }

    #[test]
    fn a_list_counts_once_it_is_complete() {
        let mut known = Known::default();
        known.note(&slice("a", 2, "10"));
        known.heed(watcher::Event::Init);
        assert!(known.is(&[slice("a", 2, "")]));
        known.heed(watcher::Event::InitApply(slice("b", 3, "12")));
        known.heed(watcher::Event::InitDone);
        assert!(known.is(&[slice("b", 3, "")]));
    }

    #[test]
    fn a_missing_a_surplus_and_an_old_slice_are_each_noticed() {
        let mut known = Known::default();
        let wanted = [slice("a", 2, "")];
        assert!(!known.is(&wanted));
        known.note(&slice("a", 1, "1"));
        assert!(!known.is(&wanted));
        known.note(&slice("a", 2, "2"));
        assert!(known.is(&wanted));
        known.note(&slice("b", 2, "3"));
        assert!(!known.is(&wanted));
        assert_eq!(known.newest_generation(), 2);
    }

    #[test]
    fn devices_without_a_reading_are_not_healthy() {
        let device = crate::device::fixture::device("nvidia", 0);
        assert_eq!(unhealthy(&[device], &Readings::default()).len(), 1);
        assert!(unhealthy(&[], &Readings::default()).is_empty());
    }
}
