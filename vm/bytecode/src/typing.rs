//! The type of every value of a body, read off its instructions.
//!
//! This finds types, it does not judge: it says nothing about ownership, and where operands have other types
//! than an instruction wants, it may answer something instead of complaining. The verifier judges. The
//! interpreter and the fuel table use this on verified code, the printer on any.

use crate::instr::{Function, Instr, Mode, Step, Value};
use crate::layout::{Body, LayoutError, Layouts};
use crate::numbering::Numbering;
use crate::package::{Constant, Package};
use crate::table::Kind;
use crate::types::{Type, TypeId};

/// The types of the values of a function, by number.
///
/// # Errors
/// When an operand or type does not exist, or a path does not fit its type.
pub fn value_types(
    package: &Package,
    layouts: &mut Layouts,
    function: &Function,
) -> Result<Vec<TypeId>, LayoutError> {
    let mut typing = Typing {
        package,
        layouts,
        values: function.params.iter().map(|p| p.ty).collect(),
        open: Vec::new(),
    };
    let mut numbering = Numbering::new(function.params.len());
    for instr in &function.body {
        let results = |callee: u32| {
            package
                .functions
                .get(callee as usize)
                .map(Function::call_results)
        };
        let defined = numbering
            .step(instr, results)
            .map_err(|_| LayoutError::Unknown)?;
        typing.instr(instr)?;
        if typing.values.len() != defined.end as usize {
            return Err(LayoutError::Unknown);
        }
    }
    Ok(typing.values)
}

/// The type at the end of a path that begins at a value of type `ty`.
///
/// # Errors
/// When the path does not fit the type.
pub fn path_type(layouts: &mut Layouts, ty: TypeId, path: &[Step]) -> Result<TypeId, LayoutError> {
    let (mut ty, mut variant) = (ty, 0);
    for step in path {
        ty = step_type(layouts, ty, &mut variant, *step)?;
    }
    Ok(ty)
}

/// The type after one step. `variant` is what a [`Step::Variant`] before said, else 0.
///
/// # Errors
/// When the step does not fit the type.
pub fn step_type(
    layouts: &mut Layouts,
    ty: TypeId,
    variant: &mut u32,
    step: Step,
) -> Result<TypeId, LayoutError> {
    let known = layouts.get(ty).ok_or(LayoutError::Unknown)?.clone();
    match (step, known) {
        (Step::Index(_), Type::List(item)) => Ok(item),
        (Step::Index(_), Type::Bytes) => Ok(layouts.intern(Type::I64)),
        (Step::Key(_) | Step::EntryValue(_), Type::Map(_, value)) => Ok(value),
        (Step::EntryKey(_), Type::Map(key, _)) => Ok(key),
        (Step::EntryKey(_), Type::Set(item)) => Ok(item),
        (Step::Variant(v), _) => {
            *variant = v;
            Ok(ty)
        }
        (Step::Field(field), _) => {
            let row = layouts
                .parts(ty)?
                .get(*variant as usize)
                .ok_or(LayoutError::Unknown)?;
            let part = *row.get(field as usize).ok_or(LayoutError::Unknown)?;
            *variant = 0;
            Ok(part)
        }
        _ => Err(LayoutError::Unknown),
    }
}

/// What the letters of a signature stand for: `T`, or `K` and `V`, of a container.
#[derive(Clone, Copy, Default)]
pub struct Letters {
    /// Element, or key.
    pub item: Option<TypeId>,
    /// Value of a map.
    pub value: Option<TypeId>,
}

impl Letters {
    /// The letters that a container's type binds.
    pub fn of(ty: Option<&Type>) -> Letters {
        match ty {
            Some(Type::List(item) | Type::Set(item)) => Letters {
                item: Some(*item),
                value: None,
            },
            Some(Type::Map(key, value)) => Letters {
                item: Some(*key),
                value: Some(*value),
            },
            _ => Letters::default(),
        }
    }

    /// The type that a kind means. `List`, `Map`, `Set` and `Named` stand for no type of their own.
    pub fn ty(self, layouts: &mut Layouts, kind: Kind) -> Option<TypeId> {
        let option = |layouts: &mut Layouts, of: Type| {
            let of = layouts.intern(of);
            layouts.intern(Type::Option(of))
        };
        Some(match kind {
            Kind::I64 => layouts.intern(Type::I64),
            Kind::F64 => layouts.intern(Type::F64),
            Kind::Bool => layouts.intern(Type::Bool),
            Kind::Char => layouts.intern(Type::Char),
            Kind::Unit => layouts.intern(Type::Unit),
            Kind::String => layouts.intern(Type::String),
            Kind::Bytes => layouts.intern(Type::Bytes),
            Kind::T | Kind::K => self.item?,
            Kind::V => self.value?,
            Kind::OptionI64 => option(layouts, Type::I64),
            Kind::OptionF64 => option(layouts, Type::F64),
            Kind::OptionChar => option(layouts, Type::Char),
            Kind::OptionString => option(layouts, Type::String),
            Kind::OptionT => layouts.intern(Type::Option(self.item?)),
            Kind::OptionV => layouts.intern(Type::Option(self.value?)),
            Kind::List | Kind::Map | Kind::Set | Kind::Named => return None,
        })
    }
}

