//! `cop.lock`: exactly which packages a package is compiled with.
//!
//! ```text
//! # Made by copc: the packages that this one is compiled with. Keep it in version control.
//! version = 1
//!
//! [[package]]
//! name = "../shapes"
//!
//! [[package]]
//! name = "cop1…/html@3"
//! bundle = "5h…"
//! package = "k2…"
//! ```
//! One entry for each package, sorted by name; those in folders have no hashes, since they are what lies there. The same
//! packages give the same text, byte for byte, and any other text is refused: the file is copc's, not its users'.

use std::collections::BTreeMap;
use std::fmt::Write;

use cop_bytecode::Hash;
use cop_compiler::package::MAX_PACKAGES;

/// The file's name.
pub const LOCK: &str = "cop.lock";
/// Its first lines.
const HEAD: &str = "# Made by copc: the packages that this one is compiled with. Keep it in version control.\nversion = 1\n";

/// What a published package was when it was locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Locked {
    /// Hash of its bundle.
    pub bundle: Hash,
    /// Hash of the package in it.
    pub package: Hash,
}

/// The packages of a package, by the names that manifests and imports give them; those in folders without hashes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LockFile {
    /// Name to what it was; `None` for a package in a folder.
    pub entries: BTreeMap<String, Option<Locked>>,
}

/// Why a text is not a lock file: the line, from 1, and what is wrong there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong.
    pub why: String,
}

impl LockFile {
    /// The text of the file.
    pub fn text(&self) -> String {
        let mut text = HEAD.to_owned();
        for (name, locked) in &self.entries {
            // Writing into a text cannot fail.
            let _ = write!(text, "\n[[package]]\nname = \"{name}\"\n");
            if let Some(Locked { bundle, package }) = locked {
                let _ = write!(text, "bundle = \"{bundle}\"\npackage = \"{package}\"\n");
            }
        }
        text
    }

    /// Reads a lock file. Line ends may be those of another system.
    ///
    /// # Errors
    /// The text is not what [`LockFile::text`] would have written.
    pub fn parse(text: &str) -> Result<LockFile, LockError> {
        let text = text.replace("\r\n", "\n");
        let error = |line: usize, why: &str| LockError {
            line,
            why: why.to_owned(),
        };
        let mut lines = text.lines().enumerate().map(|(at, line)| (at + 1, line));
        for expected in HEAD.lines() {
            match lines.next() {
                Some((_, line)) if line == expected => {}
                Some((at, line)) if line.starts_with("version = ") => {
                    return Err(error(at, "it is of a version that this copc does not know"));
                }
                other => {
                    let at = other.map_or(1, |(at, _)| at);
                    return Err(error(at, &format!("expected `{expected}`")));
                }
            }
        }
        let mut entries = BTreeMap::new();
        let last = text.lines().count();
        let value = |line: Option<(usize, &str)>, key: &str| -> Result<String, LockError> {
            let (at, line) = line.ok_or_else(|| error(last, "it ends too early"))?;
            let value = line
                .strip_prefix(key)
                .and_then(|rest| rest.strip_prefix(" = \"")?.strip_suffix('"'));
            value
                .map(str::to_owned)
                .ok_or_else(|| error(at, &format!("expected `{key} = \"…\"`")))
        };
        let hash = |line: Option<(usize, &str)>, key: &str| -> Result<Hash, LockError> {
            let at = line.map_or(last, |(at, _)| at);
            let text = value(line, key)?;
            text.parse().map_err(|_| error(at, "this is no hash"))
        };
        let mut lines = lines.peekable();
        while let Some((at, line)) = lines.next() {
            if !line.is_empty() || lines.next().is_none_or(|(_, line)| line != "[[package]]") {
                return Err(error(at, "expected an empty line and `[[package]]`"));
            }
            let name = value(lines.next(), "name")?;
            let locked = match lines.peek() {
                Some((_, line)) if !line.is_empty() => Some(Locked {
                    bundle: hash(lines.next(), "bundle")?,
                    package: hash(lines.next(), "package")?,
                }),
                _ => None,
            };
            let sorted = entries
                .last_key_value()
                .is_none_or(|(before, _): (&String, _)| *before < name);
            if !sorted {
                return Err(error(at + 2, "the packages are sorted by name, each once"));
            }
            if entries.len() >= MAX_PACKAGES {
                return Err(error(at, "there are too many packages"));
            }
            entries.insert(name, locked);
        }
        let lock = LockFile { entries };
        // Whatever else differs, such as the last line break.
        if lock.text() != text {
            return Err(error(last, "the text is not as copc writes it"));
        }
        Ok(lock)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock() -> LockFile {
        let locked = Locked {
            bundle: Hash([1; 32]),
            package: Hash([2; 32]),
        };
        let names = [
            ("../shapes", None),
            ("cop1qqq/html@3", Some(locked)),
            ("cop1qqq/text@12", Some(locked)),
        ];
        LockFile {
            entries: names
                .into_iter()
                .map(|(name, locked)| (name.to_owned(), locked))
                .collect(),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        for lock in [lock(), LockFile::default()] {
            assert_eq!(LockFile::parse(&lock.text()), Ok(lock.clone()));
            let elsewhere = lock.text().replace('\n', "\r\n");
            assert_eq!(LockFile::parse(&elsewhere), Ok(lock));
        }
    }

    #[test]
    fn anything_else_is_refused_with_its_line() {
        let text = lock().text();
        let hash = Hash([1; 32]).to_string();
        for (changed, line, why) in [
            (String::new(), 1, "expected `# Made by copc"),
            (
                text.replace("version = 1", "version = 2"),
                2,
                "does not know",
            ),
            (
                text.replace("name = \"../shapes\"", "path = \"../shapes\""),
                5,
                "expected `name",
            ),
            (text.replacen(&hash, "k2", 1), 9, "no hash"),
            (text.replace("../shapes", "zzz"), 8, "sorted"),
            (text.replace("[[package]]", "[package]"), 3, "[[package]]"),
            (text.trim_end().to_owned(), 15, "as copc writes it"),
            (format!("{text}\n"), 16, "[[package]]"),
            (text[..text.len() - 67].to_owned(), 0, ""),
            ("<<<<<<< HEAD\n".to_owned() + &text, 1, "expected"),
        ] {
            let error = LockFile::parse(&changed).expect_err(&changed);
            assert!(line == 0 || error.line == line, "{changed}: {error:?}");
            assert!(error.why.contains(why), "{changed}: {error:?}");
        }
    }

    #[test]
    fn every_cut_is_refused_or_whole_entries() {
        let text = lock().text();
        for end in 0..text.len() {
            if let Ok(read) = LockFile::parse(&text[..end]) {
                assert_eq!(read.text(), text[..end]);
            }
        }
    }
}
