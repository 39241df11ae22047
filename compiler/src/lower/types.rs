//! Types of the typed tree as types of the bytecode.

use super::Lowerer;
use crate::hir::{AdtId, Ty};
use cop_bytecode::{DefId, Field, FnParam, Shape, Type, TypeDef, TypeId, Variant};

/// A number for each of the types that are asked for most.
fn basic(ty: &Ty) -> Option<usize> {
    Some(match ty {
        Ty::Int => 0,
        Ty::Float => 1,
        Ty::Bool => 2,
        Ty::Char => 3,
        Ty::String => 4,
        Ty::Bytes => 5,
        Ty::Range => 6,
        Ty::Tuple(parts) if parts.is_empty() => 7,
        _ => return None,
    })
}

impl Lowerer<'_> {
    /// The bytecode type. `Param`s stand for the parameters of a definition.
    pub(super) fn type_id(&mut self, ty: &Ty) -> TypeId {
        let known = match ty {
            Ty::Adt(id, args) if args.is_empty() => {
                self.plain_adts.get(id.index()).copied().flatten()
            }
            _ => match basic(ty) {
                Some(number) => self.basic[number],
                None => self.type_ids.get(ty).copied(),
            },
        };
        known.unwrap_or_else(|| self.new_type_id(ty))
    }

    fn new_type_id(&mut self, ty: &Ty) -> TypeId {
        let made = match ty {
            Ty::Int => Type::I64,
            Ty::Float => Type::F64,
            Ty::Bool => Type::Bool,
            Ty::Char => Type::Char,
            Ty::String => Type::String,
            Ty::Bytes => Type::Bytes,
            Ty::Range => Type::Range,
            // A value of type `Never` does not exist; where one is asked for, the code is not reached.
            Ty::Never | Ty::Infer(_) | Ty::Error => Type::Unit,
            Ty::List(t) => Type::List(self.type_id(t)),
            Ty::Set(t) => Type::Set(self.type_id(t)),
            Ty::Map(k, v) => Type::Map(self.type_id(k), self.type_id(v)),
            Ty::Tuple(parts) if parts.is_empty() => Type::Unit,
            Ty::Tuple(parts) => Type::Tuple(parts.iter().map(|t| self.type_id(t)).collect()),
            Ty::Fn(f) => {
                let params = f.params.iter().map(|p| FnParam {
                    ty: self.type_id(&p.ty),
                    // A capability is always lent, and never changes.
                    mutable: p.mutable && !matches!(p.ty, Ty::Host(_)),
                });
                let params = params.collect();
                Type::Fn {
                    params,
                    result: self.type_id(&f.ret),
                }
            }
            Ty::Adt(id, args) if *id == self.known.option => Type::Option(self.type_id(&args[0])),
            Ty::Adt(id, args) => {
                let def = self.def_of(*id);
                Type::Nominal(def, args.iter().map(|t| self.type_id(t)).collect())
            }
            Ty::Host(name) => Type::Host(name.to_string()),
            Ty::Param(i) => Type::Param(*i),
        };
        let id = self.layouts.intern(made);
        match ty {
            Ty::Adt(adt, args) if args.is_empty() => {
                let count = self.plain_adts.len().max(adt.index() + 1);
                self.plain_adts.resize(count, None);
                self.plain_adts[adt.index()] = Some(id);
            }
            _ => match basic(ty) {
                Some(number) => self.basic[number] = Some(id),
                None => {
                    self.type_ids.insert(ty.clone(), id);
                }
            },
        }
        id
    }

    /// The definition of a struct or enum. It is entered before its fields are looked at, since they may
    /// mention it.
    fn def_of(&mut self, id: AdtId) -> DefId {
        if let Some(def) = self.defs.get(&id) {
            return *def;
        }
        let adt = self.adt(id);
        let params = adt.generics.len() as u32;
        let def = self.layouts.define(TypeDef {
            name: adt.name.to_string(),
            params,
            shape: Shape::Product(vec![]),
        });
        self.defs.insert(id, def);
        let mut variants = Vec::with_capacity(adt.variants.len());
        for variant in &adt.variants {
            let fields = variant.fields.iter();
            let fields: Vec<Field> = fields
                .map(|f| Field {
                    name: f.name.to_string(),
                    ty: self.type_id(&f.ty),
                })
                .collect();
            variants.push(Variant {
                name: variant.name.to_string(),
                fields,
            });
        }
        let shape = if adt.is_struct {
            Shape::Product(
                variants
                    .into_iter()
                    .next()
                    .map(|v| v.fields)
                    .unwrap_or_default(),
            )
        } else {
            Shape::Sum(variants)
        };
        self.layouts.set_shape(def, shape);
        def
    }
}
