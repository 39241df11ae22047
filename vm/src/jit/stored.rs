//! Machine code as bytes, so that it can outlive the process (decision 18), and back.
//!
//! Machine code knows no address but those that it is linked to. What a module has made is kept as pieces: the code of one function,
//! and where in it the address of which other goes. Whoever keeps the bytes must see to it that nobody else has written them: here
//! they are only read with care, since a reader that trusts its input is no use even where the input can be trusted.

use std::collections::BTreeSet;

use cranelift_codegen::binemit::Reloc;

use super::LARGEST;
use crate::program::Inner;

/// Most bytes of code and relocations that are kept of a program.
pub const MOST: usize = 16 << 20;

/// What a function of a module is, also in another process.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Name {
    /// One that each module declares first, by its number.
    Fixed(u32),
    /// A function of the package.
    Function(u32),
    /// The trampoline for these types.
    Trampoline(Vec<u8>),
    /// The way into a function by a closure.
    WayIn(u32),
}

/// The code of a function.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Piece {
    pub name: Name,
    pub alignment: u32,
    pub code: Vec<u8>,
    pub relocations: Vec<Relocation>,
    /// Offset at which code of an instruction begins, and which.
    pub instructions: Vec<(u32, u32)>,
}

/// Where the address of a function goes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Relocation {
    pub offset: u32,
    pub kind: Reloc,
    pub addend: i64,
    pub target: Name,
}

/// The kinds of relocations that there are, and how many bytes they change.
const KINDS: [(Reloc, usize); 3] = [
    (Reloc::Abs8, 8),
    (Reloc::X86CallPCRel4, 4),
    (Reloc::X86PCRel4, 4),
];

/// Whether such a relocation can be kept.
pub fn is_known(kind: Reloc) -> bool {
    KINDS.iter().any(|(known, _)| *known == kind)
}

/// The bytes of pieces. Those of several batches one after the other are those of all.
pub fn encode(pieces: &[Piece]) -> Vec<u8> {
    let mut out = Vec::new();
    for piece in pieces {
        name(&mut out, &piece.name);
        word(&mut out, piece.alignment as usize);
        bytes(&mut out, &piece.code);
        word(&mut out, piece.relocations.len());
        for relocation in &piece.relocations {
            let kind = KINDS.iter().position(|(kind, _)| *kind == relocation.kind);
            word(&mut out, relocation.offset as usize);
            word(&mut out, kind.unwrap_or(KINDS.len()));
            out.extend_from_slice(&relocation.addend.to_le_bytes());
            name(&mut out, &relocation.target);
        }
        word(&mut out, piece.instructions.len());
        for (offset, instruction) in &piece.instructions {
            word(&mut out, *offset as usize);
            word(&mut out, *instruction as usize);
        }
    }
    out
}

fn word(out: &mut Vec<u8>, word: usize) {
    // Nothing that is kept is that large.
    let word = u32::try_from(word).unwrap_or(u32::MAX);
    out.extend_from_slice(&word.to_le_bytes());
}

fn bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    word(out, bytes.len());
    out.extend_from_slice(bytes);
}

fn name(out: &mut Vec<u8>, name: &Name) {
    match name {
        Name::Fixed(number) => {
            out.push(0);
            word(out, *number as usize);
        }
        Name::Function(number) => {
            out.push(1);
            word(out, *number as usize);
        }
        Name::Trampoline(types) => {
            out.push(2);
            bytes(out, types);
        }
        Name::WayIn(number) => {
            out.push(3);
            word(out, *number as usize);
        }
    }
}

/// Reads pieces of a program; `fixed` is how many functions each module declares first. `None` if anything about them is not
/// as it is when this program was compiled.
pub fn decode(content: &[u8], program: &Inner, fixed: u32) -> Option<Vec<Piece>> {
    let mut reader = Reader(content);
    let (mut pieces, mut names) = (Vec::new(), BTreeSet::new());
    while !reader.0.is_empty() {
        let piece = reader.piece()?;
        if !names.insert(piece.name.clone()) {
            return None;
        }
        pieces.push(piece);
    }
    let functions = &program.package.functions;
    let instructions = |number: u32| functions.get(number as usize).map(|f| f.body.len());
    for piece in &pieces {
        let known = match &piece.name {
            Name::Fixed(_) => false,
            Name::Function(number) => {
                let count = instructions(*number)?;
                let is_inside = |(offset, instruction): &(u32, u32)| {
                    (*offset as usize) < piece.code.len() && (*instruction as usize) < count
                };
                count <= LARGEST && piece.instructions.iter().all(is_inside)
            }
            Name::Trampoline(_) => true,
            Name::WayIn(number) => names.contains(&Name::Function(*number)),
        };
        let can_be_linked = |relocation: &Relocation| {
            let size = KINDS.iter().find(|(kind, _)| *kind == relocation.kind);
            let is_inside = size.is_some_and(|(_, size)| {
                let end = (relocation.offset as usize).checked_add(*size);
                end.is_some_and(|end| end <= piece.code.len())
            });
            let is_near = (-64..=64).contains(&relocation.addend);
            let target = match relocation.target {
                Name::Fixed(number) => number < fixed,
                ref other => names.contains(other),
            };
            is_inside && is_near && target
        };
        let is_aligned = piece.alignment.is_power_of_two() && piece.alignment <= 4096;
        if !known || !is_aligned || !piece.relocations.iter().all(can_be_linked) {
            return None;
        }
    }
    Some(pieces)
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn word(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    /// How many come, each of which takes at least so many bytes.
    fn count(&mut self, least: usize) -> Option<usize> {
        let count = self.word()? as usize;
        (count <= self.0.len() / least).then_some(count)
    }

    fn name(&mut self) -> Option<Name> {
        Some(match self.take(1)? {
            [0] => Name::Fixed(self.word()?),
            [1] => Name::Function(self.word()?),
            [2] => {
                let count = self.count(1)?;
                Name::Trampoline(self.take(count)?.to_vec())
            }
            [3] => Name::WayIn(self.word()?),
            _ => return None,
        })
    }

    fn piece(&mut self) -> Option<Piece> {
        let name = self.name()?;
        let alignment = self.word()?;
        let count = self.count(1)?;
        let code = self.take(count)?.to_vec();
        let mut relocations = Vec::new();
        for _ in 0..self.count(17)? {
            relocations.push(Relocation {
                offset: self.word()?,
                kind: KINDS.get(self.word()? as usize)?.0,
                addend: i64::from_le_bytes(self.take(8)?.try_into().ok()?),
                target: self.name()?,
            });
        }
        let mut instructions = Vec::new();
        for _ in 0..self.count(8)? {
            instructions.push((self.word()?, self.word()?));
        }
        Some(Piece {
            name,
            alignment,
            code,
            relocations,
            instructions,
        })
    }
}
