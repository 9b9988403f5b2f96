//! What the commands cost: wall time, CPU time and peak memory of the built `plimsoll`, and its size, as the
//! table of docs/benchmarks/run.md.
//!
//! `cargo bench -p plimsoll --bench commands`; with `PLIMSOLL_BENCH_KUBECONFIG` the commands that need a
//! cluster are measured on it, too (meant for the lab).

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

mod measuring;

use std::{env, error::Error, ffi::OsString, fs, path::Path};

use measuring::{Case, PLIMSOLL, measure, table};
use tempfile::TempDir;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = TempDir::new()?;
    table(&cases(folder.path()))?;
    println!("\n| file | aim | size |\n|---|---|---|");
    println!("| `plimsoll` | ≤ 30 MB | {} |", megabytes(Path::new(PLIMSOLL))?);
    let archive = folder.path().join("probe.tar");
    measure(&["image".into(), "save".into(), archive.clone().into()], &[0])?;
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
        codes: &[0],
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

fn megabytes(file: &Path) -> Result<String, Box<dyn Error>> {
    #[expect(
        clippy::cast_precision_loss,
        reason = "sizes of files are far below 2^52 bytes"
    )]
    let bytes = fs::metadata(file)?.len() as f64;
    Ok(format!("{:.1} MB", bytes / 1e6))
}
