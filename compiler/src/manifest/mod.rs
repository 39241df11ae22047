//! `cop.toml`, which makes a folder a package.
//!
//! ```toml
//! name = "hello"
//! kind = "web"                # "command", "web" or "library"; when left out, the root file's entry point tells
//! description = "Says hello"
//! fuel = 1_000_000_000        # of one run
//! memory_mib = 64             # of one run
//! offers = ["tags"]           # files besides `main.cop` that other packages may import
//!
//! [capabilities]
//! http = ["https://api.example.org"]   # the origins that `host/http` may ask
//!
//! [record]
//! runs = false                # a node writes no runs of it to its disk
//!
//! [dependencies]
//! shapes = "../shapes"        # a package beside this one
//! html = "cop1…/html@3"       # what that publisher released under that name and number
//! text = "cop1…/text#k5…"     # the same, by the hash of its bundle
//! ```

mod capabilities;
mod dependencies;
mod record;

use crate::check::suggest;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::{FileId, Span};
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub use dependencies::{Dependency, Target};

/// The most fuel that a manifest may ask for.
pub const MAX_FUEL: u64 = 1_000_000_000_000;
/// The most memory in MiB that a manifest may ask for.
pub const MAX_MEMORY_MIB: u64 = 128;
/// What a package says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// Small letters, digits and `-` between them. Who publishes under it may ask for more.
    pub name: String,
    /// What kind of program it is; if it does not say, its entry point does.
    pub kind: Option<Kind>,
    /// One line about it; may be empty.
    pub description: String,
    /// The fuel that a run may use, if the author chose.
    pub fuel: Option<u64>,
    /// The memory that a run may use, in MiB, if the author chose.
    pub memory_mib: Option<u64>,
    /// The files, besides the root, that other packages may import: as in import strings, without `.cop`.
    pub offers: Vec<String>,
    /// The origins that it may ask by `host/http`, as they are written.
    pub http_origins: Vec<String>,
    /// Whether a node may keep runs of it on its disk.
    pub records_runs: bool,
    /// The packages that its files import by name, in order of those names.
    pub dependencies: Vec<Dependency>,
}

/// What kind of program a package is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `fn main`.
    Command,
    /// `fn handle`.
    Web,
    /// No entry point.
    Library,
}

const KINDS: &[(&str, Kind)] = &[
    ("command", Kind::Command),
    ("web", Kind::Web),
    ("library", Kind::Library),
];

const KEYS: &[&str] = &[
    "capabilities",
    "dependencies",
    "description",
    "fuel",
    "kind",
    "memory_mib",
    "name",
    "offers",
    "record",
];

/// Reads a manifest. What is wrong with it goes to `diagnostics`; `None` only if it says no usable name.
pub fn parse(file: FileId, text: &str, diagnostics: &mut Diagnostics) -> Option<Manifest> {
    let mut reader = Reader {
        file,
        size: text.len(),
        diagnostics,
    };
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let place = error.span().unwrap_or(0..0);
        reader.report(
            "E0801",
            &format!("not TOML: {}", error.message()),
            place,
            "",
            None,
        );
    }
    let table = table.into_inner();
    for key in table.keys() {
        reader.check_key(key, text);
    }
    let description = reader
        .string(&table, "description")
        .map_or(String::new(), |(text, _)| text);
    let kind = reader.kind(&table);
    let fuel = reader.number(&table, "fuel", MAX_FUEL);
    let memory_mib = reader.number(&table, "memory_mib", MAX_MEMORY_MIB);
    let offers = reader.offers(&table);
    let http_origins = reader.http_origins(&table);
    let records_runs = reader.records_runs(&table);
    let dependencies = reader.dependencies(&table);
    let name = reader.name(&table)?;
    Some(Manifest {
        name,
        kind,
        description,
        fuel,
        memory_mib,
        offers,
        http_origins,
        records_runs,
        dependencies,
    })
}

struct Reader<'a> {
    file: FileId,
    size: usize,
    diagnostics: &'a mut Diagnostics,
}

