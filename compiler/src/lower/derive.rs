//! The methods of `Eq`, `Ord`, `Show` and `Data` for structs, enums and tuples.
//!
//! They are ordinary functions, emitted here part by part and metered like all code. What they must do is
//! said at the head of `stdlib/core/data.cop` (canonical leaves, JSON) and in the language reference (order,
//! text). The other types have `impl`s in the core.

use super::builder::RegionId;
use super::function::{FnLowerer, Val};
use super::instances::{Instance, Signature, show_type};
use super::{Lowerer, loops};
use crate::hir::{Adt, FnRef, LocalId, TraitFnRef, TraitId, Try, Ty};
use crate::source::Span;
use cop_bytecode::{Instr, Mode, Op, Step, UpdateOp, Value};
use std::rc::Rc;

/// A method that the compiler writes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Derived {
    /// `Eq.eq`.
    Eq,
    /// `Ord.compare`.
    Compare,
    /// `Show.show_into`.
    ShowInto,
    /// `Data.encode_into`.
    EncodeInto,
    /// `Data.decode`.
    Decode,
    /// `Data.json_into`.
    JsonInto,
    /// `Data.from_json`.
    FromJson,
}

impl Derived {
    /// The method of that name, if it is one that the compiler writes. The others have defaults.
    pub fn of(name: &str) -> Option<Derived> {
        Some(match name {
            "eq" => Derived::Eq,
            "compare" => Derived::Compare,
            "show_into" => Derived::ShowInto,
            "encode_into" => Derived::EncodeInto,
            "decode" => Derived::Decode,
            "json_into" => Derived::JsonInto,
            "from_json" => Derived::FromJson,
            _ => return None,
        })
    }
}

/// A type taken to pieces: variants with their parts, over closed types.
pub(super) struct Pieces {
    pub is_enum: bool,
    /// The field that names the variant in JSON, if an enum has one.
    tag: Option<String>,
    pub variants: Vec<Piece>,
}

/// A variant, or a struct's or tuple's only row of parts.
pub(super) struct Piece {
    name: String,
    pub json: String,
    /// Named fields; false for tuples and unnamed payloads.
    named: bool,
    is_tuple: bool,
    pub parts: Vec<Part>,
}

pub(super) struct Part {
    name: String,
    pub json: String,
    pub ty: Ty,
    /// Where the default is: variant, field.
    pub default: Option<(u32, u32)>,
}

