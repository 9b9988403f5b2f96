//! The trial of one driver: which controls run when.

use std::{collections::BTreeSet, rc::Rc, time::Duration};

use futures::future::{join_all, join3, try_join};
use plimsoll_platform::{
    Ask, Budget, Lease, Path, Placement as Room, PodSecurity,
    dra::{self, Slice},
};
use plimsoll_vendors::Vendor;
use serde_json::json;
use tokio::sync::oneshot;

use super::{
    api,
    bench::{Bench, Held},
    pools,
    refusal::{self, Refused},
    release,
    select::{self, Chosen, NotSelected, Pinned},
    shapes, sharing,
};
use crate::{
    CheckError, Context,
    probe_pod::{ClaimSource, LivePod, Placement, Roster, Ruling, chain, unmet},
};

/// Tries one driver.
pub(super) async fn run(context: &Context, driver: String, served: &Ruling) -> Result<(), CheckError> {
    let trial = context.trial(format!("dra/{driver}"));
    let vendor = Vendor::by_driver(&driver);
    let path = usable(context, &driver, vendor);
    // Before all else: others wait until this check has devices that nobody has used.
    let lease = match &path {
        Some(path) => Some(borrow(&context.budget, path).await),
        None => None,
    };
    let slices = pools::settled(context, &driver, vendor).await?;
    observe(context, &driver, &slices);
    pools::judge(&driver, &slices, &pools::ready_nodes(context), vendor).tell(&trial, "D2");

    let namespace = context.workspace.namespace("dra", PodSecurity::Baseline).await?;
    let (Some(path), Some(lease)) = (path, lease) else {
        let version = api::due(context.platform.version().minor);
        Ruling::all([
            served.clone(),
            api::accepts(&context.platform, &namespace, version).await?,
        ])
        .tell(&trial, "D1");
        trial.undecided(
            "D3",
            format!("no DeviceClass selects a free device of driver `{driver}`"),
        );
        return Ok(());
    };
    let Path::Dra {
        class, api: version, ..
    } = path.clone()
    else {
        return Ok(());
    };
    Ruling::all([
        served.clone(),
        api::accepts(&context.platform, &namespace, &version).await?,
    ])
    .tell(&trial, "D1");

    let lease = match lease {
        Ok(lease) => lease,
        Err(reason) => {
            trial.undecided("D3", reason);
            return Ok(());
        }
    };
    let apis = context.platform.discover().await;
    let apis = apis.map_err(|error| CheckError::Api {
        what: error.what,
        source: error.source,
    })?;
    let claim_kind = apis
        .resource(dra::GROUP, "ResourceClaim", &[&version])
        .ok_or_else(|| {
            CheckError::Lacking(format!(
                "resource.k8s.io/{version} is served without ResourceClaim"
            ))
        })?;
    let node = lease.node().to_owned();
    let placement = context
        .inventory
        .node(&node)
        .map_or_else(|| Placement::tolerating(&context.inventory.nodes), Placement::on);
    let slices = newest(slices);
    let bench = Bench {
        context,
        trial,
        roster: Roster::new(namespace),
        driver,
        class,
        version,
        vendor,
        node,
        placement,
        slices,
        claim_kind,
        lease,
    };
    bench.try_all().await
}