impl Reader<'_> {
    fn span(&self, place: Range<usize>) -> Span {
        let end = place.end.min(self.size);
        Span::new(self.file, place.start.min(end), end)
    }

    fn report(
        &mut self,
        code: &'static str,
        title: &str,
        place: Range<usize>,
        label: &str,
        help: Option<&str>,
    ) {
        let mut error = Diagnostic::error(code, title).at(self.span(place), label);
        if let Some(help) = help {
            error = error.help(help);
        }
        self.diagnostics.push(error);
    }

    fn check_key(&mut self, key: &Spanned<std::borrow::Cow<'_, str>>, text: &str) {
        let name: &str = key.get_ref();
        if KEYS.contains(&name) {
            return;
        }
        let place = key.span();
        let error = Diagnostic::error("E0802", format!("`{name}` is no key of a manifest"))
            .at(self.span(place.clone()), "");
        let near = nearest_key(name);
        self.diagnostics.push(match near {
            // Only a key that is written as it is can be replaced as it is.
            Some(near) if text.get(place.clone()) == Some(name) => error
                .help(format!("there is `{near}`"))
                .edit(self.span(place), near),
            _ => error.help(format!("the keys are `{}`", KEYS.join("`, `"))),
        });
    }

    fn string(&mut self, table: &DeTable<'_>, key: &str) -> Option<(String, Range<usize>)> {
        let value = table.get(key)?;
        match value.get_ref() {
            DeValue::String(text) => Some((text.to_string(), value.span())),
            _ => {
                self.report(
                    "E0803",
                    &format!("`{key}` is a string"),
                    value.span(),
                    "",
                    None,
                );
                None
            }
        }
    }

    fn number(&mut self, table: &DeTable<'_>, key: &str, most: u64) -> Option<u64> {
        let value = table.get(key)?;
        let number = match value.get_ref() {
            DeValue::Integer(digits) => {
                u64::from_str_radix(&digits.as_str().replace('_', ""), digits.radix()).ok()
            }
            _ => None,
        };
        let number = number.filter(|number| (1..=most).contains(number));
        if number.is_none() {
            let help = format!("a whole number from 1 to {most}");
            self.report(
                "E0803",
                &format!("`{key}` is out of range"),
                value.span(),
                "",
                Some(&help),
            );
        }
        number
    }

    fn kind(&mut self, table: &DeTable<'_>) -> Option<Kind> {
        let (text, place) = self.string(table, "kind")?;
        let known = KINDS.iter().find(|(name, _)| *name == text);
        if known.is_none() {
            let help = "the kinds are `command`, `web` and `library`";
            self.report(
                "E0803",
                &format!("there is no kind `{text}`"),
                place,
                "",
                Some(help),
            );
        }
        known.map(|(_, kind)| *kind)
    }

    fn name(&mut self, table: &DeTable<'_>) -> Option<String> {
        if !table.contains_key("name") {
            let help = "write `name = \"hello\"`";
            self.report("E0803", "the package has no name", 0..0, "", Some(help));
            return None;
        }
        let (name, place) = self.string(table, "name")?;
        let letters = name
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        let hyphens = name.starts_with('-') || name.ends_with('-') || name.contains("--");
        if !letters || hyphens || name.is_empty() {
            let help = "small letters, digits, and a `-` between them";
            self.report(
                "E0803",
                &format!("`{name}` cannot name a package"),
                place,
                "",
                Some(help),
            );
            return None;
        }
        Some(name)
    }
}

/// The key that a misspelt one may mean: the start of one, or near to it.
fn nearest_key(key: &str) -> Option<&'static str> {
    let begun = |known: &&&str| key.len() >= 3 && known.starts_with(key);
    let found = KEYS.iter().find(begun).copied();
    found.or_else(|| suggest::nearest(key, KEYS.iter().copied()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render;
    use crate::source::SourceMap;

    fn read(text: &str) -> (Option<Manifest>, Vec<String>, String) {
        let mut files = SourceMap::new();
        let file = files.add("cop.toml", text);
        let mut diagnostics = Diagnostics::new();
        let manifest = parse(file, text, &mut diagnostics);
        let titles = diagnostics
            .sorted()
            .iter()
            .map(|one| one.title.clone())
            .collect();
        (manifest, titles, render::text(&diagnostics, &files, false))
    }

    #[test]
    fn a_whole_manifest() {
        let text = "name = \"hello\"\nkind = \"web\"\nfuel = 5_000\nmemory_mib = 8\ndescription = \"Says hello\"\n";
        let (manifest, titles, _) = read(text);
        let expected = Manifest {
            name: "hello".into(),
            kind: Some(Kind::Web),
            description: "Says hello".into(),
            fuel: Some(5000),
            memory_mib: Some(8),
            offers: vec![],
            http_origins: vec![],
            records_runs: true,
            dependencies: vec![],
        };
        assert_eq!((manifest, titles), (Some(expected), vec![]));
    }

    #[test]
    fn a_name_is_enough() {
        let (manifest, titles, _) = read("name = \"a-1\"");
        let manifest = manifest.expect("a manifest");
        assert_eq!(
            (manifest.fuel, manifest.memory_mib, manifest.kind),
            (None, None, None)
        );
        assert!(titles.is_empty());
    }

    #[test]
    fn faults_have_places_and_advice() {
        let (manifest, titles, shown) = read(
            "name = \"a\"\nkind = \"page\"\nfuel = 0\nmemory = 1\nmemory_mib = \"8\"\nzzz = 1\n",
        );
        assert!(manifest.is_some());
        let expected = [
            "there is no kind `page`",
            "`fuel` is out of range",
            "`memory` is no key of a manifest",
            "`memory_mib` is out of range",
            "`zzz` is no key of a manifest",
        ];
        assert_eq!(titles, expected);
        assert!(
            shown.contains("cop.toml:4:1") && shown.contains("there is `memory_mib`"),
            "{shown}"
        );
    }

    #[test]
    fn no_usable_name_no_manifest() {
        for text in [
            "",
            "name = 1",
            "name = \"Hello\"",
            "name = \"\"",
            "name = \"-a\"",
            "= =",
            "name = ",
            "[name]",
        ] {
            let (manifest, titles, _) = read(text);
            assert_eq!(manifest, None, "{text}");
            assert!(!titles.is_empty(), "{text}");
        }
    }
}
