//! What the commands about evidence, submissions and workloads cost, as a table for docs/benchmarks: all reports of a
//! run, validation and site of a checkout of 60 submissions, and 1,000 manifests on 20 platforms.
//!
//! `cargo bench -p plimsoll --bench certificates`. The published submissions are looked for beside the checkout.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

mod measuring;

use std::{
    error::Error,
    ffi::OsString,
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
};

use measuring::{Case, measure, table};
use tempfile::TempDir;

const SUBMISSIONS: usize = 60;
const MANIFESTS: usize = 1_000;
const PLATFORMS: usize = 20;
const TIMES: usize = 10;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = TempDir::new()?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let at = |name: &str| folder.path().join(name);
    let case = |what, aim, codes, arguments: Vec<OsString>| Case {
        what,
        aim,
        arguments,
        times: TIMES,
        codes,
    };
    measure(
        &[
            "run".into(),
            "--simulate".into(),
            "--out".into(),
            at("run").into(),
        ],
        &[0, 1, 2],
    )?;
    let mut cases = vec![case(
        "`report` of a run with all checks",
        "≤ 300 ms, ≤ 100 MB",
        &[0, 1, 2],
        vec!["report".into(), at("run").into()],
    )];
    let programme = root.join("../shared/program");
    if programme.is_dir() {
        checkout(&programme, &at("checkout"))?;
        cases.push(case(
            "`validate` of 60 submissions",
            "≤ 300 ms, ≤ 100 MB",
            &[0, 1],
            vec!["validate".into(), at("checkout").into()],
        ));
        cases.push(case(
            "`registry site` of 60 submissions",
            "≤ 1 s, ≤ 100 MB",
            &[0],
            vec![
                "registry".into(),
                at("checkout").into(),
                "site".into(),
                at("site").into(),
            ],
        ));
    } else {
        println!(
            "Not measured, for want of {}: validate, registry site.\n",
            programme.display()
        );
    }
    let platforms = platforms(&root, &at("platforms"))?;
    let manifests = at("manifests.yaml");
    fs::write(&manifests, many(&root)?)?;
    let ask = |more: &[&str]| {
        let mut arguments: Vec<OsString> = vec![
            "portability".into(),
            "-f".into(),
            manifests.clone().into(),
            "--on".into(),
        ];
        arguments.extend(platforms.iter().map(OsString::from));
        arguments.extend(more.iter().map(OsString::from));
        arguments
    };
    cases.push(case(
        "`portability`, 1,000 manifests on 20 platforms, table",
        "≤ 500 ms, ≤ 100 MB",
        &[0, 1, 2],
        ask(&[]),
    ));
    cases.push(case(
        "the same as JSON",
        "≤ 500 ms, ≤ 100 MB",
        &[0, 1, 2],
        ask(&["--format", "json"]),
    ));
    table(&cases)
}

/// The published submissions and checklists, some twice under another name.
fn checkout(programme: &Path, to: &Path) -> io::Result<()> {
    copy(&programme.join("docs"), &to.join("docs"))?;
    let mut products = Vec::new();
    for version in sorted(&programme.join("submissions"))? {
        if version.is_dir() {
            products.extend(sorted(&version)?.into_iter().filter(|path| path.is_dir()));
        }
    }
    for (number, product) in products
        .iter()
        .cycle()
        .take(SUBMISSIONS.max(products.len()))
        .enumerate()
    {
        let name = |path: &Path| {
            path.file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned()
        };
        let version = product.parent().map(name).unwrap_or_default();
        let copies = number / products.len().max(1);
        copy(
            product,
            &to.join(version)
                .join(format!("{}{}", name(product), "-again".repeat(copies))),
        )?;
    }
    Ok(())
}

/// The records of simulated platforms over and over, each in a folder of its own.
fn platforms(root: &Path, to: &Path) -> io::Result<Vec<PathBuf>> {
    let records = sorted(&root.join("crates/plimsoll-portability/tests/integration/records"))?;
    let mut folders = Vec::new();
    for (number, record) in records.iter().cycle().take(PLATFORMS).enumerate() {
        let folder = to.join(format!("platform-{number}"));
        copy(record, &folder)?;
        folders.push(folder);
    }
    Ok(folders)
}

/// The example workloads over and over, each time in another namespace, so that no two belong together.
fn many(root: &Path) -> io::Result<String> {
    let mut texts = Vec::new();
    for path in sorted(&root.join("examples/workloads"))? {
        if path.extension().is_some_and(|extension| extension == "yaml") {
            texts.push(fs::read_to_string(path)?);
        }
    }
    let mut all = String::new();
    for (number, text) in texts.iter().cycle().take(MANIFESTS).enumerate() {
        for document in text.split("\n---\n") {
            let metadata = format!("metadata:\n  namespace: team-{number}\n");
            let _ = write!(all, "---\n{}\n", document.replacen("metadata:\n", &metadata, 1));
        }
    }
    Ok(all)
}

fn sorted(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        found.push(entry?.path());
    }
    found.sort();
    Ok(found)
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    if !from.is_dir() {
        return fs::copy(from, to).map(|_| ());
    }
    fs::create_dir_all(to)?;
    for path in sorted(from)? {
        copy(&path, &to.join(path.file_name().unwrap_or_default()))?;
    }
    Ok(())
}
