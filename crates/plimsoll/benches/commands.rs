//! What the commands cost: wall time, CPU time and peak memory of the built `plimsoll`, and its size, as the
//! table of docs/benchmarks/run.md.
//!
//! `cargo bench -p plimsoll --bench commands`; with `PLIMSOLL_BENCH_KUBECONFIG` the commands that need a
//! cluster are measured on it, too (meant for the lab).

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::{
    env,
    error::Error,
    ffi::OsString,
    fs,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;
use wait4::Wait4 as _;

const PLIMSOLL: &str = env!("CARGO_BIN_EXE_plimsoll");

/// A command to be measured and what it should stay below.
struct Case {
    what: &'static str,
    aim: &'static str,
    arguments: Vec<OsString>,
    times: usize,
}

/// What one call cost.
#[derive(Clone, Copy)]
struct Cost {
    wall: Duration,
    cpu: Duration,
    peak_kib: u64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = TempDir::new()?;
    println!("Machine: {}.\n", machine());
    println!("| what | aim | wall: median (best to worst) | CPU | peak memory |");
    println!("|---|---|---|---|---|");
    for case in cases(folder.path()) {
        let mut costs = Vec::new();
        for _ in 0..case.times {
            costs.push(measure(&case.arguments)?);
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
    println!("\n| file | aim | size |\n|---|---|---|");
    println!("| `plimsoll` | ≤ 30 MB | {} |", megabytes(Path::new(PLIMSOLL))?);
    let archive = folder.path().join("probe.tar");
    measure(&["image".into(), "save".into(), archive.clone().into()])?;
    println!(
        "| the probe's image (`plimsoll image save`) | ≤ 3 MB | {} |",
        megabytes(&archive)?
    );
    Ok(())
}

fn cases(folder: &Path) -> Vec<Case> {
    let case = |what, aim, times, arguments: &[&str]| Case {
        what,
        aim,
        times,
        arguments: arguments.iter().map(OsString::from).collect(),
    };
    let out = folder.join("out").display().to_string();
    let mut cases = vec![
        case("`--help`", "≤ 30 ms", 20, &["--help"]),
        case("`survey --simulate`", "≤ 1 s", 5, &["survey", "--simulate"]),
        case(
            "`run --simulate`, all checks",
            "≤ 3 s",
            5,
            &["run", "--simulate", "--out", &out],
        ),
        case(
            "`calibrate --simulate`, all defects and pairs",
            "≤ 60 s",
            1,
            &["calibrate", "--simulate"],
        ),
    ];
    if let Ok(kubeconfig) = env::var("PLIMSOLL_BENCH_KUBECONFIG") {
        let on = ["--kubeconfig", kubeconfig.as_str()];
        cases.push(case(
            "`survey` of the lab",
            "≤ 1 s",
            5,
            &[&["survey"], on.as_slice()].concat(),
        ));
        let run = [&["run", "--out", &out], on.as_slice()].concat();
        cases.push(case("`run` on the lab, all checks", "", 3, &run));
        let three = "dra_support,gang_scheduling,secure_accelerator_access";
        let run = [&["run", "--out", &out, "--only", three], on.as_slice()].concat();
        cases.push(case(
            "`run` on the lab, these three: DRA, gangs, access",
            "≤ 30 s, ≤ 60 MB",
            3,
            &run,
        ));
    }
    cases
}

fn measure(arguments: &[OsString]) -> Result<Cost, Box<dyn Error>> {
    let started = Instant::now();
    let ended = Command::new(PLIMSOLL)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?
        .wait4()?;
    let wall = started.elapsed();
    if !ended.status.success() {
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

fn megabytes(file: &Path) -> Result<String, Box<dyn Error>> {
    #[expect(
        clippy::cast_precision_loss,
        reason = "sizes of files are far below 2^52 bytes"
    )]
    let bytes = fs::metadata(file)?.len() as f64;
    Ok(format!("{:.1} MB", bytes / 1e6))
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
