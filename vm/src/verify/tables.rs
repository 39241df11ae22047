//! Types and definitions: well-formed, closed where they must be, and laid out (rule 1).

use std::collections::{HashMap, HashSet};

use cop_bytecode::layout::{Body, Part};
use cop_bytecode::{Layouts, Package, Shape, Type, TypeId, limits};

use super::error::{Check, Rule, fault};

/// Interface whose handle may be copied and stored, so that it is no capability.
const REQUEST: &str = "request";
/// Variants of a sum: the tag takes at most two bytes.
const VARIANTS: usize = 1 << 16;

/// Whether values of the type are capabilities.
pub(super) fn is_capability(layouts: &Layouts, ty: TypeId) -> bool {
    matches!(layouts.get(ty), Some(Type::Host(name)) if name != REQUEST)
}

/// The slots of a type that can hold references, as a mask; 0 for copy types.
pub(super) fn reference_slots(layouts: &Layouts, ty: TypeId) -> u64 {
    layouts.ready(ty).map_or(0, |layout| layout.references)
}

/// What the inline parts of a type are like, parts of parts included.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Inline {
    /// The own slots that may hold closures.
    pub(super) closures: u64,
    /// How deeply the parts nest.
    nesting: usize,
}

/// Finds out about the inline parts of a type; each type is looked at once. Without recursion, since types
/// of one slot can nest without bound.
pub(super) fn inline(layouts: &Layouts, known: &mut HashMap<TypeId, Inline>, ty: TypeId) -> Inline {
    let mut todo = vec![(ty, false)];
    while let Some((ty, parts_done)) = todo.pop() {
        if known.contains_key(&ty) {
            continue;
        }
        let mut result = Inline::default();
        let Some(layout) = layouts.ready(ty) else {
            continue;
        };
        let rows: Vec<&[Part]> = match &layout.body {
            _ if layout.boxed => vec![],
            Body::Scalar => vec![],
            Body::Reference => {
                result.closures = u64::from(matches!(layouts.get(ty), Some(Type::Fn { .. })));
                vec![]
            }
            Body::Product(parts) => vec![parts],
            Body::Sum { variants, .. } => variants.iter().map(Vec::as_slice).collect(),
            Body::OptionRef(part) => vec![std::slice::from_ref(part)],
        };
        if !parts_done && !rows.is_empty() {
            todo.push((ty, true));
            todo.extend(rows.iter().copied().flatten().map(|part| (part.ty, false)));
            continue;
        }
        for part in rows.into_iter().flatten() {
            let inner = known.get(&part.ty).copied().unwrap_or_default();
            result.closures |= inner.closures << (part.slot & 63);
            result.nesting = result.nesting.max(inner.nesting + 1);
        }
        known.insert(ty, result);
    }
    known.get(&ty).copied().unwrap_or_default()
}

/// The text of a type, cut where it nests deeply.
pub(super) fn show(layouts: &Layouts, ty: TypeId) -> String {
    fn go(layouts: &Layouts, ty: TypeId, depth: u32) -> String {
        let list = |types: &[TypeId]| {
            let mut texts: Vec<String> = types
                .iter()
                .take(8)
                .map(|t| go(layouts, *t, depth + 1))
                .collect();
            if types.len() > 8 {
                texts.push("…".into());
            }
            texts.join(", ")
        };
        let one = |t: &TypeId| go(layouts, *t, depth + 1);
        if depth > 3 {
            return "…".into();
        }
        match layouts.get(ty) {
            None => format!("type {}", ty.0),
            Some(Type::I64) => "i64".into(),
            Some(Type::F64) => "f64".into(),
            Some(Type::Bool) => "bool".into(),
            Some(Type::Char) => "char".into(),
            Some(Type::Unit) => "unit".into(),
            Some(Type::String) => "string".into(),
            Some(Type::Bytes) => "bytes".into(),
            Some(Type::Range) => "range".into(),
            Some(Type::List(t)) => format!("list {}", one(t)),
            Some(Type::Map(k, v)) => format!("map {} {}", one(k), one(v)),
            Some(Type::Set(t)) => format!("set {}", one(t)),
            Some(Type::Option(t)) => format!("option {}", one(t)),
            Some(Type::Tuple(ts)) => format!("({})", list(ts)),
            Some(Type::Nominal(def, args)) => {
                let name = layouts.defs().get(def.0 as usize);
                let name = name.map_or("?", |d| d.name.as_str());
                if args.is_empty() {
                    name.to_owned()
                } else {
                    format!("{name}[{}]", list(args))
                }
            }
            Some(Type::Fn { params, result }) => {
                let types: Vec<TypeId> = params.iter().map(|p| p.ty).collect();
                format!("fn({}) -> {}", list(&types), one(result))
            }
            Some(Type::Host(name)) => format!("host {name}"),
            Some(Type::Param(n)) => format!("parameter {n}"),
        }
    }
    go(layouts, ty, 0)
}

