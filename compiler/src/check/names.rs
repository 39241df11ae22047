//! Finds what names stand for, and says what is meant when nothing is found.

use super::*;
use crate::ast::{Name, NamedType};

impl Checker<'_> {
    /// What a capitalised name means in a module: its own and imported names first, then the core's.
    pub(super) fn find_type(&self, module: usize, name: &str) -> Option<TypeItem> {
        if let Some(entry) = self.scopes[module].types.get(name) {
            entry.used.set(true);
            return Some(entry.item);
        }
        let found = self.given(module).types.get(name).map(|entry| entry.item);
        found.or_else(|| (name == "Never").then_some(TypeItem::Never))
    }

    /// What a name in small letters means in a module.
    pub(super) fn find_value(&self, module: usize, name: &str) -> Option<ValueItem> {
        if let Some(entry) = self.scopes[module].values.get(name) {
            entry.used.set(true);
            return Some(entry.item);
        }
        self.given(module).values.get(name).map(|entry| entry.item)
    }

    /// The item a type path names, without a message. `own` is the alias being resolved, whose name means the core's
    /// inside of it.
    pub(super) fn named_item(
        &self,
        module: usize,
        named: &NamedType,
        own: Option<usize>,
    ) -> Option<TypeItem> {
        match &named.module {
            None => {
                let found = self.find_type(module, &named.name.text);
                if found.is_some() && found == own.map(TypeItem::Alias) {
                    return self
                        .given(module)
                        .types
                        .get(&named.name.text)
                        .map(|entry| entry.item);
                }
                found
            }
            Some(qualifier) => {
                let Some(ValueItem::Module(Some(target))) =
                    self.find_value(module, &qualifier.text)
                else {
                    return None;
                };
                let entry = self.scopes[target].types.get(&named.name.text)?;
                entry.used.set(true);
                entry.offered().then_some(entry.item)
            }
        }
    }

    /// The item that a member of another module is, with a message if it is not there or private.
    pub(super) fn module_type(&mut self, target: usize, name: &Name) -> Option<TypeItem> {
        let found = seen(&self.scopes[target].types, name);
        self.member(target, name, found)
    }

    /// The value that a member of another module is, with a message if it is not there or private.
    pub(super) fn module_value(&mut self, target: usize, name: &Name) -> Option<ValueItem> {
        let found = seen(&self.scopes[target].values, name);
        self.member(target, name, found)
    }

    fn member<T>(
        &mut self,
        target: usize,
        name: &Name,
        found: Option<(T, bool, Span)>,
    ) -> Option<T> {
        let Some((item, public, span)) = found else {
            self.not_in_module(target, name);
            return None;
        };
        if !public {
            self.private(name, span, target);
        }
        Some(item)
    }

    /// The module that a name is bound to by an import. `Some(None)`: it could not be loaded, which was reported.
    pub(super) fn module_named(&self, module: usize, name: &str) -> Option<Option<usize>> {
        match self.find_value(module, name) {
            Some(ValueItem::Module(target)) => Some(target),
            _ => None,
        }
    }

    /// A variant of an enum is named: an import of the enum is then used.
    pub(super) fn mark_variant(&self, module: usize, id: AdtId) {
        for entry in self.scopes[module].types.values() {
            if entry.item == TypeItem::Adt(id) {
                entry.used.set(true);
            }
        }
    }

    /// A method of a trait is named: an import of the trait is then used.
    pub(super) fn mark_trait(&self, module: usize, id: TraitId) {
        for entry in self.scopes[module].types.values() {
            if entry.item == TypeItem::Trait(id) {
                entry.used.set(true);
            }
        }
    }

    /// Whether every name of a file can be relied on to be known: otherwise one that is missing may have been lost to a
    /// syntax error, and is not worth a message.
    pub(super) fn complete(&self, module: usize) -> bool {
        self.loaded[module].ast.complete
    }

    /// Says that a type or trait is not known.
    pub(super) fn unknown_type(&mut self, module: usize, name: &Name, params: &[(Rc<str>, Ty)]) {
        if !self.complete(module) {
            return;
        }
        let other_words = match &*name.text {
            "Integer" | "Long" | "Number" | "I64" | "Usize" | "U64" | "Byte" => Some("Int"),
            "Double" | "Decimal" | "F64" => Some("Float"),
            "Boolean" => Some("Bool"),
            "Str" | "Text" => Some("String"),
            "Vec" | "Array" | "Slice" => Some("List"),
            "Dict" | "HashMap" | "Dictionary" | "BTreeMap" => Some("Map"),
            "HashSet" => Some("Set"),
            "Character" | "Rune" => Some("Char"),
            _ => None,
        };
        let near = other_words.or_else(|| {
            let known = params
                .iter()
                .map(|(name, _)| &**name)
                .chain(self.scopes[module].types.keys().map(|name| &**name))
                .chain(self.given(module).types.keys().map(|name| &**name));
            suggest::nearest(&name.text, known)
        });
        let near = near.map(str::to_string);
        let home = self.offered_by(module, &name.text);
        let mut message = Diagnostic::error("E0301", format!("no type is called `{}`", name.text))
            .at(name.span, "not known here");
        if let Some(path) = home {
            message = message.help(format!(
                "`{path}` has one: `import {{ {} }} from \"{path}\"`",
                name.text
            ));
        } else if let Some(help) = elsewhere::type_(&name.text) {
            message = message.help(help);
        } else if let Some(near) = near {
            message = message
                .help(format!("there is {}", names::a(&near)))
                .edit(name.span, near);
        }
        self.report(message);
    }

    /// How a name that is not known could be imported: what stands behind `from`.
    pub(super) fn offered_by(&self, module: usize, name: &str) -> Option<String> {
        let library = match name {
            "Request" | "Response" | "Method" => Some("std/web"),
            "Kv" => Some("host/kv"),
            "Files" => Some("host/files"),
            "Clock" => Some("host/clock"),
            "Random" => Some("host/random"),
            "Http" => Some("host/http"),
            "Messages" => Some("host/messages"),
            "Programs" => Some("host/program"),
            "Json" | "DecodeError" | "EncodeError" => Some("std/json"),
            _ => None,
        };
        if let Some(path) = library {
            return Some(path.to_string());
        }
        let offers = |scope: &Scope| {
            scope
                .types
                .get(name)
                .is_some_and(|entry| entry.public && entry.offered())
                || scope
                    .values
                    .get(name)
                    .is_some_and(|entry| entry.public && entry.offered())
        };
        let mut others = self.scopes.iter().zip(self.loaded).enumerate();
        others.find_map(|(index, (scope, file))| {
            let offered = index != module && !file.is_core && offers(scope);
            offered.then(|| self.import_string(module, index))?
        })
    }

    /// How one module imports another; `None` for a file of a package that the importing one has no name for.
    pub(super) fn import_string(&self, from: usize, target: usize) -> Option<String> {
        let path = &*self.loaded[target].path;
        let Some(path) = path.strip_suffix(".cop") else {
            return Some(path.to_string());
        };
        let package = self.loaded[from].package;
        if self.loaded[target].package != package {
            let called = &self.loaded[target].called;
            let known = called.iter().find(|(by, _)| *by == package);
            return known.map(|(_, import)| import.to_string());
        }
        let mut here: Vec<&str> = self.loaded[from].path.split('/').collect();
        here.pop();
        let mut there: Vec<&str> = path.split('/').collect();
        let common = here
            .iter()
            .zip(&there)
            .take_while(|(a, b)| a == b)
            .count()
            .min(there.len() - 1);
        there.drain(..common);
        let up = here.len() - common;
        let start = if up == 0 {
            "./".to_string()
        } else {
            "../".repeat(up)
        };
        Some(format!("{start}{}", there.join("/")))
    }

    /// The enum of another file that has a variant of that name, and how to import it.
    pub(super) fn variant_elsewhere(&self, module: usize, name: &str) -> Option<(Rc<str>, String)> {
        self.program.adts.iter().find_map(|adt| {
            let home = adt.module as usize;
            let offered = self.scopes[home]
                .types
                .get(&*adt.name)
                .is_some_and(|entry| entry.public);
            let has = home != module
                && offered
                && !adt.is_struct
                && !self.loaded[home].is_core
                && adt.variants.iter().any(|variant| *variant.name == *name);
            let import = has.then(|| self.import_string(module, home))??;
            Some((adt.name.clone(), import))
        })
    }

    /// Whether a member of a type that is not found may have been lost to a syntax error.
    pub(super) fn may_be_lost(&self, ty: &Ty) -> bool {
        match ty {
            Ty::Adt(id, _) => !self.complete(self.program.adts[id.index()].module as usize),
            _ => false,
        }
    }
}