impl Lowerer<'_> {
    pub(super) fn pieces(&self, ty: &Ty) -> Pieces {
        match ty {
            Ty::Adt(id, args) => {
                let adt: &Adt = self.adt(*id);
                let variants = adt.variants.iter().enumerate().map(|(v, variant)| Piece {
                    name: variant.name.to_string(),
                    json: variant.json.as_ref().unwrap_or(&variant.name).to_string(),
                    named: variant.named,
                    is_tuple: false,
                    parts: variant
                        .fields
                        .iter()
                        .enumerate()
                        .map(|(f, field)| Part {
                            name: field.name.to_string(),
                            json: field.json.as_ref().unwrap_or(&field.name).to_string(),
                            ty: field.ty.substitute(args),
                            default: field.default.is_some().then_some((v as u32, f as u32)),
                        })
                        .collect(),
                });
                Pieces {
                    is_enum: !adt.is_struct,
                    tag: adt.json_tag.as_ref().map(|tag| tag.to_string()),
                    variants: variants.collect(),
                }
            }
            Ty::Tuple(parts) => {
                let parts = parts.iter().enumerate().map(|(i, ty)| Part {
                    name: i.to_string(),
                    json: i.to_string(),
                    ty: ty.clone(),
                    default: None,
                });
                let piece = Piece {
                    name: String::new(),
                    json: String::new(),
                    named: false,
                    is_tuple: true,
                    parts: parts.collect(),
                };
                Pieces {
                    is_enum: false,
                    tag: None,
                    variants: vec![piece],
                }
            }
            _ => Pieces {
                is_enum: false,
                tag: None,
                variants: vec![],
            },
        }
    }

    pub(super) fn derived_signature(
        &mut self,
        derived: Derived,
        ty: &Ty,
    ) -> (Vec<Ty>, Vec<Mode>, Ty) {
        let adt = |this: &Self, name: &str| {
            Ty::Adt(
                this.program
                    .lang
                    .adts
                    .get(name)
                    .copied()
                    .unwrap_or(this.known.error),
                Rc::from([]),
            )
        };
        let it = ty.clone();
        match derived {
            Derived::Eq => (vec![it.clone(), it], vec![Mode::Borrow; 2], Ty::Bool),
            Derived::Compare => (
                vec![it.clone(), it],
                vec![Mode::Borrow; 2],
                Ty::Adt(self.known.ordering, Rc::from([])),
            ),
            Derived::ShowInto => (
                vec![it, Ty::String],
                vec![Mode::Borrow, Mode::InOut],
                Ty::unit(),
            ),
            Derived::EncodeInto => (
                vec![it, Ty::Bytes],
                vec![Mode::Borrow, Mode::InOut],
                Ty::unit(),
            ),
            Derived::Decode => (
                vec![adt(self, "Reader")],
                vec![Mode::InOut],
                self.option_of(it),
            ),
            Derived::JsonInto => (
                vec![it, Ty::String],
                vec![Mode::Borrow, Mode::InOut],
                Ty::Bool,
            ),
            Derived::FromJson => {
                let error = adt(self, "DecodeError");
                (
                    vec![adt(self, "Json")],
                    vec![Mode::Borrow],
                    self.result_of(it, error),
                )
            }
        }
    }

    pub(super) fn lower_derived(
        &mut self,
        derived: Derived,
        ty: &Ty,
        signature: &Signature,
        index: u32,
    ) {
        let span = match ty {
            Ty::Adt(id, _) => self.adt(*id).span,
            _ => Span::new(crate::source::FileId(0), 0, 0),
        };
        let name = format!("{derived:?} of {}", show_type(self, ty));
        let pieces = self.pieces(ty);
        let mut fl = FnLowerer::synthetic(self, signature, span);
        match derived {
            Derived::Eq => fl.derive_eq(&pieces),
            Derived::Compare => fl.derive_compare(&pieces),
            Derived::ShowInto => fl.derive_show(&pieces),
            Derived::EncodeInto => fl.derive_encode(&pieces),
            Derived::Decode => fl.derive_decode(ty, &pieces),
            Derived::JsonInto => fl.derive_json(&pieces),
            Derived::FromJson => fl.derive_from_json(ty, &pieces),
        }
        fl.complete(index, name, signature);
    }
}

const SELF: LocalId = LocalId(0);
const OTHER: LocalId = LocalId(1);
const OUT: LocalId = LocalId(1);

impl FnLowerer<'_, '_> {
    /// Part `field` of `variant` of a value that is looked at.
    fn piece_part(&mut self, base: Val, pieces: &Pieces, variant: usize, field: usize) -> Val {
        let ty = self
            .cx
            .type_id(&pieces.variants[variant].parts[field].ty.clone());
        let value = self.look(base);
        let mut path = vec![];
        if pieces.is_enum {
            path.push(Step::Variant(variant as u32));
        }
        path.push(Step::Field(field as u32));
        let got = self.b.emit_value(
            Instr::Get {
                value,
                path: path.into(),
            },
            ty,
        );
        if self.is_copy(ty) {
            Val::Copy(got)
        } else {
            Val::Ref {
                value: got,
                root: loops::root_of(base),
            }
        }
    }

    fn int_const(&mut self, n: i64) -> Value {
        let int = self.int();
        self.b.emit_value(Instr::ConstI64(n), int)
    }

    fn bool_const(&mut self, b: bool) -> Value {
        let ty = self.bool();
        self.b.emit_value(Instr::ConstBool(b), ty)
    }

    /// Runs `body` for the variant that `tag` says, and goes on behind.
    fn each_variant(&mut self, tag: Value, count: usize, mut body: impl FnMut(&mut Self, usize)) {
        let whole = self.b.open_block(None);
        for variant in 0..count {
            if variant + 1 == count {
                body(self, variant);
                self.b.exit(whole, None, &mut self.cx.layouts);
                break;
            }
            let next = self.b.open_block(None);
            let wanted = self.int_const(variant as i64);
            let same = self.op(Op::I64Eq, &[tag, wanted]);
            self.exit_unless(same, next);
            body(self, variant);
            self.b.exit(whole, None, &mut self.cx.layouts);
            self.b.close(&mut self.cx.layouts);
        }
        self.b.close(&mut self.cx.layouts);
    }

