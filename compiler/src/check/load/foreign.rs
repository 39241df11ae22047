//! Imports of other packages: which package they name, and whether it may be imported there.

use super::*;

impl Loader<'_> {
    /// A file of another package.
    pub(super) fn foreign(
        &mut self,
        from: usize,
        foreign: &Foreign,
        import: &str,
        span: Span,
    ) -> Option<usize> {
        let importing = self.modules[from].package;
        let package = self.package(from, foreign, import, span)?;
        let known = &self.packages[package.index()].package;
        let stem = match &foreign.file {
            None => None,
            Some(file) if known.offers.contains(file) => Some(file.as_str()),
            Some(file) => {
                let title = format!("`{}` does not offer `{file}`", known.name);
                let message = Diagnostic::error("E0811", title).at(span, "");
                let offers: Vec<&str> = known.offers.iter().map(String::as_str).collect();
                let message = match nearest(file, offers.iter().copied()) {
                    Some(near) => message
                        .help(format!("there is `{near}`"))
                        .edit(span, format!("\"{}/{near}\"", foreign.wanted)),
                    None if offers.is_empty() => message.help(format!(
                        "it offers what its root file marks `pub`: `\"{}\"`",
                        foreign.wanted
                    )),
                    None => message.help(format!("it offers {}", names::listed(&offers))),
                };
                self.diagnostics.push(message);
                return None;
            }
        };
        let path = match stem {
            None => format!("{}{}", known.prefix, package::ROOT),
            Some(stem) => format!("{}{stem}.cop", known.prefix),
        };
        let found = self.file(from, package, &path, import, span)?;
        let called = &mut self.modules[found].called;
        if !called.iter().any(|(by, _)| *by == importing) {
            called.push((importing, import.into()));
        }
        Some(found)
    }

    /// The package that an import names.
    fn package(
        &mut self,
        from: usize,
        foreign: &Foreign,
        import: &str,
        span: Span,
    ) -> Option<PackageId> {
        let importing = self.modules[from].package;
        let key = (importing, foreign.wanted.clone());
        if let Some(known) = self.named.get(&key) {
            return *known;
        }
        let prefix = &self.packages[importing.index()].package.prefix;
        let found = match self.sources.package(prefix, &foreign.wanted) {
            Ok(package) => self.enter(importing, package, span),
            Err(PackageError::Fault(missing)) => {
                let rest = import.strip_prefix(&foreign.wanted).unwrap_or("");
                // A dependency's name is not what is wrong.
                let rest = package::begins_with_address(import).then_some(rest);
                self.diagnostics.push(match rest {
                    Some(rest) => missing.at(span, "imported here", rest),
                    None => missing.message.at(span, "imported here"),
                });
                None
            }
            Err(PackageError::NotNamed(known)) => {
                let mut message = package::not_named(&foreign.wanted, &known).at(span, "");
                if let Some(path) = self.neighbour(from, import) {
                    message = message
                        .help(format!(
                            "there is a file `{path}` in this package: put `./` before the name"
                        ))
                        .edit(span, format!("\"./{import}\""));
                } else if let Some(path) = self.in_library(import) {
                    message = message
                        .help("it is a module of the library")
                        .edit(span, format!("\"{path}\""));
                } else if let Some(near) =
                    nearest(&foreign.wanted, known.iter().map(String::as_str))
                {
                    let rest = &import[foreign.wanted.len()..];
                    message = message.edit(span, format!("\"{near}{rest}\""));
                }
                self.diagnostics.push(message);
                None
            }
        };
        self.named.insert(key, found);
        found
    }

    /// The number of a package that another one imports, unless that leads round in a circle or too far.
    fn enter(&mut self, importing: PackageId, package: Package, span: Span) -> Option<PackageId> {
        let mut known = self
            .packages
            .iter()
            .map(|known| &*known.package.prefix)
            .position(|prefix| prefix == package.prefix);
        if let Some(found) = known {
            let found = PackageId(found as u32);
            if let Some(chain) = self.chain(found, importing) {
                self.circle(&chain, span);
                return None;
            }
        }
        if known.is_none() {
            let depth = self.packages[importing.index()].depth + 1;
            let limit = if depth > MAX_CHAIN {
                Some(format!(
                    "packages that import each other in a row of more than {MAX_CHAIN}"
                ))
            } else if self.packages.len() >= MAX_PACKAGES {
                Some(format!("a program has at most {MAX_PACKAGES} packages"))
            } else {
                None
            };
            if let Some(title) = limit {
                self.diagnostics
                    .push(Diagnostic::error("E0809", title).at(span, "one more"));
                return None;
            }
            known = Some(self.packages.len());
            self.packages.push(KnownPackage {
                package,
                depth,
                imports: BTreeSet::new(),
            });
        }
        let found = PackageId(known? as u32);
        self.packages[importing.index()].imports.insert(found);
        Some(found)
    }

    /// The packages from one to another, each of which imports the next.
    fn chain(&self, from: PackageId, to: PackageId) -> Option<Vec<PackageId>> {
        let mut ways = vec![vec![from]];
        let mut seen = BTreeSet::from([from]);
        while let Some(way) = ways.pop() {
            let last = *way.last()?;
            if last == to {
                return Some(way);
            }
            for next in &self.packages[last.index()].imports {
                if seen.insert(*next) {
                    let mut longer = way.clone();
                    longer.push(*next);
                    ways.push(longer);
                }
            }
        }
        None
    }

    /// Says that packages import each other: the first of the chain is imported by the last.
    fn circle(&mut self, chain: &[PackageId], span: Span) {
        let name = |id: &PackageId| match *id {
            PackageId::OWN => "this package".to_owned(),
            id => format!("`{}`", self.packages[id.index()].package.name),
        };
        let mut steps: Vec<String> = chain.iter().map(name).collect();
        steps.extend(chain.first().map(name));
        let message = match chain {
            [_] => Diagnostic::error("E0808", "a package imports itself")
                .at(span, "")
                .help("import the file: `\"./file\"`"),
            _ => Diagnostic::error("E0808", "packages import each other in a circle")
                .at(span, "this import closes it")
                .note(steps.join(" → "))
                .help("move what both need into a package of its own"),
        };
        self.diagnostics.push(message);
    }

    /// A file of the package that has this name, seen from another.
    fn neighbour(&self, from: usize, name: &str) -> Option<String> {
        let folder = folder(&self.modules[from].path);
        let path = format!("{folder}{name}.cop");
        self.sources.read(&path).ok().map(|_| path)
    }
}
