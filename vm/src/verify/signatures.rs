//! Signatures of functions and entry points (rules 1, 8, 10).

use cop_bytecode::{Function, Layouts, Mode, Package, Type, TypeId, limits};

use super::error::{Check, Rule, VerifyError, fault};
use super::tables::{is_capability, show};

/// Checks all signatures, so that calls can rely on them before the callee's body is looked at.
pub(super) fn check(package: &Package, layouts: &Layouts) -> Result<(), VerifyError> {
    if package.functions.len() > limits::FUNCTIONS {
        let text = "more functions than a package may have";
        return fault(Rule::Limit, text).map_err(|f| f.at(None, None));
    }
    for (index, function) in package.functions.iter().enumerate() {
        check_function(package, layouts, function).map_err(|f| f.at(Some(index as u32), None))?;
    }
    check_entries(package, layouts).map_err(|f| f.at(None, None))
}

/// A type that values can have: in the table and closed.
pub(super) fn check_closed(package: &Package, layouts: &Layouts, ty: TypeId) -> Check {
    // The layouts hold more types than the table, which a package must not name.
    let in_table = (ty.0 as usize) < package.types.len();
    if in_table && layouts.ready(ty).is_some() {
        return Ok(());
    }
    let text = match layouts.get(ty) {
        Some(_) if in_table => format!(
            "type {} ({}) mentions a type parameter",
            ty.0,
            show(layouts, ty)
        ),
        _ => format!("type {} is not in the table", ty.0),
    };
    fault(Rule::Form, text)
}

fn check_function(package: &Package, layouts: &Layouts, function: &Function) -> Check {
    if function.params.len() > limits::PARAMETERS {
        let text = format!(
            "{} parameters, at most {} are allowed",
            function.params.len(),
            limits::PARAMETERS
        );
        return fault(Rule::Limit, text);
    }
    if function.captures as usize > function.params.len() {
        return fault(Rule::Form, "more captures than parameters");
    }
    for (index, param) in function.params.iter().enumerate() {
        check_closed(package, layouts, param.ty)?;
        let name = || format!("parameter {index} ({})", show(layouts, param.ty));
        let copy = layouts.ready(param.ty).is_some_and(|l| l.copy);
        let captured = index < function.captures as usize;
        if is_capability(layouts, param.ty) && (param.mode != Mode::Borrow || captured) {
            let text = format!("{} is a capability: mode `borrow`, and no capture", name());
            return fault(Rule::Capability, text);
        }
        if captured && param.mode != Mode::Borrow {
            return fault(
                Rule::Form,
                format!("{} is a capture, whose mode is `borrow`", name()),
            );
        }
        if copy && matches!(param.mode, Mode::Look | Mode::Own) {
            let text = format!(
                "{} is of a copy type, whose modes are `borrow` and `inout`",
                name()
            );
            return fault(Rule::Form, text);
        }
    }
    check_closed(package, layouts, function.result)?;
    if is_capability(layouts, function.result) {
        return fault(Rule::Capability, "the result is a capability");
    }
    Ok(())
}

fn check_entries(package: &Package, layouts: &Layouts) -> Check {
    let bytes = layouts.find(&Type::Bytes);
    let mut before: Option<&str> = None;
    for entry in &package.entries {
        let name = &entry.name;
        if before.is_some_and(|before| before >= name.as_str()) {
            return fault(
                Rule::Form,
                format!("entry point `{name}` is not in order of name"),
            );
        }
        before = Some(name);
        let Some(function) = package.functions.get(entry.function as usize) else {
            return fault(
                Rule::Form,
                format!(
                    "entry point `{name}` names function {}, which is not there",
                    entry.function
                ),
            );
        };
        if function.captures != 0 {
            return fault(Rule::Form, format!("entry point `{name}` has captures"));
        }
        if Some(function.result) != bytes {
            let text = format!(
                "entry point `{name}` gives {}, not bytes",
                show(layouts, function.result)
            );
            return fault(Rule::Form, text);
        }
        let agree = function.params.len() == entry.capabilities.len()
            && function.params.iter().zip(&entry.capabilities).all(|(param, capability)| {
                param.mode == Mode::Borrow
                    && matches!(layouts.get(param.ty), Some(Type::Host(name)) if name == capability)
            });
        if !agree {
            let types: Vec<String> = function
                .params
                .iter()
                .map(|p| show(layouts, p.ty))
                .collect();
            let text = format!(
                "entry point `{name}` declares the capabilities [{}], but its parameters are [{}]; they are these, lent, in order",
                entry.capabilities.join(", "),
                types.join(", ")
            );
            return fault(Rule::Capability, text);
        }
    }
    Ok(())
}
