//! Snapshots: what values looked like when their author last said that they are right. Each is a text file in the folder
//! `snapshots` beside `main.cop`, or for a single file `words.cop` in `snapshots/words`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use coputer::project::ROOT;

use crate::differ;
use crate::ended::Complaint;

/// What the names of snapshots' files end in.
const ENDING: &str = ".txt";
/// Longest name of a snapshot.
const NAME_MAX: usize = 60;

/// The snapshots of a program.
#[derive(Debug)]
pub struct Snapshots {
    folder: PathBuf,
    stored: BTreeMap<String, String>,
    /// Whether values that differ become the new snapshots.
    accept: bool,
}

/// A value that a test compared with its snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Of the snapshot.
    pub name: String,
    /// The value as it is stored.
    pub text: String,
}

/// What became of the snapshots.
#[derive(Debug, Default)]
pub struct Kept {
    /// Written, being new or different.
    pub written: Vec<String>,
    /// Removed, since no test uses them.
    pub removed: Vec<String>,
    /// Used by no test.
    pub unused: Vec<String>,
    /// Compared with different values, and therefore not written.
    pub ambiguous: Vec<String>,
}

impl Snapshots {
    /// Those of the program at a path.
    pub fn of(path: &Path, accept: bool) -> Result<Snapshots, Complaint> {
        let folder = if path.is_dir() {
            path.join("snapshots")
        } else {
            let all = path.parent().unwrap_or(Path::new("")).join("snapshots");
            match path.file_stem() {
                Some(stem) if path.file_name() != Some(ROOT.as_ref()) => all.join(stem),
                _ => all,
            }
        };
        let stored = read(&folder).map_err(|(path, cause)| {
            Complaint::Failed(format!("cannot read {}: {cause}", path.display()))
        })?;
        Ok(Snapshots {
            folder,
            stored,
            accept,
        })
    }

    /// The folder that they lie in.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Compares a value with its snapshot: what was compared, and what is wrong.
    pub fn compare(&self, name: &str, shown: &str) -> (Option<Taken>, Option<String>) {
        if !is_name(name) {
            let wrong = format!(
                "`{name}` cannot be the name of a snapshot: it has 1 to {NAME_MAX} of a-z, 0-9, -, _ and ., and does not begin with a point"
            );
            return (None, Some(wrong));
        }
        let text = differ::spread(shown).replace("\r\n", "\n");
        let wrong = match self.stored.get(name) {
            Some(stored) if *stored == text => None,
            _ if self.accept => None,
            Some(stored) => Some(told(
                &format!("the value differs from its snapshot `{name}` (- snapshot, + value)"),
                &differ::lines(stored, &text),
                "if the value is right, `copc test --accept` makes it the snapshot",
            )),
            None => Some(told(
                &format!("there is no snapshot `{name}` yet"),
                &differ::lines("", &text),
                "if the value is right, `copc test --accept` makes it the snapshot",
            )),
        };
        let taken = Taken {
            name: name.to_owned(),
            text,
        };
        (Some(taken), wrong)
    }

    /// Writes what was accepted. `taken` is all that tests compared; `is_whole` says that every test came to its end, so that
    /// what none used is used nowhere.
    pub fn keep(&self, taken: &[Taken], is_whole: bool) -> Result<Kept, Complaint> {
        let mut kept = Kept::default();
        let mut values: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for Taken { name, text } in taken {
            values.entry(name).or_default().insert(text);
        }
        if is_whole {
            let unused = self
                .stored
                .keys()
                .filter(|name| !values.contains_key(&***name));
            kept.unused = unused.cloned().collect();
        }
        if !self.accept {
            return Ok(kept);
        }
        for (name, texts) in &values {
            match texts.first() {
                Some(_) if texts.len() > 1 => kept.ambiguous.push((*name).to_owned()),
                Some(text) if self.stored.get(*name).is_none_or(|stored| stored != text) => {
                    self.write(name, text)?;
                    kept.written.push((*name).to_owned());
                }
                _ => {}
            }
        }
        for name in std::mem::take(&mut kept.unused) {
            let path = self.path(&name);
            fs::remove_file(&path).map_err(|cause| failed("remove", &path, &cause))?;
            kept.removed.push(name);
        }
        Ok(kept)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}{ENDING}"))
    }

    /// A file ends with a line break that is not part of the snapshot.
    fn write(&self, name: &str, text: &str) -> Result<(), Complaint> {
        let path = self.path(name);
        fs::create_dir_all(&self.folder)
            .and_then(|()| fs::write(&path, format!("{text}\n")))
            .map_err(|cause| failed("write", &path, &cause))
    }
}

