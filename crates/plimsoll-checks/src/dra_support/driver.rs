//! The trial of one driver: which controls run when.

use std::collections::BTreeSet;

use futures::future::{join_all, join3, try_join};
use plimsoll_platform::{
    Ask, Budget, Lease, Path, Placement as Room, PodSecurity,
    dra::{self, Slice},
};
use plimsoll_vendors::Vendor;
use serde_json::json;

use super::{
    api,
    bench::{Bench, Held},
    pools, refusal, release,
    select::{self, NotSelected, Pinned},
    shapes, sharing,
};
use crate::{
    CheckError, Context,
    probe_pod::{ClaimSource, Placement, Roster, Ruling, unmet},
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
        let alone = self.lease.total() < 2;
        // With a single device, the first claim has to let go of it before anything else can be tried.
        let mut ends = Vec::new();
        if alone {
            ends.push(release::end_of_template(self, &first).await);
        }
        let refused = refusal::ask(self).await?;
        let pinned = match select::select(self, &first).await? {
            Ok(pinned) => pinned,
            Err(failed) => return self.unselected(&first, failed).await,
        };
        select::judge(self, &pinned).tell(&self.trial, "D4");

        let because = format!(
            "device `{}` of pool `{}` is in use by claim `{}`",
            pinned.device,
            pinned.pool,
            select::PINNED
        );
        let spec = self.one(std::slice::from_ref(&pinned.expression));
        let second = refusal::refuse(self, "second", &spec, because).await?;
        // The selected device's pod was bound after these were refused: the scheduler is at work.
        let ((), double, meanwhile) = join3(
            async {
                let holds = refused.iter().map(|refused| refusal::hold(self, refused, window));
                Ruling::all(join_all(holds).await).tell(&self.trial, "D5");
            },
            refusal::hold(self, &second, window),
            self.meanwhile(&first, alone),
        )
        .await;
        let Meanwhile { end, shares, choice } = meanwhile?;
        ends.extend(end);
        if double.is_wrong() {
            double.tell(&self.trial, "D6");
            return Ok(());
        }
        let (taken_over, deallocated) = release::hand_over(self, &pinned, &second).await;
        Ruling::all([double, taken_over]).tell(&self.trial, "D6");
        ends.push(deallocated);
        // The first claim is in line again while the second is still on its way out.
        let (again, ()) = try_join(
            release::second_pass(self, &pinned),
            super::remove(self, &second.pod),
        )
        .await?;
        ends.push(again);
        self.afterwards(&pinned, ends, shares, choice).await
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

    /// What a second device allows while the refusals are watched: D7, a part of D8, and D9's first part.
    async fn meanwhile(&self, first: &Held, alone: bool) -> Result<Meanwhile, CheckError> {
        if alone {
            return Ok(Meanwhile::default());
        }
        let end = release::end_of_template(self, first).await;
        let shares = self.share().await?;
        let choice = if shares { shapes::choice(self).await? } else { None };
        Ok(Meanwhile {
            end: Some(end),
            shares: Some(shares),
            choice,
        })
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
        pinned: &Pinned,
        ends: Vec<Ruling>,
        shares: Option<bool>,
        choice: Option<Ruling>,
    ) -> Result<(), CheckError> {
        let sound = ends.iter().all(Ruling::is_right);
        Ruling::all(ends).tell(&self.trial, "D9");
        super::delete(self, &pinned.claim).await?;
        let shares = match shares {
            Some(shares) => shares,
            None => self.share().await?,
        };
        let mut shapes = Vec::from_iter(choice);
        if sound && shares && self.lease.total() >= 2 {
            shapes.extend(shapes::pair(self).await?);
        }
        if !shapes.is_empty() {
            Ruling::all(shapes).tell(&self.trial, "D8");
        }
        Ok(())
    }
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
