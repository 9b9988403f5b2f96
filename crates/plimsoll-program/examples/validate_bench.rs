//! How long a checkout takes to validate: `cargo run --release --example validate_bench -p plimsoll-program -- PATH CHECKLISTS`.

use std::{path::Path, time::Instant};

use plimsoll_program::rules::{Checklists, Validator, discover};

#[expect(clippy::print_stdout, reason = "the figures are what it is for")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(path), Some(checklists)) = (arguments.next(), arguments.next()) else {
        return Err("give a checkout and the folder of checklists".into());
    };
    let mut times: Vec<u128> = Vec::new();
    let mut count = 0;
    for _ in 0..20 {
        let began = Instant::now();
        let found = discover(Path::new(&path))?;
        let validator = Validator {
            checklists: Checklists::read(Path::new(&checklists))?,
            ..Validator::default()
        };
        count = validator.validate_all(&found.products).len();
        times.push(began.elapsed().as_micros());
    }
    times.sort_unstable();
    println!(
        "{count} submissions, checklists included: best {} µs, median {} µs, worst {} µs",
        times[0],
        times[times.len() / 2],
        times[times.len() - 1]
    );
    Ok(())
}
