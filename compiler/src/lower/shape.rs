//! Shapes: what of a type is written down beside the values that leave a program.
//!
//! A shape is text: names of fields and variants and their types, in order, not the names of types. Its fingerprint
//! stands before stored values, the text itself once in the store, so that later types can read them by name
//! (`stdlib/core/shape.cop`). A type inside itself is written as how many types up it stands.

use super::Lowerer;
use super::function::{FnLowerer, Val};
use super::instances::{Instance, show_type};
use crate::diagnostic::Diagnostic;
use crate::hir::{AdtId, Ty};
use crate::source::Span;
use cop_bytecode::{Constant, Hash, Instr, UpdateOp};
use std::rc::Rc;

/// Most bytes of a shape's text. Types that are mentioned twice are written twice, so it could grow without bound.
const SHAPE_BYTES: usize = 64 << 10;

/// What is asked about a shape, by the name of the operation of the core.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Asked {
    /// `data.shape`: the fingerprint.
    Fingerprint,
    /// `data.shape_text`: the text.
    Text,
    /// `data.shape_marked`: the text with `=` behind the type of each field that has a default, and `struct!` for
    /// structs with `@ignore_unknown`.
    Marked,
    /// `data.shape_defaults`: the leaves of those defaults, in the order of the marks.
    Defaults,
}

impl Asked {
    /// The question with that name.
    pub fn of(name: &str) -> Option<Asked> {
        Some(match name {
            "data.shape" => Asked::Fingerprint,
            "data.shape_text" => Asked::Text,
            "data.shape_marked" => Asked::Marked,
            "data.shape_defaults" => Asked::Defaults,
            _ => return None,
        })
    }
}

/// A default of a field: the type it is in, with its arguments, variant and field, and the field's type.
type Default = (AdtId, Rc<[Ty]>, u32, u32, Ty);

impl FnLowerer<'_, '_> {
    /// What is asked about the shape of a type, as a value.
    pub(super) fn shape(&mut self, asked: Asked, ty: &Ty, span: Span) -> Val {
        let shape = Shape::of(
            self.cx,
            ty,
            matches!(asked, Asked::Marked | Asked::Defaults),
        );
        if shape.text.len() > SHAPE_BYTES {
            // Each operation asks for it; the first of them tells.
            if asked == Asked::Fingerprint {
                self.too_large(ty, span);
            }
            return Val::Unit;
        }
        match asked {
            Asked::Fingerprint => {
                let hash = Hash::tagged("cop shape 1", &[shape.text.as_bytes()]);
                self.bytes(&hash.0[..8])
            }
            Asked::Text | Asked::Marked => self.text(&shape.text),
            Asked::Defaults => self.default_leaves(shape.defaults),
        }
    }

    fn too_large(&mut self, ty: &Ty, span: Span) {
        let shown = show_type(self.cx, ty);
        let declared = nominal_in(ty).map(|id| self.cx.adt(id).span);
        self.cx.errors.push(
            Diagnostic::error(
                "E0415",
                format!("the shape of `{shown}` has more than {SHAPE_BYTES} bytes"),
            )
            .at(
                declared.unwrap_or(span),
                "a shape says of each part what it is made of, wherever it is mentioned",
            )
            .help("store its parts under keys of their own"),
        );
    }

    fn bytes(&mut self, bytes: &[u8]) -> Val {
        let constant = self.cx.constant(Constant::Bytes(bytes.to_vec()));
        let ty = self.cx.type_id(&Ty::Bytes);
        let value = self.b.emit_value(Instr::Const(constant), ty);
        self.fresh(value, ty)
    }

    fn default_leaves(&mut self, defaults: Vec<Default>) -> Val {
        let list = self.build_of(&Ty::List(Rc::new(Ty::Bytes)), 0, vec![]);
        let Val::Held(all) = list else {
            return list;
        };
        for (adt, args, variant, field, ty) in defaults {
            let Val::Held(leaves) = self.bytes(&[]) else {
                return Val::Unit;
            };
            let default = self.call_instance(Instance::Default(adt, variant, field, args), vec![]);
            self.call_builtin_into(self.cx.known.data, "encode_into", &ty, default, leaves);
            self.release(default);
            let leaves = self.consume(Val::Held(leaves));
            self.update_local(all, UpdateOp::ListPush, &[], &[leaves]);
        }
        Val::Held(all)
    }
}

