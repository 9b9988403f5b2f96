//! One solution's trial: which slots, which control when, and what is told in the end.

use std::{future::Future, sync::Arc, time::Duration};

use plimsoll_platform::{ApiError, Path, Permission, PodSecurity};

use super::{
    adapter::Adapter,
    bench::{Bench, Trialled},
    chain,
    controls::{self, Rulings, Together, broken_off},
    slots::{self, FEWEST, Slots},
};
use crate::{CheckError, Context, probe_pod::Ruling};

/// As few accelerators on one node make slots of their own accord; with fewer, nodes do.
const ACCELERATORS: usize = 3;

/// Tries one solution.
pub(super) async fn run(context: &Context, adapter: &'static dyn Adapter) -> Result<(), CheckError> {
    let trial = context.trial(adapter.name());
    let missing = context.platform.may(adapter.permissions()).await.map_err(api)?;
    if !missing.is_empty() {
        let list: Vec<String> = missing.iter().map(permission).collect();
        trial.undecided("G1", format!("not allowed to {}", list.join(", ")));
        return Ok(());
    }
    let purpose = format!("gang-{}", adapter.name().replace('/', "-"));
    let namespace = context
        .workspace
        .namespace(&purpose, PodSecurity::Restricted)
        .await?;
    let on = Trialled {
        context: context.clone(),
        trial,
        adapter,
        namespace,
    };
    let Some((slots, together, bench)) = first_gang(&on).await? else {
        let reason = format!(
            "fewer than {FEWEST} slots can be made: it takes {FEWEST} nodes that accept pods, or {FEWEST} free accelerators on one"
        );
        on.trial.undecided("G1", reason);
        return Ok(());
    };
    together.ruling.clone().tell(&on.trial, "G1");
    if let Some(took) = together.took {
        let hold = context.patience.hold(took);
        // What shows nothing more for being done with accelerators is done beside them.
        let side = Slots::one_per_node(&context.inventory).map_or_else(|| Arc::clone(&slots), Arc::new);
        tokio::join!(
            tell_all(&on, "G2", shortage(&on, &slots, hold)),
            tell_all(&on, "G4", rivalry(&on, &side)),
            tell_all(&on, "G5", lateness(&on, &side, hold)),
            accelerated(&on, &slots, &together.ruling, hold),
        );
    }
    observed(&bench, &together).await.tell(&on.trial, "G6");
    bench.close().await;
    Ok(())
}

fn api(error: ApiError) -> CheckError {
    CheckError::Api {
        what: error.what,
        source: error.source,
    }
}

/// `create podgroups.scheduling.k8s.io`
fn permission(permission: &Permission) -> String {
    let verbs: Vec<&str> = permission.verbs.iter().map(|verb| verb.as_str()).collect();
    format!(
        "{} {}.{}",
        verbs.join("/"),
        permission.full_resource(),
        permission.group
    )
}

/// Runs G1 where accelerators are the slots, if there are enough; else, or if the accelerators themselves are in
/// the way, where nodes are.
async fn first_gang(on: &Trialled) -> Result<Option<(Arc<Slots>, Together, Bench)>, CheckError> {
    let inventory = &on.context.inventory;
    let plain = Slots::one_per_node(inventory);
    let wanted = if plain.is_some() { ACCELERATORS } else { FEWEST };
    for path in slots::paths(inventory, wanted) {
        let Some(slots) = Slots::accelerators(&on.context, &path, wanted).await? else {
            continue;
        };
        let (together, bench) = start(on, slots, "first").await?;
        if !matches!(together.ruling, Ruling::Undecided(_)) || plain.is_none() {
            return Ok(Some((Arc::clone(&bench.slots), together, bench)));
        }
        bench.close().await;
        on.context.observe(
            format!("G1 with {}", bench.slots.describe()),
            together.ruling.detail().into(),
        );
        break;
    }
    let Some(slots) = plain else { return Ok(None) };
    let (together, bench) = start(on, slots, "start").await?;
    Ok(Some((Arc::clone(&bench.slots), together, bench)))
}

