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

use crate::instr::Instr;
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

/// A row of a table that an instruction names, by a number to be read or changed.
enum Row<N> {
    Type(N),
    Constant(N),
    HostFunction(N),
    Function(N),
}

/// Calls `$f` on every row that an instruction names.
macro_rules! rows {
    ($instr:expr, $f:expr $(, $m:tt)?) => {{
        macro_rules! all {
            ($types:expr) => {
                for it in $types {
                    $f(Row::Type(& $($m)? it.ty.0));
                }
            };
        }
        match $instr {
            Instr::Block { results }
            | Instr::If { results, .. }
            | Instr::Switch { results, .. } => all!(results),
            Instr::Loop { params, results, .. } => {
                all!(params);
                all!(results);
            }
            Instr::For { params, .. } => all!(params),
            Instr::New { ty, .. } | Instr::Op { ty: Some(ty), .. } => {
                $f(Row::Type(& $($m)? ty.0))
            }
            Instr::Closure { ty, function, .. } => {
                $f(Row::Type(& $($m)? ty.0));
                $f(Row::Function(function));
            }
            Instr::Call { function, .. } => $f(Row::Function(function)),
            Instr::Const(index) => $f(Row::Constant(index)),
            Instr::HostCall { function, .. } => $f(Row::HostFunction(function)),
            _ => {}
        }
    }};
}

/// The package in canonical order, and per function of the old one its new number (none for what nothing
/// reaches), for the source map.
///
/// Numbers that name nothing stay as they are; encoding or verifying the package will report them.
pub fn canonical(mut package: Package) -> (Package, Vec<Option<u32>>) {
    package.entries.sort_by(|a, b| a.name.cmp(&b.name));
    let mut order = Order::empty(&package);
    // Each function is gone over once: what it names is reached and gets its new number, but for functions, which
    // get theirs when all are reached.
    let mut calls: Vec<Vec<(u32, u32)>> = vec![];
    let (types, functions) = (&package.types, &mut package.functions);
    let mut renumber = |order: &mut Order, number: u32| {
        let function = &mut functions[number as usize];
        for param in &mut function.params {
            order.reach_type(types, param.ty);
            param.ty = order.ty(param.ty);
        }
        order.reach_type(types, function.result);
        function.result = order.ty(function.result);
        let mut called = vec![];
        for (at, instr) in (0..).zip(&mut function.body) {
            let mut row = |row: Row<&mut u32>| match row {
                Row::Type(id) => {
                    order.reach_type(types, TypeId(*id));
                    *id = order.types.renumbered(*id);
                }
                Row::Constant(index) => {
                    order.constants.insert(*index);
                    *index = order.constants.renumbered(*index);
                }
                Row::HostFunction(index) => {
                    order.host_functions.insert(*index);
                    *index = order.host_functions.renumbered(*index);
                }
                Row::Function(index) => called.push((at, *index)),
            };
            rows!(instr, row, mut);
        }
        let callees = called.iter().map(|(_, callee)| *callee).collect();
        calls.push(called);
        callees
    };
    order.reach_functions(&package.entries, &mut renumber);
    order.reach_fields(&package.types, &package.defs);
    for (number, calls) in order.functions.old.iter().zip(calls) {
        for (at, callee) in calls {
            if let Instr::Call { function, .. } | Instr::Closure { function, .. } =
                &mut package.functions[*number as usize].body[at as usize]
            {
                *function = order.functions.renumbered(callee);
            }
        }
    }
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
    (canonical, order.functions.new)
}

/// The first reason why a package is not in canonical order, if there is one.
pub fn disorder(package: &Package) -> Option<String> {
    let order = Order::of(package);
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
    /// Of a package of which nothing is reached yet.
    fn empty(package: &Package) -> Order {
        Order {
            functions: Numbers::of(package.functions.len()),
            constants: Numbers::of(package.constants.len()),
            host_functions: Numbers::of(package.host_functions.len()),
            types: Numbers::of(package.types.len()),
            defs: Numbers::of(package.defs.len()),
        }
    }

    fn of(package: &Package) -> Order {
        let mut order = Order::empty(package);
        let types = &package.types;
        order.reach_functions(&package.entries, &mut |order: &mut Order, number| {
            let mut callees = vec![];
            let function = &package.functions[number as usize];
            for param in &function.params {
                order.reach_type(types, param.ty);
            }
            order.reach_type(types, function.result);
            for instr in &function.body {
                let mut row = |row: Row<&u32>| match row {
                    Row::Type(id) => order.reach_type(types, TypeId(*id)),
                    Row::Constant(index) => {
                        order.constants.insert(*index);
                    }
                    Row::HostFunction(index) => {
                        order.host_functions.insert(*index);
                    }
                    Row::Function(index) => callees.push(*index),
                };
                rows!(instr, row);
            }
            callees
        });
        order.reach_fields(&package.types, &package.defs);
        order
    }

    /// Reaches functions from the entries on. `look` reaches what a function names besides, and gives the functions.
    fn reach_functions(
        &mut self,
        entries: &[Entry],
        look: &mut impl FnMut(&mut Order, u32) -> Vec<u32>,
    ) {
        for entry in entries {
            let mut stack = vec![vec![entry.function].into_iter()];
            while let Some(rest) = stack.last_mut() {
                match rest.find(|callee| self.functions.insert(*callee)) {
                    Some(callee) => stack.push(look(self, callee).into_iter()),
                    None => {
                        stack.pop();
                    }
                }
            }
        }
    }

    /// Reaches the types of fields of what is reached.
    fn reach_fields(&mut self, types: &[Type], defs: &[TypeDef]) {
        let mut next = 0;
        while let Some(def) = self.defs.old.get(next).copied() {
            for ty in fields(&defs[def as usize].shape) {
                self.reach_type(types, ty);
            }
            next += 1;
        }
    }

    fn reach_type(&mut self, types: &[Type], root: TypeId) {
        if self.types.contains(root.0) {
            return;
        }
        let mut stack = vec![(root, false)];
        while let Some((id, parts_done)) = stack.pop() {
            let Some(ty) = types.get(id.0 as usize) else {
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
