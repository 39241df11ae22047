//! The pass over one function: its state, and what each kind of instruction leads to.

use std::collections::HashMap;

use cop_bytecode::cost::{FRAME_BYTES, SLOT_BYTES};
use cop_bytecode::{
    Constant, Function, Instr, Layouts, Package, TrapKind, Type, TypeId, Value, limits,
};

use super::FunctionFacts;
use super::error::{Check, Rule, VerifyError, fault};
use super::regions::{Frame, Region};
use super::tables::Inline;
use super::values::{Info, Owned, State, Undo};

/// What is known while a body is read.
pub(super) struct Pass<'a> {
    pub(super) package: &'a Package,
    pub(super) layouts: &'a mut Layouts,
    /// Per type, what its inline parts are like, once asked for.
    pub(super) inline: &'a mut HashMap<TypeId, Inline>,
    pub(super) function: &'a Function,
    /// The instruction at hand.
    pub(super) at: u32,
    pub(super) values: Vec<Info>,
    /// The open regions; the first is the body.
    pub(super) frames: Vec<Frame<'a>>,
    /// What happened to values of outer regions, in order; each frame knows where its part begins.
    pub(super) log: Vec<Undo>,
    /// Roots of what the instruction at hand has looked at.
    pub(super) looked: Vec<Value>,
    /// Whether it has consumed anything.
    pub(super) consumed: bool,
    /// The instruction before was a terminator.
    pub(super) ended: bool,
    /// Slots of values in scope, now and at most.
    pub(super) slots: u32,
    most_slots: u32,
    pub(super) deepest: u32,
}

/// Room for what is known of values, from function to function.
#[derive(Default)]
pub(super) struct Room {
    values: Vec<Info>,
    log: Vec<Undo>,
}

/// Checks the body of a function whose signature is checked.
pub(super) fn check(
    package: &Package,
    layouts: &mut Layouts,
    inline: &mut HashMap<TypeId, Inline>,
    room: &mut Room,
    index: usize,
) -> Result<FunctionFacts, VerifyError> {
    let number = Some(index as u32);
    let mut pass = Pass::new(package, layouts, inline, &package.functions[index]);
    pass.values = std::mem::take(&mut room.values);
    pass.log = std::mem::take(&mut room.log);
    let result = pass.body();
    result.map_err(|f| f.at(number, Some(pass.at)))?;
    let facts = FunctionFacts {
        frame_slots: pass.most_slots,
        frame_bytes: FRAME_BYTES + SLOT_BYTES * u64::from(pass.most_slots),
        region_depth: pass.deepest,
        value_types: pass.values.iter().map(|info| info.ty).collect(),
    };
    pass.values.clear();
    pass.log.clear();
    (room.values, room.log) = (pass.values, pass.log);
    Ok(facts)
}