/// A struct or enum that a type is made of.
fn nominal_in(ty: &Ty) -> Option<AdtId> {
    match ty {
        Ty::Adt(id, args) => args.iter().find_map(nominal_in).or(Some(*id)),
        Ty::List(t) | Ty::Set(t) => nominal_in(t),
        Ty::Map(k, v) => nominal_in(k).or_else(|| nominal_in(v)),
        Ty::Tuple(parts) => parts.iter().find_map(nominal_in),
        _ => None,
    }
}

/// The text of a shape while it is written.
struct Shape<'a, 'b> {
    lowerer: &'a Lowerer<'b>,
    marked: bool,
    /// The structs and enums around what is being written.
    outer: Vec<Ty>,
    text: String,
    defaults: Vec<Default>,
}

impl<'a, 'b> Shape<'a, 'b> {
    fn of(lowerer: &'a Lowerer<'b>, ty: &Ty, marked: bool) -> Shape<'a, 'b> {
        let mut shape = Shape {
            lowerer,
            marked,
            outer: vec![],
            text: String::new(),
            defaults: vec![],
        };
        shape.describe(ty);
        shape
    }

    fn all(&mut self, open: &str, types: &[&Ty], close: char) {
        self.text.push_str(open);
        for (i, ty) in types.iter().enumerate() {
            if i > 0 {
                self.text.push(',');
            }
            self.describe(ty);
        }
        self.text.push(close);
    }

    fn describe(&mut self, ty: &Ty) {
        if self.text.len() > SHAPE_BYTES {
            return;
        }
        match ty {
            Ty::List(t) => self.all("List[", &[t], ']'),
            Ty::Set(t) => self.all("Set[", &[t], ']'),
            Ty::Map(k, v) => self.all("Map[", &[k, v], ']'),
            Ty::Tuple(parts) => self.all("(", &parts.iter().collect::<Vec<_>>(), ')'),
            Ty::Adt(id, args) if *id == self.lowerer.known.option => {
                self.describe(&args[0]);
                self.text.push('?');
            }
            Ty::Adt(id, args) => match self.outer.iter().rposition(|t| t == ty) {
                Some(at) => self.text.push_str(&format!("^{}", self.outer.len() - at)),
                None => {
                    self.outer.push(ty.clone());
                    self.nominal(*id, args, ty);
                    self.outer.pop();
                }
            },
            other => self.text.push_str(&show_type(self.lowerer, other)),
        }
    }

    /// A name, with `\` before the characters that end one.
    fn name(&mut self, name: &str) {
        for c in name.chars() {
            if matches!(c, '\\' | ':' | '(' | ')' | '{' | '}') {
                self.text.push('\\');
            }
            self.text.push(c);
        }
    }

    fn nominal(&mut self, id: AdtId, args: &Rc<[Ty]>, ty: &Ty) {
        let pieces = self.lowerer.pieces(ty);
        let opening = match (pieces.is_enum, self.lowerer.adt(id).ignore_unknown) {
            (true, _) => "enum{",
            (false, true) if self.marked => "struct!{",
            (false, _) => "struct{",
        };
        self.text.push_str(opening);
        for variant in &pieces.variants {
            if pieces.is_enum {
                self.name(&variant.json);
                self.text.push('(');
            }
            for part in &variant.parts {
                self.name(&part.json);
                self.text.push(':');
                self.describe(&part.ty);
                if let Some((variant, field)) = part.default
                    && self.marked
                {
                    self.text.push('=');
                    let args = Rc::clone(args);
                    self.defaults
                        .push((id, args, variant, field, part.ty.clone()));
                }
                self.text.push(';');
            }
            if pieces.is_enum {
                self.text.push(')');
            }
        }
        self.text.push('}');
    }
}
