//! The packages that a program is made of: its own, and those of others that its files import.
//!
//! The compiler knows a package by the *prefix* of its files: `""` for the one that is compiled, `../shapes/` for one
//! beside it, `cop1…/html@3/` for one that was published. Which prefix an import string leads to, and whether what is
//! found there can be trusted, is for [`Sources::package`](crate::source::Sources::package) to say.

use crate::check::suggest::nearest;
use crate::diagnostic::Diagnostic;
use crate::source::Span;
use std::fmt;

/// The root file of every package of others.
pub const ROOT: &str = "main.cop";
/// The most packages in one program, its own included.
pub const MAX_PACKAGES: usize = 256;
/// How long a chain of packages, each of which imports the next, may be.
pub const MAX_CHAIN: usize = 64;
/// Length of a publisher's address.
const ADDRESS_LENGTH: usize = 42;
/// How addresses begin.
const ADDRESS_START: &str = "cop1";
/// Length of a hash as text.
const HASH_LENGTH: usize = 52;
/// Most characters of a package's name.
const NAME_LENGTH: usize = 20;

/// A package of others, as the importing one sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// What the paths of its files begin with: for `Sources::read`, in messages, and in the source map. Packages are the same
    /// if their prefixes are.
    pub prefix: String,
    /// How messages name it: `html@3`, `../shapes`.
    pub name: String,
    /// Its files, besides the root, that others may import: as in import strings, without `.cop`.
    pub offers: Vec<String>,
}

/// Why there is no package.
#[derive(Clone, Debug)]
pub enum PackageError {
    /// The manifest of the importing package names no such dependency. These it does name.
    NotNamed(Vec<String>),
    /// Something else.
    Fault(Box<Missing>),
}

/// Why a package that is named is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// What is wrong, without its place.
    pub message: Diagnostic,
    /// What could be written in the place of its name, if that is known.
    pub instead: Option<String>,
}

impl From<Diagnostic> for Box<Missing> {
    fn from(message: Diagnostic) -> Box<Missing> {
        Box::new(Missing {
            message,
            instead: None,
        })
    }
}

impl Missing {
    /// The message at a place where a text names the package and, behind that, perhaps a file of it.
    pub fn at(self, span: Span, label: &str, rest: &str) -> Diagnostic {
        let message = self.message.at(span, label);
        match self.instead {
            Some(instead) => message.edit(span, format!("\"{instead}{rest}\"")),
            None => message,
        }
    }
}

/// What can be wrong with a package of others besides its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It could not be had: nobody has it, or nobody could be asked.
    Absent,
    /// What came is not what was named: another hash, another signature, not a bundle.
    Untrue,
    /// It disagrees with `cop.lock`, or the lock file cannot be used.
    Lock,
    /// It would be one too many.
    TooMany,
}

impl Fault {
    /// An error of this kind, without a place.
    pub fn error(self, title: impl Into<String>) -> Diagnostic {
        let code = match self {
            Fault::Absent => "E0806",
            Fault::Untrue => "E0807",
            Fault::Lock => "E0810",
            Fault::TooMany => "E0809",
        };
        Diagnostic::error(code, title)
    }
}

/// A published package, as import strings and manifests name it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Published {
    /// The publisher's address. Its checksum is not looked at here.
    pub address: String,
    /// The name it is published under.
    pub name: String,
    /// Which of all that were published under it.
    pub which: Which,
}

/// Which bundle of a published package.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Which {
    /// That of a release, by its number.
    Release(u64),
    /// The one with this hash.
    Bundle(String),
}

impl fmt::Display for Published {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.address, self.short())
    }
}

impl Published {
    /// Without the publisher: `html@3`, `html#` and the hash.
    pub fn short(&self) -> String {
        match &self.which {
            Which::Release(number) => format!("{}@{number}", self.name),
            Which::Bundle(hash) => format!("{}#{hash}", self.name),
        }
    }

    /// Reads `ADDRESS/NAME@RELEASE` or `ADDRESS/NAME#HASH`, and gives what stands behind it: nothing, or `/` and more.
    ///
    /// # Errors
    /// What is wrong, and what to do.
    pub fn read(text: &str) -> Result<(Published, &str), (String, String)> {
        let form = "write `\"ADDRESS/NAME@3\"` for a release, `\"ADDRESS/NAME#HASH\"` for a bundle";
        let fault = |what: String| (what, form.to_owned());
        let (address, rest) = text.split_once('/').unwrap_or((text, ""));
        if address.len() != ADDRESS_LENGTH
            || !address.starts_with(ADDRESS_START)
            || !address
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        {
            return Err(fault(format!(
                "`{address}` is no address, which is `cop1` and 38 small letters and digits"
            )));
        }
        let end = rest.find(['@', '#', '/']).unwrap_or(rest.len());
        let (name, rest) = rest.split_at(end);
        if !is_name(name) {
            return Err(fault(format!("`{name}` cannot name a package")));
        }
        let (which, rest) = if let Some(rest) = rest.strip_prefix('@') {
            let end = rest.find('/').unwrap_or(rest.len());
            let number = rest[..end].parse::<u64>().ok();
            // One spelling for each number.
            let number = number.filter(|n| *n > 0 && n.to_string() == rest[..end]);
            let number =
                number.ok_or_else(|| fault(format!("`{}` is no release number", &rest[..end])))?;
            (Which::Release(number), &rest[end..])
        } else if let Some(rest) = rest.strip_prefix('#') {
            let end = rest.find('/').unwrap_or(rest.len());
            let hash = &rest[..end];
            let base32 = |byte: u8| byte.is_ascii_lowercase() || (b'2'..=b'7').contains(&byte);
            if hash.len() != HASH_LENGTH || !hash.bytes().all(base32) {
                return Err(fault(format!(
                    "`{hash}` is no hash, which has 52 of `a-z` and `2-7`"
                )));
            }
            (Which::Bundle(hash.to_owned()), &rest[end..])
        } else {
            return Err(fault(format!("`{text}` does not say which release")));
        };
        let published = Published {
            address: address.to_owned(),
            name: name.to_owned(),
            which,
        };
        Ok((published, rest))
    }
}

