//! X9: what the API must refuse where devices are allocated by claims.

use std::time::Duration;

use plimsoll_platform::{Condition, CreateError, Grace, Path, PodSecurity, WaitError, pods};

use super::ground::{Ground, gap};
use crate::{
    CheckError,
    probe_pod::{
        ClaimSource, ClaimSpec, Grant, Privilege, ProbeContainer, ProbePod, Request, Roster, Ruling,
        read_claim,
    },
};

/// Asks for admin access, and for another namespace's claim. `None` where there are no claims.
pub(super) async fn look(ground: &Ground<'_>, window: Duration) -> Result<Option<Ruling>, CheckError> {
    let Path::Dra { class, api, .. } = &ground.path else {
        return Ok(None);
    };
    let admin = admin_access(ground, class, api).await?;
    let foreign = foreign_claim(ground, api, window).await?;
    Ok(Some(Ruling::all([admin, foreign])))
}

/// Admin access is for namespaces that are labelled for it, and ours is not.
async fn admin_access(ground: &Ground<'_>, class: &str, version: &str) -> Result<Ruling, CheckError> {
    let namespace = ground.roster.namespace();
    let spec = ClaimSpec::single(version, Request::of(class).admin());
    let stored = match namespace.create(spec.claim("admin")).await {
        Ok(stored) => stored,
        Err(
            CreateError::Forbidden { message, .. }
            | CreateError::Refused { message, .. }
            | CreateError::Invalid { message, .. },
        ) => {
            return Ok(Ruling::Right(format!(
                "a claim with admin access is refused: {message}"
            )));
        }
        Err(error) => return Err(error.into()),
    };
    let granted = [
        "/spec/devices/requests/0/exactly/adminAccess",
        "/spec/devices/requests/0/adminAccess",
    ]
    .into_iter()
    .any(|field| stored.data.pointer(field).is_some_and(|value| value == true));
    let removed = namespace.delete(&stored, Grace::SHORT).await;
    removed.map_err(|error| CheckError::Api {
        what: format!("delete {}", error.what),
        source: error.source,
    })?;
    Ok(if granted {
        Ruling::Wrong(format!(
            "the API accepted a claim with adminAccess in namespace `{}`, which is not labelled \
             resource.kubernetes.io/admin-access: it would reach devices that others hold",
            namespace.name()
        ))
    } else {
        Ruling::Right("the API stores a claim without the admin access it asked for".to_owned())
    })
}

/// A pod that names a claim which exists in another namespace only.
async fn foreign_claim(ground: &Ground<'_>, version: &str, window: Duration) -> Result<Ruling, CheckError> {
    const THEIRS: &str = "theirs";
    let Some((_, spec)) = ground.claim_spec(1) else {
        return Ok(Ruling::Undecided("there are no claims".to_owned()));
    };
    let claim = ground.roster.namespace().create(spec.claim(THEIRS)).await?;
    let elsewhere = ground
        .context
        .workspace
        .namespace("secure-other", PodSecurity::Baseline)
        .await?;
    let roster = Roster::new(elsewhere);
    let container = ProbeContainer::new("thief", ["pause"])
        .privilege(Privilege::Root)
        .grant(Grant::Claim {
            name: THEIRS.to_owned(),
        });
    let thief = ProbePod::new("thief", &ground.context.probe)
        .placed(&ground.placement)
        .claim(THEIRS, ClaimSource::Named(THEIRS.to_owned()))
        .container(container);
    let pod = roster.start(&thief).await?;
    let held = pod.watched().hold(pods::bound().not(), window).await;
    roster.clear(&ground.context.patience).await;
    let stored = read(ground, version, THEIRS).await?;
    let removed = ground.roster.namespace().delete(&claim, Grace::SHORT).await;
    removed.map_err(|error| CheckError::Api {
        what: format!("delete {}", error.what),
        source: error.source,
    })?;
    Ok(match held {
        Ok(_) if stored.reserved_for.is_empty() => Ruling::Right(format!(
            "a pod that names a claim of namespace `{}` from outside of it never ran",
            ground.roster.namespace().name()
        )),
        Ok(_) => Ruling::Wrong(format!(
            "claim `{THEIRS}` was reserved for a pod of another namespace"
        )),
        Err(WaitError::Broken(why)) => Ruling::Wrong(format!(
            "a pod was bound by a claim that exists in another namespace only: {why}"
        )),
        Err(error) => gap("thief", &error),
    })
}

async fn read(
    ground: &Ground<'_>,
    version: &str,
    name: &str,
) -> Result<plimsoll_platform::dra::Claim, CheckError> {
    let apis = ground.context.platform.discover().await;
    let apis = apis.map_err(|error| CheckError::Api {
        what: error.what,
        source: error.source,
    })?;
    let kind = apis
        .resource(plimsoll_platform::dra::GROUP, "ResourceClaim", &[version])
        .ok_or_else(|| {
            CheckError::Lacking(format!(
                "resource.k8s.io/{version} is served without ResourceClaim"
            ))
        })?;
    let object = ground
        .roster
        .namespace()
        .dynamic(&kind)
        .get(name)
        .await
        .map_err(|source| CheckError::Api {
            what: format!("read claim `{name}`"),
            source,
        })?;
    Ok(read_claim(&object))
}
