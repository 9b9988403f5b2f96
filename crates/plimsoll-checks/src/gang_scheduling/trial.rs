//! One solution's trial: which slots, which control when, and what is told in the end.

use std::{future::Future, sync::Arc, time::Duration};

use plimsoll_platform::{ApiError, Path, Permission, PodSecurity};
use tokio::sync::watch;

use super::{
    adapter::Adapter,
    bench::{Bench, Trialled},
    chain,
    controls::{self, Bound, Rulings, Together, broken_off},
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
    let bound = Bound::default();
    let once_bound = bound.subscribe();
    let (result, ()) = tokio::join!(main_controls(&on, bound), late_on_nodes(&on, once_bound));
    result
}

/// All but G5 and G7 where nodes are slots, too.
async fn main_controls(on: &Trialled, bound: Bound) -> Result<(), CheckError> {
    let main = first_gang(on, &bound).await?;
    drop(bound);
    let Some(main) = main else {
        let reason = format!(
            "fewer than {FEWEST} slots can be made: it takes {FEWEST} nodes that accept pods, or {FEWEST} free \
             accelerators on one"
        );
        on.trial.undecided("G1", reason);
        return Ok(());
    };
    main.together.ruling.clone().tell(&on.trial, "G1");
    if let Some(took) = main.together.took {
        let hold = hold(&on.context, took);
        // What shows nothing more for being done with accelerators is done beside them.
        let nodes = nodes(&on.context);
        let late = async {
            if nodes.is_none() {
                tell_all(on, "G5", lateness(on, &main.slots, hold)).await;
            }
        };
        let side = nodes.as_ref().unwrap_or(&main.slots);
        let (rulings, ..) = tokio::join!(
            shortage(on, &main.slots, hold),
            tell_all(on, "G4", rivalry(on, side)),
            late,
            extra(on, &main, hold),
        );
        tell_all(on, "G2", async { rulings }).await;
    }
    observed(&main.bench, &main.together).await.tell(&on.trial, "G6");
    main.bench.close().await;
    Ok(())
}

/// G5 and G7 on nodes, from the moment on that a gang is known to be bound, and how fast: they wait for a member most of
/// the time, and disturb nobody meanwhile.
async fn late_on_nodes(on: &Trialled, mut bound: watch::Receiver<Option<Duration>>) {
    let Some(nodes) = nodes(&on.context) else { return };
    let took = bound.wait_for(Option::is_some).await.map_or(None, |took| *took);
    if let Some(took) = took {
        tell_all(on, "G5", lateness(on, &nodes, hold(&on.context, took))).await;
    }
}

/// For how long a refusal is watched, where a gang that fits took that long.
fn hold(context: &Context, took: Duration) -> Duration {
    let at_least = context.settings.gang.hold.unwrap_or_default();
    context.patience.hold(took).max(at_least)
}

/// The slots of the main controls, and the first gang in them.
struct Main {
    slots: Arc<Slots>,
    together: Together,
    bench: Bench,
    /// Whether accelerators were tried and got in the way themselves.
    obstructed: bool,
}

