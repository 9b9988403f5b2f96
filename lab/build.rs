//! Embeds the Go modules under `components/`, so that the installed binary builds them from anywhere.
//!
//! A component is one folder with a `component.toml`; dropping a folder in is all it takes to add one.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let root = Path::new(&env::var("CARGO_MANIFEST_DIR").unwrap_or_default()).join("components");
    println!("cargo::rerun-if-changed={}", root.display());
    let mut table = String::from("&[\n");
    for folder in sorted(&root)? {
        let name = folder
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if !folder.join("component.toml").is_file() {
            continue;
        }
        let _ = writeln!(table, "    EmbeddedComponent {{ name: {name:?}, files: &[");
        for file in sorted(&folder)? {
            println!("cargo::rerun-if-changed={}", file.display());
            let file_name = file
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            let _ = writeln!(
                table,
                "        ({file_name:?}, include_str!({:?})),",
                file.display().to_string()
            );
        }
        table.push_str("    ] },\n");
    }
    table.push(']');
    fs::write(
        Path::new(&env::var("OUT_DIR").unwrap_or_default()).join("components.rs"),
        table,
    )
}

fn sorted(folder: &Path) -> io::Result<Vec<std::path::PathBuf>> {
    let mut entries = fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()?;
    entries.sort();
    Ok(entries)
}