impl Bench<'_> {
    /// Runs the controls, and leaves no pod on the borrowed devices, however that ends.
    async fn try_all(self) -> Result<(), CheckError> {
        let result = self.controls().await;
        self.roster.clear(&self.context.patience).await;
        result
    }

    async fn controls(&self) -> Result<(), CheckError> {
        let Some(first) = self.allocate().await? else {
            return Ok(());
        };
        let window = self.context.patience.hold(first.bound_after);
        // With a single device, the first claim has to let go of it before anything else can be tried.
        let mut ends = Vec::new();
        if self.is_alone() {
            ends.push(release::end_of_template(self, &first).await);
        }
        let refused = refusal::ask(self).await?;
        let chosen = match select::select(self, &first).await? {
            Ok(chosen) => chosen,
            Err(failed) => return self.unselected(&first, failed).await,
        };
        // The selected device's pod was bound after these were refused: the scheduler is at work.
        let refusals = async {
            let holds = refused.iter().map(|refused| refusal::hold(self, refused, window));
            Ruling::all(join_all(holds).await).tell(&self.trial, "D5");
        };
        let second = self.ask_for(&chosen).await?;
        let (running, runs) = oneshot::channel();
        let ((), used, meanwhile) = join3(
            refusals,
            self.in_use(&second, window, runs),
            self.meanwhile(chosen, &first, running),
        )
        .await;
        let meanwhile = match meanwhile? {
            Ok(meanwhile) => meanwhile,
            Err(failed) => {
                return match used? {
                    // Nothing runs on what was given to somebody else meanwhile.
                    InUse::Given(given) => {
                        given.tell(&self.trial, "D6");
                        Ruling::Undecided(failed.ruling.detail().to_owned()).tell(&self.trial, "D4");
                        Ok(())
                    }
                    InUse::NotAtAll | InUse::Used(_) => self.unselected(&first, failed).await,
                };
            }
        };
        ends.extend(meanwhile.end.clone());
        match used? {
            InUse::Used(used) => self.afterwards(*used, ends, meanwhile).await,
            InUse::Given(given) => {
                given.tell(&self.trial, "D6");
                Ok(())
            }
            InUse::NotAtAll => Ok(()),
        }
    }

    /// Asks once more for a device that is in use.
    async fn ask_for(&self, chosen: &Chosen) -> Result<Refused, CheckError> {
        let because = format!(
            "device `{}` of pool `{}` is in use by claim `{}`",
            chosen.device,
            chosen.pool,
            select::PINNED
        );
        let spec = self.one(std::slice::from_ref(&chosen.expression));
        refusal::refuse(self, "second", &spec, because).await
    }

    /// D6, and what it leads to of D9, once a pod runs on the selected device and nothing else comes or goes.
    async fn in_use(
        &self,
        second: &Refused,
        window: Duration,
        runs: oneshot::Receiver<Rc<Pinned>>,
    ) -> Result<InUse, CheckError> {
        let double = refusal::hold(self, second, window).await;
        if double.is_wrong() {
            return Ok(InUse::Given(double));
        }
        let Ok(pinned) = runs.await else {
            return Ok(InUse::NotAtAll);
        };
        let (taken_over, deallocated) = release::hand_over(self, &pinned, second).await;
        Ruling::all([double, taken_over]).tell(&self.trial, "D6");
        // The first claim is in line again while the second is still on its way out.
        let ((again, last), ()) = try_join(
            release::second_pass(self, &pinned),
            super::remove(self, &second.pod),
        )
        .await?;
        Ok(InUse::Used(Box::new(Used {
            pinned,
            ends: vec![deallocated, again],
            last,
        })))
    }

    /// D4 where nothing runs on a selected device; D9 in its place where devices work once only, as the first one shows.
    async fn unselected(&self, first: &Held, failed: NotSelected) -> Result<(), CheckError> {
        let NotSelected {
            ruling,
            is_used_again,
        } = failed;
        let again = if is_used_again {
            ruling.clone()
        } else if ruling.is_wrong() {
            release::first_again(self, first).await?
        } else {
            Ruling::Undecided("nothing was selected".to_owned())
        };
        if again.is_wrong() {
            again.tell(&self.trial, "D9");
            Ruling::Undecided(ruling.detail().to_owned()).tell(&self.trial, "D4");
        } else {
            ruling.tell(&self.trial, "D4");
        }
        Ok(())
    }

    /// D3: a claim from a template.
    async fn allocate(&self) -> Result<Option<Held>, CheckError> {
        const TEMPLATE: &str = "any";
        self.namespace().create(self.one(&[]).template(TEMPLATE)).await?;
        let pod = self
            .start(&self.pod("first", ClaimSource::Template(TEMPLATE.to_owned())))
            .await?;
        match self.hear(pod).await {
            Ok(held) => {
                held.judge(self).tell(&self.trial, "D3");
                Ok(Some(held))
            }
            Err(error) => {
                let what = format!(
                    "a pod with a claim for one device of class `{}` did not start and report on node `{}`",
                    self.class, self.node
                );
                unmet(&what, &error).tell(&self.trial, "D3");
                Ok(None)
            }
        }
    }

    /// D4, and what a second device allows while the refusals are watched: D7, a part of D8, and D9's first part.
    async fn meanwhile(
        &self,
        chosen: Chosen,
        first: &Held,
        running: oneshot::Sender<Rc<Pinned>>,
    ) -> Result<Result<Meanwhile, NotSelected>, CheckError> {
        let pinned = match select::run(self, chosen, first).await {
            Ok(pinned) => Rc::new(pinned),
            Err(failed) => return Ok(Err(failed)),
        };
        select::judge(self, &pinned).tell(&self.trial, "D4");
        let meanwhile = if self.is_alone() {
            Meanwhile::default()
        } else {
            let end = release::end_of_template(self, first).await;
            let shares = self.share().await?;
            let choice = if shares { shapes::choice(self).await? } else { None };
            Meanwhile {
                end: Some(end),
                shares: Some(shares),
                choice,
            }
        };
        // Not before: what comes and goes here makes a scheduler look again that would have missed the release of a
        // device. Where nobody waits for it any more, that is no loss.
        let _ = running.send(pinned);
        Ok(Ok(meanwhile))
    }

    /// Whether there is but one device to try with.
    fn is_alone(&self) -> bool {
        self.lease.total() < 2
    }

    /// D7; tells whether it came out right.
    async fn share(&self) -> Result<bool, CheckError> {
        let shared = sharing::share(self).await?;
        let right = shared.is_right();
        shared.tell(&self.trial, "D7");
        Ok(right)
    }

    /// What comes after the release: D9, and of D7 and D8 what was not tried before.
    async fn afterwards(
        &self,
        used: Used,
        mut ends: Vec<Ruling>,
        meanwhile: Meanwhile,
    ) -> Result<(), CheckError> {
        let Meanwhile { shares, choice, .. } = meanwhile;
        ends.extend(used.ends);
        let sound = ends.iter().all(Ruling::is_right);
        let release = async {
            if let Err(error) = used.last.remove(&self.context.patience).await {
                ends.push(Ruling::Undecided(chain(&error)));
            }
            Ruling::all(ends).tell(&self.trial, "D9");
            super::delete(self, &used.pinned.chosen.claim).await
        };
        // Two devices are asked for while the last pod is on its way out of the one.
        let pair = async {
            if sound && shares == Some(true) && !self.is_alone() {
                shapes::pair(self).await
            } else {
                Ok(None)
            }
        };
        let ((), pair) = try_join(release, pair).await?;
        if shares.is_none() {
            self.share().await?;
        }
        let shapes: Vec<Ruling> = choice.into_iter().chain(pair).collect();
        if !shapes.is_empty() {
            Ruling::all(shapes).tell(&self.trial, "D8");
        }
        Ok(())
    }
}