fn nodes(context: &Context) -> Option<Arc<Slots>> {
    Slots::one_per_node(&context.inventory).map(Arc::new)
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
async fn first_gang(on: &Trialled, bound: &Bound) -> Result<Option<Main>, CheckError> {
    let nodes = nodes(&on.context);
    let wanted = if nodes.is_some() { ACCELERATORS } else { FEWEST };
    let mut obstructed = false;
    for path in slots::paths(&on.context.inventory, wanted) {
        let Some(slots) = Slots::accelerators(&on.context, &path, wanted).await? else {
            continue;
        };
        let main = start(on, Arc::new(slots), "first", bound).await?;
        if nodes.is_none() || !is_undecided(&main.together.ruling) {
            return Ok(Some(main));
        }
        main.bench.close().await;
        let what = format!("G1 with {}", main.slots.describe());
        on.context.observe(what, main.together.ruling.detail().into());
        obstructed = true;
        break;
    }
    let Some(slots) = nodes else { return Ok(None) };
    let main = start(on, slots, "start", bound).await?;
    Ok(Some(Main { obstructed, ..main }))
}

async fn start(on: &Trialled, slots: Arc<Slots>, name: &str, bound: &Bound) -> Result<Main, CheckError> {
    let bench = Bench::new(on, &slots, name);
    bench.fill_spare().await?;
    let together = controls::together(&bench, bound).await?;
    Ok(Main {
        slots,
        together,
        bench,
        obstructed: false,
    })
}

fn is_undecided(ruling: &Ruling) -> bool {
    matches!(ruling, Ruling::Undecided(_))
}

/// G2, G2b, G2c, G2d, G3; where accelerators get in the way of being told, once more with nodes as slots. What
/// devices do once a pod is bound is other checks' business.
async fn shortage(on: &Trialled, slots: &Arc<Slots>, hold: Duration) -> Result<Rulings, CheckError> {
    let rulings = one_short(on, slots, "lack", hold).await;
    let Some(path) = slots.path() else { return rulings };
    let obstacle = obstacle(&rulings);
    match (obstacle, nodes(&on.context)) {
        (Some(obstacle), Some(nodes)) => {
            on.context
                .observe(format!("G2 and G3 with {path}"), obstacle.into());
            one_short(on, &nodes, "lack-nodes", hold).await
        }
        (Some(_), None) => rulings,
        (None, _) => {
            let all = |rulings: &Rulings| rulings.iter().all(|(_, ruling)| ruling.is_right());
            if rulings.as_ref().is_ok_and(all) {
                on.trial.right(
                    "G8",
                    format!("G1, G2 and G3 themselves had {} as slots", slots.describe()),
                );
            }
            rulings
        }
    }
}

/// What keeps an experiment from being told, if nothing else came out wrong in it.
fn obstacle(rulings: &Result<Rulings, CheckError>) -> Option<String> {
    let rulings = match rulings {
        Ok(rulings) => rulings,
        Err(error) => return Some(chain(error)),
    };
    if rulings.iter().any(|(_, ruling)| ruling.is_wrong()) {
        return None;
    }
    let (control, ruling) = rulings.iter().find(|(_, ruling)| is_undecided(ruling))?;
    Some(format!("{control}: {}", ruling.detail()))
}

async fn one_short(
    on: &Trialled,
    slots: &Arc<Slots>,
    name: &str,
    hold: Duration,
) -> Result<Rulings, CheckError> {
    let _turn = slots.turn().await;
    let bench = Bench::new(on, slots, name);
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

/// G8 where nodes were the slots: the same once more with accelerators, unless they got in the way already. One
/// that can't be told is noted, not held against gangs.
async fn extra(on: &Trialled, main: &Main, hold: Duration) {
    // No second lease while holding one: that is how two checks come to wait for each other.
    if main.slots.path().is_some() || main.obstructed {
        return;
    }
    let Some(path) = slots::paths(&on.context.inventory, FEWEST).into_iter().next() else {
        return;
    };
    let note = |why: String| on.context.observe(format!("G8 with {path}"), why.into());
    match with_accelerators(on, &path, hold).await {
        Ok(Some(Ruling::Undecided(why))) => note(why),
        Ok(Some(ruling)) => ruling.tell(&on.trial, "G8"),
        Ok(None) => {}
        Err(error) => note(chain(&error)),
    }
}

async fn with_accelerators(on: &Trialled, path: &Path, hold: Duration) -> Result<Option<Ruling>, CheckError> {
    let Some(slots) = Slots::accelerators(&on.context, path, FEWEST).await? else {
        return Ok(None);
    };
    let first = start(on, Arc::new(slots), "extra", &Bound::default()).await?;
    let mut parts = vec![("G1", first.together.ruling)];
    if parts.iter().all(|(_, ruling)| ruling.is_right()) {
        parts.extend(one_short(on, &first.slots, "extra-lack", hold).await?);
    }
    first.bench.close().await;
    let all = Ruling::all(
        parts
            .into_iter()
            .map(|(control, ruling)| controls::from(control, ruling)),
    );
    Ok(Some(controls::from(
        &format!("with {}", first.slots.describe()),
        all,
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn right() -> Ruling {
        Ruling::Right("r".to_owned())
    }

    fn gap() -> Ruling {
        Ruling::Undecided("u".to_owned())
    }

    #[test]
    fn what_cannot_be_told_is_an_obstacle_unless_something_is_wrong() {
        assert_eq!(obstacle(&Ok(vec![("G2", right()), ("G3", right())])), None);
        assert_eq!(
            obstacle(&Ok(vec![("G2", right()), ("G3", gap())])).as_deref(),
            Some("G3: u")
        );
        assert_eq!(
            obstacle(&Ok(vec![("G2", Ruling::Wrong("w".to_owned())), ("G2b", gap())])),
            None
        );
        assert_eq!(
            obstacle(&Err(CheckError::Lacking("x".to_owned()))).as_deref(),
            Some("x")
        );
    }
}