    /// Runs `body` for the row of parts that a value has.
    fn each_row(&mut self, base: Val, pieces: &Pieces, mut body: impl FnMut(&mut Self, usize)) {
        if pieces.is_enum && pieces.variants.len() > 1 {
            let value = self.look(base);
            let whole = self.b.open_switch(value, None);
            for variant in 0..pieces.variants.len() {
                if variant > 0 {
                    self.b.next_arm(Instr::Arm);
                }
                body(self, variant);
                self.b.exit(whole, None, &mut self.cx.layouts);
            }
            self.b.close(&mut self.cx.layouts);
        } else if !pieces.variants.is_empty() {
            body(self, 0);
        }
    }

    fn ret_value(&mut self, value: Value) {
        self.ret(Val::Copy(value));
    }

    fn derive_eq(&mut self, pieces: &Pieces) {
        let (a, b) = (self.operand_local(SELF), self.operand_local(OTHER));
        let differ = self.b.open_block(None);
        if pieces.is_enum && pieces.variants.len() > 1 {
            let (x, y) = (self.look(a), self.look(b));
            let (x, y) = (self.tag(x), self.tag(y));
            let same = self.op(Op::I64Eq, &[x, y]);
            self.exit_unless(same, differ);
        }
        if pieces.variants.iter().all(|v| v.parts.is_empty()) && pieces.variants.len() > 1 {
            return self.end_eq();
        }
        self.each_row(a, pieces, |fl, variant| {
            for field in 0..pieces.variants[variant].parts.len() {
                let ty = pieces.variants[variant].parts[field].ty.clone();
                let x = fl.piece_part(a, pieces, variant, field);
                let y = fl.piece_part(b, pieces, variant, field);
                let same = fl.equal(&ty, x, y);
                fl.exit_unless(same, differ);
            }
        });
        self.end_eq();
    }

    /// Returns that the values are equal, and behind the block where they differ that they are not.
    fn end_eq(&mut self) {
        let yes = self.bool_const(true);
        self.ret_value(yes);
        self.b.close(&mut self.cx.layouts);
        let no = self.bool_const(false);
        self.ret_value(no);
    }

    /// Returns `Less`, `Equal` or `Greater`.
    fn ret_ordering(&mut self, variant: u32) {
        let ret = self.ret.clone();
        let ordering = self.build_of(&ret, variant, vec![]);
        self.ret(ordering);
    }

    /// Returns unless the integer, an order, is 0.
    fn ret_unless_equal(&mut self, order: Value) {
        let zero = self.int_const(0);
        for (op, variant) in [(Op::I64Ge, 0), (Op::I64Le, 2)] {
            let fine = self.op(op, &[order, zero]);
            let region = self.b.open_if(fine, None);
            self.b.exit(region, None, &mut self.cx.layouts);
            self.b.next_arm(Instr::Else);
            self.ret_ordering(variant);
            self.b.close(&mut self.cx.layouts);
        }
    }

    fn derive_compare(&mut self, pieces: &Pieces) {
        let (a, b) = (self.operand_local(SELF), self.operand_local(OTHER));
        if pieces.is_enum && pieces.variants.len() > 1 {
            let (x, y) = (self.look(a), self.look(b));
            let (x, y) = (self.tag(x), self.tag(y));
            let order = self.op(Op::I64Sub, &[x, y]);
            self.ret_unless_equal(order);
        }
        if pieces.variants.iter().all(|v| v.parts.is_empty()) {
            return self.ret_ordering(1);
        }
        self.each_row(a, pieces, |fl, variant| {
            for field in 0..pieces.variants[variant].parts.len() {
                let ty = pieces.variants[variant].parts[field].ty.clone();
                let x = fl.piece_part(a, pieces, variant, field);
                let y = fl.piece_part(b, pieces, variant, field);
                let order = fl.order(&ty, x, y);
                fl.ret_unless_equal(order);
            }
        });
        self.ret_ordering(1);
    }

    fn append_text(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        let val = self.text(text);
        let value = self.look(val);
        self.update_local(OUT, UpdateOp::TextAppend, &[], &[value]);
        self.release(val);
    }

    fn ret_unit(&mut self) {
        self.ret(Val::Unit);
    }

