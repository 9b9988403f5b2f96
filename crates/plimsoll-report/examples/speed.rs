//! How long all reports of a record take, and how large they are: `cargo run --release -p plimsoll-report --example speed -- DIR`.
//! The figures are kept in `docs/benchmarks/reports.md`.

#![expect(clippy::print_stdout, reason = "it is its purpose")]

use std::{error::Error, path::PathBuf, time::Instant};

use plimsoll_report::{RecordedRun, write_all};

fn main() -> Result<(), Box<dyn Error>> {
    let dir: PathBuf = std::env::args_os()
        .nth(1)
        .ok_or("name the directory of a run")?
        .into();
    for _ in 0..5 {
        let began = Instant::now();
        let run = RecordedRun::read(&dir)?;
        let read = began.elapsed();
        let written = write_all(&dir, &run)?;
        let took = began.elapsed();
        println!(
            "{took:.1?} in all, {read:.1?} of it reading, {} files",
            written.len()
        );
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    for line in status.lines().filter(|line| line.starts_with("VmHWM")) {
        println!("{line}");
    }
    for name in ["record.jsonl", "report.html"] {
        println!("{name}: {} bytes", std::fs::metadata(dir.join(name))?.len());
    }
    Ok(())
}