/// Checks both tables, lays out every closed type and finds out about their inline parts.
pub(super) fn check(package: &Package) -> Check<(Layouts, HashMap<TypeId, Inline>)> {
    if package.types.len() > limits::TYPES || package.defs.len() > limits::TYPES {
        return fault(Rule::Limit, "more types than a package may have");
    }
    // Per type, one more than the greatest type parameter it mentions: 0 if it is closed.
    let mut open: Vec<u32> = Vec::with_capacity(package.types.len());
    let mut known = HashSet::with_capacity(package.types.len());
    for (index, ty) in package.types.iter().enumerate() {
        if !known.insert(ty) {
            return fault(
                Rule::Form,
                format!("type {index} stands in the table twice"),
            );
        }
        open.push(check_type(package, &open, index, ty)?);
    }
    for index in 0..package.defs.len() {
        check_def(package, &open, index)?;
    }
    let mut layouts = Layouts::new(&package.types, &package.defs);
    // Laying out a type can add the types of its parts, with arguments filled in; these are closed.
    let mut index = 0;
    while index < layouts.len() {
        if open.get(index).is_none_or(|params| *params == 0) {
            let made = layouts.layout(TypeId(index as u32)).map(|_| ());
            if let Err(error) = made {
                return fault(Rule::Form, format!("type {index}: {error}"));
            }
        }
        index += 1;
    }
    let mut known = HashMap::new();
    for index in 0..layouts.len() as u32 {
        if inline(&layouts, &mut known, TypeId(index)).nesting > limits::REGION_DEPTH {
            let text = format!("the inline parts of type {index} nest too deeply");
            return fault(Rule::Limit, text);
        }
    }
    check_keys(&mut layouts, &open)?;
    Ok((layouts, known))
}

/// Checks one entry of the type table; gives how many type parameters it needs.
fn check_type(package: &Package, open: &[u32], index: usize, ty: &Type) -> Check<u32> {
    let mut needed = 0;
    let mut part = |id: &TypeId| -> Check {
        let Some(params) = open.get(id.0 as usize) else {
            return fault(
                Rule::Form,
                format!(
                    "type {index} mentions type {}, which is not before it",
                    id.0
                ),
            );
        };
        needed = needed.max(*params);
        Ok(())
    };
    match ty {
        Type::List(t) | Type::Set(t) | Type::Option(t) => part(t)?,
        Type::Map(k, v) => {
            part(k)?;
            part(v)?;
        }
        Type::Tuple(ts) => {
            ts.iter().try_for_each(&mut part)?;
            if ts.len() < 2 {
                return fault(
                    Rule::Form,
                    format!("type {index} is a tuple of less than two parts"),
                );
            }
        }
        Type::Nominal(def, args) => {
            args.iter().try_for_each(&mut part)?;
            match package.defs.get(def.0 as usize) {
                Some(known) if known.params as usize == args.len() => {}
                Some(known) => {
                    let text = format!(
                        "type {index} gives {} type arguments to `{}`, which has {} parameters",
                        args.len(),
                        known.name,
                        known.params
                    );
                    return fault(Rule::Form, text);
                }
                None => {
                    let text = format!(
                        "type {index} mentions definition {}, which is not there",
                        def.0
                    );
                    return fault(Rule::Form, text);
                }
            }
        }
        Type::Fn { params, result } => {
            if params.len() > limits::PARAMETERS {
                return fault(Rule::Limit, format!("type {index} has too many parameters"));
            }
            params.iter().try_for_each(|p| part(&p.ty))?;
            part(result)?;
        }
        Type::Param(n) => needed = n.saturating_add(1),
        Type::I64
        | Type::F64
        | Type::Bool
        | Type::Char
        | Type::Unit
        | Type::String
        | Type::Bytes
        | Type::Range
        | Type::Host(_) => {}
    }
    check_capability_parts(package, index, ty)?;
    Ok(needed)
}

