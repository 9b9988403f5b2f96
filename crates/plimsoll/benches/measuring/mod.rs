//! Calls of the built `plimsoll`, measured and told as a table.

use std::{
    error::Error,
    ffi::OsString,
    fs,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use wait4::Wait4 as _;

pub(crate) const PLIMSOLL: &str = env!("CARGO_BIN_EXE_plimsoll");

/// A command to be measured and what it should stay below.
pub(crate) struct Case {
    pub(crate) what: &'static str,
    pub(crate) aim: &'static str,
    pub(crate) arguments: Vec<OsString>,
    pub(crate) times: usize,
    /// The exit codes that are answers.
    pub(crate) codes: &'static [i32],
}

/// What one call cost.
#[derive(Clone, Copy)]
pub(crate) struct Cost {
    wall: Duration,
    cpu: Duration,
    peak_kib: u64,
}

/// Measures all cases and prints a line for each.
pub(crate) fn table(cases: &[Case]) -> Result<(), Box<dyn Error>> {
    println!("Machine: {}.\n", machine());
    println!("| what | aim | wall: median (best to worst) | CPU | peak memory |");
    println!("|---|---|---|---|---|");
    for case in cases {
        let mut costs = Vec::new();
        for _ in 0..case.times {
            costs.push(measure(&case.arguments, case.codes)?);
        }
        costs.sort_by_key(|cost| cost.wall);
        let (best, median, worst) = (costs[0], costs[costs.len() / 2], costs[costs.len() - 1]);
        println!(
            "| {} | {} | {} ({} to {}) | {} | {} MiB |",
            case.what,
            case.aim,
            shown(median.wall),
            shown(best.wall),
            shown(worst.wall),
            shown(median.cpu),
            median.peak_kib >> 10
        );
    }
    Ok(())
}

/// Runs a command and says what it cost.
pub(crate) fn measure(arguments: &[OsString], codes: &[i32]) -> Result<Cost, Box<dyn Error>> {
    let started = Instant::now();
    let ended = Command::new(PLIMSOLL)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?
        .wait4()?;
    let wall = started.elapsed();
    if !ended.status.code().is_some_and(|code| codes.contains(&code)) {
        return Err(format!("plimsoll {arguments:?} ended with {}", ended.status).into());
    }
    Ok(Cost {
        wall,
        cpu: ended.rusage.utime + ended.rusage.stime,
        // Bytes, whatever the kernel counts in.
        peak_kib: ended.rusage.maxrss >> 10,
    })
}

fn shown(duration: Duration) -> String {
    if duration < Duration::from_secs(1) {
        format!("{} ms", duration.as_millis())
    } else {
        format!("{:.1} s", duration.as_secs_f64())
    }
}

/// The machine in words: what the numbers depend on.
fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let gibibytes = read("/proc/meminfo")
        .lines()
        .find_map(|line| {
            line.strip_prefix("MemTotal:")?
                .trim()
                .strip_suffix(" kB")?
                .parse::<u64>()
                .ok()
        })
        .map_or(0, |kibibytes| (kibibytes + (1 << 19)) >> 20);
    let kernel = read("/proc/sys/kernel/osrelease");
    let load = read("/proc/loadavg");
    format!(
        "{cores} cores, {gibibytes} GiB, Linux {}; load average {} at the beginning",
        kernel.trim(),
        load.split(' ').next().unwrap_or_default()
    )
}
