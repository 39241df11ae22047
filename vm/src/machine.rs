//! The state of a run besides its frames: heap, fuel, stack, and the ways in which a run ends early.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cop_bytecode::cost::{Cost, per_16_bytes};
use cop_bytecode::{TrapKind, limits};

use crate::heap::Heap;
use crate::memory::{NoRoom, Ref, pinned};
use crate::program::Inner;
use crate::shape::{Kind, ShapeId};

/// Fuel after which a run looks whether it is still wanted: some milliseconds.
pub const FUEL_SLICE: i64 = 1 << 22;

/// Why a run ends before its entry returns.
#[derive(Debug)]
pub enum Stop {
    /// A trap of the program.
    Trap {
        /// Kind.
        kind: TrapKind,
        /// Operands, as the trap table says.
        operands: [i64; 2],
        /// Text of a panic and its kin.
        message: Option<String>,
    },
    /// The host keeps a response already.
    Stopped,
    /// No outcome: the node's reason.
    Refused(String),
}

/// A result that may end the run.
pub type Run<T> = Result<T, Box<Stop>>;

/// A trap without a message.
#[cold]
pub fn trap<T>(kind: TrapKind, left: i64, right: i64) -> Run<T> {
    Err(Box::new(Stop::Trap {
        kind,
        operands: [left, right],
        message: None,
    }))
}

/// A refusal for a reason that verified code does not give.
#[cold]
pub fn internal<T>(reason: &str) -> Run<T> {
    Err(Box::new(Stop::Refused(format!("internal: {reason}"))))
}

/// The refusal of a run that nobody waits for any more.
#[cold]
pub fn given_up<T>() -> Run<T> {
    Err(Box::new(Stop::Refused("the run was given up".into())))
}

/// Heap, fuel and stack of a run.
pub struct Machine<'p> {
    /// Memory.
    pub heap: Heap<'p>,
    /// Cells of the package's constants.
    pub constants: Vec<Ref>,
    /// Fuel that is left of the current slice; negative when that is used up.
    pub fuel: i64,
    /// Fuel that comes after this slice. What is left of a run is the sum of both.
    pub reserve: i64,
    /// Set when nobody waits for the run any more; looked at between slices.
    pub interrupt: Option<Arc<AtomicBool>>,
    /// Frame cost that is left, bytes.
    pub stack_left: i64,
    /// Fuel limit.
    pub fuel_limit: u64,
    /// A program of which machine code is wanted when this slice is used up.
    pub warm: Option<Warm<'p>>,
    /// The map or set in which a key was found last, and the number of its entry: only where to look first.
    pub recent: (Ref, u32),
    /// Bytes copied because a cell was shared, since somebody last looked.
    pub copied: u64,
}

/// A program that is interpreted, until it has used much.
pub struct Warm<'p> {
    /// The program.
    pub program: &'p Inner,
    /// The function that was entered.
    pub function: u32,
}

impl Warm<'_> {
    /// The first slice of a run: as much as is interpreted in about the time that compiling takes.
    pub const SLICE: i64 = 1 << 18;

    /// Notes the fuel of a run, and asks for machine code when runs have used much together.
    pub fn note(self, fuel: u64) {
        let before = self.program.heat.fetch_add(fuel, Ordering::Relaxed);
        let after = before.saturating_add(fuel);
        // Again each time it has used as much again, in case that nobody listened.
        if before / Warm::SLICE as u64 != after / Warm::SLICE as u64 {
            self.ask();
        }
    }

    /// Asks for machine code.
    pub fn ask(self) {
        self.program.background.ask(self.program, self.function);
    }
}

impl<'p> Machine<'p> {
    /// Charges fuel without looking at what is left.
    #[inline]
    pub fn charge(&mut self, fuel: u64) {
        self.fuel = self.fuel.saturating_sub_unsigned(fuel);
    }

    /// Traps when fuel is used up.
    #[inline]
    pub fn checkpoint(&mut self) -> Run<()> {
        if self.fuel < 0 {
            self.next_slice()
        } else {
            Ok(())
        }
    }

    /// The checkpoint at the entry of a function, which has taken its frame from the stack.
    #[cold]
    pub fn checkpoint_of_call(&mut self) -> Run<()> {
        if self.stack_left < 0 {
            return trap(TrapKind::StackOverflow, 0, 0);
        }
        self.checkpoint()
    }

    /// Goes on with fuel from the reserve. A run is cut into slices only so that it can be given up: where they end changes
    /// nothing that can be observed.
    #[cold]
    fn next_slice(&mut self) -> Run<()> {
        if self
            .interrupt
            .as_ref()
            .is_some_and(|interrupt| interrupt.load(Ordering::Relaxed))
        {
            return given_up();
        }
        if let Some(warm) = self.warm.take() {
            warm.ask();
        }
        let wanted = FUEL_SLICE.saturating_sub(self.fuel);
        let taken = wanted.min(self.reserve);
        self.fuel += taken;
        self.reserve -= taken;
        if self.fuel >= 0 {
            return Ok(());
        }
        trap(
            TrapKind::OutOfFuel,
            i64::try_from(self.fuel_limit).unwrap_or(i64::MAX),
            0,
        )
    }

