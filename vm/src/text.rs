//! Strings and bytes: reading, searching, and appending in place.

use cop_bytecode::cost::PER_BYTE;
use cop_bytecode::{TrapKind, limits};

use crate::heap::SEQUENCE;
use crate::machine::{Machine, Run, trap};
use crate::memory::Ref;

/// Checks a slice of something of that length.
pub fn check_range(start: i64, end: i64, length: usize) -> Run<(usize, usize)> {
    match (usize::try_from(start), usize::try_from(end)) {
        (Ok(from), Ok(to)) if from <= to && to <= length => Ok((from, to)),
        _ => trap(TrapKind::InvalidRange, start, end),
    }
}

/// Whether a character begins at the offset, or the text ends there.
pub fn is_boundary(text: &[u8], offset: usize) -> bool {
    match text.get(offset) {
        Some(byte) => byte & 0xc0 != 0x80,
        None => offset == text.len(),
    }
}

/// Checks a slice of a text.
pub fn check_text_range(text: &[u8], start: i64, end: i64) -> Run<(usize, usize)> {
    let (from, to) = check_range(start, end, text.len())?;
    for offset in [from, to] {
        if !is_boundary(text, offset) {
            return trap(TrapKind::CharBoundary, offset as i64, 0);
        }
    }
    Ok((from, to))
}

/// Bytes as text; what is in a string cell always is.
pub fn as_text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

/// The character that starts at an offset.
pub fn char_at(text: &[u8], offset: i64) -> Run<char> {
    let length = text.len();
    let Some(at) = usize::try_from(offset).ok().filter(|at| *at < length) else {
        return trap(TrapKind::IndexOutOfBounds, offset, length as i64);
    };
    if !is_boundary(text, at) {
        return trap(TrapKind::CharBoundary, offset, 0);
    }
    let width = match text[at] {
        0..=0x7f => return Ok(char::from(text[at])),
        0x80..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xff => 4,
    };
    let bytes = text.get(at..at + width).unwrap_or_default();
    Ok(as_text(bytes)
        .chars()
        .next()
        .unwrap_or(char::REPLACEMENT_CHARACTER))
}

/// An element of bytes.
pub fn byte_at(bytes: &[u8], index: i64) -> Run<u8> {
    match usize::try_from(index).ok().and_then(|i| bytes.get(i)) {
        Some(byte) => Ok(*byte),
        None => trap(TrapKind::IndexOutOfBounds, index, bytes.len() as i64),
    }
}

/// Offset of the first occurrence at or after `from`, or -1. Linear in both lengths.
pub fn find(text: &[u8], part: &[u8], from: usize) -> i64 {
    match memchr::memmem::find(&text[from..], part) {
        Some(at) => (from + at) as i64,
        None => -1,
    }
}

/// Offset of the last occurrence, or -1. Linear in both lengths.
pub fn find_last(text: &[u8], part: &[u8]) -> i64 {
    memchr::memmem::rfind(text, part).map_or(-1, |at| at as i64)
}

/// Whether `part` stands in `text` at the offset; false outside.
pub fn matches_at(text: &[u8], part: &[u8], offset: i64) -> bool {
    let rest = usize::try_from(offset).ok().and_then(|at| text.get(at..));
    rest.is_some_and(|rest| rest.starts_with(part))
}

/// Offset of the first character at or after the offset for which `stop` holds, or the length. What follows it is not
/// looked at, so that walking a text word by word takes as long as the text is.
pub fn skip(text: &[u8], from: usize, stop: impl Fn(char) -> bool) -> usize {
    let mut at = from;
    while let Some(&byte) = text.get(at) {
        if byte < 0x80 {
            if stop(char::from(byte)) {
                break;
            }
            at += 1;
            continue;
        }
        let Ok(next) = char_at(text, at as i64) else {
            break;
        };
        if stop(next) {
            break;
        }
        at += next.len_utf8();
    }
    at
}

/// How a text is written between quotes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Quoting {
    /// A string literal.
    String,
    /// A character literal.
    Char,
    /// A JSON string.
    Json,
}

/// Hands the pieces of a quoted text to `out`, quotes included.
pub fn quote(text: &str, quoting: Quoting, out: &mut dyn FnMut(&str)) {
    let mark = if quoting == Quoting::Char { "'" } else { "\"" };
    out(mark);
    let mut plain = 0;
    for (at, c) in text.char_indices() {
        let escape: &str = match (c, quoting) {
            ('\\', _) => "\\\\",
            ('\n', _) => "\\n",
            ('\r', _) => "\\r",
            ('\t', _) => "\\t",
            ('\u{8}', Quoting::Json) => "\\b",
            ('\u{c}', Quoting::Json) => "\\f",
            ('\0', Quoting::String | Quoting::Char) => "\\0",
            ('"', Quoting::String | Quoting::Json) => "\\\"",
            ('\'', Quoting::Char) => "\\'",
            ('$', Quoting::String) if text[at + 1..].starts_with('{') => "\\$",
            (_, Quoting::Json) if c < ' ' => &format!("\\u{:04x}", c as u32),
            (_, Quoting::String | Quoting::Char) if c.is_control() => {
                &format!("\\u{{{:x}}}", c as u32)
            }
            _ => continue,
        };
        out(&text[plain..at]);
        out(escape);
        plain = at + c.len_utf8();
    }
    out(&text[plain..]);
    out(mark);
}

