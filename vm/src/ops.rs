//! The operations that work on strings, bytes, lists, maps and sets: what [`crate::table`] of the treaty lists
//! beyond numbers. What each touches, and so charges by size, is said here.
//!
//! - Comparing: the shorter of both. Searching: what is searched, and what is sought. Slices, copies and
//!   conversions: the part. Skipping: what was skipped, by the byte. The other case: the text, by the byte and more.
//! - Appending: what is appended, by the byte if it is quoted; and what has to be moved when the cell grows.
//! - List insertion and removal: the elements that move. Maps and sets: see `table.rs`.

use cop_bytecode::cost::{CASE_PER_BYTE, PER_BYTE};
use cop_bytecode::{Op, TrapKind, UpdateOp};

use crate::flat::{OpPlan, UpdatePlan};
use crate::heap::SEQUENCE;
use crate::machine::{Machine, Run, internal, trap};
use crate::memory::Ref;
use crate::number;
use crate::path::check_byte;
use crate::program::Inner;
use crate::text::{self, Quoting, Source, as_text};
use crate::unicode;

impl<'p> Machine<'p> {
    /// One plain operation; its result goes to the slots from `d` on.
    pub fn op(&mut self, plan: &OpPlan, program: &'p Inner, frame: &mut [u64], d: u32) -> Run<()> {
        let slot = |i: usize| plan.args.get(i).map_or(0, |s| frame[*s as usize]);
        let cell = |i: usize| slot(i) as u32;
        let int = |i: usize| slot(i) as i64;
        let length = |machine: &Self, i: usize| u64::from(machine.heap.length(cell(i)));
        let shorter = |machine: &Self| length(machine, 0).min(length(machine, 1));
        let result = match plan.op {
            Op::I64Parse => {
                self.pay_bytes(length(self, 0))?;
                let parsed = number::parse_integer(self.heap.text(cell(0))).map(|n| [n as u64]);
                return self.option(
                    plan.ty,
                    parsed.as_ref().map(|p| &p[..]),
                    &mut frame[d as usize..],
                );
            }
            Op::F64ToI64Option => {
                let whole = number::to_integer(f64::from_bits(slot(0))).map(|n| [n as u64]);
                return self.option(
                    plan.ty,
                    whole.as_ref().map(|p| &p[..]),
                    &mut frame[d as usize..],
                );
            }
            Op::F64Parse => {
                self.pay_bytes(length(self, 0))?;
                let parsed = number::parse_float(self.heap.text(cell(0))).map(|f| [f.to_bits()]);
                return self.option(
                    plan.ty,
                    parsed.as_ref().map(|p| &p[..]),
                    &mut frame[d as usize..],
                );
            }
            Op::F64Format => {
                let text = number::format_float(f64::from_bits(slot(0)), int(1))?;
                u64::from(self.new_text(program.string, text.as_bytes())?)
            }
            Op::CharFromCode => {
                let code = u32::try_from(int(0)).ok().and_then(char::from_u32);
                let payload = code.map(|c| [u64::from(u32::from(c))]);
                return self.option(
                    plan.ty,
                    payload.as_ref().map(|p| &p[..]),
                    &mut frame[d as usize..],
                );
            }
            Op::CharToUpper | Op::CharToLower => {
                let c = char::from_u32(slot(0) as u32).unwrap_or(char::REPLACEMENT_CHARACTER);
                let mut mapped = String::new();
                match plan.op {
                    Op::CharToUpper => unicode::upper(c, &mut |c| mapped.push(c)),
                    _ => unicode::lower(c, &mut |c| mapped.push(c)),
                }
                self.pay(CASE_PER_BYTE * mapped.len() as u64)?;
                u64::from(self.new_text(program.string, mapped.as_bytes())?)
            }

            Op::StringLen | Op::BytesLen | Op::ListLen => length(self, 0),
            Op::StringEq | Op::BytesEq => {
                self.pay_bytes(shorter(self))?;
                u64::from(self.heap.text(cell(0)) == self.heap.text(cell(1)))
            }
            Op::StringCompare | Op::BytesCompare => {
                self.pay_bytes(shorter(self))?;
                self.heap.text(cell(0)).cmp(self.heap.text(cell(1))) as i64 as u64
            }
            Op::StringConcat => {
                let (left, right) = (length(self, 0), length(self, 1));
                self.check_count(left + right)?;
                self.pay_bytes(left + right)?;
                let joined = self.new_sequence(program.string, left + right, 1)?;
                let arena = &mut self.heap.arena;
                arena.copy(cell(0) + SEQUENCE, joined + SEQUENCE, left as u32);
                arena.copy(
                    cell(1) + SEQUENCE,
                    joined + SEQUENCE + left as u32,
                    right as u32,
                );
                u64::from(joined)
            }
            Op::StringSlice => {
                let (from, to) = text::check_text_range(self.heap.text(cell(0)), int(1), int(2))?;
                u64::from(self.part(program.string, cell(0), from, to)?)
            }
            Op::BytesSlice => {
                let (from, to) = text::check_range(int(1), int(2), length(self, 0) as usize)?;
                u64::from(self.part(program.bytes, cell(0), from, to)?)
            }
            Op::StringByteAt => u64::from(text::byte_at(self.heap.text(cell(0)), int(1))?),
            Op::StringCharAt => {
                u64::from(u32::from(text::char_at(self.heap.text(cell(0)), int(1))?))
            }
            Op::StringFind | Op::BytesFind => {
                let all = length(self, 0);
                let (from, _) = text::check_range(int(2), all as i64, all as usize)?;
                let at = text::find(self.heap.text(cell(0)), self.heap.text(cell(1)), from);
                // Only what was passed over: finding all occurrences one after the other costs as much as the text is long.
                let passed = u64::try_from(at).unwrap_or(all) - from as u64;
                self.pay_bytes(passed + length(self, 1))?;
                at as u64
            }
            Op::StringFindLast => {
                self.pay_bytes(length(self, 0) + length(self, 1))?;
                text::find_last(self.heap.text(cell(0)), self.heap.text(cell(1))) as u64
            }
            Op::StringMatchesAt | Op::BytesMatchesAt => {
                self.pay_bytes(shorter(self))?;
                u64::from(text::matches_at(
                    self.heap.text(cell(0)),
                    self.heap.text(cell(1)),
                    int(2),
                ))
            }
            Op::StringCharCount => {
                self.pay_bytes(length(self, 0))?;
                self.heap
                    .text(cell(0))
                    .iter()
                    .filter(|b| **b & 0xc0 != 0x80)
                    .count() as u64
            }
            Op::StringToUpper | Op::StringToLower => {
                self.pay(CASE_PER_BYTE * length(self, 0))?;
                let map = match plan.op {
                    Op::StringToUpper => unicode::to_upper,
                    _ => unicode::to_lower,
                };
                // First its size, so that nothing larger than the limit of memory is ever made.
                let mut size = 0;
                map(as_text(self.heap.text(cell(0))), &mut |c| {
                    size += c.len_utf8()
                });
                self.check_count(size as u64)?;
                let text = self.new_sequence(program.string, size as u64, 1)?;
                let mut mapped = String::with_capacity(size);
                map(as_text(self.heap.text(cell(0))), &mut |c| mapped.push(c));
                self.heap.arena.write(text + SEQUENCE, mapped.as_bytes());
                u64::from(text)
            }
            Op::StringToBytes => {
                u64::from(self.part(program.bytes, cell(0), 0, length(self, 0) as usize)?)
            }
            Op::StringSkipSpace => self.skip(cell(0), int(1), false)?,
            Op::StringSkipWord => self.skip(cell(0), int(1), true)?,

            Op::BytesToText => {
                self.pay_bytes(length(self, 0))?;
                let bytes = self.heap.text(cell(0));
                let payload = match std::str::from_utf8(bytes) {
                    Ok(_) => {
                        let count = bytes.len() as u64;
                        let text = self.new_sequence(program.string, count, 1)?;
                        self.heap
                            .arena
                            .copy(cell(0) + SEQUENCE, text + SEQUENCE, count as u32);
                        Some([u64::from(text)])
                    }
                    Err(_) => None,
                };
                return self.option(
                    plan.ty,
                    payload.as_ref().map(|p| &p[..]),
                    &mut frame[d as usize..],
                );
            }
            Op::BytesFilled => {
                let Ok(count) = u64::try_from(int(0)) else {
                    return trap(TrapKind::InvalidArgument, int(0), 0);
                };
                let byte = check_byte(int(1))?;
                self.check_count(count)?;
                self.pay_bytes(u64::from(SEQUENCE) + count)?;
                let bytes = self.new_sequence(program.bytes, count, 1)?;
                self.heap
                    .arena
                    .slice_mut(bytes + SEQUENCE, count as u32)
                    .fill(byte);
                u64::from(bytes)
            }
            Op::BytesReadI64 => {
                let bytes = self.heap.text(cell(0));
                let eight = usize::try_from(int(1))
                    .ok()
                    .and_then(|at| bytes.get(at..))
                    .and_then(|b| b.first_chunk());
                match eight {
                    Some(eight) => u64::from_le_bytes(*eight),
                    None => return trap(TrapKind::IndexOutOfBounds, int(1), bytes.len() as i64),
                }
            }

            Op::ListSlice => u64::from(self.list_slice(cell(0), int(1), int(2))?),
            Op::ListFilled => {
                let value = plan.args.get(1).map_or(0, |s| *s as usize);
                u64::from(self.list_filled(plan.ty, int(0), &frame[value..])?)
            }

            Op::MapLen | Op::SetLen => self.table_len(cell(0)) as u64,
            Op::MapFind | Op::SetFind => {
                let key = plan.args.get(1).map_or(0, |s| *s as usize);
                let found = self.table_find(cell(0), &frame[key..])?;
                found.map_or(-1, i64::from) as u64
            }
            Op::MapNext | Op::SetNext => self.table_next(cell(0), int(1))? as u64,
            _ => return internal("an operation of numbers"),
        };
        frame[d as usize] = result;
        Ok(())
    }

