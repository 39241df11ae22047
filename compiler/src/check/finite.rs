//! Types of which no value could ever be made.

use super::*;

impl Checker<'_> {
    /// Refuses structs and enums of which no finite value exists.
    pub(super) fn check_finite(&mut self) {
        let mut finite = vec![false; self.adts.len()];
        loop {
            let mut changed = false;
            for index in 0..finite.len() {
                if !finite[index] && self.has_finite_value(index, &finite) {
                    finite[index] = true;
                    changed = true;
                }
            }
            if !changed {
                break;
            }
        }
        for index in (0..finite.len()).filter(|index| !finite[*index]) {
            let adt = &self.program.adts[index];
            let (name, span) = (adt.name.clone(), adt.span);
            if adt.variants.is_empty() {
                // One whose name another type has already was left empty.
                let declared = match self.adts[index].decl {
                    AdtDecl::Enum(decl) => !decl.variants.is_empty(),
                    AdtDecl::Struct(_) => true,
                };
                if declared || !self.complete(adt.module as usize) {
                    continue;
                }
                self.report(
                    Diagnostic::error("E0317", format!("the enum `{name}` has no variants"))
                        .at(span, "no value of it could ever be made")
                        .help("give it a variant, or use `Never` for what does not come back"),
                );
                continue;
            }
            let culprit = adt
                .variants
                .iter()
                .flat_map(|variant| &variant.fields)
                .find(|field| !is_finite(&field.ty, &finite, self.known.option));
            let label = match culprit {
                Some(field) if adt.is_struct => {
                    format!("its field `{}` always holds another", field.name)
                }
                _ => "every variant holds another".to_string(),
            };
            self.report(
                Diagnostic::error("E0317", format!("a value of `{name}` would never end"))
                    .at(span, label)
                    .help("make the inner one optional (`T?`) or put it into a list"),
            );
        }
    }

    fn has_finite_value(&self, index: usize, finite: &[bool]) -> bool {
        self.program.adts[index].variants.iter().any(|variant| {
            variant
                .fields
                .iter()
                .all(|field| is_finite(&field.ty, finite, self.known.option))
        })
    }
}

fn is_finite(ty: &Ty, finite: &[bool], option: Option<AdtId>) -> bool {
    match ty {
        Ty::Tuple(parts) => parts.iter().all(|part| is_finite(part, finite, option)),
        Ty::Adt(id, _) => Some(*id) == option || finite[id.index()],
        Ty::Never => false,
        _ => true,
    }
}
