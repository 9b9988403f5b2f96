//! Which runs a calibration makes.

use std::sync::Arc;

use fastrand::Rng;
use plimsoll_defects::{Defect, UnknownDefect};
use plimsoll_program::ProgrammeVersion;
use plimsoll_runner::{Selection, SelectionError};
use plimsoll_sim::platform::{self, PlatformSpec, Preset};

use crate::{Subject, Trial, Unreachable, reaches, sample};

/// What somebody wants to know.
#[derive(Clone, Debug)]
pub struct Request {
    /// The platform to seed defects into; the one that shows them all if none is chosen, and then every sound platform
    /// that comes along is tried as well.
    pub platform: Option<PlatformSpec>,
    /// Only these defects, and no sound platform beside the chosen one; all of them if empty.
    pub defects: Vec<String>,
    /// Only these checks, and defects that one of them must notice; all checks if empty.
    pub only: Vec<String>,
    /// How many pairs of defects, and how many defects under latency, are sampled.
    pub pairs: usize,
    /// On how many seeds the sound platform is tried.
    pub seeds: u64,
    /// What decides samples and everything that would be random.
    pub seed: u64,
}

/// The runs that are to be made, in the order in which they are told.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The platform that defects are seeded into.
    pub platform: String,
    /// What decided samples.
    pub seed: u64,
    /// The runs.
    pub trials: Vec<Trial>,
    /// Defects that can't show there, each with why.
    pub left_out: Vec<(&'static Defect, String)>,
}