    fn derive_show(&mut self, pieces: &Pieces) {
        let base = self.operand_local(SELF);
        self.each_row(base, pieces, |fl, variant| {
            let piece = &pieces.variants[variant];
            let bare = pieces.is_enum && piece.parts.is_empty();
            let mut text = piece.name.clone();
            if !bare {
                text.push('(');
            }
            for (field, part) in piece.parts.iter().enumerate() {
                if field > 0 {
                    text.push_str(", ");
                }
                if piece.named {
                    text.push_str(&part.name);
                    text.push_str(": ");
                }
                fl.append_text(&text);
                text.clear();
                let val = fl.piece_part(base, pieces, variant, field);
                fl.quote_part(&part.ty, val);
            }
            if !bare {
                text.push(')');
            }
            fl.append_text(&text);
        });
        self.ret_unit();
    }

    fn quote_part(&mut self, ty: &Ty, val: Val) {
        let op = match ty {
            Ty::Int => Some(UpdateOp::TextAppendI64),
            Ty::Float => Some(UpdateOp::TextAppendF64),
            Ty::String => Some(UpdateOp::TextAppendQuoted),
            Ty::Char => Some(UpdateOp::TextAppendCharQuoted),
            _ => None,
        };
        match op {
            Some(op) => {
                let value = self.look(val);
                self.update_local(OUT, op, &[], &[value]);
            }
            None => self.show_method(OUT, "quote_into", ty, val),
        }
    }

    fn derive_encode(&mut self, pieces: &Pieces) {
        let base = self.operand_local(SELF);
        self.each_row(base, pieces, |fl, variant| {
            if pieces.is_enum {
                let low = fl.int_const((variant & 255) as i64);
                fl.update_local(OUT, UpdateOp::BytesPush, &[], &[low]);
                if pieces.variants.len() > 256 {
                    let high = fl.int_const((variant >> 8) as i64);
                    fl.update_local(OUT, UpdateOp::BytesPush, &[], &[high]);
                }
            }
            for (field, part) in pieces.variants[variant].parts.iter().enumerate() {
                let val = fl.piece_part(base, pieces, variant, field);
                if part.ty == Ty::Int {
                    let value = fl.look(val);
                    fl.update_local(OUT, UpdateOp::BytesAppendI64, &[], &[value]);
                } else {
                    fl.call_builtin_into(fl.cx.known.data, "encode_into", &part.ty, val, OUT);
                }
            }
        });
        self.ret_unit();
    }

    /// Calls a function of `Data` that belongs to a type.
    fn data_fn(&mut self, name: &str, ty: &Ty) -> Option<Instance> {
        let of: TraitId = self.cx.known.data;
        let method = self.cx.program.traits[of.index()]
            .methods
            .iter()
            .position(|m| &*m.name == name)?;
        let method = TraitFnRef {
            of,
            method: method as u32,
            args: vec![ty.clone()],
        };
        self.cx.resolve(&method, self.b.span)
    }

    /// A function of the core, by `@lang`, with type arguments.
    fn lang(&mut self, name: &str, args: Vec<Ty>) -> Option<Instance> {
        let id = self.cx.lang_fn(name, self.b.span)?;
        Some(Instance::Fn(FnRef { id, args }))
    }

    fn call_lang(&mut self, name: &str, types: Vec<Ty>, args: Vec<Val>) -> Val {
        match self.lang(name, types) {
            Some(instance) => {
                let got = self.call_resolved(instance, args.clone());
                args.into_iter().for_each(|v| self.release(v));
                got
            }
            None => Val::Unit,
        }
    }

    fn derive_decode(&mut self, ty: &Ty, pieces: &Pieces) {
        if pieces.is_enum {
            let count = pieces.variants.len();
            let Some(instance) = self.lang("data_read_variant", vec![]) else {
                return;
            };
            // The reader comes first and is lent.
            let wanted = self.int_const(count as i64);
            let tag = self.call_lent_first(instance, Val::Copy(wanted));
            let tag = self.unwrap(tag, &Try::Option, &Ty::Int, &Ty::unit());
            let tag = self.look(tag);
            self.each_variant(tag, count, |fl, variant| fl.decode_row(ty, pieces, variant));
        } else {
            self.decode_row(ty, pieces, 0);
        }
        if !self.b.dead {
            self.b.trap(cop_bytecode::TrapKind::Unreachable, None, None);
        }
    }