/// Whether a text begins like one with a publisher's address, and not like the name of a dependency.
pub fn begins_with_address(text: &str) -> bool {
    let (first, rest) = text.split_once('/').unwrap_or((text, ""));
    first.starts_with(ADDRESS_START) && (first.len() > NAME_LENGTH || rest.contains(['@', '#']))
}

/// Whether this can name a package.
pub fn is_name(name: &str) -> bool {
    let letters = name
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    let hyphens = name.starts_with('-') || name.ends_with('-') || name.contains("--");
    letters && !hyphens && (1..=NAME_LENGTH).contains(&name.len())
}

/// The import of another package: which one, and which of its files; `None` for the root file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Foreign {
    /// `html`, or `ADDRESS/html@3`.
    pub wanted: String,
    /// `tags`, `forms/field`.
    pub file: Option<String>,
}

impl Foreign {
    /// Reads an import string that names neither a file of this package nor the library. `None` if it names nothing.
    pub(crate) fn read(import: &str) -> Option<Result<Foreign, (String, String)>> {
        let (wanted, rest) = if begins_with_address(import) {
            match Published::read(import) {
                Ok((published, rest)) => (published.to_string(), rest),
                Err(fault) => return Some(Err(fault)),
            }
        } else {
            let end = import.find('/').unwrap_or(import.len());
            let (name, rest) = import.split_at(end);
            if let Some((bare, _)) = name
                .split_once(['@', '#'])
                .filter(|(bare, _)| is_name(bare))
            {
                return Some(Err((
                    format!("`{import}` does not say whose package that is"),
                    format!(
                        "write `\"ADDRESS/{import}\"`, or name it in `cop.toml` and import `\"{bare}\"`"
                    ),
                )));
            }
            if !is_name(name) {
                return None;
            }
            (name.to_owned(), rest)
        };
        let file = match rest.strip_prefix('/') {
            None => None,
            Some(file) if file.split('/').all(is_file_part) => Some(file.to_owned()),
            Some(_) => return None,
        };
        Some(Ok(Foreign { wanted, file }))
    }
}

/// Whether a folder or file of a module can be called this.
pub(crate) fn is_file_part(part: &str) -> bool {
    !part.is_empty()
        && !part.starts_with('.')
        && part
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
}

/// The one of several names that a misspelt one may mean.
pub fn nearest_name<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    nearest(name, known)
}

/// Says that the manifest names no such dependency.
pub(crate) fn not_named(wanted: &str, known: &[String]) -> Diagnostic {
    let message = Diagnostic::error("E0804", format!("no dependency is called `{wanted}`"));
    match nearest(wanted, known.iter().map(String::as_str)) {
        Some(near) => message.help(format!("there is `{near}`")),
        None if known.is_empty() => message.help(format!(
            "name it in `cop.toml`: below `[dependencies]`, `{wanted} = \"ADDRESS/{wanted}@1\"` or `{wanted} = \"../{wanted}\"`"
        )),
        None => message.help(format!(
            "`cop.toml` names {}; add this one with `copc add`",
            known
                .iter()
                .map(|name| format!("`{name}`"))
                .collect::<Vec<_>>()
                .join(", ")
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: &str = "cop1qqqsyqcyq5rqwzqfpg9scrgwpugpzysnqqqqqq";
    const HASH: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    fn foreign(import: &str) -> Option<Result<(String, Option<String>), String>> {
        let found = Foreign::read(import)?;
        Some(
            found
                .map(|found| (found.wanted, found.file))
                .map_err(|(what, _)| what),
        )
    }

    #[test]
    fn imports_name_packages_and_their_files() {
        let good = |wanted: &str, file: Option<&str>| {
            Some(Ok((wanted.to_owned(), file.map(str::to_owned))))
        };
        assert_eq!(foreign("html"), good("html", None));
        assert_eq!(foreign("html/tags/a"), good("html", Some("tags/a")));
        let release = format!("{ADDRESS}/html@3");
        assert_eq!(foreign(&release), good(&release, None));
        assert_eq!(
            foreign(&format!("{release}/tags")),
            good(&release, Some("tags"))
        );
        let bundle = format!("{ADDRESS}/html#{HASH}");
        assert_eq!(foreign(&bundle), good(&bundle, None));
        for nothing in [
            "",
            "Html",
            "html/",
            "html//a",
            "html/../a",
            "a--b",
            "html/.a",
        ] {
            assert_eq!(foreign(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn what_is_wrong_with_an_address_is_said() {
        for (import, says) in [
            (format!("{ADDRESS}/html"), "does not say which release"),
            (format!("{ADDRESS}/html@0"), "`0` is no release number"),
            (format!("{ADDRESS}/html@03"), "`03` is no release number"),
            (
                format!("{ADDRESS}/html@99999999999999999999"),
                "no release number",
            ),
            (format!("{ADDRESS}/html#abc"), "`abc` is no hash"),
            (format!("{ADDRESS}/Html@1"), "`Html` cannot name a package"),
            (format!("{ADDRESS}x/html@1"), "is no address"),
            (ADDRESS.to_owned(), "`` cannot name a package"),
        ] {
            let found = foreign(&import);
            assert!(
                matches!(&found, Some(Err(what)) if what.contains(says)),
                "{import}: {found:?}"
            );
        }
    }
}
