//! Puts the examples into the binary, so that `copd demo` works wherever it is copied.
//!
//! Writes a table of programs to `OUT_DIR/examples.rs`: name, and files by their path within the package. `examples/NAME.cop`
//! is a program of one file, `examples/NAME/` with a `main.cop` one of a folder.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?).join("examples");
    println!("cargo::rerun-if-changed={}", root.display());
    let mut table = String::from("[\n");
    for path in entries(&root)? {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let files = if path.is_dir() {
            files_below(&path, "")?
        } else {
            vec![("main.cop".to_owned(), path.clone())]
        };
        let is_program =
            path.is_dir() || path.extension().is_some_and(|extension| extension == "cop");
        if is_program && files.iter().any(|(within, _)| within == "main.cop") {
            writeln!(table, "({name:?}, &[")?;
            for (within, path) in files {
                writeln!(
                    table,
                    "    ({within:?}, include_bytes!({:?}) as &[u8]),",
                    path.display().to_string()
                )?;
            }
            table.push_str("]),\n");
        }
    }
    table.push(']');
    fs::write(
        PathBuf::from(std::env::var("OUT_DIR")?).join("examples.rs"),
        table,
    )?;
    Ok(())
}

/// What a folder holds, sorted, without hidden files and without what `copc build` writes.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut paths = Vec::new();
    if !folder.exists() {
        return Ok(paths);
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if !name.starts_with('.') && name != "build" {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn files_below(folder: &Path, prefix: &str) -> Result<Vec<(String, PathBuf)>, Box<dyn Error>> {
    let mut files = Vec::new();
    for path in entries(folder)? {
        let within = format!(
            "{prefix}{}",
            path.file_name().unwrap_or_default().to_string_lossy()
        );
        if path.is_dir() {
            files.extend(files_below(&path, &format!("{within}/"))?);
        } else {
            files.push((within, path));
        }
    }
    Ok(files)
}