/// What is wanted can't be had.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// No such defect.
    #[error(transparent)]
    Unknown(#[from] UnknownDefect),
    /// No such check.
    #[error(transparent)]
    Selection(#[from] SelectionError),
    /// A defect that was asked for by name can't show.
    #[error(transparent)]
    Unreachable(#[from] Unreachable),
    /// A defect that was asked for by name can't be injected on the lab.
    #[error("the defect `{0}` can be injected on the simulated platform only")]
    NotOnLab(String),
    /// The check that must notice a defect that was asked for by name is not run.
    #[error("the defect `{defect}` is noticed by `{requirement}`, which is not among the checks to run")]
    NotRun {
        /// The defect.
        defect: String,
        /// The requirement.
        requirement: String,
    },
}

impl Plan {
    /// The runs on simulated platforms.
    ///
    /// # Errors
    /// [`PlanError`] for a defect that is asked for by name and can't be tried.
    pub fn simulated(request: &Request) -> Result<Self, PlanError> {
        let main = Arc::new(match &request.platform {
            Some(platform) => platform.clone(),
            None => platform::default(),
        });
        // Where nobody chose a platform, a defect that shows on another one than the default is tried there.
        let ground = |defect: &Defect| match home(defect) {
            Some(home) if request.platform.is_none() => Arc::new(home),
            Some(_) | None => Arc::clone(&main),
        };
        let (defects, left_out) = defects(request, |defect| {
            reaches(&ground(defect), defect)
                .map_err(|unreachable| (unreachable.why.clone(), unreachable.into()))
        })?;
        let only: Arc<[String]> = request.only.clone().into();
        let on = |subject, platform: &Arc<PlatformSpec>, seed| Trial {
            subject,
            platform: Arc::clone(platform),
            seed,
            only: Arc::clone(&only),
        };
        let seed = request.seed;
        let mut trials: Vec<Trial> = (0..request.seeds)
            .map(|index| on(Subject::Sound, &main, seed.wrapping_add(index)))
            .collect();
        if request.platform.is_none() && request.defects.is_empty() {
            let others = Preset::all().iter().filter(|preset| preset.name != main.name);
            trials.extend(others.map(|preset| on(Subject::Sound, &Arc::new(preset.spec()), seed)));
        }
        trials.extend(
            defects
                .iter()
                .map(|defect| on(Subject::Defect(defect), &ground(defect), seed)),
        );
        let mut random = Rng::with_seed(seed);
        for (first, second) in sample::pairs(&defects, request.pairs, &mut random) {
            trials.push(on(Subject::Pair(first, second), &ground(first), random.u64(..)));
        }
        let mut slow = defects.clone();
        random.shuffle(&mut slow);
        for defect in slow.into_iter().take(request.pairs) {
            let platform = Arc::new(sample::slowed(&ground(defect), &mut random));
            trials.push(on(Subject::UnderLatency(defect), &platform, random.u64(..)));
        }
        Ok(Self {
            platform: main.name.clone(),
            seed,
            trials,
            left_out,
        })
    }

    /// The runs on labs: the sound one once, and each defect alone.
    ///
    /// # Errors
    /// [`PlanError`] for a defect that is asked for by name and can't be tried.
    pub fn lab(request: &Request) -> Result<Self, PlanError> {
        let (defects, left_out) = defects(request, |defect| match defect.on_lab() {
            Some(_) => Ok(()),
            None => Err((
                "it can be injected on the simulated platform only".to_owned(),
                PlanError::NotOnLab(defect.id.clone()),
            )),
        })?;
        let platform = Arc::new(platform::default());
        let only: Arc<[String]> = request.only.clone().into();
        let sound = request.defects.is_empty().then_some(Subject::Sound);
        let subjects = sound.into_iter().chain(defects.into_iter().map(Subject::Defect));
        let trials = subjects.map(|subject| Trial {
            subject,
            platform: Arc::clone(&platform),
            seed: request.seed,
            only: Arc::clone(&only),
        });
        Ok(Self {
            platform: "lab".to_owned(),
            seed: request.seed,
            trials: trials.collect(),
            left_out,
        })
    }
}

/// The platform that comes along on which a defect shows, where that is not the default one.
fn home(defect: &Defect) -> Option<PlatformSpec> {
    let name = defect.simulated()?.settings.platform.as_deref()?;
    PlatformSpec::preset(name).ok()
}

type Chosen = (Vec<&'static Defect>, Vec<(&'static Defect, String)>);

/// The chosen defects that can be tried, and those of all that can't.
fn defects(
    request: &Request,
    possible: impl Fn(&'static Defect) -> Result<(), (String, PlanError)>,
) -> Result<Chosen, PlanError> {
    let selection = Selection {
        only: request.only.clone(),
        skip: Vec::new(),
    };
    // Which checks there are is the same in every version.
    plimsoll_runner::Plan::new(plimsoll_checks::ALL, ProgrammeVersion::V1_37, &selection)?;
    let can = |defect| possible(defect).and_then(|()| noticed(defect, &request.only));
    if request.defects.is_empty() {
        let mut chosen = Chosen::default();
        for defect in Defect::all() {
            match can(defect) {
                Ok(()) => chosen.0.push(defect),
                Err((why, _)) => chosen.1.push((defect, why)),
            }
        }
        return Ok(chosen);
    }
    let mut named = Vec::new();
    for id in &request.defects {
        let defect = Defect::by_id(id)?;
        can(defect).map_err(|(_, error)| error)?;
        named.push(defect);
    }
    named.sort_by(|a, b| a.id.cmp(&b.id));
    named.dedup_by(|a, b| a.id == b.id);
    Ok((named, Vec::new()))
}

/// Whether the check that must notice a defect is among those to be run.
fn noticed(defect: &Defect, only: &[String]) -> Result<(), (String, PlanError)> {
    let requirement = defect.requirement.as_str();
    if only.is_empty() || only.iter().any(|only| only == requirement) {
        return Ok(());
    }
    Err((
        "their check is not among those to run".to_owned(),
        PlanError::NotRun {
            defect: defect.id.clone(),
            requirement: requirement.to_owned(),
        },
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn everything() -> Request {
        Request {
            platform: None,
            defects: Vec::new(),
            only: Vec::new(),
            pairs: 5,
            seeds: 3,
            seed: 1,
        }
    }

    #[test]
    fn every_defect_is_tried_and_every_sound_platform() {
        let plan = Plan::simulated(&everything()).unwrap();
        let count =
            |wanted: fn(&Subject) -> bool| plan.trials.iter().filter(|trial| wanted(&trial.subject)).count();
        let simulated = Defect::all().iter().filter(|defect| defect.simulated().is_some());
        assert_eq!(
            count(|subject| matches!(subject, Subject::Defect(_))),
            simulated.count()
        );
        assert_eq!(
            count(|subject| matches!(subject, Subject::Sound)),
            3 + Preset::all().len() - 1
        );
        assert_eq!(count(|subject| matches!(subject, Subject::Pair(..))), 5);
        assert_eq!(count(|subject| matches!(subject, Subject::UnderLatency(_))), 5);
    }

    #[test]
    fn what_a_platform_can_not_show_is_left_out_unless_it_is_asked_for() {
        let plugin = PlatformSpec::preset("plugin-only").unwrap();
        let request = Request {
            platform: Some(plugin),
            ..everything()
        };
        let plan = Plan::simulated(&request).unwrap();
        assert!(
            plan.left_out
                .iter()
                .any(|(defect, _)| defect.id == "dra.stale-pool")
        );
        let named = Request {
            defects: vec!["dra.stale-pool".to_owned()],
            ..request
        };
        assert!(matches!(Plan::simulated(&named), Err(PlanError::Unreachable(_))));
    }

    #[test]
    fn checks_that_are_not_run_have_no_defects_to_notice() {
        let only = |id: &str| Request {
            only: vec![id.to_owned()],
            ..everything()
        };
        let plan = Plan::lab(&only("gang_scheduling")).unwrap();
        let seeded = plan.trials.iter().flat_map(|trial| trial.subject.defects());
        assert!(seeded.clone().count() > 0);
        assert!(
            seeded
                .clone()
                .all(|defect| defect.requirement.as_str() == "gang_scheduling")
        );
        assert!(plan.left_out.iter().any(
            |(defect, why)| defect.id == "dra.api-only" && why == "their check is not among those to run"
        ));
        let elsewhere = Request {
            defects: vec!["dra.api-only".to_owned()],
            ..only("gang_scheduling")
        };
        assert!(matches!(Plan::lab(&elsewhere), Err(PlanError::NotRun { .. })));
        let error = Plan::simulated(&only("gang_sheduling")).unwrap_err();
        assert!(error.to_string().contains("gang_scheduling"), "{error}");
    }

    #[test]
    fn an_unknown_defect_is_answered_with_the_nearest() {
        let request = Request {
            defects: vec!["gang.ded".to_owned()],
            ..everything()
        };
        let error = Plan::lab(&request).unwrap_err();
        assert!(error.to_string().contains("did you mean `gang.dead`"), "{error}");
    }

    #[test]
    fn the_lab_is_tried_sound_once_and_with_each_defect() {
        let plan = Plan::lab(&everything()).unwrap();
        assert!(matches!(plan.trials[0].subject, Subject::Sound));
        assert!(
            plan.trials[1..]
                .iter()
                .all(|trial| matches!(trial.subject, Subject::Defect(_)))
        );
    }
}
