//! What a manifest says of other packages: `offers` and `[dependencies]`.

use super::Reader;
use crate::package::{self, Published};
use crate::source::Span;
use toml::de::{DeTable, DeValue};

/// The most dependencies that a manifest may name.
const MAX_DEPENDENCIES: usize = 100;
/// The most files that a manifest may offer.
const MAX_OFFERS: usize = 100;

/// A package that the files of another import by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// The name that they use: `html`.
    pub name: String,
    /// Which package that is.
    pub target: Target,
    /// Where the manifest says so: the value.
    pub span: Span,
}

/// Which package a dependency is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The one in a folder: a relative path with `/`, such as `../shapes`, from the folder of the manifest.
    Path(String),
    /// A published one.
    Published(Published),
}

impl Reader<'_> {
    /// The files that other packages may import.
    pub(super) fn offers(&mut self, table: &DeTable<'_>) -> Vec<String> {
        let Some(value) = table.get("offers") else {
            return Vec::new();
        };
        let help = "write the files as imports do: `offers = [\"tags\", \"forms/field\"]`";
        let DeValue::Array(items) = value.get_ref() else {
            let title = "`offers` is a list of files";
            self.report("E0803", title, value.span(), "", Some(help));
            return Vec::new();
        };
        if items.len() > MAX_OFFERS {
            let title = format!("`offers` has more than {MAX_OFFERS} files");
            self.report("E0803", &title, value.span(), "", None);
        }
        let mut offers = Vec::new();
        for item in items.iter().take(MAX_OFFERS) {
            let file = match item.get_ref() {
                DeValue::String(file) => Some(file.to_string()),
                _ => None,
            };
            let good = |file: &String| {
                !file.ends_with(".cop") && file.split('/').all(package::is_file_part)
            };
            match file.filter(good) {
                Some(file) if offers.contains(&file) => {
                    let title = format!("`{file}` is offered twice");
                    self.report("E0803", &title, item.span(), "", None);
                }
                Some(file) => offers.push(file),
                None => {
                    let title = "`offers` lists files of the package";
                    self.report("E0803", title, item.span(), "not one", Some(help));
                }
            }
        }
        offers
    }

    /// The packages that are imported by name.
    pub(super) fn dependencies(&mut self, table: &DeTable<'_>) -> Vec<Dependency> {
        let Some(value) = table.get("dependencies") else {
            return Vec::new();
        };
        let DeValue::Table(named) = value.get_ref() else {
            let help = "write `[dependencies]`, and below it `html = \"ADDRESS/html@3\"`";
            let title = "`dependencies` is a table";
            self.report("E0803", title, value.span(), "", Some(help));
            return Vec::new();
        };
        if named.len() > MAX_DEPENDENCIES {
            let title = format!("a manifest names at most {MAX_DEPENDENCIES} dependencies");
            self.report("E0803", &title, value.span(), "", None);
        }
        let mut found = Vec::new();
        for (name, value) in named.iter().take(MAX_DEPENDENCIES) {
            let place = value.span();
            if !package::is_name(name.get_ref()) || RESERVED.contains(&&**name.get_ref()) {
                let title = format!("`{}` cannot name a dependency", name.get_ref());
                let help = "small letters, digits, and a `-` between them, at most 20; not `std`, `host` or `core`";
                self.report("E0805", &title, name.span(), "", Some(help));
                continue;
            }
            let DeValue::String(text) = value.get_ref() else {
                let title = "a dependency is a string";
                self.report("E0805", title, place, "", Some(FORMS));
                continue;
            };
            match target(text) {
                Ok(target) => found.push(Dependency {
                    name: name.get_ref().to_string(),
                    target,
                    span: self.span(place),
                }),
                Err((title, help)) => self.report("E0805", &title, place, "", Some(&help)),
            }
        }
        found.sort_by(|one, other| one.name.cmp(&other.name));
        found
    }
}

/// What imports begin with that name no dependency.
const RESERVED: &[&str] = &["core", "host", "std"];
/// How a dependency is written.
const FORMS: &str = "write a path, `\"../html\"`, or a publisher's package, `\"ADDRESS/html@3\"`";