/// What became of a device that is in use when it is asked for once more.
enum InUse {
    /// It was given away.
    Given(Ruling),
    /// Nothing ran on it.
    NotAtAll,
    /// It was given back, and used again.
    Used(Box<Used>),
}

/// What became of a selected device that was given back.
struct Used {
    pinned: Rc<Pinned>,
    /// What that says of D9.
    ends: Vec<Ruling>,
    /// The last pod on it.
    last: LivePod,
}

/// What ran while the refusals were watched.
#[derive(Default)]
struct Meanwhile {
    end: Option<Ruling>,
    shares: Option<bool>,
    choice: Option<Ruling>,
}

/// The class to ask by: of those with a free device, the vendor's first, else the one with the most.
fn usable(context: &Context, driver: &str, vendor: Option<&Vendor>) -> Option<Path> {
    let classes = vendor
        .and_then(|vendor| vendor.dra.as_ref())
        .map(|dra| dra.device_classes.as_slice());
    let rank = |class: &str| {
        let listed = classes.and_then(|classes| classes.iter().position(|known| known == class));
        listed.unwrap_or(usize::MAX)
    };
    context
        .inventory
        .accelerators
        .iter()
        .filter(|pool| pool.free > 0)
        .filter_map(|pool| match &pool.path {
            Path::Dra {
                driver: its, class, ..
            } if its == driver => Some((rank(class), pool)),
            Path::Dra { .. } | Path::DevicePlugin { .. } => None,
        })
        .min_by_key(|(rank, pool)| (*rank, u32::MAX - pool.free))
        .map(|(_, pool)| pool.path.clone())
}

/// Borrows two devices of one node, or one where no node has two.
async fn borrow(budget: &Budget, path: &Path) -> Result<Lease, String> {
    let ask = |min| Ask {
        path: path.clone(),
        min,
        max: 2,
        placement: Room::SameNode,
    };
    let min = budget.capacity(&ask(1)).clamp(1, 2);
    budget.acquire(ask(min)).await.map_err(|error| error.to_string())
}

fn newest(slices: Vec<Slice>) -> Vec<Slice> {
    let pools: BTreeSet<String> = slices.iter().map(|slice| slice.pool.clone()).collect();
    let newest = |pool: &String| {
        slices
            .iter()
            .filter(|slice| slice.pool == *pool)
            .map(|slice| slice.generation)
            .max()
    };
    let newest: Vec<(String, Option<i64>)> = pools
        .into_iter()
        .map(|pool| (pool.clone(), newest(&pool)))
        .collect();
    slices
        .into_iter()
        .filter(|slice| newest.contains(&(slice.pool.clone(), Some(slice.generation))))
        .collect()
}

fn observe(context: &Context, driver: &str, slices: &[Slice]) {
    let digest: Vec<_> = slices
        .iter()
        .map(|slice| {
            json!({
                "slice": slice.name, "pool": slice.pool, "generation": slice.generation,
                "of": slice.pool_slices, "node": slice.node,
                "devices": slice.devices.iter().map(|device| &device.name).collect::<Vec<_>>(),
            })
        })
        .collect();
    context.observe(format!("ResourceSlices of driver {driver}"), json!(digest));
}
