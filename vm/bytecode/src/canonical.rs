//! The one order in which a package is written (BYTECODE.md, section 3), so that the same program has the
//! same bytes and the same hash.
//!
//! - Entries by name.
//! - Functions in depth-first order from the entries, callees in the order in which a body names them.
//! - Constants, host functions and types in order of first use: function by function in that order, first the
//!   signature, then the instructions. A type stands after its parts. Definitions in the order in which types
//!   name them; types that only their fields name come last.
//! - What nothing reaches is absent.
//!
//! The compiler calls [`canonical`] when it is done; the decoder refuses what [`disorder`] finds.

use indexmap::IndexSet;

use crate::instr::{Function, Instr, ValueType};
use crate::package::{Entry, Package};
use crate::types::{DefId, Shape, Type, TypeDef, TypeId};

/// Per table, the old numbers in their new order.
#[derive(Default)]
struct Order {
    functions: IndexSet<u32>,
    constants: IndexSet<u32>,
    host_functions: IndexSet<u32>,
    types: IndexSet<u32>,
    defs: IndexSet<u32>,
}

/// The package in canonical order, and per function of the old one its new number (none for what nothing
/// reaches), for the source map.
///
/// Numbers that name nothing stay as they are; encoding or verifying the package will report them.
pub fn canonical(package: &Package) -> (Package, Vec<Option<u32>>) {
    let mut entries = package.entries.clone();
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    let order = Order::of(package, &entries);
    for entry in &mut entries {
        entry.function = renumbered(&order.functions, entry.function);
    }
    let pick =
        |from: &IndexSet<u32>, index: usize| from.get_index(index).map_or(0, |i| *i as usize);
    let canonical = Package {
        types: (0..order.types.len())
            .map(|i| order.new_type(&package.types[pick(&order.types, i)]))
            .collect(),
        defs: (0..order.defs.len())
            .map(|i| order.new_def(&package.defs[pick(&order.defs, i)]))
            .collect(),
        entries,
        host_functions: (0..order.host_functions.len())
            .map(|i| package.host_functions[pick(&order.host_functions, i)].clone())
            .collect(),
        constants: (0..order.constants.len())
            .map(|i| package.constants[pick(&order.constants, i)].clone())
            .collect(),
        functions: (0..order.functions.len())
            .map(|i| order.new_function(&package.functions[pick(&order.functions, i)]))
            .collect(),
    };
    let moved = (0..package.functions.len() as u32)
        .map(|old| order.functions.get_index_of(&old).map(|new| new as u32))
        .collect();
    (canonical, moved)
}

/// The first reason why a package is not in canonical order, if there is one.
pub fn disorder(package: &Package) -> Option<String> {
    let order = Order::of(package, &package.entries);
    let tables = [
        ("function", &order.functions, package.functions.len()),
        ("constant", &order.constants, package.constants.len()),
        (
            "host function",
            &order.host_functions,
            package.host_functions.len(),
        ),
        ("type", &order.types, package.types.len()),
        ("definition", &order.defs, package.defs.len()),
    ];
    for (what, order, count) in tables {
        if let Some((should, _)) = order.iter().enumerate().find(|(i, old)| *i as u32 != **old) {
            return Some(format!("{what} {should} is not in its place"));
        }
        if order.len() != count {
            return Some(format!("nothing reaches {what} {}", order.len()));
        }
    }
    None
}

fn renumbered(order: &IndexSet<u32>, old: u32) -> u32 {
    order.get_index_of(&old).map_or(old, |new| new as u32)
}

impl Type {
    /// The types that it is made of, in order.
    pub fn parts(&self) -> impl Iterator<Item = TypeId> + '_ {
        let (few, many, params): ([Option<TypeId>; 2], &[TypeId], &[_]) = match self {
            Type::List(t) | Type::Set(t) | Type::Option(t) => ([Some(*t), None], &[], &[]),
            Type::Map(key, value) => ([Some(*key), Some(*value)], &[], &[]),
            Type::Tuple(parts) | Type::Nominal(_, parts) => ([None, None], parts, &[]),
            Type::Fn { params, result } => ([Some(*result), None], &[], params),
            _ => ([None, None], &[], &[]),
        };
        let params = params.iter().map(|p: &crate::types::FnParam| p.ty);
        params
            .chain(few.into_iter().flatten())
            .chain(many.iter().copied())
    }
}

impl Order {
    fn of(package: &Package, entries: &[Entry]) -> Order {
        let mut order = Order::default();
        for entry in entries {
            order.reach_functions(package, entry.function);
        }
        for at in 0..order.functions.len() {
            let Some(function) = order
                .functions
                .get_index(at)
                .and_then(|f| package.functions.get(*f as usize))
            else {
                continue;
            };
            for param in &function.params {
                order.reach_type(package, param.ty);
            }
            order.reach_type(package, function.result);
            for instr in &function.body {
                order.reach_instr(package, instr);
            }
        }
        let mut next = 0;
        while let Some(def) = order.defs.get_index(next) {
            let fields: Vec<TypeId> = fields(&package.defs[*def as usize].shape).collect();
            for ty in fields {
                order.reach_type(package, ty);
            }
            next += 1;
        }
        order
    }