    fn decode_row(&mut self, ty: &Ty, pieces: &Pieces, variant: usize) {
        let mut vals = vec![];
        for part in &pieces.variants[variant].parts {
            let Some(instance) = self.data_fn("decode", &part.ty) else {
                return;
            };
            let option = self.call_resolved_into(instance, vec![], SELF);
            vals.push(self.unwrap(option, &Try::Option, &part.ty, &Ty::unit()));
        }
        let made = self.made(ty, variant, vals);
        let ret = self.ret.clone();
        let some = self.build_of(&ret, 1, vec![made]);
        self.ret(some);
    }

    fn made(&mut self, ty: &Ty, variant: usize, vals: Vec<Val>) -> Val {
        if ty.is_unit() {
            Val::Unit
        } else {
            self.build_of(ty, variant as u32, vals)
        }
    }

    fn derive_json(&mut self, pieces: &Pieces) {
        let base = self.operand_local(SELF);
        let fail = self.b.open_block(None);
        self.each_row(base, pieces, |fl, variant| {
            fl.json_row(base, pieces, variant, fail)
        });
        let yes = self.bool_const(true);
        self.ret_value(yes);
        self.b.close(&mut self.cx.layouts);
        let no = self.bool_const(false);
        self.ret_value(no);
    }

    fn json_row(&mut self, base: Val, pieces: &Pieces, variant: usize, fail: RegionId) {
        let piece = &pieces.variants[variant];
        let mut text = String::new();
        let mut close = String::new();
        if let Some(tag) = &pieces.tag {
            let comma = if piece.parts.is_empty() { "" } else { "," };
            text = format!("{{{}:{}{comma}", json_string(tag), json_string(&piece.json));
            close.push('}');
        } else if pieces.is_enum {
            if piece.parts.is_empty() {
                return self.append_text(&json_string(&piece.json));
            }
            text = format!("{{{}:", json_string(&piece.json));
            close.push('}');
        }
        let wrap = match (piece.named, piece.is_tuple, piece.parts.len()) {
            _ if pieces.tag.is_some() => None,
            (true, ..) => Some(('{', '}')),
            (false, false, 1) => None,
            _ => Some(('[', ']')),
        };
        if let Some((open, end)) = wrap {
            text.push(open);
            close.insert(0, end);
        }
        for (field, part) in piece.parts.iter().enumerate() {
            if field > 0 {
                text.push(',');
            }
            if piece.named {
                text.push_str(&json_string(&part.json));
                text.push(':');
            }
            self.append_text(&text);
            text.clear();
            let val = self.piece_part(base, pieces, variant, field);
            let fine = self.call_builtin_into(self.cx.known.data, "json_into", &part.ty, val, OUT);
            let fine = self.look(fine);
            self.exit_unless(fine, fail);
        }
        text.push_str(&close);
        self.append_text(&text);
    }

    fn derive_from_json(&mut self, ty: &Ty, pieces: &Pieces) {
        let json = self.operand_local(SELF);
        let Ty::Adt(_, args) = self.ret.clone() else {
            return;
        };
        let error = args[1].clone();
        if !pieces.is_enum {
            return self.read_json_row(ty, pieces, 0, json, "", &error);
        }
        let tag = match &pieces.tag {
            Some(field) => {
                let (field, within) = (self.text(field), self.text(""));
                self.call_lang("json_field", vec![Ty::String], vec![json, field, within])
            }
            None => self.call_lang("json_tag", vec![], vec![json]),
        };
        let tag = self.unwrap(tag, &Try::Result, &Ty::String, &error);
        for variant in 0..pieces.variants.len() {
            let next = self.b.open_block(None);
            let name = self.text(&pieces.variants[variant].json);
            let (x, y) = (self.look(tag), self.look(name));
            let same = self.op(Op::StringEq, &[x, y]);
            self.release(name);
            self.exit_unless(same, next);
            match (&pieces.tag, pieces.variants[variant].parts.len()) {
                (None, _) => self.read_json_variant(ty, pieces, variant, json, &error),
                (Some(_), 0) => {
                    let made = self.made(ty, variant, vec![]);
                    self.ret_ok(made);
                }
                (Some(_), _) => self.read_json_row(ty, pieces, variant, json, "", &error),
            }
            self.b.close(&mut self.cx.layouts);
        }
        let known: Vec<&str> = pieces.variants.iter().map(|v| v.json.as_str()).collect();
        let known = self.text(&known.join(", "));
        let within = self.text(pieces.tag.as_deref().unwrap_or(""));
        let problem = self.call_lang("json_unknown", vec![], vec![tag, known, within]);
        let ret = self.ret.clone();
        let failed = self.build_of(&ret, 1, vec![problem]);
        self.ret(failed);
    }