/// "a `String`", "an `Int`".
pub(super) fn a(name: &str) -> String {
    let vowel = name.starts_with(['A', 'E', 'I', 'O', 'a', 'e', 'i', 'o']);
    format!("{} `{name}`", if vowel { "an" } else { "a" })
}

/// Which fields there are.
pub(super) fn fields(names: &[&str]) -> String {
    match names {
        [only] => format!("its only field is `{only}`"),
        _ => format!("its fields are {}", listed(names)),
    }
}

/// "`a`, `b` and `c`", at most eight of them.
pub(super) fn listed(names: &[&str]) -> String {
    let shown: Vec<String> = names
        .iter()
        .take(8)
        .map(|name| format!("`{name}`"))
        .collect();
    let rest = names.len().saturating_sub(8);
    match (shown.split_last(), rest) {
        (None, _) => String::new(),
        (Some(_), 1..) => format!("{} and {rest} more", shown.join(", ")),
        (Some((last, [])), 0) => last.clone(),
        (Some((last, before)), 0) => format!("{} and {last}", before.join(", ")),
    }
}

/// What a module offers under a name (which is used by that): the item, whether it is `pub`, and where it stands.
fn seen<T: Copy>(table: &Names<Entry<T>>, name: &Name) -> Option<(T, bool, Span)> {
    let entry = table.get(&name.text).filter(|entry| entry.offered())?;
    entry.used.set(true);
    Some((entry.item, entry.public, entry.span))
}
