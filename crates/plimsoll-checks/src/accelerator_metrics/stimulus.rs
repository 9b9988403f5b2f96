//! Pods that work on a device, or visit exporters.

use std::time::Duration;

use plimsoll_platform::{Namespace, Path, WaitError};
use plimsoll_probe::{Transcript, protocol::LoadPeriod};

use super::{
    device::Held,
    endpoints::Endpoint,
    experiment::Wave,
    feed::heard,
    subject::Subject,
    vocabulary::{self, Holder},
};
use crate::{
    CheckError, Context,
    probe_pod::{
        ClaimSource, ClaimSpec, Grant, LivePod, Placement, Privilege, ProbeContainer, ProbePod, Request,
    },
};

/// The container that works, and the one that visits.
pub(super) const LOAD: &str = "load";
pub(super) const SCRAPE: &str = "scrape";

/// The part of the time that a steady load works.
pub(super) const DUTY: f64 = 0.8;

/// Device memory that is held with it, as far as a share of the device allows.
const HOLD_BYTES: u64 = 64 << 20;
const HOLD_SHARE: f64 = 0.25;

/// How often exporters are visited.
pub(super) const EVERY: Duration = Duration::from_secs(1);

/// How long a visit may take while a load is watched.
const WITHIN: Duration = Duration::from_secs(3);

/// A name within a claim, and of the template that claims are made from.
const ONE: &str = "one";

/// What a device is made to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// Until it is stopped, with memory held.
    Steadily,
    /// Coming and going, each half as long.
    InWaves {
        /// One half.
        half: Duration,
        /// How many times.
        cycles: u32,
    },
}

/// A load that has begun.
#[derive(Clone, Debug)]
pub(super) struct Begun {
    pub(super) held: Held,
    pub(super) by: Holder,
    pub(super) held_bytes: u64,
    /// By the node's clock.
    pub(super) at: u64,
}

impl Work {
    fn args(self, subject: &Subject) -> Vec<String> {
        let mut args = vec!["load".to_owned()];
        let globs = subject
            .vendor
            .map(|vendor| vendor.devices.exclusive.patterns())
            .unwrap_or_default();
        if globs.is_empty() {
            args.push("--any".to_owned());
        }
        args.extend(globs.iter().map(|glob| format!("--match={glob}")));
        match self {
            Self::Steadily => args.extend([
                format!("--duty={DUTY}"),
                "--period-ms=1000".to_owned(),
                "--seconds=600".to_owned(),
                format!("--hold-bytes={HOLD_BYTES}"),
                format!("--hold-share={HOLD_SHARE}"),
            ]),
            Self::InWaves { half, cycles } => args.extend([
                "--duty=0.5".to_owned(),
                format!("--period-ms={}", half.as_millis() * 2),
                format!("--seconds={}", half.as_secs() * 2 * u64::from(cycles)),
            ]),
        }
        args
    }
}

/// Makes what claims of the subject's devices are made from, where they are had by claims.
pub(super) async fn prepare(namespace: &Namespace, subject: &Subject) -> Result<(), CheckError> {
    if let Path::Dra { class, api, .. } = &subject.path {
        let spec = ClaimSpec::single(api, Request::of(class));
        namespace.create(spec.template(&template(subject))).await?;
    }
    Ok(())
}

/// A pod on a node that works on one device.
pub(super) fn load(context: &Context, subject: &Subject, node: &str, name: &str, work: Work) -> ProbePod {
    let pod = ProbePod::new(name, &context.probe).placed(&on(context, node));
    let container = ProbeContainer::new(LOAD, work.args(subject)).privilege(Privilege::Root);
    grant(pod, container, subject, 1)
}

/// A pod on a node that looks at so many devices and stays.
pub(super) fn looker(context: &Context, subject: &Subject, node: &str, name: &str, count: usize) -> ProbePod {
    let look = crate::probe_pod::Look::at(subject.vendor).staying();
    let pod = ProbePod::new(name, &context.probe).placed(&on(context, node));
    let container = ProbeContainer::new(LOAD, look.args()).privilege(Privilege::Root);
    grant(pod, container, subject, count)
}

fn grant(pod: ProbePod, container: ProbeContainer, subject: &Subject, count: usize) -> ProbePod {
    match &subject.path {
        // One claim a device: what a claim's count does is another requirement's matter.
        Path::Dra { .. } => {
            let names: Vec<String> = (0..count).map(|number| format!("{ONE}-{number}")).collect();
            let pod = names.iter().fold(pod, |pod, name| {
                pod.claim(name, ClaimSource::Template(template(subject)))
            });
            pod.container(names.into_iter().fold(container, |container, name| {
                container.grant(Grant::Claim { name })
            }))
        }
        Path::DevicePlugin { resource } => pod.container(container.grant(Grant::Resource {
            name: resource.clone(),
            count,
        })),
    }
}