    fn read_json_variant(
        &mut self,
        ty: &Ty,
        pieces: &Pieces,
        variant: usize,
        json: Val,
        error: &Ty,
    ) {
        let piece = &pieces.variants[variant];
        let name = piece.json.clone();
        match (piece.named, piece.parts.len()) {
            (_, 0) => {
                let tag = self.text(&name);
                let unit = self.call_lang("json_unit", vec![], vec![json, tag]);
                self.unwrap(unit, &Try::Result, &Ty::unit(), error);
                let made = self.made(ty, variant, vec![]);
                self.ret_ok(made);
            }
            (false, 1) => {
                let part = piece.parts[0].ty.clone();
                let (tag, within) = (self.text(&name), self.text(""));
                let got = self.call_lang("json_field", vec![part.clone()], vec![json, tag, within]);
                let got = self.unwrap(got, &Try::Result, &part, error);
                let made = self.made(ty, variant, vec![got]);
                self.ret_ok(made);
            }
            _ => {
                let tag = self.text(&name);
                let payload = self.call_lang("json_payload", vec![], vec![json, tag]);
                let json_ty = self.body.locals[SELF.index()].ty.clone();
                let payload = self.unwrap(payload, &Try::Result, &json_ty, error);
                self.read_json_row(ty, pieces, variant, payload, &name, error);
            }
        }
    }

    fn ret_ok(&mut self, made: Val) {
        let ret = self.ret.clone();
        let ok = self.build_of(&ret, 0, vec![made]);
        self.ret(ok);
    }

    /// An object or array whose parts make the variant, or the struct or tuple.
    fn read_json_row(
        &mut self,
        ty: &Ty,
        pieces: &Pieces,
        variant: usize,
        json: Val,
        within: &str,
        error: &Ty,
    ) {
        let piece = &pieces.variants[variant];
        // The value is looked at by every call below.
        let json = match json {
            Val::Held(local) => Val::Ref {
                value: self.b.value(local),
                root: Some(local),
            },
            other => other,
        };
        let path = self.text(within);
        let checked = if piece.named {
            self.call_lang("json_object", vec![], vec![json, path])
        } else {
            let count = self.int_const(piece.parts.len() as i64);
            self.call_lang("json_array", vec![], vec![json, Val::Copy(count), path])
        };
        self.unwrap(checked, &Try::Result, &Ty::unit(), error);
        let mut vals = vec![];
        for (index, part) in piece.parts.iter().enumerate() {
            let of = vec![part.ty.clone()];
            let got = if piece.named {
                let name = self.text(&part.json);
                match self.default_of(ty, part) {
                    Some(default) => {
                        let path = self.text(within);
                        self.call_lang("json_field_or", of, vec![json, name, default, path])
                    }
                    None => {
                        let path = self.text(within);
                        self.call_lang("json_field", of, vec![json, name, path])
                    }
                }
            } else {
                let at = self.int_const(index as i64);
                let path = self.text(within);
                self.call_lang("json_item", of, vec![json, Val::Copy(at), path])
            };
            vals.push(self.unwrap(got, &Try::Result, &part.ty, error));
        }
        let made = self.made(ty, variant, vals);
        self.ret_ok(made);
    }

    /// What a field has when JSON leaves it out.
    fn default_of(&mut self, ty: &Ty, part: &Part) -> Option<Val> {
        let Ty::Adt(adt, args) = ty else { return None };
        if let Some((variant, field)) = part.default {
            return Some(self.call_instance(
                Instance::Default(*adt, variant, field, args.clone()),
                vec![],
            ));
        }
        match &part.ty {
            Ty::Adt(id, _) if *id == self.cx.known.option => {
                Some(self.build_of(&part.ty.clone(), 0, vec![]))
            }
            _ => None,
        }
    }

    /// A call whose first parameter is lent the reader (local 0).
    fn call_lent_first(&mut self, instance: Instance, rest: Val) -> Val {
        let (index, signature) = self.cx.instance(instance);
        self.call_lending(index, &signature, SELF, vec![rest])
    }
}

/// A JSON string literal, by the edition's rules.
fn json_string(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            c if (c as u32) < 0x20 => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