/// Reads a dependency's value; else what is wrong with it, and what to do.
fn target(text: &str) -> Result<Target, (String, String)> {
    if package::begins_with_address(text) {
        let (published, rest) = Published::read(text)?;
        return match rest {
            "" => Ok(Target::Published(published)),
            _ => Err((
                format!("`{rest}` names a file, and a dependency is a whole package"),
                format!(
                    "leave it out here, and import `\"{}{rest}\"`",
                    published.name
                ),
            )),
        };
    }
    let relative = text == "." || text == ".." || text.starts_with("./") || text.starts_with("../");
    let plain = !text.is_empty() && text.chars().all(|c| !c.is_control() && c != '\\');
    match (relative, plain) {
        (true, true) => Ok(Target::Path(text.to_owned())),
        _ if text.starts_with('/') || text.starts_with('~') || text.contains('\\') => Err((
            format!("`{text}` is no relative path"),
            "write it from the folder of this file, with `/`: `\"../html\"`; so it works on every machine".to_owned(),
        )),
        _ => Err((format!("`{text}` names no package"), FORMS.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Diagnostics;
    use crate::manifest::{Manifest, parse};
    use crate::source::FileId;

    const ADDRESS: &str = "cop1qqqsyqcyq5rqwzqfpg9scrgwpugpzysnqqqqqq";

    fn read(text: &str) -> (Option<Manifest>, Vec<String>) {
        let mut diagnostics = Diagnostics::new();
        let manifest = parse(FileId(0), text, &mut diagnostics);
        let all = diagnostics.sorted();
        let titles = all.iter().map(|one| one.title.clone()).collect();
        (manifest, titles)
    }

    #[test]
    fn dependencies_are_paths_releases_and_bundles() {
        let text = format!(
            "name = \"a\"\noffers = [\"tags\", \"forms/field\"]\n[dependencies]\nshapes = \"../shapes\"\nhtml = \"{ADDRESS}/html@3\"\n"
        );
        let (manifest, titles) = read(&text);
        assert!(titles.is_empty(), "{titles:?}");
        let manifest = manifest.expect("a manifest");
        assert_eq!(manifest.offers, ["tags", "forms/field"]);
        let found: Vec<(&str, String)> = manifest
            .dependencies
            .iter()
            .map(|one| {
                let target = match &one.target {
                    Target::Path(path) => path.clone(),
                    Target::Published(published) => published.to_string(),
                };
                (one.name.as_str(), target)
            })
            .collect();
        let expected = [
            ("html", format!("{ADDRESS}/html@3")),
            ("shapes", "../shapes".to_owned()),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn what_names_no_package_is_said() {
        for (line, says) in [
            ("html = 3", "a dependency is a string"),
            ("html = \"\"", "names no package"),
            ("html = \"3\"", "names no package"),
            ("html = \"/usr/html\"", "is no relative path"),
            ("html = \"..\\\\html\"", "is no relative path"),
            ("Html = \"../html\"", "cannot name a dependency"),
            ("std = \"../html\"", "cannot name a dependency"),
            (
                "html = \"cop1qqqsyqcyq5rqwzqfpg9scrgwpugpzysnqqqqq/html@3\"",
                "is no address",
            ),
        ] {
            let (_, titles) = read(&format!("name = \"a\"\n[dependencies]\n{line}\n"));
            assert!(
                titles.iter().any(|title| title.contains(says)),
                "{line}: {titles:?}"
            );
        }
        let whole = format!("[dependencies]\nhtml = \"{ADDRESS}/html@3/tags\"\n");
        assert!(read(&format!("name = \"a\"\n{whole}")).1[0].contains("names a file"));
    }

    #[test]
    fn offers_are_files_of_the_package() {
        for offers in [
            "3",
            "[3]",
            "[\"a.cop\"]",
            "[\"../a\"]",
            "[\"a\", \"a\"]",
            "[\"\"]",
        ] {
            let (manifest, titles) = read(&format!("name = \"a\"\noffers = {offers}\n"));
            assert!(
                manifest.is_some() && titles.len() == 1,
                "{offers}: {titles:?}"
            );
        }
    }
}
