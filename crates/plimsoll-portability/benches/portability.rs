//! A thousand manifests against twenty platforms: `cargo bench -p plimsoll-portability`.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench tells what it measures, and its inputs are its own"
)]

use std::{fmt::Write, fs, io::Cursor, path::Path, time::Instant};

use plimsoll_portability::{Limits, Platform, Source, answer, read, rows};
use plimsoll_report::RecordedRun;

const MANIFESTS: usize = 1000;
const PLATFORMS: usize = 20;

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut examples: Vec<_> = fs::read_dir(root.join("../../examples/workloads"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    examples.sort();
    let texts: Vec<String> = examples
        .iter()
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    let mut input = String::new();
    for number in 0..MANIFESTS {
        // A namespace each, so that no two belong together.
        for document in texts[number % texts.len()].split("\n---\n") {
            let document = document.replacen(
                "metadata:\n",
                &format!("metadata:\n  namespace: team-{number}\n"),
                1,
            );
            let _ = write!(input, "---\n{document}\n");
        }
    }
    let mut records: Vec<_> = fs::read_dir(root.join("tests/integration/records"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    records.sort();

    let whole = Instant::now();
    let platforms: Vec<Platform> = (0..PLATFORMS)
        .map(|number| {
            let run = RecordedRun::read(&records[number % records.len()]).unwrap();
            Platform::recorded(&format!("platform-{number}"), &run).unwrap()
        })
        .collect();
    let recorded = whole.elapsed();
    let bytes = input.len();
    let source = Source::Stream("-".to_owned(), Box::new(Cursor::new(input)));
    let manifests = read(vec![source], Limits::default()).unwrap();
    let parsed = whole.elapsed();
    let answers = answer(&manifests, &platforms);
    let answered = whole.elapsed();
    let json = serde_json::to_string_pretty(&rows(&manifests, &platforms, &answers)).unwrap();
    let total = whole.elapsed();
    println!(
        "{MANIFESTS} manifests ({} workloads, {bytes} bytes) on {PLATFORMS} platforms: {} answers, {} bytes of JSON",
        answers.workloads.len(),
        answers.answers.len(),
        json.len()
    );
    println!("records read       {recorded:>10.1?}");
    println!("manifests read     {:>10.1?}", parsed - recorded);
    println!("answered           {:>10.1?}", answered - parsed);
    println!("written as JSON    {:>10.1?}", total - answered);
    println!("all together       {total:>10.1?}");
}
