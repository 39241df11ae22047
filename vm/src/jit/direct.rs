//! Instructions on cells that machine code calls with their operands in registers: the interpreter's own functions,
//! without a frame in memory and without looking up what is known when the code is made.

#![allow(unsafe_code)] // Pointers that machine code passes.

use super::context::Context;
use super::outside::{ENDED, outside};
use crate::interpret::Interpreter;
use crate::machine::Machine;
use crate::memory::Ref;
use crate::text;

/// Does `work` with the run's machine; what it gives is never [`ENDED`].
#[inline]
fn with(context: *mut Context, work: impl FnOnce(&mut Machine) -> crate::machine::Run<u64>) -> u64 {
    outside(context, ENDED, |interpreter| work(&mut interpreter.machine))
}

/// Words of a frame of machine code.
fn words<'a>(at: *const u64, count: u64) -> &'a [u64] {
    // SAFETY: machine code passes the address of a part of its own frame with so many words, and goes on only when the
    // function that it calls has returned, which is when this is used no more.
    unsafe { std::slice::from_raw_parts(at, count as usize) }
}

/// `string.slice`.
pub extern "C" fn string_slice(context: *mut Context, cell: u64, from: u64, to: u64) -> u64 {
    outside(context, ENDED, |interpreter| {
        let Interpreter {
            machine, program, ..
        } = interpreter;
        let content = machine.heap.text(cell as Ref);
        let (from, to) = text::check_text_range(content, from as i64, to as i64)?;
        let part = machine.part(program.string, cell as Ref, from, to)?;
        Ok(u64::from(part))
    })
}

/// `bytes.slice`.
pub extern "C" fn bytes_slice(context: *mut Context, cell: u64, from: u64, to: u64) -> u64 {
    outside(context, ENDED, |interpreter| {
        let Interpreter {
            machine, program, ..
        } = interpreter;
        let length = machine.heap.length(cell as Ref) as usize;
        let (from, to) = text::check_range(from as i64, to as i64, length)?;
        let part = machine.part(program.bytes, cell as Ref, from, to)?;
        Ok(u64::from(part))
    })
}

/// `string.to_bytes`.
pub extern "C" fn string_to_bytes(context: *mut Context, cell: u64) -> u64 {
    outside(context, ENDED, |interpreter| {
        let Interpreter {
            machine, program, ..
        } = interpreter;
        let length = machine.heap.length(cell as Ref) as usize;
        let part = machine.part(program.bytes, cell as Ref, 0, length)?;
        Ok(u64::from(part))
    })
}

/// Tests the arguments of `text.append_slice`, as is done before its place is looked for.
pub extern "C" fn check_slice(context: *mut Context, other: u64, from: u64, to: u64) -> u64 {
    with(context, |machine| {
        let content = machine.heap.text(other as Ref);
        text::check_text_range(content, from as i64, to as i64).map(|_| 0)
    })
}

/// Appends a part of a sequence of bytes to another; pays for it.
pub extern "C" fn append_part(
    context: *mut Context,
    cell: u64,
    other: u64,
    from: u64,
    count: u64,
) -> u64 {
    with(context, |machine| {
        let cell = machine.append_part(cell as Ref, other as Ref, from as u32, count as u32)?;
        Ok(u64::from(cell))
    })
}

/// `text.append_i64`.
pub extern "C" fn append_i64(context: *mut Context, cell: u64, number: u64) -> u64 {
    with(context, |machine| {
        machine
            .append_i64(cell as Ref, number as i64)
            .map(u64::from)
    })
}

/// `text.push`.
pub extern "C" fn push_char(context: *mut Context, cell: u64, code: u64) -> u64 {
    with(context, |machine| {
        let character = char::from_u32(code as u32).unwrap_or(char::REPLACEMENT_CHARACTER);
        let mut room = [0; 4];
        let bytes = character.encode_utf8(&mut room).as_bytes();
        machine.append(cell as Ref, bytes, true).map(u64::from)
    })
}

