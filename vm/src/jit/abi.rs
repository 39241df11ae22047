//! How functions of machine code call each other: Cranelift's `tail` convention, with
//!
//! ```text
//!   context, fuel, stack left, [where results go], slots of the arguments  ->  fuel, slots of the results
//! ```
//!
//! Results that registers do not hold go to memory of the caller.

use cop_bytecode::instr::Mode;
use cop_bytecode::layout::{LayoutError, Layouts, SlotKind};
use cop_bytecode::{Function, TypeId};
use cranelift_codegen::ir::{self, AbiParam, Signature, types};
use cranelift_codegen::isa::CallConv;

/// Results in integer registers besides the fuel, and in float registers.
const IN_REGISTERS: (usize, usize) = (7, 8);

/// The types of a function's slots.
pub struct Abi {
    /// Of its parameters.
    pub params: Vec<ir::Type>,
    /// Of its result, then of its `inout` parameters.
    pub results: Vec<ir::Type>,
    /// Whether results go to memory.
    pub by_memory: bool,
}

impl Abi {
    /// Those of a function.
    ///
    /// # Errors
    /// When a type has no layout.
    pub fn of(layouts: &mut Layouts, function: &Function) -> Result<Abi, LayoutError> {
        let (mut params, mut results) = (Vec::new(), slot_types(layouts, function.result)?);
        for param in &function.params {
            let slots = slot_types(layouts, param.ty)?;
            if param.mode == Mode::InOut {
                results.extend_from_slice(&slots);
            }
            params.extend(slots);
        }
        Ok(Abi {
            by_memory: !holds_in_registers(&results),
            params,
            results,
        })
    }

    /// As Cranelift wants it.
    pub fn signature(&self) -> Signature {
        let mut signature = Signature::new(CallConv::Tail);
        let words = if self.by_memory { 4 } else { 3 };
        signature.params = vec![AbiParam::new(types::I64); words];
        signature
            .params
            .extend(self.params.iter().copied().map(AbiParam::new));
        signature.returns.push(AbiParam::new(types::I64));
        if !self.by_memory {
            signature
                .returns
                .extend(self.results.iter().copied().map(AbiParam::new));
        }
        signature
    }

    /// The same for functions that are called in the same way.
    pub fn key(&self) -> Vec<u8> {
        let letter = |ty: &ir::Type| u8::from(*ty == types::F64);
        let mut key: Vec<u8> = self.params.iter().map(letter).collect();
        key.push(2);
        key.extend(self.results.iter().map(letter));
        key
    }
}

/// Whether registers hold results of these types.
pub fn holds_in_registers(results: &[ir::Type]) -> bool {
    let floats = results.iter().filter(|ty| **ty == types::F64).count();
    results.len() - floats <= IN_REGISTERS.0 && floats <= IN_REGISTERS.1
}

/// The types of a value's slots: floats in float registers, everything else as 64-bit words.
///
/// # Errors
/// When the type has no layout.
pub fn slot_types(layouts: &mut Layouts, ty: TypeId) -> Result<Vec<ir::Type>, LayoutError> {
    let slots = &layouts.layout(ty)?.slots;
    Ok(slots
        .iter()
        .map(|slot| match slot {
            SlotKind::F64 => types::F64,
            _ => types::I64,
        })
        .collect())
}