struct Typing<'a> {
    package: &'a Package,
    layouts: &'a mut Layouts,
    values: Vec<TypeId>,
    /// Per open region, the types of its results.
    open: Vec<Vec<TypeId>>,
}

impl Typing<'_> {
    fn of(&self, value: Value) -> Result<TypeId, LayoutError> {
        self.values
            .get(value.0 as usize)
            .copied()
            .ok_or(LayoutError::Unknown)
    }

    fn define(&mut self, ty: Type) {
        let ty = self.layouts.intern(ty);
        self.values.push(ty);
    }

    fn instr(&mut self, instr: &Instr) -> Result<(), LayoutError> {
        let types = |all: &[crate::instr::ValueType]| all.iter().map(|t| t.ty).collect::<Vec<_>>();
        match instr {
            Instr::ConstI64(_) | Instr::Tag(_) => self.define(Type::I64),
            Instr::ConstF64(_) => self.define(Type::F64),
            Instr::ConstBool(_) => self.define(Type::Bool),
            Instr::ConstChar(_) => self.define(Type::Char),
            Instr::ConstUnit => self.define(Type::Unit),
            Instr::Const(index) => match self.package.constants.get(*index as usize) {
                Some(Constant::String(_)) => self.define(Type::String),
                Some(Constant::Bytes(_)) => self.define(Type::Bytes),
                None => return Err(LayoutError::Unknown),
            },
            Instr::HostCall { .. } => self.define(Type::Bytes),
            Instr::Block { results }
            | Instr::If { results, .. }
            | Instr::Switch { results, .. } => {
                self.open.push(types(results));
            }
            Instr::Loop {
                params, results, ..
            } => {
                self.values.extend(types(params));
                self.open.push(types(results));
            }
            Instr::For { params, .. } => {
                self.define(Type::I64);
                self.values.extend(types(params));
                self.open.push(types(params));
            }
            Instr::End => {
                let results = self.open.pop().ok_or(LayoutError::Unknown)?;
                self.values.extend(results);
            }
            Instr::New { ty, .. } | Instr::Closure { ty, .. } => self.values.push(*ty),
            Instr::Get { value, path } => {
                let from = self.of(*value)?;
                let ty = path_type(self.layouts, from, path)?;
                self.values.push(ty);
            }
            Instr::Set { value, .. }
            | Instr::Put { value, .. }
            | Instr::Dup(value)
            | Instr::Unique { value, .. } => {
                let ty = self.of(*value)?;
                self.values.push(ty);
            }
            Instr::Take { value, path } => {
                let whole = self.of(*value)?;
                let part = path_type(self.layouts, whole, path)?;
                self.values.extend([part, whole]);
            }
            Instr::Update {
                op, value, path, ..
            } => {
                let whole = self.of(*value)?;
                let target = path_type(self.layouts, whole, path)?;
                self.values.push(whole);
                let result = op.row().result;
                if result != Kind::Unit {
                    let letters = Letters::of(self.layouts.get(target));
                    let result = letters
                        .ty(self.layouts, result)
                        .ok_or(LayoutError::Unknown)?;
                    self.values.push(result);
                }
            }
            Instr::Open { value, variant, .. } => {
                let ty = self.of(*value)?;
                let row = self
                    .layouts
                    .parts(ty)?
                    .get(*variant as usize)
                    .ok_or(LayoutError::Unknown)?;
                self.values.extend_from_slice(row);
            }
            Instr::Op { op, ty, args } => {
                let row = op.row();
                let first = match args.first() {
                    Some(first) => Some(self.of(*first)?),
                    None => None,
                };
                let result = match row.result {
                    Kind::Named => ty.ok_or(LayoutError::Unknown)?,
                    Kind::List | Kind::Map | Kind::Set => first.ok_or(LayoutError::Unknown)?,
                    kind => {
                        let letters = Letters::of(first.and_then(|ty| self.layouts.get(ty)));
                        letters.ty(self.layouts, kind).ok_or(LayoutError::Unknown)?
                    }
                };
                self.values.push(result);
            }
            Instr::Call { function, .. } => {
                let callee = self
                    .package
                    .functions
                    .get(*function as usize)
                    .ok_or(LayoutError::Unknown)?;
                self.values.push(callee.result);
                let changed = callee.params.iter().filter(|p| p.mode == Mode::InOut);
                self.values.extend(changed.map(|p| p.ty));
            }
            Instr::CallValue { callee, .. } => {
                let ty = self.of(*callee)?;
                let Some(Type::Fn { params, result }) = self.layouts.get(ty) else {
                    return Err(LayoutError::Unknown);
                };
                self.values.push(*result);
                self.values
                    .extend(params.iter().filter(|p| p.mutable).map(|p| p.ty));
            }
            Instr::Else
            | Instr::Arm
            | Instr::Exit { .. }
            | Instr::Next { .. }
            | Instr::Ret { .. }
            | Instr::Trap { .. }
            | Instr::Drop(_) => {}
        }
        Ok(())
    }
}

/// Whether a step through a value of this type follows a reference: fields of what is inline do not.
///
/// # Errors
/// When the type has no layout.
pub fn follows_reference(layouts: &mut Layouts, ty: TypeId) -> Result<bool, LayoutError> {
    let layout = layouts.layout(ty)?;
    Ok(layout.boxed || matches!(layout.body, Body::Reference))
}