/// Rule 8 for types: a capability is part of none, except as a parameter of a function type.
fn check_capability_parts(package: &Package, index: usize, ty: &Type) -> Check {
    let capability = |id: &TypeId| matches!(package.types.get(id.0 as usize), Some(Type::Host(name)) if name != REQUEST);
    let stored = match ty {
        Type::List(t) | Type::Set(t) | Type::Option(t) => capability(t),
        Type::Map(k, v) => capability(k) || capability(v),
        Type::Tuple(ts) | Type::Nominal(_, ts) => ts.iter().any(capability),
        Type::Fn { params, result } => {
            if params.iter().any(|p| p.mutable && capability(&p.ty)) {
                let text = format!(
                    "type {index} has a mutable capability as parameter; capabilities are always lent"
                );
                return fault(Rule::Capability, text);
            }
            capability(result)
        }
        _ => false,
    };
    if stored {
        return fault(
            Rule::Capability,
            format!("type {index} has a capability as a part, argument or result"),
        );
    }
    Ok(())
}

/// Checks one definition.
fn check_def(package: &Package, open: &[u32], index: usize) -> Check {
    let def = &package.defs[index];
    let variants: Vec<&[_]> = match &def.shape {
        Shape::Product(fields) => vec![fields],
        Shape::Sum(variants) => variants.iter().map(|v| v.fields.as_slice()).collect(),
    };
    if variants.is_empty() || variants.len() > VARIANTS {
        let text = format!("sum `{}` has {} variants", def.name, variants.len());
        return fault(Rule::Form, text);
    }
    for field in variants.into_iter().flatten() {
        let ty = field.ty.0 as usize;
        match open.get(ty) {
            None => {
                let text = format!(
                    "field `{}` of `{}` has type {ty}, which is not there",
                    field.name, def.name
                );
                return fault(Rule::Form, text);
            }
            Some(params) if *params > def.params => {
                let text = format!(
                    "field `{}` of `{}` mentions a type parameter that the definition does not have",
                    field.name, def.name
                );
                return fault(Rule::Form, text);
            }
            Some(_) => {}
        }
        if matches!(&package.types[ty], Type::Host(name) if name != REQUEST) {
            let text = format!("field `{}` of `{}` is a capability", field.name, def.name);
            return fault(Rule::Capability, text);
        }
    }
    Ok(())
}

/// Keys of maps and sets are hashed and compared by the engine, so they contain nothing that has no hash: no
/// function, map, set or handle. Found backwards from those, so that each type is visited once.
fn check_keys(layouts: &mut Layouts, open: &[u32]) -> Check {
    let count = layouts.len();
    let mut contained_in: Vec<Vec<u32>> = vec![Vec::new(); count];
    let mut reached: Vec<bool> = vec![false; count];
    let mut todo: Vec<u32> = Vec::new();
    for id in (0..count as u32).map(TypeId) {
        let index = id.0 as usize;
        if open.get(index).is_some_and(|params| *params > 0) {
            continue;
        }
        match layouts.get(id) {
            Some(Type::Fn { .. } | Type::Map(..) | Type::Set(_) | Type::Host(_)) => {
                reached[index] = true;
                todo.push(id.0);
            }
            Some(Type::List(t)) => contained_in[t.0 as usize].push(id.0),
            _ => match layouts.parts(id) {
                // Laid out already, so this adds no types.
                Ok(rows) => rows
                    .iter()
                    .flatten()
                    .for_each(|part| contained_in[part.0 as usize].push(id.0)),
                Err(error) => return fault(Rule::Form, format!("type {index}: {error}")),
            },
        }
    }
    while let Some(index) = todo.pop() {
        for container in std::mem::take(&mut contained_in[index as usize]) {
            if !std::mem::replace(&mut reached[container as usize], true) {
                todo.push(container);
            }
        }
    }
    for index in 0..count as u32 {
        if let Some(Type::Map(key, _) | Type::Set(key)) = layouts.get(TypeId(index))
            && reached[key.0 as usize]
        {
            let text = format!(
                "type {index} has keys of type {}, which contains a function, map, set or handle",
                show(layouts, *key)
            );
            return fault(Rule::Form, text);
        }
    }
    Ok(())
}
