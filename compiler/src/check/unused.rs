//! Names that nobody uses: warnings, and only for the program's own files.

use super::body::BodyCx;
use super::*;

impl Checker<'_> {
    /// The built-in trait whose method a type's own method was probably meant to be.
    fn trait_meant(&self, info: &FnInfo, function: &crate::hir::Function) -> Option<&'static str> {
        let Owner::Type(_) = info.owner else {
            return None;
        };
        let (of, params) = match impls::last_part(&function.name) {
            "show" => ("Show", 1),
            "compare" => ("Ord", 2),
            "eq" => ("Eq", 2),
            _ => return None,
        };
        let [this, others @ ..] = &function.params[..] else {
            return None;
        };
        let looks = info.receiver == Receiver::Value
            && function.params.len() == params
            && others.iter().all(|other| other.ty == this.ty);
        (looks && self.is_own(info.scope.module)).then_some(of)
    }

    pub(super) fn unused(&mut self) {
        let mut out = Vec::new();
        for (module, scope) in self.scopes.iter().enumerate() {
            if !self.is_own(module) || !self.complete(module) {
                continue;
            }
            let root_entry = |name: &str| module == 0 && matches!(name, "main" | "handle");
            for (name, entry) in &scope.types {
                if entry.item != TypeItem::Broken {
                    out.extend(unused_name(
                        name,
                        "type",
                        entry.used.get(),
                        entry.public,
                        entry.imported,
                        entry.span,
                    ));
                }
            }
            for (name, entry) in &scope.values {
                let what = match entry.item {
                    ValueItem::Broken | ValueItem::Module(None) => continue,
                    ValueItem::Fn(_) => "function",
                    ValueItem::Const(_) => "constant",
                    ValueItem::Module(_) => "module",
                };
                if !root_entry(name) {
                    out.extend(unused_name(
                        name,
                        what,
                        entry.used.get(),
                        entry.public,
                        entry.imported,
                        entry.span,
                    ));
                }
            }
        }
        for (info, function) in self.fns.iter().zip(&self.program.fns) {
            let method = matches!(info.owner, Owner::Type(_));
            if let Some(of) = self.trait_meant(info, function) {
                let name = impls::last_part(&function.name);
                out.push(beside_its_trait(name, of, function.span));
                continue;
            }
            if method && !info.public && !info.used.get() && self.is_own(info.scope.module) {
                let name = impls::last_part(&function.name);
                out.extend(unused_name(
                    name,
                    "method",
                    false,
                    false,
                    false,
                    function.span,
                ));
            }
        }
        out.into_iter().for_each(|found| self.report(found));
    }
}

fn unused_name(
    name: &str,
    what: &str,
    used: bool,
    public: bool,
    imported: bool,
    span: Span,
) -> Option<Diagnostic> {
    if used || public || name.starts_with('_') {
        return None;
    }
    Some(if imported {
        Diagnostic::warning("W0302", format!("`{name}` is imported and not used"))
            .at(span, "")
            .help(if what == "module" {
                "remove the import"
            } else {
                "remove it from the import"
            })
    } else {
        Diagnostic::warning("W0303", format!("the {what} `{name}` is not used"))
            .at(span, "")
            .help("remove it, or mark it `pub` if other files are to use it")
    })
}

/// A method that looks as if `${...}`, sorting or `==` would call it, which call that of the trait.
fn beside_its_trait(name: &str, of: &str, span: Span) -> Diagnostic {
    let (who, signature) = match of {
        "Show" => ("`print` and `${...}`", "show(self) -> String"),
        "Ord" => ("`<` and sorting", "compare(self, other: Self) -> Ordering"),
        _ => ("`==`", "eq(self, other: Self) -> Bool"),
    };
    Diagnostic::warning("W0306", format!("this `{name}` is not what {who} use"))
        .at(span, format!("a method of the type's own, beside that of `{of}`"))
        .help(format!(
            "put it into `impl {of} for Type {{ fn {signature} {{ ... }} }}`, or give it another name"
        ))
}

impl BodyCx<'_, '_> {
    /// Warns of variables and parameters that are never read. The first `params` locals are the function's parameters,
    /// which are looked at only if the function could do without them.
    pub(super) fn unused_locals(&mut self, params: usize, free: bool) {
        if !self.cx.is_own(self.module) {
            return;
        }
        let mut out = Vec::new();
        for (index, local) in self.locals.iter().enumerate() {
            let fixed = index < params && (!free || matches!(local.ty, Ty::Host(_)));
            if local.used || fixed || local.name.starts_with('_') || &*local.name == "self" {
                continue;
            }
            let what = if local.parameter {
                "parameter"
            } else {
                "variable"
            };
            out.push(
                Diagnostic::warning("W0304", format!("the {what} `{}` is not used", local.name))
                    .at(local.span, "")
                    .help(format!("leave it out, or call it `_{}`", local.name)),
            );
        }
        for (name, span) in &self.hiding {
            let mut named = self.named.iter().rev();
            if let Some((_, item)) = named.find(|(other, _)| other == name) {
                out.push(
                    Diagnostic::warning(
                        "W0305",
                        format!("`{name}` is both a variable and an item here"),
                    )
                    .at(*span, "the variable")
                    .also(*item, "the item")
                    .help("give the variable another name"),
                );
            }
        }
        for message in out {
            self.report(message);
        }
    }
}
