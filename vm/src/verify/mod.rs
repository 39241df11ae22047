//! The verifier: decides whether a package may run. After it, engines trust types, ownership and uniqueness,
//! and test at run time only what values decide.
//!
//! One pass over each function with a stack of open regions; no fixpoint. The tables come first
//! (`tables`), then signatures and entry points (`signatures`), then bodies (`pass`, `regions`, `exits`,
//! `values`, `paths`, `memory`, `ops`, `calls`). For each value the pass keeps its type and one of:
//!
//! ```text
//!   copy                              scalars and inline aggregates of scalars
//!   owned (live, unique slots, hole)  consumed exactly once on each path
//!   borrowed (root, own slots)        usable while the root is live; which of the root's own slots it may
//!                                     be, none if it lies behind a reference
//!   capability                        a parameter of type `host I` other than `host request`
//! ```
//!
//! The rules, numbered as in BYTECODE.md, section 4, with what that page leaves open:
//!
//! 1. **Form.** Types are unique, name earlier types, are closed where a body uses them, have a layout, and
//!    do not grow without end when arguments are filled in; keys of maps and sets contain no map, set,
//!    function or handle. Operands are defined in an enclosing region and have the type the instruction
//!    wants. Every arm ends with a terminator and a terminator stands nowhere else; an `if` has both arms, a
//!    `switch` one per variant. `exit` cannot leave the function, `next` names a loop. Only traps of a
//!    program's own may be raised, not those of the machine (fuel, memory, stack, limits of the host).
//!    `open` names a variant, but does not prove that it is the one: engines test the tag and trap
//!    `WrongVariant`.
//! 2. **Once.** An owned value is consumed exactly once on each path. One defined outside a loop may be
//!    consumed inside it only on a way that leaves the loop: at `next`, all that were live at the loop's head
//!    are live. At `exit` and `next` every owned value defined in the regions that are left is consumed or
//!    passed on; all exits of a region consumed the same values from outside it, those of a `for` none, since
//!    it may also end by itself; at `ret` no owned value is left; at `trap` nothing is required. After a
//!    region that nobody leaves (what follows cannot be reached) values are as when it was opened; compilers
//!    put `trap Unreachable` there.
//! 3. **Borrow.** A borrowed value is used only while its root is live. An instruction that consumes a value
//!    does not look at it, or at what is borrowed from it, with another operand.
//! 4. **Call.** The same for calls: nothing is lent whose root is given away by the same call.
//! 5. **Unique.** One flag per own slot that can hold a reference (slot kinds `Ref`, `OptionRef`, `Raw`).
//!    A flag says: whatever cell the slot refers to now, nothing else refers to it, and it is no
//!    constant; it holds for a slot that holds no reference.
//!    - Set by: `new` of a cell, results of plain operations, `closure`, answers of the host, `unique`. Parts
//!      moved into an inline aggregate keep their flags, and `open` and `take` out of it give them back.
//!    - Not set: constants, parameters, results of calls, what `open` moves out of a cell, what an update or
//!      `take` removes from a cell.
//!    - Ended, on the root: by `dup`, by passing as `borrow`, and by `list.filled`, which takes many owners.
//!    - Needed by: `set`, `update`, `take` on the slot where the path follows its first reference; an
//!      operation on a string, bytes, list, map or set follows the reference to it.
//!    - Inside a loop, nothing is known of values from outside it; `unique` finds out.
//!    - At a join a flag is kept if all ways that reach the join kept it; a way round a loop counts for all
//!      ways out of it.
//!
//!    What a `look` parameter's own slots hold is never `dup`ed nor passed on except as `look`.
//! 6. **Region.** Parameters and results of a region are copy exactly if their type is, owned (the operand
//!    has at least the flags declared), or borrowed from a root defined outside the region; the root
//!    itself may stand where a value borrowed from it is wanted. Holes and capabilities do not pass.
//! 7. **Hole.** After `take` a value can only be dropped, or be the operand of `put` with a path equal
//!    step by step and value number by value number. Only owned things are taken, with a path that is not empty.
//! 8. **Capability.** Parameters of functions and of function types, mode `borrow`; operands of `call`,
//!    `call.value` and `host.call`. Part of no type, result of nothing, captured by nothing. An entry point's
//!    parameters are the capabilities it declares, its result is `bytes`.
//! 9. Imports: packages have none yet.
//! 10. **Limit.** Region depth, values, instructions, parameters, sizes of tables. Frame sizes and region depths
//!     are computed here and given out in [`Verified`].

mod calls;
mod error;
mod exits;
mod memory;
mod ops;
mod pass;
mod paths;
mod regions;
mod signatures;
mod tables;
#[cfg(test)]
mod tests;
mod values;

pub use error::{Rule, VerifyError};

use cop_bytecode::{Layouts, Package, TypeId};

/// What is known of a package that may run.
#[derive(Clone, Debug)]
pub struct Verified {
    /// Types with their layouts: those of the package under their own numbers, then those that results of
    /// instructions have besides (`Option` of an element and the like). All closed ones are laid out.
    pub layouts: Layouts,
    /// Per function of the package.
    pub functions: Vec<FunctionFacts>,
}

/// What is known of a function.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FunctionFacts {
    /// The most slots of values in scope at any point; values leave scope with their region (or arm).
    pub frame_slots: u32,
    /// What a call takes from the stack limit, bytes: 32 and 8 per slot.
    pub frame_bytes: u64,
    /// How many regions are open at the deepest point, the body not counted.
    pub region_depth: u32,
    /// The type of each value, in order of number.
    pub value_types: Vec<TypeId>,
}

/// Decides whether the package may run. Never panics; takes time linear in the package's size (and, for what
/// happens inside regions to values from outside them, in the depth of the regions, at most 255).
///
/// # Errors
/// The first rule found broken.
pub fn verify(package: &Package) -> Result<Verified, VerifyError> {
    let (mut layouts, mut inline) = tables::check(package).map_err(|f| f.at(None, None))?;
    signatures::check(package, &layouts)?;
    let mut functions = Vec::with_capacity(package.functions.len());
    let mut room = pass::Room::default();
    for index in 0..package.functions.len() {
        let facts = pass::check(package, &mut layouts, &mut inline, &mut room, index)?;
        functions.push(facts);
    }
    Ok(Verified { layouts, functions })
}
