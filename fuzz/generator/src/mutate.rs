//! Changed packages, which may be refused.

use cop_bytecode::{Function, Instr, Mode, Own, Package, Step, TypeId, Value, ValueType};

use crate::Choices;

/// Changes a package in some places: instructions, operands, types, flags of owners, modes of parameters. What comes of it may be
/// refused, which most of it is; what is not is a program that nobody would write.
pub fn mutate(package: &mut Package, choices: &mut Choices) {
    for _ in 0..1 + choices.below(3) {
        let count = package.functions.len();
        let donor = package.functions[choices.below(count)].body.clone();
        let (types, hosts) = (package.types.len(), package.host_functions.len());
        let at = choices.below(count);
        let function = &mut package.functions[at];
        match choices.below(10) {
            0 => {
                let at = choices.below(function.params.len());
                if let Some(param) = function.params.get_mut(at) {
                    param.mode =
                        [Mode::Borrow, Mode::Look, Mode::Own, Mode::InOut][choices.below(4)];
                }
            }
            1 => {
                // An instruction of another function.
                let from = choices.below(donor.len());
                let to = choices.below(function.body.len() + 1);
                function.body.insert(to, donor[from].clone());
            }
            2 => {
                let at = choices.below(function.body.len());
                function.body.remove(at);
            }
            3 => {
                let (one, other) = (
                    choices.below(function.body.len()),
                    choices.below(function.body.len()),
                );
                function.body.swap(one, other);
            }
            4 => {
                let at = choices.below(function.body.len());
                let copy = function.body[at].clone();
                function.body.insert(at, copy);
            }
            _ => operand(function, types, count, hosts, choices),
        }
    }
}

/// Changes one operand of an instruction.
fn operand(
    function: &mut Function,
    types: usize,
    functions: usize,
    hosts: usize,
    choices: &mut Choices,
) {
    let at = choices.below(function.body.len());
    let Some(instr) = function.body.get_mut(at) else {
        return;
    };
    let mut values: Vec<&mut Value> = vec![];
    let mut declared: Vec<&mut ValueType> = vec![];
    match instr {
        Instr::ConstI64(number) => {
            *number = match choices.below(3) {
                0 => number.wrapping_add(1),
                1 => number.wrapping_neg(),
                _ => choices.up_to(u64::MAX) as i64,
            };
            return;
        }
        Instr::ConstBool(truth) => *truth = !*truth,
        Instr::Const(index) => *index = choices.below(12) as u32,
        Instr::Block { results } => declared.extend(results.iter_mut()),
        Instr::If { condition, results } => {
            values.push(condition);
            declared.extend(results.iter_mut());
        }
        Instr::Switch { value, results } => {
            values.push(value);
            declared.extend(results.iter_mut());
        }
        Instr::Loop {
            start,
            params,
            results,
        } => {
            values.extend(start.iter_mut());
            declared.extend(params.iter_mut());
            declared.extend(results.iter_mut());
        }
        Instr::For {
            from,
            to,
            start,
            params,
        } => {
            values.extend([from, to]);
            values.extend(start.iter_mut());
            declared.extend(params.iter_mut());
        }
        Instr::Exit {
            depth,
            values: given,
        }
        | Instr::Next {
            depth,
            values: given,
        } => {
            if choices.once_in(3) {
                *depth = choices.below(4) as u32;
            }
            values.extend(given.iter_mut());
        }
        Instr::Ret { values: given } => values.extend(given.iter_mut()),
        Instr::Trap {
            operand, message, ..
        } => {
            values.extend(operand.iter_mut());
            values.extend(message.iter_mut());
        }
        Instr::New { ty, variant, parts } => {
            match choices.below(4) {
                0 => *ty = TypeId(choices.below(types + 1) as u32),
                1 => *variant = choices.below(4) as u32,
                _ => {}
            }
            values.extend(parts.iter_mut());
        }
        Instr::Get { value, path } | Instr::Take { value, path } => {
            values.push(value);
            path.iter_mut().for_each(|step| self::step(step, choices));
        }
        Instr::Set { value, path, new } | Instr::Put { value, path, new } => {
            values.extend([value, new]);
            path.iter_mut().for_each(|step| self::step(step, choices));
        }
        Instr::Update {
            value, path, args, ..
        } => {
            values.push(value);
            values.extend(args.iter_mut());
            path.iter_mut().for_each(|step| self::step(step, choices));
        }
        Instr::Dup(value) | Instr::Drop(value) | Instr::Tag(value) => values.push(value),
        Instr::Unique { value, slot } => {
            if choices.once_in(2) {
                *slot = choices.below(4) as u32;
            }
            values.push(value);
        }
        Instr::Open { value, variant, .. } => {
            if choices.once_in(2) {
                *variant = choices.below(4) as u32;
            }
            values.push(value);
        }
        Instr::Op { args, .. } => values.extend(args.iter_mut()),
        Instr::Call { function, args } => {
            if choices.once_in(4) {
                *function = choices.below(functions + 1) as u32;
            }
            values.extend(args.iter_mut());
        }
        Instr::CallValue { callee, args, .. } => {
            values.push(callee);
            values.extend(args.iter_mut());
        }
        Instr::Closure {
            function, captures, ..
        } => {
            if choices.once_in(4) {
                *function = choices.below(functions + 1) as u32;
            }
            values.extend(captures.iter_mut());
        }
        Instr::HostCall {
            function, argument, ..
        } => {
            if choices.once_in(4) {
                *function = choices.below(hosts + 1) as u32;
            }
            values.push(argument);
        }
        _ => return,
    }
    if choices.once_in(3) && !declared.is_empty() {
        let at = choices.below(declared.len());
        let declared = &mut declared[at];
        match choices.below(3) {
            0 => declared.ty = TypeId(choices.below(types + 1) as u32),
            1 => {
                declared.own = match declared.own {
                    Own::Owned { unique } => Own::Owned {
                        unique: unique ^ 1 << choices.below(4),
                    },
                    _ => Own::Owned { unique: 0 },
                }
            }
            _ => {
                declared.own = match choices.below(2) {
                    0 => Own::Copy,
                    _ => Own::Borrowed {
                        root: Value(choices.below(20) as u32),
                    },
                }
            }
        }
    } else if !values.is_empty() {
        let at = choices.below(values.len());
        let value = &mut values[at];
        value.0 = value.0.saturating_sub(3) + choices.below(7) as u32;
    }
}

fn step(step: &mut Step, choices: &mut Choices) {
    if !choices.once_in(4) {
        return;
    }
    match step {
        Step::Field(number) | Step::Variant(number) => *number = choices.below(4) as u32,
        Step::Index(value) | Step::Key(value) | Step::EntryKey(value) | Step::EntryValue(value) => {
            value.0 = value.0.saturating_sub(2) + choices.below(5) as u32;
        }
    }
}
