//! Keys of maps and sets: hashed and compared from their layout, without native recursion, since a key may be
//! as deep as a list is long.
//!
//! Hashes are SipHash-1-3 (Aumasson and Bernstein, 2012) under a key that is random per process, cut to 31
//! bits. Nothing that a program can see depends on them.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::heap::{HEADER, Heap, SEQUENCE};
use crate::machine::{Machine, Run, given_up};
use crate::memory::{Ref, is_pinned_variant};
use crate::shape::{Kind, Piece, PieceKind, Shape};

/// SipHash with one round per word and three at the end, over 64-bit words.
#[derive(Clone)]
struct Sip {
    v: [u64; 4],
    words: u64,
}

impl Sip {
    fn new() -> Sip {
        static KEY: OnceLock<[u64; 2]> = OnceLock::new();
        let [k0, k1] = *KEY.get_or_init(|| {
            use std::hash::{BuildHasher, RandomState};
            let state = RandomState::new();
            [state.hash_one(0), state.hash_one(1)]
        });
        let v = [
            k0 ^ 0x736f_6d65_7073_6575,
            k1 ^ 0x646f_7261_6e64_6f6d,
            k0 ^ 0x6c79_6765_6e65_7261,
            k1 ^ 0x7465_6462_7974_6573,
        ];
        Sip { v, words: 0 }
    }

    fn round(&mut self) {
        let [mut a, mut b, mut c, mut d] = self.v;
        a = a.wrapping_add(b);
        c = c.wrapping_add(d);
        b = b.rotate_left(13) ^ a;
        d = d.rotate_left(16) ^ c;
        a = a.rotate_left(32);
        c = c.wrapping_add(b);
        a = a.wrapping_add(d);
        b = b.rotate_left(17) ^ c;
        d = d.rotate_left(21) ^ a;
        c = c.rotate_left(32);
        self.v = [a, b, c, d];
    }

    fn word(&mut self, word: u64) {
        self.v[3] ^= word;
        self.round();
        self.v[0] ^= word;
        self.words += 1;
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.word(bytes.len() as u64);
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.word(u64::from_le_bytes(*word));
        }
        if !rest.is_empty() {
            let mut word = [0; 8];
            word[..rest.len()].copy_from_slice(rest);
            self.word(u64::from_le_bytes(word));
        }
    }

    fn finish(mut self) -> u32 {
        self.word(self.words << 56);
        self.v[2] ^= 0xff;
        for _ in 0..3 {
            self.round();
        }
        ((self.v[0] ^ self.v[1] ^ self.v[2] ^ self.v[3]) >> 33) as u32
    }
}

/// The bits by which a float is hashed and compared for equality: one NaN, one zero.
pub fn float_key(bits: u64) -> u64 {
    let float = f64::from_bits(bits);
    if float.is_nan() {
        cop_bytecode::limits::NAN_BITS
    } else if float == 0.0 {
        0
    } else {
        bits
    }
}

/// Bytes of a key after which a walk over it pays for what it has walked.
const PORTION: u64 = 1 << 16;
/// Pairs of cells after which a comparison looks whether anybody still waits for the run.
const PAIRS: u32 = 1 << 14;

impl Machine<'_> {
    /// Hash of a key in slots. Pays for the bytes that it is made of: its own size and that of everything it refers
    /// to, counted each time it is referred to. A key that shares its parts can be more than any run can pay for, so
    /// this is done by portions; what is left to pay for, less than a portion, is given back with the hash.
    pub fn key_hash(&mut self, key: &Shape, slots: &[u64]) -> Run<(u32, u64)> {
        let mut sip = Sip::new();
        let mut size = u64::from(key.size);
        // The two that nearly all keys are, without a list of cells.
        match (key.kind, &key.pieces[..], slots) {
            (
                Kind::Scalar,
                [
                    Piece {
                        kind: PieceKind::I64,
                        ..
                    },
                ],
                [word, ..],
            ) => {
                sip.word(*word);
                return Ok((sip.finish(), size));
            }
            (Kind::String, _, [cell, ..])
                if u64::from(self.heap.length(*cell as Ref)) + size < PORTION =>
            {
                let bytes = self.heap.text(*cell as Ref);
                sip.word(1);
                sip.bytes(bytes);
                size += bytes.len() as u64;
                return Ok((sip.finish(), size));
            }
            _ => {}
        }
        let mut cells = Vec::new();
        self.heap
            .hash_slots(&key.pieces, slots, &mut sip, &mut cells);
        while let Some(cell) = cells.pop() {
            if self.heap.arena.is_broken() {
                break;
            }
            size += self.heap.hash_cell(cell, &mut sip, &mut cells);
            if size >= PORTION {
                self.pay(size / 16)?;
                size %= 16;
            }
        }
        Ok((sip.finish(), size))
    }
}