    /// Charges fuel for something whose size is known only now, and traps when it is used up.
    #[inline]
    pub fn pay(&mut self, fuel: u64) -> Run<()> {
        self.charge(fuel);
        self.checkpoint()
    }

    /// Pays for touching that many bytes.
    #[inline]
    pub fn pay_bytes(&mut self, bytes: u64) -> Run<()> {
        self.pay(per_16_bytes(bytes))
    }

    /// Fuel that is left of the run; negative when more was charged than there is.
    pub fn left(&self) -> i64 {
        self.fuel.saturating_add(self.reserve)
    }

    /// Fuel used so far.
    pub fn fuel_used(&self) -> u64 {
        let limit = i128::from(self.fuel_limit);
        (limit - i128::from(self.fuel) - i128::from(self.reserve)).clamp(0, limit) as u64
    }

    /// The trap for having no room.
    #[cold]
    pub fn no_room<T>(&self, why: NoRoom) -> Run<T> {
        match why {
            NoRoom::Limit => trap(TrapKind::OutOfMemory, self.heap.arena.limit() as i64, 0),
            NoRoom::Addresses => internal("the arena has no addresses left"),
        }
    }

    /// Traps if a collection would have more elements than any may have.
    #[inline]
    pub fn check_count(&self, count: u64) -> Run<()> {
        if count > limits::ELEMENTS {
            self.no_room(NoRoom::Limit)
        } else {
            Ok(())
        }
    }

    /// A new sequence of bytes or text with this content. Its size is paid for by the caller.
    pub fn new_text(&mut self, ty: ShapeId, content: &[u8]) -> Run<Ref> {
        let cell = self.new_sequence(ty, content.len() as u64, 1)?;
        self.heap.arena.write(cell + crate::heap::SEQUENCE, content);
        Ok(cell)
    }

    /// A new sequence with that many elements, whose content is still to be written.
    pub fn new_sequence(&mut self, ty: ShapeId, count: u64, stride: u32) -> Run<Ref> {
        match self.heap.new_sequence(ty, count, count, stride) {
            Ok(cell) => Ok(cell),
            Err(why) => self.no_room(why),
        }
    }

    /// A new cell.
    pub fn allocate(&mut self, size: u64, ty: u32) -> Run<Ref> {
        match self.heap.arena.allocate(size, ty) {
            Ok(cell) => Ok(cell),
            Err(why) => self.no_room(why),
        }
    }

    /// The cell itself if it has one owner, else a copy that has, paid for here.
    pub fn unique(&mut self, cell: Ref) -> Run<Ref> {
        if self.heap.is_unique(cell) {
            return Ok(cell);
        }
        if cell == 0 {
            return internal("a hole is updated");
        }
        if crate::memory::is_pinned_variant(cell) {
            return Ok(cell);
        }
        self.pay(Cost::Copy.base() + per_16_bytes(self.heap.content_size(cell)))?;
        // A constant was nobody's; its copy is the first value.
        if self.heap.arena.u32(cell) != crate::memory::PINNED_COUNT {
            self.copied += self.heap.content_size(cell);
        }
        match self.heap.copy_cell(cell) {
            Ok(copy) => {
                self.heap.release(cell);
                Ok(copy)
            }
            Err(why) => self.no_room(why),
        }
    }

    /// Puts together an option in its slots.
    pub fn option(&mut self, ty: ShapeId, payload: Option<&[u64]>, out: &mut [u64]) -> Run<()> {
        let Some(shape) = self.heap.shape(ty) else {
            return internal("no such option");
        };
        if out.is_empty() {
            return internal("an option without slots");
        }
        match (shape.kind, payload) {
            (Kind::OptionRef, None) => out[0] = 0,
            (Kind::OptionRef, Some(payload)) => out[0] = payload.first().copied().unwrap_or(0),
            (_, None) if shape.boxed => out[0] = u64::from(pinned(0)),
            (_, Some(payload)) if shape.boxed => {
                let Some(row) = shape.rows.get(1) else {
                    return internal("no such option");
                };
                self.pay(Cost::Allocate.base() + per_16_bytes(u64::from(row.cell_size)))?;
                let cell = self.allocate(u64::from(row.cell_size), ty)?;
                self.heap.arena.set_u8(cell + crate::heap::HEADER, 1);
                let mut slots = vec![1];
                slots.extend_from_slice(payload);
                self.heap.store(&row.pieces, cell, &slots);
                out[0] = u64::from(cell);
            }
            (_, None) => out[0] = 0,
            (_, Some(payload)) => {
                out[0] = 1;
                match out.get_mut(1..=payload.len()) {
                    Some(place) => place.copy_from_slice(payload),
                    None => return internal("an option without slots"),
                }
            }
        }
        Ok(())
    }
}