    /// `string.skip_space`, or `string.skip_word` if `words`.
    pub fn skip(&mut self, cell: Ref, from: i64, words: bool) -> Run<u64> {
        let text = self.heap.text(cell);
        let (from, _) = text::check_text_range(text, from, text.len() as i64)?;
        let to = match words {
            false => text::skip(text, from, |c| !unicode::is_space(c)),
            true => text::skip(text, from, unicode::is_space),
        };
        self.pay(PER_BYTE * (to - from) as u64)?;
        Ok(to as u64)
    }

    /// A new sequence of bytes with a part of another; pays for it.
    pub fn part(&mut self, ty: u32, from: Ref, start: usize, end: usize) -> Run<Ref> {
        let count = (end - start) as u64;
        self.pay_bytes(count)?;
        let part = self.new_sequence(ty, count, 1)?;
        self.heap.arena.copy(
            from + SEQUENCE + start as u32,
            part + SEQUENCE,
            count as u32,
        );
        Ok(part)
    }

    /// One operation on a cell with one owner; gives the cell, which may be another. Its result goes to the slots
    /// from `d` on.
    pub fn update_cell(
        &mut self,
        plan: &UpdatePlan,
        cell: Ref,
        frame: &mut [u64],
        d: u32,
    ) -> Run<Ref> {
        let slot = |i: usize| plan.args.get(i).map_or(0, |s| *s as usize);
        let word = |i: usize| frame[slot(i)];
        let other = || word(0) as u32;
        let int = |i: usize| word(i) as i64;
        let character = || char::from_u32(word(0) as u32).unwrap_or(char::REPLACEMENT_CHARACTER);
        match plan.op {
            UpdateOp::TextAppend | UpdateOp::BytesExtend | UpdateOp::BytesAppendText => {
                let count = self.heap.length(other());
                self.append_part(cell, other(), 0, count)
            }
            UpdateOp::TextAppendSlice => {
                // The range was checked before the place was looked for.
                let (from, to) = (int(1) as u32, int(2) as u32);
                self.append_part(cell, other(), from, to.saturating_sub(from))
            }
            UpdateOp::TextPush => {
                self.append(cell, character().encode_utf8(&mut [0; 4]).as_bytes(), true)
            }
            UpdateOp::TextAppendI64 => self.append_i64(cell, int(0)),
            UpdateOp::TextAppendHex => self.append(cell, format!("{:x}", word(0)).as_bytes(), true),
            UpdateOp::TextAppendF64 => {
                let mut text = String::new();
                number::show_float(&mut text, f64::from_bits(word(0)));
                self.append(cell, text.as_bytes(), false)
            }
            UpdateOp::TextAppendQuoted => {
                self.append_quoted(cell, Source::Cell(other()), Quoting::String)
            }
            UpdateOp::TextAppendJson => {
                self.append_quoted(cell, Source::Cell(other()), Quoting::Json)
            }
            UpdateOp::TextAppendCharQuoted => {
                let text = character().to_string();
                self.append_quoted(cell, Source::Own(text.into_bytes()), Quoting::Char)
            }
            UpdateOp::TextAppendBytes => {
                self.append_written(cell, &Source::Cell(other()), |bytes, out| {
                    text::quote_bytes(bytes, out)
                })
            }
            UpdateOp::BytesPush => self.append(cell, &[word(0) as u8], true),
            UpdateOp::BytesAppendI64 => self.append(cell, &word(0).to_le_bytes(), true),
            UpdateOp::TextClear | UpdateOp::BytesClear => {
                self.heap.arena.set_u32(cell + 8, 0);
                Ok(cell)
            }

            UpdateOp::ListPush => self.list_push(cell, &frame[slot(0)..]),
            UpdateOp::ListPop => {
                let popped = self.list_pop(cell)?;
                self.option(plan.ty, popped.as_deref(), &mut frame[d as usize..])?;
                Ok(cell)
            }
            UpdateOp::ListInsert => self.list_insert(cell, int(0), &frame[slot(1)..]),
            UpdateOp::ListRemove => {
                self.list_remove(cell, int(0), &mut frame[d as usize..])?;
                Ok(cell)
            }
            UpdateOp::ListSwap => self.list_swap(cell, int(0), int(1)).map(|()| cell),
            UpdateOp::ListTruncate => self.list_truncate(cell, int(0)).map(|()| cell),
            UpdateOp::ListClear => self.list_truncate(cell, 0).map(|()| cell),
            UpdateOp::ListReverse => self.list_reverse(cell).map(|()| cell),
            UpdateOp::ListExtend => self.list_extend(cell, other()),

            UpdateOp::MapPut => Ok(self
                .table_put(cell, &frame[slot(0)..], &frame[slot(1)..])?
                .0),
            UpdateOp::SetInsert => {
                let (cell, new) = self.table_put(cell, &frame[slot(0)..], &[])?;
                frame[d as usize] = u64::from(new);
                Ok(cell)
            }
            UpdateOp::MapRemove => {
                let removed = self.table_remove(cell, &frame[slot(0)..])?;
                self.option(plan.ty, removed.as_deref(), &mut frame[d as usize..])?;
                Ok(cell)
            }
            UpdateOp::SetRemove => {
                let removed = self.table_remove(cell, &frame[slot(0)..])?;
                frame[d as usize] = u64::from(removed.is_some());
                Ok(cell)
            }
            UpdateOp::MapClear | UpdateOp::SetClear => self.table_clear(cell),
            _ => internal("an update of numbers"),
        }
    }

    fn append_quoted(&mut self, cell: Ref, from: Source, quoting: Quoting) -> Run<Ref> {
        self.append_written(cell, &from, |bytes, out| {
            text::quote(as_text(bytes), quoting, out)
        })
    }
}