/// Pays for one more element of a sequence and makes room for it.
pub extern "C" fn room_for_one(context: *mut Context, cell: u64, stride: u64) -> u64 {
    with(context, |machine| {
        let cell = cell as Ref;
        machine.check_count(u64::from(machine.heap.length(cell)) + 1)?;
        machine.pay_bytes(stride)?;
        machine.grow(cell, 1, stride as u32).map(u64::from)
    })
}

/// `string.char_at`.
pub extern "C" fn char_at(context: *mut Context, cell: u64, at: u64) -> u64 {
    with(context, |machine| {
        let found = text::char_at(machine.heap.text(cell as Ref), at as i64)?;
        Ok(u64::from(u32::from(found)))
    })
}

/// How two sequences of bytes compare, as -1, 0 or 1.
pub extern "C" fn compare(context: *mut Context, left: u64, right: u64) -> u64 {
    // The answer is passed on with 1 added: -1 says that the run ends.
    with(context, |machine| {
        let heap = &machine.heap;
        let order = heap.text(left as Ref).cmp(heap.text(right as Ref));
        Ok(order as i64 as u64).map(|order: u64| order.wrapping_add(1))
    })
}

/// Whether two sequences of bytes are equal.
pub extern "C" fn equal(context: *mut Context, left: u64, right: u64) -> u64 {
    with(context, |machine| {
        let heap = &machine.heap;
        Ok(u64::from(heap.text(left as Ref) == heap.text(right as Ref)))
    })
}

/// A new map or set.
pub extern "C" fn new_table(context: *mut Context, ty: u64) -> u64 {
    with(context, |machine| match machine.heap.new_table(ty as u32) {
        Ok(cell) => Ok(u64::from(cell)),
        Err(why) => machine.no_room(why),
    })
}

/// `map.find` and `set.find`: the entry's number plus 1, or 0.
pub extern "C" fn table_find(context: *mut Context, cell: u64, key: *const u64, count: u64) -> u64 {
    with(context, |machine| {
        let found = machine.table_find(cell as Ref, words(key, count))?;
        Ok(found.map_or(0, |entry| u64::from(entry) + 1))
    })
}

/// The address of the value under a key.
pub extern "C" fn table_step(context: *mut Context, cell: u64, key: *const u64, count: u64) -> u64 {
    with(context, |machine| {
        machine
            .table_step(cell as Ref, words(key, count))
            .map(u64::from)
    })
}

/// `map.put` and `set.insert`: the cell, and in the upper half whether the key was new. `counts` has the number of slots of
/// the key, and in the upper half that of the value.
pub extern "C" fn table_put(
    context: *mut Context,
    cell: u64,
    key: *const u64,
    value: *const u64,
    counts: u64,
) -> u64 {
    with(context, |machine| {
        let (key, value) = (words(key, counts & 0xffff_ffff), words(value, counts >> 32));
        let (cell, new) = machine.table_put(cell as Ref, key, value)?;
        Ok(u64::from(new) << 32 | u64::from(cell))
    })
}

/// `map.next` and `set.next`: the entry's number plus 1, or 0.
pub extern "C" fn table_next(context: *mut Context, cell: u64, from: u64) -> u64 {
    with(context, |machine| {
        let entry = machine.table_next(cell as Ref, from as i64)?;
        Ok((entry + 1) as u64)
    })
}

/// The address of an entry's key or value by its number; `which` is 1 for the value.
pub extern "C" fn table_entry(context: *mut Context, cell: u64, number: u64, which: u64) -> u64 {
    with(context, |machine| {
        let address = machine.table_entry(cell as Ref, number as i64, which == 1)?;
        Ok(u64::from(address))
    })
}

/// `string.skip_space` and `string.skip_word`, by `words` 0 or 1.
pub extern "C" fn skip(context: *mut Context, cell: u64, from: u64, words: u64) -> u64 {
    with(context, |machine| {
        machine.skip(cell as Ref, from as i64, words == 1)
    })
}