    fn reach_functions(&mut self, package: &Package, root: u32) {
        let mut stack = Vec::new();
        if (root as usize) < package.functions.len() && self.functions.insert(root) {
            stack.push((root, 0));
        }
        while let Some((function, at)) = stack.pop() {
            let body = &package.functions[function as usize].body;
            for (i, instr) in body.iter().enumerate().skip(at) {
                if let Instr::Call {
                    function: callee, ..
                }
                | Instr::Closure {
                    function: callee, ..
                } = instr
                    && (*callee as usize) < package.functions.len()
                    && self.functions.insert(*callee)
                {
                    stack.push((function, i + 1));
                    stack.push((*callee, 0));
                    break;
                }
            }
        }
    }

    fn reach_type(&mut self, package: &Package, root: TypeId) {
        let mut stack = vec![(root, false)];
        while let Some((id, parts_done)) = stack.pop() {
            let Some(ty) = package.types.get(id.0 as usize) else {
                continue;
            };
            if parts_done {
                self.types.insert(id.0);
            } else if !self.types.contains(&id.0) {
                if let Type::Nominal(def, _) = ty
                    && (def.0 as usize) < package.defs.len()
                {
                    self.defs.insert(def.0);
                }
                stack.push((id, true));
                let from = stack.len();
                // Parts that are not earlier would make a circle; the decoder refuses them.
                stack.extend(ty.parts().filter(|p| p.0 < id.0).map(|p| (p, false)));
                stack[from..].reverse();
            }
        }
    }

    fn reach_instr(&mut self, package: &Package, instr: &Instr) {
        let mut all =
            |types: &[ValueType]| types.iter().for_each(|t| self.reach_type(package, t.ty));
        match instr {
            Instr::Block { results }
            | Instr::If { results, .. }
            | Instr::Switch { results, .. } => all(results),
            Instr::Loop {
                params, results, ..
            } => {
                all(params);
                all(results);
            }
            Instr::For { params, .. } => all(params),
            Instr::New { ty, .. } | Instr::Closure { ty, .. } | Instr::Op { ty: Some(ty), .. } => {
                self.reach_type(package, *ty);
            }
            Instr::Const(index) if (*index as usize) < package.constants.len() => {
                self.constants.insert(*index);
            }
            Instr::HostCall { function, .. }
                if (*function as usize) < package.host_functions.len() =>
            {
                self.host_functions.insert(*function);
            }
            _ => {}
        }
    }

    fn ty(&self, old: TypeId) -> TypeId {
        TypeId(renumbered(&self.types, old.0))
    }

    fn new_type(&self, ty: &Type) -> Type {
        let all = |types: &[TypeId]| types.iter().map(|t| self.ty(*t)).collect();
        match ty {
            Type::List(t) => Type::List(self.ty(*t)),
            Type::Set(t) => Type::Set(self.ty(*t)),
            Type::Option(t) => Type::Option(self.ty(*t)),
            Type::Map(key, value) => Type::Map(self.ty(*key), self.ty(*value)),
            Type::Tuple(parts) => Type::Tuple(all(parts)),
            Type::Nominal(def, args) => {
                Type::Nominal(DefId(renumbered(&self.defs, def.0)), all(args))
            }
            Type::Fn { params, result } => {
                let mut params = params.clone();
                for param in &mut params {
                    param.ty = self.ty(param.ty);
                }
                Type::Fn {
                    params,
                    result: self.ty(*result),
                }
            }
            _ => ty.clone(),
        }
    }

    fn new_def(&self, def: &TypeDef) -> TypeDef {
        let mut def = def.clone();
        match &mut def.shape {
            Shape::Product(fields) => fields.iter_mut().for_each(|f| f.ty = self.ty(f.ty)),
            Shape::Sum(variants) => {
                let fields = variants.iter_mut().flat_map(|v| &mut v.fields);
                fields.for_each(|f| f.ty = self.ty(f.ty));
            }
        }
        def
    }

    fn new_function(&self, function: &Function) -> Function {
        let mut function = function.clone();
        for param in &mut function.params {
            param.ty = self.ty(param.ty);
        }
        function.result = self.ty(function.result);
        let all = |types: &mut [ValueType]| types.iter_mut().for_each(|t| t.ty = self.ty(t.ty));
        for instr in &mut function.body {
            match instr {
                Instr::Block { results }
                | Instr::If { results, .. }
                | Instr::Switch { results, .. } => all(results),
                Instr::Loop {
                    params, results, ..
                } => {
                    all(params);
                    all(results);
                }
                Instr::For { params, .. } => all(params),
                Instr::New { ty, .. } | Instr::Op { ty: Some(ty), .. } => *ty = self.ty(*ty),
                Instr::Closure { ty, function, .. } => {
                    *ty = self.ty(*ty);
                    *function = renumbered(&self.functions, *function);
                }
                Instr::Call { function, .. } => *function = renumbered(&self.functions, *function),
                Instr::Const(index) => *index = renumbered(&self.constants, *index),
                Instr::HostCall { function, .. } => {
                    *function = renumbered(&self.host_functions, *function)
                }
                _ => {}
            }
        }
        function
    }
}

/// Types of all fields of a definition, in order.
fn fields(shape: &Shape) -> impl Iterator<Item = TypeId> + '_ {
    let (product, sum): (&[_], &[_]) = match shape {
        Shape::Product(fields) => (fields, &[]),
        Shape::Sum(variants) => (&[], variants),
    };
    let in_variants = sum.iter().flat_map(|v: &crate::types::Variant| &v.fields);
    product
        .iter()
        .chain(in_variants)
        .map(|f: &crate::types::Field| f.ty)
}
