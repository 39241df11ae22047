//! Puts a package into canonical order: functions depth first from the entries in order of name, types and
//! definitions, constants and host functions in order of first use.

use super::{Lowered, Lowerer, Origin};
use cop_bytecode::{
    Constant, DefId, Entry, Field, FnParam, Function, HostFunction, Instr, Package, Shape, Type,
    TypeDef, TypeId, Variant,
};
use indexmap::{IndexMap, IndexSet};

/// Makes the package.
pub(super) fn finish(lowerer: Lowerer, mut entries: Vec<Entry>) -> Lowered {
    let mut order = Order::new(&lowerer);
    let mut functions: IndexMap<u32, ()> = IndexMap::new();
    for entry in &entries {
        depth_first(&lowerer, entry.function, &mut functions);
    }
    let mut package = Package::default();
    let mut origins = vec![];
    for old in functions.keys() {
        let Some(done) = &lowerer.functions[*old as usize] else {
            continue;
        };
        package
            .functions
            .push(order.function(&done.function, &functions));
        origins.push(done.origin.clone());
    }
    for entry in &mut entries {
        entry.function = functions.get_index_of(&entry.function).unwrap_or(0) as u32;
    }
    order.fill_defs();
    package.types = order.types.into_iter().collect();
    package.defs = order.filled;
    package.entries = entries;
    package.constants = order.constants.into_iter().collect();
    package.host_functions = order.hosts.into_iter().collect();
    Lowered {
        package,
        origins: origins.into_iter().collect::<Vec<Origin>>(),
    }
}

/// Functions in the order in which a walk from `root` meets them, callers first.
fn depth_first(lowerer: &Lowerer, root: u32, seen: &mut IndexMap<u32, ()>) {
    let mut stack = vec![root];
    while let Some(index) = stack.pop() {
        if seen.insert(index, ()).is_some() {
            continue;
        }
        let Some(Some(done)) = lowerer.functions.get(index as usize) else {
            continue;
        };
        let callees = done.function.body.iter().filter_map(|i| match i {
            Instr::Call { function, .. } | Instr::Closure { function, .. } => Some(*function),
            _ => None,
        });
        let callees: Vec<u32> = callees.collect();
        stack.extend(callees.into_iter().rev());
    }
}

struct Order<'a, 'p> {
    lowerer: &'a Lowerer<'p>,
    types: IndexSet<Type>,
    /// Old number of each definition, in new order.
    defs: IndexSet<DefId>,
    filled: Vec<TypeDef>,
    constants: IndexSet<Constant>,
    hosts: IndexSet<HostFunction>,
}

impl<'a, 'p> Order<'a, 'p> {
    fn new(lowerer: &'a Lowerer<'p>) -> Self {
        Order {
            lowerer,
            types: IndexSet::new(),
            defs: IndexSet::new(),
            filled: vec![],
            constants: IndexSet::new(),
            hosts: IndexSet::new(),
        }
    }

    /// The new number of a type; its parts get theirs before it.
    fn ty(&mut self, old: TypeId) -> TypeId {
        let Some(ty) = self.lowerer.layouts.get(old).cloned() else {
            return TypeId(0);
        };
        let new = match ty {
            Type::List(t) => Type::List(self.ty(t)),
            Type::Set(t) => Type::Set(self.ty(t)),
            Type::Option(t) => Type::Option(self.ty(t)),
            Type::Map(k, v) => Type::Map(self.ty(k), self.ty(v)),
            Type::Tuple(parts) => Type::Tuple(parts.into_iter().map(|t| self.ty(t)).collect()),
            Type::Fn { params, result } => {
                let params = params
                    .into_iter()
                    .map(|p| FnParam {
                        ty: self.ty(p.ty),
                        ..p
                    })
                    .collect();
                Type::Fn {
                    params,
                    result: self.ty(result),
                }
            }
            Type::Nominal(def, args) => {
                let args = args.into_iter().map(|t| self.ty(t)).collect();
                Type::Nominal(DefId(self.defs.insert_full(def).0 as u32), args)
            }
            plain => plain,
        };
        TypeId(self.types.insert_full(new).0 as u32)
    }

    /// Fields of the definitions met, which may lead to more of both.
    fn fill_defs(&mut self) {
        while let Some(old) = self.defs.get_index(self.filled.len()).copied() {
            let def = self.lowerer.layouts.defs()[old.0 as usize].clone();
            let shape = match def.shape {
                Shape::Product(fields) => Shape::Product(self.fields(fields)),
                Shape::Sum(variants) => Shape::Sum(
                    variants
                        .into_iter()
                        .map(|v| Variant {
                            name: v.name,
                            fields: self.fields(v.fields),
                        })
                        .collect(),
                ),
            };
            self.filled.push(TypeDef { shape, ..def });
        }
    }

    fn fields(&mut self, fields: Vec<Field>) -> Vec<Field> {
        fields
            .into_iter()
            .map(|f| Field {
                name: f.name,
                ty: self.ty(f.ty),
            })
            .collect()
    }

    fn function(&mut self, f: &Function, functions: &IndexMap<u32, ()>) -> Function {
        let number = |old: &u32| functions.get_index_of(old).unwrap_or(0) as u32;
        let params = f
            .params
            .iter()
            .map(|p| cop_bytecode::Param {
                ty: self.ty(p.ty),
                mode: p.mode,
            })
            .collect();
        let result = self.ty(f.result);
        let mut body = f.body.clone();
        for instr in &mut body {
            match instr {
                Instr::Call { function, .. } => *function = number(function),
                Instr::Closure { function, ty, .. } => {
                    *function = number(function);
                    *ty = self.ty(*ty);
                }
                Instr::New { ty, .. } => *ty = self.ty(*ty),
                Instr::Op { ty: Some(ty), .. } => *ty = self.ty(*ty),
                Instr::Const(k) => {
                    let constant = self.lowerer.constants[*k as usize].clone();
                    *k = self.constants.insert_full(constant).0 as u32;
                }
                Instr::HostCall { function, .. } => {
                    let host = self.lowerer.hosts[*function as usize].clone();
                    *function = self.hosts.insert_full(host).0 as u32;
                }
                Instr::Block { results }
                | Instr::If { results, .. }
                | Instr::Switch { results, .. } => {
                    results.iter_mut().for_each(|r| r.ty = self.ty(r.ty));
                }
                Instr::Loop {
                    params, results, ..
                } => {
                    params
                        .iter_mut()
                        .chain(results)
                        .for_each(|r| r.ty = self.ty(r.ty));
                }
                Instr::For { params, .. } => params.iter_mut().for_each(|r| r.ty = self.ty(r.ty)),
                _ => {}
            }
        }
        Function {
            params,
            captures: f.captures,
            result,
            body,
        }
    }
}
