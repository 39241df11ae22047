//! What each instruction of a body charges with its block, before sizes are known (BYTECODE.md, section 6).
//!
//! - An instruction costs its class in [`crate::table`], and each step of its path [`cost::STEP`], save fields
//!   of inline products and payloads, which are free; a key costs a map operation.
//! - `new` costs an allocation if it makes a cell: its size is known here, so all of it is charged here.
//! - `for` charges [`cost::LOOP_START`] where it stands; its price is part of its head block, at each turn.
//! - What is free is not for nothing: of constants and of words that are moved, [`cost::FREE_RUN`] cost 1 together, counted
//!   from the last branch or head of a loop on. So no program does much for nothing, however it is written.
//! - What depends on sizes comes on top when the instruction runs, before it works: [`cost::per_16_bytes`] of
//!   what it touches, of what it moves when a cell grows, and of a cell that an update copies.

use crate::cost::{self, Cost, per_16_bytes};
use crate::instr::{Function, Instr, Step, Value};
use crate::layout::{LayoutError, Layouts, SEQUENCE_HEADER, TABLE_HEADER};
use crate::package::Package;
use crate::table::OPCODES;
use crate::types::{Type, TypeId};
use crate::typing::{self, follows_reference, step_type};

/// Per instruction of a function of the package, its charge; for a `for`, its charge per turn.
///
/// # Errors
/// When types or operands do not exist.
pub fn charges(package: &Package, function: u32) -> Result<Vec<u64>, LayoutError> {
    let function = package
        .functions
        .get(function as usize)
        .ok_or(LayoutError::Unknown)?;
    let mut layouts = Layouts::new(&package.types, &package.defs);
    let values = typing::value_types(package, &mut layouts, function)?;
    body_charges(package, &mut layouts, &values, function)
}

/// The same, given the types of the function's values.
///
/// # Errors
/// When types or operands do not exist.
pub fn body_charges(
    package: &Package,
    layouts: &mut Layouts,
    values: &[TypeId],
    function: &Function,
) -> Result<Vec<u64>, LayoutError> {
    let mut charges = Vec::with_capacity(function.body.len());
    // What is free so far, and what it was where each open branch or loop began; none for plain blocks.
    let mut free = 0;
    let mut regions: Vec<Option<u64>> = Vec::new();
    for instr in &function.body {
        let mut sum = charge(package, layouts, values, instr)?;
        free += moved(layouts, values, instr)?;
        // The charge of a `for` is that of its turns.
        if !matches!(instr, Instr::For { .. }) {
            sum += free / cost::FREE_RUN;
            free %= cost::FREE_RUN;
        }
        match instr {
            Instr::Block { .. } => regions.push(None),
            Instr::If { .. } | Instr::Switch { .. } | Instr::Loop { .. } | Instr::For { .. } => {
                regions.push(Some(free));
                free = 0;
            }
            Instr::Else | Instr::Arm => free = 0,
            Instr::End => {
                if let Some(Some(before)) = regions.pop() {
                    free = before;
                }
            }
            _ => {}
        }
        charges.push(sum);
    }
    Ok(charges)
}

/// Constants, and words that an instruction moves besides what its price is for.
fn moved(layouts: &mut Layouts, values: &[TypeId], instr: &Instr) -> Result<u64, LayoutError> {
    let mut width = |values_moved: &[Value]| {
        let mut words = 0;
        for value in values_moved {
            let ty = *values.get(value.0 as usize).ok_or(LayoutError::Unknown)?;
            words += layouts.layout(ty)?.slots.len() as u64;
        }
        Ok(words)
    };
    match instr {
        Instr::ConstI64(_) | Instr::ConstF64(_) | Instr::ConstBool(_) | Instr::ConstChar(_) => {
            Ok(1)
        }
        Instr::Exit { values, .. } | Instr::Next { values, .. } | Instr::Ret { values } => {
            width(values)
        }
        Instr::Loop { start, .. } | Instr::For { start, .. } => width(start),
        Instr::New { parts, .. } => width(parts),
        Instr::Closure { captures, .. } => width(captures),
        Instr::Call { args, .. } | Instr::CallValue { args, .. } => width(args),
        _ => Ok(0),
    }
}

/// Per instruction that begins a block, what the block charges when it is entered; `charges` are those of the
/// instructions. What a `for` charges belongs to its head, at each turn.
pub fn blocks(body: &[Instr], charges: &[u64]) -> Vec<u64> {
    let mut blocks = vec![0; body.len() + 1];
    for ((instr, (at, start)), charge) in body.iter().zip(starts(body)).zip(charges) {
        blocks[start as usize] += charge;
        blocks[at as usize] += start_charge(instr);
    }
    blocks
}

/// What an instruction charges with the block that it stands in, besides its charge: the start of a loop.
pub fn start_charge(instr: &Instr) -> u64 {
    match instr {
        Instr::Loop { .. } | Instr::For { .. } => cost::LOOP_START,
        _ => 0,
    }
}