impl<'a> Pass<'a> {
    pub(super) fn new(
        package: &'a Package,
        layouts: &'a mut Layouts,
        inline: &'a mut HashMap<TypeId, Inline>,
        function: &'a Function,
    ) -> Pass<'a> {
        Pass {
            package,
            layouts,
            inline,
            function,
            at: 0,
            values: Vec::new(),
            frames: vec![Frame::new(Region::Body, &[], 0, 0)],
            log: Vec::new(),
            looked: Vec::new(),
            consumed: false,
            ended: false,
            slots: 0,
            most_slots: 0,
            deepest: 0,
        }
    }

    fn body(&mut self) -> Check {
        let function = self.function;
        if function.body.len() > limits::INSTRUCTIONS {
            let text = format!(
                "{} instructions, at most {} are allowed",
                function.body.len(),
                limits::INSTRUCTIONS
            );
            return fault(Rule::Limit, text);
        }
        self.params()?;
        for index in 0..function.body.len() as u32 {
            self.step(index)?;
        }
        self.at = function.body.len() as u32;
        if self.depth() != 0 {
            let opened = self.frames[self.depth() as usize].opened_at;
            let text = format!("the region of instruction {opened} is not closed");
            return fault(Rule::Form, text);
        }
        if !self.ended {
            return fault(Rule::Form, "the body does not end with a terminator");
        }
        Ok(())
    }

    /// Defines the parameters.
    pub(super) fn params(&mut self) -> Check {
        let function = self.function;
        function
            .params
            .iter()
            .try_for_each(|param| self.define_param(param.ty, param.mode))
    }

    /// Checks the instruction of that index, which is the next.
    pub(super) fn step(&mut self, index: u32) -> Check {
        let function = self.function;
        self.at = index;
        match function.body.get(index as usize) {
            Some(instr) => self.instruction(instr),
            None => Ok(()),
        }
    }

    /// Number of the innermost open region.
    pub(super) fn depth(&self) -> u32 {
        self.frames.len() as u32 - 1
    }

    /// Defines the next value.
    pub(super) fn define_state(&mut self, ty: TypeId, state: State) -> Check {
        let slots = self.layouts.ready(ty).map_or(0, |l| l.slots.len() as u32);
        self.define_slots(ty, state, slots)
    }

    /// Defines the next value, which takes so many slots.
    pub(super) fn define_slots(&mut self, ty: TypeId, state: State, slots: u32) -> Check {
        if self.values.len() >= limits::VALUES {
            let text = format!("more than {} values", limits::VALUES);
            return fault(Rule::Limit, text);
        }
        let depth = self.depth();
        if let State::Owned(Owned { live: true, .. }) = state {
            self.frames[depth as usize].live += 1;
        }
        self.values.push(Info {
            ty,
            depth,
            visible: true,
            state,
        });
        self.slots += slots;
        self.most_slots = self.most_slots.max(self.slots);
        Ok(())
    }

    fn instruction(&mut self, instr: &'a Instr) -> Check {
        if self.ended && !matches!(instr, Instr::Else | Instr::Arm | Instr::End) {
            return fault(
                Rule::Form,
                "an instruction after a terminator; only `else`, `arm` and `end` can stand here",
            );
        }
        self.looked.clear();
        self.consumed = false;
        match instr {
            Instr::ConstI64(_) => self.constant(Type::I64),
            Instr::ConstF64(bits) => self.const_f64(*bits),
            Instr::ConstBool(_) => self.constant(Type::Bool),
            Instr::ConstChar(_) => self.constant(Type::Char),
            Instr::ConstUnit => self.constant(Type::Unit),
            Instr::Const(index) => match self.package.constants.get(*index as usize) {
                Some(Constant::String(_)) => self.constant(Type::String),
                Some(Constant::Bytes(_)) => self.constant(Type::Bytes),
                None => fault(Rule::Form, format!("constant {index} is not there")),
            },

            Instr::Block { results } => self.open_region(Region::Block, &[], &[], results),
            Instr::If { condition, results } => {
                let bool = self.type_of(Type::Bool)?;
                self.look_as(*condition, bool)?;
                self.open_region(Region::If { else_seen: false }, &[], &[], results)
            }
            Instr::Switch { value, results } => {
                let info = self.look(*value)?;
                let left = self.variants(*value, info.ty)? - 1;
                self.open_region(Region::Switch { left }, &[], &[], results)
            }
            Instr::Loop {
                start,
                params,
                results,
            } => self.open_region(Region::Loop, start, params, results),
            Instr::For {
                from,
                to,
                start,
                params,
            } => {
                self.look_at_int(*from)?;
                self.look_at_int(*to)?;
                self.open_region(Region::For, start, params, params)
            }
            Instr::Else => self.next_arm(true),
            Instr::Arm => self.next_arm(false),
            Instr::End => self.end(),
            Instr::Exit { depth, values } => self.exit(*depth, values),
            Instr::Next { depth, values } => self.next(*depth, values),
            Instr::Ret { values } => self.ret(values),
            Instr::Trap {
                kind,
                operand,
                message,
            } => self.trap(*kind, *operand, *message),

            Instr::New { ty, variant, parts } => self.new_value(*ty, *variant, parts),
            Instr::Get { value, path } => self.get(*value, path),
            Instr::Set { value, path, new } => self.set(*value, path, *new),
            Instr::Update {
                op,
                value,
                path,
                args,
            } => self.update(*op, *value, path, args),
            Instr::Take { value, path } => self.take(*value, path),
            Instr::Put { value, path, new } => self.put(*value, path, *new),
            Instr::Dup(value) => self.dup(*value),
            Instr::Drop(value) => self.drop_value(*value),
            Instr::Unique { value, slot } => self.unique(*value, *slot),
            Instr::Open {
                value,
                variant,
                parts,
            } => self.open(*value, *variant, *parts),
            Instr::Tag(value) => self.tag(*value),

            Instr::Op { op, ty, args } => self.op(*op, *ty, args),
            Instr::Call { function, args } => self.call(*function, args),
            Instr::CallValue {
                callee,
                args,
                changed,
            } => self.call_value(*callee, args, *changed),
            Instr::Closure {
                ty,
                function,
                captures,
            } => self.closure(*ty, *function, captures),
            Instr::HostCall {
                function,
                capability,
                argument,
            } => self.host_call(*function, *capability, *argument),
        }
    }

    /// A constant: owned strings and bytes are pinned, hence not unique.
    fn constant(&mut self, ty: Type) -> Check {
        let ty = self.type_of(ty)?;
        self.define(ty, 0)
    }

    fn const_f64(&mut self, bits: u64) -> Check {
        if f64::from_bits(bits).is_nan() && bits != limits::NAN_BITS {
            return fault(Rule::Form, format!("a NaN with the bits {bits:#018x}"));
        }
        self.constant(Type::F64)
    }

    /// `trap`: the program's own traps only. Nothing is required of owned values.
    fn trap(&mut self, kind: TrapKind, operand: Option<Value>, message: Option<Value>) -> Check {
        use TrapKind as T;
        let machine = matches!(
            kind,
            T::StackOverflow
                | T::OutOfFuel
                | T::OutOfMemory
                | T::LogLimit
                | T::ResponseLimit
                | T::WriteLimit
                | T::HostCallLimit
                | T::CallDepthLimit
        );
        if machine {
            return fault(
                Rule::Form,
                format!("`{}` is for the machine to raise", kind.name()),
            );
        }
        let has_message = matches!(kind, T::Panic | T::AssertionFailed | T::ExpectFailed);
        if has_message != message.is_some() {
            let text = format!(
                "`{}` {} a message",
                kind.name(),
                if has_message { "needs" } else { "takes no" }
            );
            return fault(Rule::Form, text);
        }
        if let Some(message) = message {
            let string = self.type_of(Type::String)?;
            self.look_as(message, string)?;
        }
        if let Some(operand) = operand {
            if kind.operands().is_empty() {
                return fault(Rule::Form, format!("`{}` takes no operand", kind.name()));
            }
            self.look_at_int(operand)?;
        }
        self.ended = true;
        Ok(())
    }
}