impl Heap<'_> {
    fn hash_slots(&self, pieces: &[Piece], slots: &[u64], sip: &mut Sip, cells: &mut Vec<Ref>) {
        for piece in pieces {
            let Some(&word) = slots.get(piece.slot as usize) else {
                return self.arena.break_it();
            };
            match piece.kind {
                PieceKind::I64 | PieceKind::Bool | PieceKind::Word => sip.word(word),
                PieceKind::F64 => sip.word(float_key(word)),
                PieceKind::Ref if word == 0 => sip.word(0),
                PieceKind::Ref => {
                    sip.word(1);
                    cells.push(word as u32);
                }
                PieceKind::Sum(id) => {
                    sip.word(word);
                    if let Some(row) = self.shape(id).and_then(|s| s.rows.get(word as usize)) {
                        self.hash_slots(&row.pieces, &slots[piece.slot as usize..], sip, cells);
                    }
                }
            }
        }
    }

    /// Hashes what lies in a cell, puts the cells that it refers to on the list, and gives its size.
    fn hash_cell(&self, cell: Ref, sip: &mut Sip, cells: &mut Vec<Ref>) -> u64 {
        if is_pinned_variant(cell) {
            sip.word(u64::from(self.arena.u16(cell + HEADER)));
            return 0;
        }
        let Some(shape) = self.shape(self.arena.u32(cell + 4)) else {
            return 0;
        };
        match shape.kind {
            Kind::String | Kind::Bytes => {
                let bytes = self.text(cell);
                sip.bytes(bytes);
                bytes.len() as u64
            }
            Kind::List(item, stride) => {
                let count = self.length(cell);
                sip.word(u64::from(count));
                let Some(item) = self.shape(item) else {
                    return 0;
                };
                if item.slots == 0 {
                    return 0;
                }
                let mut slots = vec![0; item.slots as usize];
                for i in 0..count {
                    if self.arena.is_broken() {
                        break;
                    }
                    self.load(&item.pieces, cell + SEQUENCE + i * stride, &mut slots);
                    self.hash_slots(&item.pieces, &slots, sip, cells);
                }
                u64::from(count) * u64::from(stride)
            }
            Kind::Product | Kind::Sum(_) if shape.boxed => {
                if let Kind::Sum(_) = shape.kind {
                    sip.word(u64::from(self.tag(shape, cell + HEADER)));
                }
                let Some(row) = self.boxed_row(shape, cell) else {
                    return 0;
                };
                let mut slots = vec![0; slots_of(&row.pieces)];
                self.load(&row.pieces, cell, &mut slots);
                self.hash_slots(&row.pieces, &slots, sip, cells);
                u64::from(row.cell_size)
            }
            _ => {
                self.arena.break_it();
                0
            }
        }
    }

    /// Whether two keys of the same type, in slots, are equal. Their walk is as long as the one that was paid for
    /// when they were hashed.
    ///
    /// # Errors
    /// When the run is given up meanwhile.
    pub fn keys_equal(
        &self,
        pieces: &[Piece],
        left: &[u64],
        right: &[u64],
        interrupt: Option<&AtomicBool>,
    ) -> Run<bool> {
        let mut pairs = Vec::new();
        if !self.slots_equal(pieces, left, right, &mut pairs) {
            return Ok(false);
        }
        let mut done = 0u32;
        while let Some((left, right)) = pairs.pop() {
            if left != right && !self.cells_equal(left, right, &mut pairs) {
                return Ok(false);
            }
            done = done.wrapping_add(1);
            if done.is_multiple_of(PAIRS) && interrupt.is_some_and(|i| i.load(Ordering::Relaxed)) {
                return given_up();
            }
        }
        Ok(true)
    }

    fn slots_equal(
        &self,
        pieces: &[Piece],
        left: &[u64],
        right: &[u64],
        pairs: &mut Vec<(Ref, Ref)>,
    ) -> bool {
        pieces.iter().all(|piece| {
            let slot = piece.slot as usize;
            let (Some(&a), Some(&b)) = (left.get(slot), right.get(slot)) else {
                self.arena.break_it();
                return false;
            };
            match piece.kind {
                PieceKind::I64 | PieceKind::Bool | PieceKind::Word => a == b,
                PieceKind::F64 => float_key(a) == float_key(b),
                PieceKind::Ref => {
                    pairs.push((a as u32, b as u32));
                    (a == 0) == (b == 0)
                }
                PieceKind::Sum(id) => {
                    let row = self.shape(id).and_then(|s| s.rows.get(a as usize));
                    a == b
                        && row.is_some_and(|row| {
                            self.slots_equal(&row.pieces, &left[slot..], &right[slot..], pairs)
                        })
                }
            }
        })
    }

    fn cells_equal(&self, left: Ref, right: Ref, pairs: &mut Vec<(Ref, Ref)>) -> bool {
        if self.arena.is_broken() {
            return false;
        }
        if is_pinned_variant(left) || is_pinned_variant(right) {
            // Different references, and each payload-less variant has one cell only.
            return false;
        }
        let Some(shape) = self.shape(self.arena.u32(left + 4)) else {
            return false;
        };
        match shape.kind {
            Kind::String | Kind::Bytes => self.text(left) == self.text(right),
            Kind::List(item, stride) => {
                let count = self.length(left);
                let Some(item) = self.shape(item).filter(|_| count == self.length(right)) else {
                    return false;
                };
                let (mut a, mut b) = (vec![0; item.slots as usize], vec![0; item.slots as usize]);
                let count = if item.slots == 0 { 0 } else { count };
                (0..count).all(|i| {
                    self.load(&item.pieces, left + SEQUENCE + i * stride, &mut a);
                    self.load(&item.pieces, right + SEQUENCE + i * stride, &mut b);
                    self.slots_equal(&item.pieces, &a, &b, pairs)
                })
            }
            Kind::Product | Kind::Sum(_) if shape.boxed => {
                if matches!(shape.kind, Kind::Sum(_))
                    && self.tag(shape, left + HEADER) != self.tag(shape, right + HEADER)
                {
                    return false;
                }
                let Some(row) = self.boxed_row(shape, left) else {
                    return false;
                };
                let count = slots_of(&row.pieces);
                let (mut a, mut b) = (vec![0; count], vec![0; count]);
                self.load(&row.pieces, left, &mut a);
                self.load(&row.pieces, right, &mut b);
                self.slots_equal(&row.pieces, &a, &b, pairs)
            }
            _ => {
                self.arena.break_it();
                false
            }
        }
    }
}

/// Room for the slots of a row, inline sums included.
fn slots_of(pieces: &[Piece]) -> usize {
    let last = pieces.iter().map(|p| p.slot as usize).max().unwrap_or(0);
    last + cop_bytecode::limits::INLINE_SUM_SLOTS + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sip_of_words_is_stable_in_a_process() {
        let hash = |words: &[u64]| {
            let mut sip = Sip::new();
            words.iter().for_each(|w| sip.word(*w));
            sip.finish()
        };
        assert_eq!(hash(&[1, 2]), hash(&[1, 2]));
        assert_ne!(hash(&[1, 2]), hash(&[2, 1]));
        assert!(hash(&[7]) < 1 << 31);
    }

    #[test]
    fn floats_have_one_nan_and_one_zero() {
        assert_eq!(float_key((-0.0f64).to_bits()), float_key(0));
        assert_eq!(
            float_key(0xfff8_0000_0000_0001),
            float_key(f64::NAN.to_bits())
        );
        assert_ne!(float_key(1.0f64.to_bits()), float_key((-1.0f64).to_bits()));
    }
}