fn failed(verb: &str, path: &Path, cause: &io::Error) -> Complaint {
    Complaint::Failed(format!("cannot {verb} {}: {cause}", path.display()))
}

fn told(title: &str, lines: &[String], hint: &str) -> String {
    format!("{title}\n{}\n{hint}", lines.join("\n"))
}

fn is_name(name: &str) -> bool {
    let is_letter = |letter: u8| {
        letter.is_ascii_lowercase() || letter.is_ascii_digit() || b"-_.".contains(&letter)
    };
    (1..=NAME_MAX).contains(&name.len()) && !name.starts_with('.') && name.bytes().all(is_letter)
}

/// All snapshots of a folder, which need not be there.
fn read(folder: &Path) -> Result<BTreeMap<String, String>, (PathBuf, io::Error)> {
    let mut stored = BTreeMap::new();
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(stored),
        Err(error) => return Err((folder.to_owned(), error)),
    };
    for entry in entries {
        let path = entry.map_err(|error| (folder.to_owned(), error))?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.and_then(|name| name.strip_suffix(ENDING));
        let Some(name) = name.filter(|name| is_name(name)) else {
            continue;
        };
        let text = fs::read_to_string(&path).map_err(|error| (path.clone(), error))?;
        let text = text.replace("\r\n", "\n");
        let text = text.strip_suffix('\n').unwrap_or(&text);
        stored.insert(name.to_owned(), text.to_owned());
    }
    Ok(stored)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(name: &str, text: &str) -> Taken {
        Taken {
            name: name.to_owned(),
            text: text.to_owned(),
        }
    }

    #[test]
    fn what_is_accepted_is_found_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().join("words.cop");
        fs::write(&root, "").expect("written");
        let none = Snapshots::of(&root, true).expect("none yet");
        let (one, wrong) = none.compare("page-1", "\"a\\nb\\n\"");
        assert_eq!(
            (one.as_ref(), wrong),
            (Some(&taken("page-1", "a\nb\n")), None)
        );
        let kept = none.keep(&[one.expect("taken")], true).expect("written");
        assert_eq!(kept.written, ["page-1"]);
        assert_eq!(
            fs::read_to_string(folder.path().join("snapshots/words/page-1.txt")).expect("there"),
            "a\nb\n\n"
        );
        let some = Snapshots::of(&root, false).expect("one");
        assert_eq!(some.compare("page-1", "\"a\\nb\\n\"").1, None);
        assert_eq!(some.compare("page-1", "\"a\\r\\nb\\n\"").1, None);
        let wrong = some
            .compare("page-1", "\"a\\nc\\n\"")
            .1
            .expect("it differs");
        assert!(wrong.contains("\n  a\n- b\n+ c\n"), "{wrong}");
        assert!(
            some.compare("other", "1")
                .1
                .expect("missing")
                .contains("\n+ 1\n")
        );
        assert_eq!(
            some.keep(&[], true).expect("nothing to do").unused,
            ["page-1"]
        );
        let accepting = Snapshots::of(&root, true).expect("one");
        let two = [taken("page-1", "x"), taken("page-1", "y")];
        assert_eq!(
            accepting.keep(&two, true).expect("told").ambiguous,
            ["page-1"]
        );
        assert_eq!(accepting.keep(&[], false).expect("told").removed, [""; 0]);
        assert_eq!(
            accepting.keep(&[], true).expect("removed").removed,
            ["page-1"]
        );
    }

    #[test]
    fn names_are_those_of_files_anywhere() {
        for name in ["", ".a", "A", "a/b", "a b", "..", &"a".repeat(61)] {
            assert!(!is_name(name), "{name}");
        }
        for name in ["a", "front-page_2.html", &"a".repeat(60)] {
            assert!(is_name(name), "{name}");
        }
    }
}