/// Hands the pieces of a bytes literal to `out`.
pub fn quote_bytes(bytes: &[u8], out: &mut dyn FnMut(&str)) {
    out("b\"");
    let mut plain = 0;
    for (at, byte) in bytes.iter().enumerate() {
        let escape: &str = match byte {
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            b'\0' => "\\0",
            b'"' => "\\\"",
            b' '..=b'~' => continue,
            _ => &format!("\\x{byte:02x}"),
        };
        out(as_text(&bytes[plain..at]));
        out(escape);
        plain = at + 1;
    }
    out(as_text(&bytes[plain..]));
    out("\"");
}

impl Machine<'_> {
    /// Makes room for `more` elements behind those of a sequence that has one owner; gives the cell, which may be
    /// another. Pays for what has to be moved.
    pub fn grow(&mut self, cell: Ref, more: u64, stride: u32) -> Run<Ref> {
        let arena = &self.heap.arena;
        let old = arena.u32(cell + 12);
        let (length, capacity) = (u64::from(arena.u32(cell + 8)), u64::from(old));
        let needed = length + more;
        if needed <= capacity {
            return Ok(cell);
        }
        self.check_count(needed)?;
        let capacity = needed
            .max(capacity + capacity / 2)
            .clamp(4, limits::ELEMENTS);
        let moved = length * u64::from(stride);
        self.pay_bytes(moved)?;
        let ty = self.heap.arena.u32(cell + 4);
        let new = match self.heap.new_sequence(ty, length, capacity, stride) {
            Ok(new) => new,
            Err(why) => return self.no_room(why),
        };
        self.heap
            .arena
            .copy(cell + SEQUENCE, new + SEQUENCE, moved as u32);
        let size = u64::from(SEQUENCE) + u64::from(old) * u64::from(stride);
        self.heap.arena.free(cell, size);
        Ok(new)
    }

    /// Appends bytes that lie outside the arena. Pays for them if `pays`.
    pub fn append(&mut self, cell: Ref, content: &[u8], pays: bool) -> Run<Ref> {
        let count = content.len() as u64;
        self.check_count(u64::from(self.heap.length(cell)) + count)?;
        if pays {
            self.pay_bytes(count)?;
        }
        let cell = self.grow(cell, count, 1)?;
        let length = self.heap.length(cell);
        self.heap.arena.write(cell + SEQUENCE + length, content);
        self.heap.arena.set_u32(cell + 8, length + count as u32);
        Ok(cell)
    }

    /// Appends a number in decimal.
    pub fn append_i64(&mut self, cell: Ref, number: i64) -> Run<Ref> {
        let mut room = [0; 20];
        let mut first = room.len();
        let mut rest = number.unsigned_abs();
        loop {
            first -= 1;
            room[first] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        if number < 0 {
            first -= 1;
            room[first] = b'-';
        }
        self.append(cell, &room[first..], true)
    }

    /// Appends `count` bytes of the sequence `other` from `from` on.
    pub fn append_part(&mut self, cell: Ref, other: Ref, from: u32, count: u32) -> Run<Ref> {
        self.check_count(u64::from(self.heap.length(cell)) + u64::from(count))?;
        self.pay_bytes(u64::from(count))?;
        let cell = self.grow(cell, u64::from(count), 1)?;
        let length = self.heap.length(cell);
        self.heap
            .arena
            .copy(other + SEQUENCE + from, cell + SEQUENCE + length, count);
        self.heap.arena.set_u32(cell + 8, length + count);
        Ok(cell)
    }

    /// Appends what `write` hands over in pieces, reading from the content of `from`: once to find its size, which
    /// is paid for, once to write it.
    pub fn append_written(
        &mut self,
        cell: Ref,
        from: &Source,
        write: impl Fn(&[u8], &mut dyn FnMut(&str)),
    ) -> Run<Ref> {
        let mut count = 0;
        write(from.bytes(self), &mut |piece| count += piece.len() as u64);
        self.check_count(u64::from(self.heap.length(cell)) + count)?;
        self.pay(PER_BYTE * count)?;
        let cell = self.grow(cell, count, 1)?;
        let length = self.heap.length(cell);
        // There is room for it now, so the buffer is within the limit of memory, too.
        let mut buffer = Vec::with_capacity(count as usize);
        write(from.bytes(self), &mut |piece| {
            buffer.extend_from_slice(piece.as_bytes())
        });
        self.heap.arena.write(cell + SEQUENCE + length, &buffer);
        self.heap.arena.set_u32(cell + 8, length + count as u32);
        Ok(cell)
    }
}

/// Where a text to be quoted lies.
pub enum Source {
    /// In a sequence cell.
    Cell(Ref),
    /// In a buffer.
    Own(Vec<u8>),
}

impl Source {
    fn bytes<'a>(&'a self, machine: &'a Machine) -> &'a [u8] {
        match self {
            Source::Cell(cell) => machine.heap.text(*cell),
            Source::Own(bytes) => bytes,
        }
    }
}
