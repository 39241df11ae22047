//! Ways out of regions and functions.

use cop_bytecode::{Instr, Mode, TrapKind, TypeId};

use super::body::{Builder, Kind, State};

impl Builder<'_> {
    /// Leaves a region forwards, `depth` of them further out.
    pub fn exit(&mut self, depth: usize) {
        let target = self.depth() - depth;
        let types = self.regions[target].results.clone();
        let values = self.passed(&types);
        self.tidy(target);
        self.emit(Instr::Exit {
            depth: depth as u32,
            values: values.into(),
        });
    }

    /// Goes round a loop.
    pub(super) fn next(&mut self, depth: usize) {
        let target = self.depth() - depth;
        let types = self.regions[target].params.clone();
        let values = self.passed(&types);
        self.tidy(target);
        self.emit(Instr::Next {
            depth: depth as u32,
            values: values.into(),
        });
    }

    /// Returns.
    pub fn ret(&mut self) {
        let changed: Vec<TypeId> = self
            .signature
            .params
            .iter()
            .filter(|p| p.mode == Mode::InOut)
            .map(|p| p.ty)
            .collect();
        let types: Vec<TypeId> = std::iter::once(self.signature.result)
            .chain(changed)
            .collect();
        // In a loop what is defined outside cannot be given away round it, but this leaves the function.
        let mut values = vec![];
        for ty in types {
            let free = self.usable(|info| {
                info.ty == ty && matches!(info.state, State::Copy | State::Owned { .. })
            });
            let value = match self.pick(&free) {
                Some(value) if !self.choices.once_in(4) => value,
                _ => self.make(ty, 0),
            };
            self.consume(value);
            values.push(value);
        }
        self.tidy(0);
        self.emit(Instr::Ret {
            values: values.into(),
        });
    }

    /// Ends an arm somehow.
    pub(super) fn terminate(&mut self) {
        let depth = self.depth();
        let rounds: Vec<usize> = (0..depth)
            .filter(|d| matches!(self.regions[depth - d].kind, Kind::Loop | Kind::For))
            .collect();
        match self.choices.below(14) {
            10 => {
                let out = self.choices.below(depth);
                self.exit(out);
            }
            11 if !rounds.is_empty() => {
                let at = self.choices.below(rounds.len());
                // A loop without an end of its own must not be gone round without getting nearer to it.
                if self.regions[depth - rounds[at]].kind == Kind::For {
                    self.next(rounds[at]);
                } else {
                    self.exit(0);
                }
            }
            12 => self.ret(),
            13 => self.trap(),
            _ => self.exit(0),
        }
    }

    /// Ends the run.
    pub(super) fn trap(&mut self) {
        let kinds = [
            (TrapKind::Panic, false, true),
            (TrapKind::AssertionFailed, false, true),
            (TrapKind::InvalidArgument, true, false),
            (TrapKind::ExpectFailed, false, true),
            (TrapKind::Unreachable, false, false),
        ];
        let (kind, operand, message) = kinds[self.choices.below(kinds.len())];
        let operand = operand.then(|| self.int());
        let message = message.then(|| {
            let ty = self.world.types.string;
            self.some(ty)
        });
        self.emit(Instr::Trap {
            kind,
            operand,
            message,
        });
    }
}
