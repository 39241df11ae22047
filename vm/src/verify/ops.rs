//! Plain operations and operations in place, from their rows in the instruction table.

use cop_bytecode::table::Kind;
use cop_bytecode::{Mode, Op, Type, TypeId, UpdateOp, Value};

use super::error::{Check, Rule, fault};
use super::pass::Pass;
use super::signatures::check_closed;
use super::tables::reference_slots;

/// What `T`, `K`, `V` of a row stand for.
#[derive(Clone, Copy, Default, Debug)]
struct Binding {
    /// The list, map or set at hand.
    collection: Option<TypeId>,
    t: Option<TypeId>,
    k: Option<TypeId>,
    v: Option<TypeId>,
}

impl Pass<'_> {
    /// A plain operation.
    pub(super) fn op(&mut self, op: Op, ty: Option<TypeId>, args: &[Value]) -> Check {
        let row = op.row();
        self.check_arg_count(row.name, args.len(), row.args.len())?;
        let mut binding = Binding::default();
        match (row.result, ty) {
            (Kind::Named, Some(named)) => {
                check_closed(self.package, self.layouts, named)?;
                self.bind(Kind::List, named, &mut binding)?;
            }
            (Kind::Named, None) => {
                return fault(Rule::Form, format!("`{}` has to name its type", row.name));
            }
            (_, Some(_)) => {
                return fault(
                    Rule::Form,
                    format!("`{}` names a type, which it must not", row.name),
                );
            }
            (_, None) => {}
        }
        for (arg, kind) in args.iter().zip(row.args) {
            // What `list.filled` is given gets many owners.
            let info = match row.result {
                Kind::Named => self.lend(*arg, Mode::Borrow)?,
                _ => self.look(*arg)?,
            };
            self.bind(*kind, info.ty, &mut binding)?;
        }
        self.check_looked(Rule::Borrow)?;
        let result = self.kind(row.result, binding, ty)?;
        // Results are cells just made.
        self.define(result, reference_slots(self.layouts, result))
    }

    /// The operands of an operation in place on something of type `target`; gives the type of its result.
    pub(super) fn update_operands(
        &mut self,
        op: UpdateOp,
        target: TypeId,
        args: &[Value],
    ) -> Check<Option<TypeId>> {
        let row = op.row();
        self.check_arg_count(row.name, args.len(), row.args.len())?;
        let mut binding = Binding::default();
        self.bind(row.target, target, &mut binding)?;
        for (index, (arg, kind)) in args.iter().zip(row.args).enumerate() {
            let ty = if op.consumes(index) {
                self.give(*arg)?.ty
            } else {
                self.look(*arg)?.ty
            };
            self.bind(*kind, ty, &mut binding)?;
        }
        if row.result == Kind::Unit {
            return Ok(None);
        }
        self.kind(row.result, binding, None).map(Some)
    }

    fn check_arg_count(&self, name: &str, given: usize, due: usize) -> Check {
        if given == due {
            return Ok(());
        }
        fault(
            Rule::Form,
            format!("`{name}` takes {due} operands, not {given}"),
        )
    }

    /// Whether a type is of a kind; the first collection says what `T`, `K`, `V` are.
    fn bind(&mut self, kind: Kind, ty: TypeId, binding: &mut Binding) -> Check {
        let is_collection = matches!(kind, Kind::List | Kind::Map | Kind::Set);
        if is_collection && binding.collection.is_none() {
            match (kind, self.layouts.get(ty)) {
                (Kind::List, Some(&Type::List(t))) | (Kind::Set, Some(&Type::Set(t))) => {
                    binding.t = Some(t);
                }
                (Kind::Map, Some(&Type::Map(k, v))) => {
                    binding.k = Some(k);
                    binding.v = Some(v);
                }
                _ => {
                    let text = format!("{} stands where a {kind:?} is wanted", self.show(ty));
                    return fault(Rule::Form, text);
                }
            }
            binding.collection = Some(ty);
            return Ok(());
        }
        let wanted = match kind {
            Kind::List | Kind::Map | Kind::Set => binding.collection,
            _ => Some(self.kind(kind, *binding, None)?),
        };
        if wanted == Some(ty) {
            return Ok(());
        }
        let wanted = wanted.map_or(String::from("something else"), |w| self.show(w));
        fault(
            Rule::Form,
            format!(
                "an operand of type {} stands where {wanted} is wanted",
                self.show(ty)
            ),
        )
    }

    /// The type that a kind stands for.
    fn kind(&mut self, kind: Kind, binding: Binding, named: Option<TypeId>) -> Check<TypeId> {
        let ty = match kind {
            Kind::I64 => Type::I64,
            Kind::F64 => Type::F64,
            Kind::Bool => Type::Bool,
            Kind::Char => Type::Char,
            Kind::Unit => Type::Unit,
            Kind::String => Type::String,
            Kind::Bytes => Type::Bytes,
            Kind::List | Kind::Map | Kind::Set => return self.bound(binding.collection),
            Kind::T => return self.bound(binding.t),
            Kind::K => return self.bound(binding.k),
            Kind::V => return self.bound(binding.v),
            Kind::Named => return self.bound(named),
            Kind::OptionI64 => Type::Option(self.type_of(Type::I64)?),
            Kind::OptionF64 => Type::Option(self.type_of(Type::F64)?),
            Kind::OptionChar => Type::Option(self.type_of(Type::Char)?),
            Kind::OptionString => Type::Option(self.type_of(Type::String)?),
            Kind::OptionT => Type::Option(self.bound(binding.t)?),
            Kind::OptionV => Type::Option(self.bound(binding.v)?),
        };
        self.type_of(ty)
    }

    fn bound(&self, ty: Option<TypeId>) -> Check<TypeId> {
        match ty {
            Some(ty) => Ok(ty),
            None => fault(Rule::Form, "an operation on elements without a collection"),
        }
    }
}
