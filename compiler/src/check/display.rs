//! Types as they are written, for messages.

use super::*;

impl Checker<'_> {
    /// A type as it is written in source; an open variable is `_`.
    pub(super) fn show(&self, ty: &Ty, generics: &[hir::Generic]) -> String {
        let mut text = String::new();
        self.write(&mut text, ty, generics, 6, false);
        text
    }

    /// Two types that differ. If they would look the same, those of other packages are written with their packages:
    /// `html@2/Tag`.
    pub(super) fn show_both(
        &self,
        one: &Ty,
        other: &Ty,
        generics: &[hir::Generic],
    ) -> (String, String) {
        let (first, second) = (self.show(one, generics), self.show(other, generics));
        if first != second {
            return (first, second);
        }
        let whole = |ty| {
            let mut text = String::new();
            self.write(&mut text, ty, generics, 6, true);
            text
        };
        (whole(one), whole(other))
    }

    /// `whole` writes the packages of types too.
    fn write(
        &self,
        out: &mut String,
        ty: &Ty,
        generics: &[hir::Generic],
        depth: usize,
        whole: bool,
    ) {
        if depth == 0 {
            out.push('…');
            return;
        }
        let part = |out: &mut String, part: &Ty| self.write(out, part, generics, depth - 1, whole);
        let list = |out: &mut String, parts: &[Ty]| {
            for (index, ty) in parts.iter().enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                part(out, ty);
            }
        };
        match ty {
            Ty::Int => out.push_str("Int"),
            Ty::Float => out.push_str("Float"),
            Ty::Bool => out.push_str("Bool"),
            Ty::Char => out.push_str("Char"),
            Ty::String => out.push_str("String"),
            Ty::Bytes => out.push_str("Bytes"),
            Ty::Range => out.push_str("Range"),
            Ty::Never => out.push_str("Never"),
            Ty::Infer(_) | Ty::Error => out.push('_'),
            Ty::Param(index) => match generics.get(*index as usize) {
                Some(generic) => out.push_str(&generic.name),
                None => out.push('?'),
            },
            Ty::List(element) => {
                out.push_str("List[");
                part(out, element);
                out.push(']');
            }
            Ty::Set(element) => {
                out.push_str("Set[");
                part(out, element);
                out.push(']');
            }
            Ty::Map(key, value) => {
                out.push_str("Map[");
                part(out, key);
                out.push_str(", ");
                part(out, value);
                out.push(']');
            }
            Ty::Tuple(parts) => {
                out.push('(');
                list(out, parts);
                out.push(')');
            }
            Ty::Fn(f) => {
                out.push_str("fn(");
                for (index, param) in f.params.iter().enumerate() {
                    if index > 0 {
                        out.push_str(", ");
                    }
                    if param.mutable {
                        out.push_str("mut ");
                    }
                    part(out, &param.ty);
                }
                out.push(')');
                if !f.ret.is_unit() {
                    out.push_str(" -> ");
                    part(out, &f.ret);
                }
            }
            Ty::Adt(id, args) if Some(*id) == self.known.option => {
                let nested = matches!(&args[0], Ty::Fn(_)) || self.as_option(&args[0]).is_some();
                if nested {
                    out.push('(');
                }
                part(out, &args[0]);
                out.push_str(if nested { ")?" } else { "?" });
            }
            Ty::Adt(id, args) => {
                let adt = &self.program.adts[id.index()];
                let package = self.loaded[adt.module as usize].package;
                if whole && ![PackageId::OWN, PackageId::LIBRARY].contains(&package) {
                    out.push_str(self.whole.package_name(package));
                    out.push('/');
                }
                out.push_str(&adt.name);
                if !args.is_empty() {
                    out.push('[');
                    list(out, args);
                    out.push(']');
                }
            }
            Ty::Host(name) => {
                let mut letters = name.chars();
                out.extend(letters.next().map(|first| first.to_ascii_uppercase()));
                out.push_str(letters.as_str());
            }
        }
    }

    /// A trait of the name of another that a type has, which tells them apart only by their packages: `shapes@1/Named`. The
    /// one that it has, and the other.
    pub(super) fn namesake(&self, ty: &Ty, other: hir::TraitId) -> Option<(String, String)> {
        let head = Head::of(ty)?;
        let name = &self.program.traits[other.index()].name;
        let whole = |id: hir::TraitId| {
            let module = self.program.traits[id.index()].module as usize;
            match self.loaded[module].package {
                PackageId::OWN | PackageId::LIBRARY => {
                    format!("{name} of {}", self.loaded[module].path)
                }
                package => format!("{}/{name}", self.whole.package_name(package)),
            }
        };
        (0..self.program.traits.len() as u32)
            .map(hir::TraitId)
            .find(|id| {
                *id != other
                    && self.program.traits[id.index()].name == *name
                    && self.impls_of.contains_key(&(*id, head.clone()))
            })
            .map(|id| (whole(id), whole(other)))
    }

    /// A trait with its arguments.
    pub(super) fn show_trait(&self, of: &hir::TraitRef, generics: &[hir::Generic]) -> String {
        let name = &self.program.traits[of.id.index()].name;
        if of.args.is_empty() {
            return name.to_string();
        }
        let args: Vec<String> = of.args.iter().map(|arg| self.show(arg, generics)).collect();
        format!("{name}[{}]", args.join(", "))
    }
}