/// A pod on a node that visits exporters until it is stopped.
pub(super) fn scraper(
    context: &Context,
    subject: &Subject,
    node: &str,
    name: &str,
    at: &Endpoint,
) -> ProbePod {
    let mut args = vec![
        "scrape".to_owned(),
        format!("--url={}", at.url),
        format!("--every-ms={}", EVERY.as_millis()),
        format!("--within-ms={}", WITHIN.as_millis()),
    ];
    let mut keep = subject.metrics().map(vocabulary::wanted).unwrap_or_default();
    if !keep.is_empty() {
        keep.extend(subject.named.names().cloned());
    }
    args.extend(keep.iter().map(|name| format!("--keep={name}")));
    ProbePod::new(name, &context.probe)
        .placed(&on(context, node))
        .container(ProbeContainer::new(SCRAPE, args))
}

fn on(context: &Context, node: &str) -> Placement {
    context
        .inventory
        .node(node)
        .map_or_else(|| Placement::tolerating(&context.inventory.nodes), Placement::on)
}

fn template(subject: &Subject) -> String {
    format!("{ONE}-{}", slug(&subject.name))
}

/// A name as names of objects may be.
pub(super) fn slug(name: &str) -> String {
    name.to_lowercase()
        .replace(|letter: char| !letter.is_ascii_alphanumeric(), "-")
}

/// Waits until a load has begun.
pub(super) async fn begun(pod: &LivePod, within: Duration) -> Result<Begun, WaitError> {
    let transcript = heard(pod, LOAD, within, |heard| heard.load.is_some()).await?;
    let failed = |why: String| {
        WaitError::Obstructed(format!(
            "no load could be put on the device of pod `{}`: {why}",
            pod.name()
        ))
    };
    let (Some(started), Some(load)) = (&transcript.started, &transcript.load) else {
        let why = transcript.failed.map(|failed| failed.reason);
        return Err(failed(
            why.unwrap_or_else(|| "the probe did not say why".to_owned()),
        ));
    };
    let node = transcript.nodes.iter().find(|node| node.path == load.device);
    Ok(Begun {
        held: node.map_or_else(
            || Held {
                path: load.device.clone(),
                uuid: None,
                pci: None,
                index: None,
            },
            Held::of,
        ),
        by: Holder {
            namespace: pod.api().namespace().unwrap_or_default().to_owned(),
            pod: pod.name(),
            container: LOAD.to_owned(),
        },
        held_bytes: load.held_bytes,
        at: started.unix_ms,
    })
}

/// The part of the time that a load truly worked, as far as its container told.
pub(super) fn duty(periods: &[LoadPeriod]) -> Option<f64> {
    let busy: u64 = periods.iter().map(busy_ms).sum();
    let elapsed: u64 = periods.iter().map(|period| period.elapsed_ms).sum();
    (elapsed > 0).then(|| busy as f64 / elapsed as f64)
}

/// For how long a device worked in a period: by the kernel's count where there is one, else as long as it was made to.
fn busy_ms(period: &LoadPeriod) -> u64 {
    period
        .device_busy_ms
        .map_or(period.busy_ms, |counted| counted.min(period.busy_ms))
}

/// When a load came and went.
pub(super) fn wave(transcript: &Transcript, half: Duration) -> Wave {
    let shares = transcript
        .load_periods
        .iter()
        .filter(|period| period.busy_ms > 0)
        .map(|period| busy_ms(period) as f64 / period.busy_ms as f64);
    let cycles = transcript.load_periods.iter().map(|period| {
        let begin = period.ended_unix_ms.saturating_sub(period.elapsed_ms);
        (begin, begin + period.busy_ms, period.ended_unix_ms)
    });
    Wave {
        duty: shares.fold(1.0, f64::min),
        half_ms: u64::try_from(half.as_millis()).unwrap_or(u64::MAX),
        cycles: cycles.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn period(busy_ms: u64, device_busy_ms: Option<u64>, elapsed_ms: u64) -> LoadPeriod {
        LoadPeriod {
            period: 0,
            ended_unix_ms: 10_000,
            busy_ms,
            device_busy_ms,
            elapsed_ms,
            read_bytes: 1,
            written_bytes: 0,
            operations: 1,
        }
    }

    #[test]
    fn what_a_device_truly_did_is_what_the_kernel_counted() {
        assert_eq!(duty(&[period(800, None, 1000)]), Some(0.8));
        assert_eq!(duty(&[period(800, Some(400), 1000)]), Some(0.4));
        assert_eq!(
            duty(&[period(800, Some(900), 1000)]),
            Some(0.8),
            "others' work is not ours"
        );
        assert_eq!(
            duty(&[period(800, None, 1000), period(800, None, 3000)]),
            Some(0.4)
        );
        assert_eq!(duty(&[]), None);
    }

    #[test]
    fn a_wave_is_as_high_as_its_lowest_half() {
        let transcript = Transcript {
            load_periods: vec![period(3000, Some(3000), 6000), period(3000, Some(1500), 6000)],
            ..Transcript::default()
        };
        assert_eq!(wave(&transcript, Duration::from_secs(3)).duty, 0.5);
    }
}
