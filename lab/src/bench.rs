//! `plimsoll-lab bench`: how long a lab takes to come up and go, and what it weighs, as Markdown.

use std::fmt::Write as _;
use std::fs;
use std::time::{Duration, Instant};

use crate::accelerators::request::AcceleratorRequest;
use crate::build::cache::Cache;
use crate::build::{self, BuildError};
use crate::down::{self, DownError};
use crate::folder::LabsRoot;
use crate::memory;
use crate::name::LabName;
use crate::progress::Progress;
use crate::up::{self, UpError, UpRequest};

/// Why nothing could be measured.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BenchError {
    #[error(transparent)]
    Build(#[from] BuildError),
    #[error("the lab to be measured did not come up")]
    Up(#[from] UpError),
    #[error("the lab to be measured did not go")]
    Down(#[from] DownError),
}

/// What is measured.
#[derive(Clone, Debug)]
pub(crate) struct BenchRequest {
    pub(crate) name: LabName,
    pub(crate) runs: u8,
    pub(crate) nodes: u8,
    pub(crate) accelerators: Vec<AcceleratorRequest>,
}

/// The numbers of one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    up: Duration,
    memory_bytes: u64,
    down: Duration,
}

/// Measures, and returns the page.
pub(crate) async fn bench(
    root: &LabsRoot,
    cache: &Cache,
    request: &BenchRequest,
    progress: &Progress,
) -> Result<String, BenchError> {
    build::build(cache, &[], progress)?;
    let started = Instant::now();
    build::build(cache, &[], progress)?;
    let rebuild = started.elapsed();
    let mut runs = Vec::new();
    for _ in 0..request.runs {
        runs.push(one(root, cache, request, progress).await?);
    }
    Ok(page(request, rebuild, &runs, &machine()))
}

async fn one(
    root: &LabsRoot,
    cache: &Cache,
    request: &BenchRequest,
    progress: &Progress,
) -> Result<Run, BenchError> {
    let started = Instant::now();
    let request = UpRequest {
        name: request.name.clone(),
        nodes: request.nodes,
        accelerators: request.accelerators.clone(),
        defects: Vec::new(),
        with: Vec::new(),
    };
    let name = request.name.clone();
    let mut claimed = up::claim(root, cache, request, progress).await?;
    claimed.bring_up(progress).await?;
    let up = started.elapsed();
    drop(claimed);
    let memory_bytes = memory::of_lab(&name);
    let started = Instant::now();
    down::down(root, &name, progress).await?;
    Ok(Run {
        up,
        memory_bytes,
        down: started.elapsed(),
    })
}

/// The machine in words: what the numbers depend on.
fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let memory = read("/proc/meminfo")
        .lines()
        .find_map(|line| {
            line.strip_prefix("MemTotal:")?
                .trim()
                .strip_suffix("kB")?
                .trim()
                .parse::<u64>()
                .ok()
        })
        .unwrap_or(0);
    let kernel = read("/proc/sys/kernel/osrelease");
    let load = read("/proc/loadavg");
    let kernel = kernel.trim().split('-').next().unwrap_or_default().to_owned();
    let load = load.split(' ').next().unwrap_or_default().to_owned();
    format!(
        "{cores} cores, {} GiB, Linux {kernel}; load average {load} at the end",
        (memory + (1 << 19)) >> 20
    )
}

fn page(request: &BenchRequest, rebuild: Duration, runs: &[Run], machine: &str) -> String {
    let accelerators: Vec<_> = request.accelerators.iter().map(ToString::to_string).collect();
    let mut page = format!(
        "# How fast and how heavy the lab is\n\n\
         Written by `plimsoll-lab bench --runs {} --nodes {}`. Machine: {machine}.\n\
         Each node has {}.\n\n\
         | what | aim | best | median | worst |\n|---|---|---|---|---|\n",
        runs.len(),
        request.nodes,
        if accelerators.is_empty() {
            "no accelerators".to_owned()
        } else {
            accelerators.join(" and ")
        },
    );
    let mut row = |what: &str, aim: &str, mut values: Vec<u64>, show: &dyn Fn(u64) -> String| {
        values.sort_unstable();
        let at = |place: usize| {
            values
                .get(place)
                .map_or_else(|| "-".to_owned(), |value| show(*value))
        };
        let (median, last) = (values.len() / 2, values.len().saturating_sub(1));
        let _ = writeln!(
            page,
            "| {what} | {aim} | {} | {} | {} |",
            at(0),
            at(median),
            at(last)
        );
    };
    let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let seconds = |millis: u64| format!("{}.{} s", millis / 1000, millis % 1000 / 100);
    row(
        "`up`, until pods can be created",
        "≤ 25 s",
        runs.iter().map(|run| millis(run.up)).collect(),
        &seconds,
    );
    row(
        "`down`",
        "≤ 5 s",
        runs.iter().map(|run| millis(run.down)).collect(),
        &seconds,
    );
    let mebibytes = |bytes: u64| format!("{} MiB", bytes >> 20);
    let memory = "memory, proportional share of all processes";
    row(
        memory,
        "≤ 2048 MiB",
        runs.iter().map(|run| run.memory_bytes).collect(),
        &mebibytes,
    );
    row(
        "`build` with everything built",
        "≤ 1 s",
        vec![millis(rebuild)],
        &|millis| format!("{millis} ms"),
    );
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_sorts_its_numbers_and_names_the_aims() {
        let run = |up, down, mebibytes: u64| Run {
            up: Duration::from_millis(up),
            memory_bytes: mebibytes << 20,
            down: Duration::from_millis(down),
        };
        let request = BenchRequest {
            name: "bench".parse().unwrap(),
            runs: 3,
            nodes: 2,
            accelerators: vec!["nvidia:4".parse().unwrap()],
        };
        let runs = [run(9_000, 400, 700), run(7_250, 300, 650), run(8_100, 900, 690)];
        let page = page(&request, Duration::from_millis(53), &runs, "2 cores");
        assert!(page.contains("| ≤ 25 s | 7.2 s | 8.1 s | 9.0 s |"), "{page}");
        assert!(page.contains("| ≤ 5 s | 0.3 s | 0.4 s | 0.9 s |"), "{page}");
        assert!(
            page.contains("| ≤ 2048 MiB | 650 MiB | 690 MiB | 700 MiB |"),
            "{page}"
        );
        assert!(
            page.contains("| 53 ms |") && page.contains("nvidia:4:dra"),
            "{page}"
        );
    }
}
