//! Reading texts and bytes.

use cop_bytecode::instr::Value;
use cop_bytecode::{Constant, Op};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self, InstBuilder, MemFlagsData, types};

use super::scalars::{LENGTH, SEQUENCE};
use super::{Body, NoCode};

/// Constants of up to so many bytes are compared word by word.
const COMPARED: usize = 16;

impl Body<'_, '_> {
    /// Translates an operation on texts or bytes, if it is one of those done here.
    pub(super) fn text_op(&mut self, op: Op, args: &[Value]) -> Result<bool, NoCode> {
        let outside = self.around.callees;
        let slot = |body: &Self, i: usize| body.slot(args[i]);
        let result = match op {
            Op::StringSlice => {
                let [text, from, to] = [0, 1, 2].map(|i| slot(self, i));
                self.check_slice(text, from, to);
                let ty = self.around.program.string;
                self.text_part(text, from, to, ty)
            }
            Op::BytesSlice => {
                let args = [0, 1, 2].map(|i| slot(self, i));
                self.ask(outside.bytes_slice, &args)
            }
            Op::StringToBytes => {
                let text = slot(self, 0);
                let from = self.b.ins().iconst(types::I64, 0);
                let to = self.length(text);
                let ty = self.around.program.bytes;
                self.text_part(text, from, to, ty)
            }
            Op::StringEq | Op::BytesEq => self.equal(args),
            Op::StringCompare | Op::BytesCompare => {
                let (left, right) = (slot(self, 0), slot(self, 1));
                self.pay_for_shorter(left, right);
                let order = self.ask(outside.compare, &[left, right]);
                self.b.ins().iadd_imm_s(order, -1)
            }
            Op::StringCharAt => {
                let (text, at) = (slot(self, 0), slot(self, 1));
                self.char_at(text, at)
            }
            Op::StringSkipSpace | Op::StringSkipWord => {
                let words = i64::from(op == Op::StringSkipWord);
                let words = self.b.ins().iconst(types::I64, words);
                let args = [slot(self, 0), slot(self, 1), words];
                self.ask(outside.skip, &args)
            }
            _ => return Ok(false),
        };
        self.values.push(vec![result]);
        Ok(true)
    }

    /// A new text, or bytes, with a part of a text; pays for it.
    fn text_part(&mut self, text: ir::Value, from: ir::Value, to: ir::Value, ty: u32) -> ir::Value {
        let [slow, on] = [(); 2].map(|()| self.b.create_block());
        self.b.set_cold_block(slow);
        let result = self.b.append_block_param(on, types::I64);
        let count = self.b.ins().isub(to, from);
        let price = self.price(count);
        let before = self.b.use_var(self.fuel);
        let left = self.b.ins().isub(before, price);
        let enough = self
            .b
            .ins()
            .icmp_imm_s(IntCC::SignedGreaterThanOrEqual, left, 0);
        self.go_on_if(enough, slow);
        let start = self.b.ins().iadd(self.base, text);
        let start = self.b.ins().iadd(start, from);
        let start = self.b.ins().iadd_imm_s(start, i64::from(SEQUENCE));
        let number = self.b.ins().iconst(types::I64, i64::from(ty));
        let args = [self.context, start, count, number];
        let made = self.call_outside(self.around.callees.new_text, &args);
        let made = made.unwrap_or(text);
        self.go_on_if(made, slow);
        self.b.def_var(self.fuel, left);
        self.b.ins().jump(on, &[made.into()]);
        self.b.switch_to_block(slow);
        self.b.seal_block(slow);
        self.b.def_var(self.fuel, before);
        let made = if ty == self.around.program.bytes {
            self.ask(self.around.callees.string_to_bytes, &[text])
        } else {
            self.ask(self.around.callees.string_slice, &[text, from, to])
        };
        self.b.ins().jump(on, &[made.into()]);
        self.b.switch_to_block(on);
        self.b.seal_block(on);
        result
    }

    /// What a value is, if it is a constant.
    pub(super) fn content(&self, value: Value) -> Option<Vec<u8>> {
        let index = *self.constants.get(&value.0)?;
        Some(
            match self.around.program.package.constants.get(index as usize)? {
                Constant::String(text) => text.clone().into_bytes(),
                Constant::Bytes(bytes) => bytes.clone(),
            },
        )
    }

