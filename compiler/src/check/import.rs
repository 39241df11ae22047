//! What a module gets from others.

use super::*;
use crate::ast::{Import, ImportName, ImportWhat, Item, Name};
use indexmap::IndexSet;

impl<'a> Checker<'a> {
    /// Fills the prelude: the core but for what it shares with `std` only.
    pub(super) fn fill_prelude(&mut self) {
        const NOT_FOR_PROGRAMS: &[&str] = &["Reader", "Json", "DecodeError"];
        let shown = |name: &str| !NOT_FOR_PROGRAMS.contains(&name);
        for (name, entry) in self.core.types.iter().filter(|(name, _)| shown(name)) {
            self.prelude.types.insert(name.clone(), entry.copy());
        }
        for (name, entry) in &self.core.values {
            self.prelude.values.insert(name.clone(), entry.copy());
        }
        for (name, variants) in &self.core.variants {
            let known: Vec<(AdtId, u32)> = variants
                .iter()
                .copied()
                .filter(|(id, _)| shown(&self.program.adts[id.index()].name))
                .collect();
            if !known.is_empty() {
                self.prelude.variants.insert(name.clone(), known);
            }
        }
    }

    pub(super) fn export_to_core(&mut self, module: usize) {
        let scope = &self.scopes[module];
        for (name, entry) in scope.types.iter().filter(|(_, entry)| entry.public) {
            self.core.types.entry(name.clone()).or_insert(entry.copy());
        }
        for (name, entry) in scope.values.iter().filter(|(_, entry)| entry.public) {
            self.core.values.entry(name.clone()).or_insert(entry.copy());
        }
    }

    pub(super) fn import(
        &mut self,
        module: usize,
        item: &Item,
        import: &Import,
        target: Option<usize>,
    ) {
        match &import.what {
            ImportWhat::Module(name) => {
                let public = item.public.is_some();
                self.add_value(module, name, ValueItem::Module(target), public, true);
            }
            ImportWhat::Names(names) => {
                for name in names {
                    self.import_name(module, name, target, item.public.is_some());
                }
            }
        }
    }

    pub(super) fn import_name(
        &mut self,
        module: usize,
        name: &ImportName,
        target: Option<usize>,
        public: bool,
    ) {
        let local = name.local().clone();
        if name.name.is_upper() {
            let item = target.map_or(TypeItem::Broken, |target| {
                let found = self.scopes[target]
                    .types
                    .get(&name.name.text)
                    .filter(|entry| entry.offered())
                    .map(|entry| (entry.item, entry.public, entry.span));
                self.importable(found, name, target)
                    .unwrap_or(TypeItem::Broken)
            });
            self.add_type(module, &local, item, public, true);
        } else {
            let item = target.map_or(ValueItem::Broken, |target| {
                let found = self.scopes[target]
                    .values
                    .get(&name.name.text)
                    .filter(|entry| entry.offered())
                    .map(|entry| (entry.item, entry.public, entry.span));
                self.importable(found, name, target)
                    .unwrap_or(ValueItem::Broken)
            });
            self.add_value(module, &local, item, public, true);
        }
    }

    pub(super) fn importable<T>(
        &mut self,
        found: Option<(T, bool, Span)>,
        name: &ImportName,
        target: usize,
    ) -> Option<T> {
        match found {
            Some((item, true, _)) => Some(item),
            Some((item, false, span)) => {
                self.private(&name.name, span, target);
                Some(item)
            }
            None => {
                self.not_in_module(target, &name.name);
                None
            }
        }
    }

    /// Says that a name is private to the module that declares it.
    pub(super) fn private(&mut self, name: &Name, declared: Span, module: usize) {
        let path = &self.loaded[module].path;
        let mut message =
            Diagnostic::error("E0706", format!("`{}` is private to `{path}`", name.text))
                .at(name.span, "not visible here")
                .also(declared, "declared without `pub`");
        let here = self.module_of(name.span);
        let foreign = self.loaded[here].package != self.loaded[module].package;
        message = message.help(if foreign {
            "use what the package offers, or ask its author to offer this"
        } else {
            "write `pub` before its declaration if other files may use it"
        });
        self.report(message);
    }

    /// Says that a module has no such name.
    pub(super) fn not_in_module(&mut self, target: usize, name: &Name) {
        if !self.loaded[target].ast.complete {
            return;
        }
        let path = &self.loaded[target].path;
        let scope = &self.scopes[target];
        let mut known: Vec<&str> = Vec::new();
        for (other, entry) in &scope.types {
            if entry.public && name.is_upper() {
                known.push(other);
            }
        }
        for (other, entry) in &scope.values {
            if entry.public && !name.is_upper() {
                known.push(other);
            }
        }
        let near = suggest::nearest(&name.text, known.iter().copied());
        let mut message = Diagnostic::error("E0302", format!("`{path}` has no `{}`", name.text))
            .at(name.span, "not found there");
        message = match near {
            Some(near) => message
                .help(format!("there is {}", names::a(near)))
                .edit(name.span, near),
            None if known.is_empty() => message,
            None => message.help(format!("it offers {}", names::listed(&known))),
        };
        self.report(message);
    }

    pub(super) fn gather_variants(&mut self, module: usize) {
        let enums: IndexSet<AdtId, FxBuildHasher> = self.scopes[module]
            .types
            .values()
            .filter_map(|entry| self.enum_behind(module, entry.item))
            .collect();
        for id in enums {
            let AdtDecl::Enum(decl) = self.adts[id.index()].decl else {
                continue;
            };
            for (index, variant) in decl.variants.iter().enumerate() {
                let found = self.scopes[module]
                    .variants
                    .entry(variant.name.text.clone())
                    .or_default();
                let pair = (id, index as u32);
                found.push(pair);
                if self.loaded[module].is_core {
                    let core = self
                        .core
                        .variants
                        .entry(variant.name.text.clone())
                        .or_default();
                    let public = self
                        .core
                        .types
                        .values()
                        .any(|entry| entry.item == TypeItem::Adt(id));
                    if public {
                        core.push(pair);
                    }
                }
            }
        }
    }

    /// The enum that a name of a module stands for, if it does; an alias brings the variants of what it names.
    pub(super) fn enum_behind(&self, mut module: usize, mut item: TypeItem) -> Option<AdtId> {
        for _ in 0..32 {
            match item {
                TypeItem::Adt(id) => {
                    return matches!(self.adts[id.index()].decl, AdtDecl::Enum(_)).then_some(id);
                }
                TypeItem::Alias(alias) => {
                    let info = &self.aliases[alias];
                    let ast::TypeKind::Named(named) = &info.decl.ty.kind else {
                        return None;
                    };
                    module = info.module;
                    item = self.named_item(module, named, Some(alias))?;
                }
                _ => return None,
            }
        }
        let _ = module;
        None
    }
}