/// Per instruction, the one that begins the block which it stands in, and the one that begins the block which its charge
/// belongs to: of a `for` its head, else the same.
pub fn starts(body: &[Instr]) -> Vec<(u32, u32)> {
    let mut start = 0;
    let mut starts = Vec::with_capacity(body.len());
    for (at, instr) in body.iter().enumerate() {
        let next = at as u32 + 1;
        match instr {
            Instr::For { .. } => {
                starts.push((start, next));
                start = next;
            }
            Instr::Block { .. }
            | Instr::If { .. }
            | Instr::Switch { .. }
            | Instr::Loop { .. }
            | Instr::Else
            | Instr::Arm
            | Instr::End => {
                starts.push((start, start));
                start = next;
            }
            _ => starts.push((start, start)),
        }
    }
    starts
}

/// The charge of one instruction alone, given the types of its function's values.
///
/// # Errors
/// When types or operands do not exist.
fn charge(
    package: &Package,
    layouts: &mut Layouts,
    values: &[TypeId],
    instr: &Instr,
) -> Result<u64, LayoutError> {
    let mut path = |value: &Value, steps: &[Step]| {
        let ty = *values.get(value.0 as usize).ok_or(LayoutError::Unknown)?;
        path_charge(layouts, ty, steps)
    };
    Ok(match instr {
        Instr::Op { op, .. } => op.row().cost.base(),
        Instr::Update {
            op,
            value,
            path: steps,
            ..
        } => op.row().cost.base() + path(value, steps)?,
        Instr::Get { value, path: steps } => path(value, steps)?,
        Instr::Set {
            value, path: steps, ..
        }
        | Instr::Take { value, path: steps }
        | Instr::Put {
            value, path: steps, ..
        } => base(instr) + path(value, steps)?,
        Instr::New { ty, variant, parts } => {
            match cell_size(layouts, *ty, *variant, parts.len())? {
                Some(size) => Cost::Allocate.base() + per_16_bytes(size),
                None => 0,
            }
        }
        Instr::Closure { function, .. } => {
            let callee = package
                .functions
                .get(*function as usize)
                .ok_or(LayoutError::Unknown)?;
            Cost::Allocate.base() + per_16_bytes(closure_size(layouts, callee)?)
        }
        _ => base(instr),
    })
}

/// The class price of a structural instruction.
fn base(instr: &Instr) -> u64 {
    use crate::table::opcode as o;
    let code = match instr {
        Instr::Const(_) => o::Const,
        Instr::If { .. } => o::If,
        Instr::Switch { .. } => o::Switch,
        Instr::For { .. } => o::For,
        Instr::Next { .. } => o::Next,
        Instr::Ret { .. } => o::Ret,
        Instr::Trap { .. } => o::Trap,
        Instr::Set { .. } => o::Set,
        Instr::Take { .. } => o::Take,
        Instr::Put { .. } => o::Put,
        Instr::Dup(_) => o::Dup,
        Instr::Drop(_) => o::Drop,
        Instr::Unique { .. } => o::Unique,
        Instr::Open { .. } => o::Open,
        Instr::Tag(_) => o::Tag,
        Instr::Call { .. } => o::Call,
        Instr::CallValue { .. } => o::CallValue,
        Instr::HostCall { .. } => o::HostCall,
        // Constants that are slots, region markers, and what `charge` has dealt with.
        _ => return 0,
    };
    OPCODES
        .iter()
        .find(|row| row.0 == code)
        .map_or(0, |row| row.2.base())
}

fn path_charge(layouts: &mut Layouts, ty: TypeId, path: &[Step]) -> Result<u64, LayoutError> {
    let (mut ty, mut variant, mut sum) = (ty, 0, 0);
    for step in path {
        sum += match step {
            Step::Field(_) if !follows_reference(layouts, ty)? => 0,
            Step::Key(_) => Cost::Map.base() + Cost::Copy.base(),
            _ => cost::STEP,
        };
        ty = step_type(layouts, ty, &mut variant, *step)?;
    }
    Ok(sum)
}

/// The size of the cell that `new` makes, header included; none if it makes no cell.
///
/// # Errors
/// When the type has no layout or no such variant.
pub fn cell_size(
    layouts: &mut Layouts,
    ty: TypeId,
    variant: u32,
    parts: usize,
) -> Result<Option<u64>, LayoutError> {
    let known = layouts.get(ty).ok_or(LayoutError::Unknown)?.clone();
    Ok(match known {
        Type::List(item) => {
            let stride = u64::from(layouts.layout(item)?.size);
            Some(u64::from(SEQUENCE_HEADER) + stride * parts as u64)
        }
        Type::Map(..) | Type::Set(_) => Some(u64::from(TABLE_HEADER)),
        _ => {
            let layout = layouts.layout(ty)?;
            let pinned = parts == 0
                && variant < PINNED
                && matches!(layout.body, crate::layout::Body::Sum { .. });
            match layout.cell_sizes.get(variant as usize) {
                Some(size) if !pinned => Some(u64::from(*size)),
                _ => None,
            }
        }
    })
}

/// How many payload-less variants of boxed sums have a pinned cell in every arena: those with the lowest tags.
pub const PINNED: u32 = 256;

/// The size of a closure's cell: header, function index, captures.
///
/// # Errors
/// When a capture has no layout.
pub fn closure_size(layouts: &mut Layouts, callee: &Function) -> Result<u64, LayoutError> {
    let captures: Vec<TypeId> = callee
        .params
        .iter()
        .take(callee.captures as usize)
        .map(|p| p.ty)
        .collect();
    Ok(u64::from(layouts.closure(&captures)?.1))
}