    /// Pays for a comparison; a checkpoint.
    fn pay_for_shorter(&mut self, left: ir::Value, right: ir::Value) {
        let (a, b) = (self.length(left), self.length(right));
        let shorter = self.b.ins().umin(a, b);
        let price = self.price(shorter);
        self.pay(price);
    }

    /// Pays; a checkpoint.
    pub(super) fn pay(&mut self, price: ir::Value) {
        let fuel = self.b.use_var(self.fuel);
        let left = self.b.ins().isub(fuel, price);
        self.b.def_var(self.fuel, left);
        let ask = self.around.callees.checkpoint;
        self.checkpoint(left, ask, None);
    }

    fn equal(&mut self, args: &[Value]) -> ir::Value {
        let (left, right) = (self.slot(args[0]), self.slot(args[1]));
        self.pay_for_shorter(left, right);
        let (a, b) = (self.length(left), self.length(right));
        let (same, on) = (self.b.create_block(), self.b.create_block());
        let result = self.b.append_block_param(on, types::I64);
        let no = self.b.ins().iconst(types::I64, 0);
        let lengths = self.b.ins().icmp(IntCC::Equal, a, b);
        self.b.ins().brif(lengths, same, &[], on, &[no.into()]);
        self.b.switch_to_block(same);
        self.b.seal_block(same);
        let constant = match (self.content(args[0]), self.content(args[1])) {
            (_, Some(content)) => Some((content, left)),
            (Some(content), _) => Some((content, right)),
            _ => None,
        };
        let answer = match constant {
            Some((content, other)) if content.len() <= COMPARED => self.is_content(other, &content),
            _ => self.ask(self.around.callees.equal, &[left, right]),
        };
        self.b.ins().jump(on, &[answer.into()]);
        self.b.switch_to_block(on);
        self.b.seal_block(on);
        result
    }

    /// Whether a text, as long as that content, is that.
    fn is_content(&mut self, text: ir::Value, content: &[u8]) -> ir::Value {
        let address = self.b.ins().iadd(self.base, text);
        let flags = MemFlagsData::trusted();
        let mut differs = self.b.ins().iconst(types::I64, 0);
        let mut at = 0;
        while at < content.len() {
            let left = content.len() - at;
            let offset = SEQUENCE + at as i32;
            let (word, width) = match left {
                8.. => (self.b.ins().load(types::I64, flags, address, offset), 8),
                4.. => (self.b.ins().uload32(flags, address, offset), 4),
                2.. => (self.b.ins().uload16(types::I64, flags, address, offset), 2),
                _ => (self.b.ins().uload8(types::I64, flags, address, offset), 1),
            };
            let mut wanted = [0; 8];
            wanted[..width].copy_from_slice(&content[at..at + width]);
            let wanted = self.b.ins().iconst(types::I64, i64::from_le_bytes(wanted));
            let other = self.b.ins().bxor(word, wanted);
            differs = self.b.ins().bor(differs, other);
            at += width;
        }
        let same = self.b.ins().icmp_imm_s(IntCC::Equal, differs, 0);
        self.widen(same)
    }

    /// The character at an offset: mostly one byte.
    fn char_at(&mut self, text: ir::Value, at: ir::Value) -> ir::Value {
        let flags = MemFlagsData::trusted();
        let start = self.b.ins().iadd(self.base, text);
        let length = self.b.ins().uload32(flags, start, LENGTH);
        let [there, other, on] = [(); 3].map(|()| self.b.create_block());
        self.b.set_cold_block(other);
        let result = self.b.append_block_param(on, types::I64);
        let inside = self.is_below(at, length);
        self.b.ins().brif(inside, there, &[], other, &[]);
        self.b.switch_to_block(there);
        self.b.seal_block(there);
        let address = self.b.ins().iadd(start, at);
        let byte = self.b.ins().uload8(types::I64, flags, address, SEQUENCE);
        let plain = self.b.ins().icmp_imm_s(IntCC::UnsignedLessThan, byte, 0x80);
        self.b.ins().brif(plain, on, &[byte.into()], other, &[]);
        self.b.switch_to_block(other);
        self.b.seal_block(other);
        let found = self.ask(self.around.callees.char_at, &[text, at]);
        self.b.ins().jump(on, &[found.into()]);
        self.b.switch_to_block(on);
        self.b.seal_block(on);
        result
    }
}
