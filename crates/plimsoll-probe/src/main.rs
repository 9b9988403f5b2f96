//! The probe: what the library does, on the system that the process runs on.

use std::io::{self, Write as _};
use std::process::ExitCode;

use plimsoll_probe::host::{Linux, run_now};
use plimsoll_probe::{Exit, run};

fn main() -> ExitCode {
    let host = match Linux::start() {
        Ok(host) => host,
        Err(error) => {
            let _ = writeln!(io::stderr(), "plimsoll-probe: cannot take signals: {error}");
            return ExitCode::from(Exit::NotDone.code());
        }
    };
    let exit = run_now(run(std::env::args_os().skip(1), &host));
    ExitCode::from(exit.code())
}
