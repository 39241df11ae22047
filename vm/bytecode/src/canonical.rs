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

use crate::instr::{Function, Instr, ValueType};
use crate::package::{Entry, Package};
use crate::types::{DefId, Shape, Type, TypeDef, TypeId};

/// Per table, the old numbers in their new order.
struct Order {
    functions: Numbers,
    constants: Numbers,
    host_functions: Numbers,
    types: Numbers,
    defs: Numbers,
}

/// The rows of a table in the order in which they were reached.
struct Numbers {
    old: Vec<u32>,
    /// By old number, the new one.
    new: Vec<Option<u32>>,
}

impl Numbers {
    /// For a table of so many rows.
    fn of(rows: usize) -> Numbers {
        Numbers {
            old: Vec::new(),
            new: vec![None; rows],
        }
    }

    /// Whether the table has this row, and it is reached for the first time.
    fn insert(&mut self, old: u32) -> bool {
        match self.new.get_mut(old as usize) {
            Some(new @ None) => {
                *new = Some(self.old.len() as u32);
                self.old.push(old);
                true
            }
            _ => false,
        }
    }

    fn contains(&self, old: u32) -> bool {
        self.new_of(old).is_some()
    }

    fn new_of(&self, old: u32) -> Option<u32> {
        self.new.get(old as usize).copied().flatten()
    }

    /// The new number of a row; what names no row stays as it is.
    fn renumbered(&self, old: u32) -> u32 {
        self.new_of(old).unwrap_or(old)
    }

    /// The rows of a table, in their new order.
    fn arrange<T>(&self, rows: Vec<T>) -> Vec<T> {
        let mut rows: Vec<Option<T>> = rows.into_iter().map(Some).collect();
        let taken = self.old.iter().map(|old| rows[*old as usize].take());
        taken.flatten().collect()
    }
}

/// The package in canonical order, and per function of the old one its new number (none for what nothing
/// reaches), for the source map.
///
/// Numbers that name nothing stay as they are; encoding or verifying the package will report them.
pub fn canonical(mut package: Package) -> (Package, Vec<Option<u32>>) {
    package.entries.sort_by(|a, b| a.name.cmp(&b.name));
    let order = Order::of(&package, &package.entries);
    for entry in &mut package.entries {
        entry.function = order.functions.renumbered(entry.function);
    }
    let mut canonical = Package {
        types: order.types.arrange(package.types),
        defs: order.defs.arrange(package.defs),
        entries: package.entries,
        host_functions: order.host_functions.arrange(package.host_functions),
        constants: order.constants.arrange(package.constants),
        functions: order.functions.arrange(package.functions),
    };
    for ty in &mut canonical.types {
        *ty = order.new_type(ty);
    }
    canonical.defs.iter_mut().for_each(|def| order.def(def));
    let functions = canonical.functions.iter_mut();
    functions.for_each(|function| order.function(function));
    (canonical, order.functions.new)
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
        let mut old = order.old.iter().enumerate();
        if let Some((should, _)) = old.find(|(i, old)| *i as u32 != **old) {
            return Some(format!("{what} {should} is not in its place"));
        }
        if order.old.len() != count {
            return Some(format!("nothing reaches {what} {}", order.old.len()));
        }
    }
    None
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
        let mut order = Order {
            functions: Numbers::of(package.functions.len()),
            constants: Numbers::of(package.constants.len()),
            host_functions: Numbers::of(package.host_functions.len()),
            types: Numbers::of(package.types.len()),
            defs: Numbers::of(package.defs.len()),
        };
        for entry in entries {
            order.reach_functions(package, entry.function);
        }
        for at in 0..order.functions.old.len() {
            let function = &package.functions[order.functions.old[at] as usize];
            for param in &function.params {
                order.reach_type(package, param.ty);
            }
            order.reach_type(package, function.result);
            for instr in &function.body {
                order.reach_instr(package, instr);
            }
        }
        let mut next = 0;
        while let Some(def) = order.defs.old.get(next) {
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
        if self.functions.insert(root) {
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
        if self.types.contains(root.0) {
            return;
        }
        let mut stack = vec![(root, false)];
        while let Some((id, parts_done)) = stack.pop() {
            let Some(ty) = package.types.get(id.0 as usize) else {
                continue;
            };
            if parts_done {
                self.types.insert(id.0);
            } else if !self.types.contains(id.0) {
                if let Type::Nominal(def, _) = ty {
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
            Instr::Const(index) => {
                self.constants.insert(*index);
            }
            Instr::HostCall { function, .. } => {
                self.host_functions.insert(*function);
            }
            _ => {}
        }
    }

    fn ty(&self, old: TypeId) -> TypeId {
        TypeId(self.types.renumbered(old.0))
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
                Type::Nominal(DefId(self.defs.renumbered(def.0)), all(args))
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

    fn def(&self, def: &mut TypeDef) {
        match &mut def.shape {
            Shape::Product(fields) => fields.iter_mut().for_each(|f| f.ty = self.ty(f.ty)),
            Shape::Sum(variants) => {
                let fields = variants.iter_mut().flat_map(|v| &mut v.fields);
                fields.for_each(|f| f.ty = self.ty(f.ty));
            }
        }
    }

    fn function(&self, function: &mut Function) {
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
                    *function = self.functions.renumbered(*function);
                }
                Instr::Call { function, .. } => *function = self.functions.renumbered(*function),
                Instr::Const(index) => *index = self.constants.renumbered(*index),
                Instr::HostCall { function, .. } => {
                    *function = self.host_functions.renumbered(*function);
                }
                _ => {}
            }
        }
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
