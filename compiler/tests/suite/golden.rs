//! Cases in folders, with what is expected of them beside them.
//!
//! `COP_ACCEPT=1 cargo test -p cop-compiler` writes what was expected anew; reading the difference is the work.

use std::fs;
use std::path::{Path, PathBuf};

/// Runs each case of a folder of `tests`: a `.cop` file or a folder. What `shown` gives must be the text in the `.txt`
/// file of the same name, and not empty.
pub fn folder(name: &str, shown: impl Fn(&Path) -> String) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests")
        .join(name);
    let entries = fs::read_dir(&folder).expect("the folder of cases");
    let mut cases: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    cases.retain(|path| path.is_dir() || path.extension().is_some_and(|end| end == "cop"));
    cases.sort();
    let accept = std::env::var_os("COP_ACCEPT").is_some();
    let mut wrong = Vec::new();
    for case in cases {
        let shown = shown(&case);
        let golden = case.with_extension("txt");
        if accept {
            fs::write(&golden, &shown).expect("a message to write");
        } else if fs::read_to_string(&golden).unwrap_or_default() != shown {
            wrong.push(format!("---- {}\n{shown}", case.display()));
        }
        assert!(!shown.is_empty(), "{} is without fault", case.display());
    }
    assert!(
        wrong.is_empty(),
        "{}\nCOP_ACCEPT=1 accepts this",
        wrong.join("\n")
    );
}