async fn start(on: &Trialled, slots: Slots, name: &str) -> Result<(Together, Bench), CheckError> {
    let bench = Bench::new(on, &Arc::new(slots), name);
    bench.fill_spare().await?;
    let together = controls::together(&bench).await?;
    Ok((together, bench))
}

/// G2, G2b, G2c, G2d, G3.
async fn shortage(on: &Trialled, slots: &Arc<Slots>, hold: Duration) -> Result<Rulings, CheckError> {
    let _turn = slots.turn().await;
    let bench = Bench::new(on, slots, "lack");
    let rulings = controls::one_short(&bench, hold).await;
    bench.close().await;
    rulings
}

/// G4.
async fn rivalry(on: &Trialled, slots: &Arc<Slots>) -> Result<Rulings, CheckError> {
    let _turn = slots.turn().await;
    let bench = Bench::new(on, slots, "pair");
    let ruling = controls::two_gangs(&bench).await;
    bench.close().await;
    Ok(vec![("G4", ruling?)])
}

/// G5 and G7.
async fn lateness(on: &Trialled, slots: &Arc<Slots>, hold: Duration) -> Result<Rulings, CheckError> {
    let bench = Bench::new(on, slots, "wait");
    let rulings = controls::late_member(&bench, hold).await;
    bench.close().await;
    rulings
}

/// Tells what an experiment ruled; one that broke off leaves its first control undecided.
async fn tell_all(
    on: &Trialled,
    first: &'static str,
    rulings: impl Future<Output = Result<Rulings, CheckError>>,
) {
    match rulings.await {
        Ok(rulings) => rulings
            .into_iter()
            .for_each(|(control, ruling)| ruling.tell(&on.trial, control)),
        Err(error) => broken_off(&error).tell(&on.trial, first),
    }
}

/// G6: what was stored is what was sent, and somebody observes it.
async fn observed(bench: &Bench, together: &Together) -> Ruling {
    if let Some(altered) = &together.gang.altered {
        return Ruling::Wrong(altered.clone());
    }
    let stored = "the group and its pods are stored as they were sent";
    let group = match bench.group(&together.gang).await {
        Ok(group) => group,
        Err(error) => return broken_off(&error),
    };
    bench.context.observe(
        format!("group object `{}`", together.gang.name),
        group["status"].clone(),
    );
    super::read_back::observation(stored, bench.adapter.standing(&group), together.ruling.is_right())
}

/// G8: the same once more with accelerators as slots. What devices do once a pod is bound is other checks'
/// business: an experiment that can't be told for it is noted, not held against gangs.
async fn accelerated(on: &Trialled, main: &Slots, first: &Ruling, hold: Duration) {
    if let Some(path) = main.path() {
        // No second lease while holding one: that is how two checks come to wait for each other.
        if first.is_right() {
            on.trial.right(
                "G8",
                format!("the other controls used accelerators themselves: {path}"),
            );
        }
        return;
    }
    let Some(path) = slots::paths(&on.context.inventory, FEWEST).into_iter().next() else {
        return;
    };
    match with_accelerators(on, &path, hold).await {
        Ok(Some(Ruling::Undecided(why))) => on.context.observe(format!("G8 with {path}"), why.into()),
        Ok(Some(ruling)) => ruling.tell(&on.trial, "G8"),
        Ok(None) => {}
        Err(error) => on
            .context
            .observe(format!("G8 with {path}"), chain(&error).into()),
    }
}

async fn with_accelerators(on: &Trialled, path: &Path, hold: Duration) -> Result<Option<Ruling>, CheckError> {
    let Some(slots) = Slots::accelerators(&on.context, path, FEWEST).await? else {
        return Ok(None);
    };
    let (together, bench) = start(on, slots, "accel").await?;
    let mut parts = vec![together.ruling];
    if parts.iter().all(Ruling::is_right) {
        let short = Bench::new(on, &bench.slots, "accel-lack");
        let rulings = controls::one_short(&short, hold).await;
        short.close().await;
        parts.extend(
            rulings?
                .into_iter()
                .map(|(control, ruling)| controls::from(control, ruling)),
        );
    }
    bench.close().await;
    Ok(Some(controls::from(
        &format!("with {}", bench.slots.describe()),
        Ruling::all(parts),
    )))
}
