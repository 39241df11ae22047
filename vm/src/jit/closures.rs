//! Calling function values: each function that one is made of has a second way in, which takes the cell of the closure
//! in the place of the captures and finds them there.

use std::sync::atomic::{AtomicUsize, Ordering};

use cop_bytecode::layout::Layouts;
use cop_bytecode::{Function, TypeId};
use cranelift_codegen::ir::{self, AbiParam, InstBuilder, MemFlagsData, Signature, Value, types};
use cranelift_codegen::isa::CallConv;
use cranelift_frontend::FunctionBuilder;
use cranelift_jit::JITModule;
use cranelift_module::{FuncId, Module};

use super::NoCode;
use super::abi::{Abi, holds_in_registers};
use super::context::Context;
use crate::shape::{self, PieceKind};

/// The ways in, by function; 0 where there is none, and the interpreter makes the call.
pub struct Table(Box<[AtomicUsize]>);

impl Table {
    /// For so many functions.
    pub fn new(functions: usize) -> Table {
        Table((0..functions).map(|_| AtomicUsize::new(0)).collect())
    }

    /// Where it begins.
    pub fn start(&self) -> *const AtomicUsize {
        self.0.as_ptr()
    }

    /// Enters the way into a function.
    pub fn set(&self, function: u32, address: usize) {
        if let Some(place) = self.0.get(function as usize) {
            place.store(address, Ordering::Release);
        }
    }
}

/// How such a way in is called: as the function, with the cell before those arguments that are not captured.
pub fn signature(params: &[ir::Type], results: &[ir::Type]) -> Signature {
    let mut signature = Signature::new(CallConv::Tail);
    let by_memory = !holds_in_registers(results);
    let words = if by_memory { 5 } else { 4 };
    signature.params = vec![AbiParam::new(types::I64); words];
    let params = params.iter().copied().map(AbiParam::new);
    signature.params.extend(params);
    signature.returns.push(AbiParam::new(types::I64));
    if !by_memory {
        let results = results.iter().copied().map(AbiParam::new);
        signature.returns.extend(results);
    }
    signature
}

/// A captured slot: where it lies in the cell, and as what.
struct Captured {
    offset: i32,
    kind: PieceKind,
    ty: ir::Type,
}

/// What a way in needs to know of its function.
pub struct WayIn {
    captured: Vec<Captured>,
    by_memory: bool,
    /// How it is called.
    pub signature: Signature,
}

impl WayIn {
    /// Of a function; none if what it captures is not in one place whatever the tags.
    ///
    /// # Errors
    /// When a type has no layout.
    pub fn of(layouts: &mut Layouts, function: &Function) -> Result<Option<WayIn>, NoCode> {
        let abi = Abi::of(layouts, function)?;
        let types: Vec<TypeId> = function
            .params
            .iter()
            .take(function.captures as usize)
            .map(|param| param.ty)
            .collect();
        let (parts, _) = layouts.closure(&types)?;
        let mut pieces = Vec::new();
        for part in parts {
            pieces.extend(shape::pieces(layouts, part.ty, part.slot, part.offset)?);
        }
        pieces.sort_by_key(|piece| piece.slot);
        let mut captured = Vec::with_capacity(pieces.len());
        for (slot, piece) in pieces.into_iter().enumerate() {
            if matches!(piece.kind, PieceKind::Sum(_)) || piece.slot as usize != slot {
                return Ok(None);
            }
            captured.push(Captured {
                offset: piece.offset as i32,
                kind: piece.kind,
                ty: abi.params[slot],
            });
        }
        Ok(Some(WayIn {
            signature: signature(&abi.params[captured.len()..], &abi.results),
            by_memory: abi.by_memory,
            captured,
        }))
    }

    /// Its code: finds the captures, and goes on in the function.
    pub fn write(
        &self,
        callee: FuncId,
        b: &mut FunctionBuilder,
        module: &mut JITModule,
        params: &[Value],
    ) {
        let words = if self.by_memory { 4 } else { 3 };
        let (context, cell) = (params[0], params[words]);
        let flags = MemFlagsData::trusted();
        let base = std::mem::offset_of!(Context, base) as i32;
        let base = b.ins().load(types::I64, flags, context, base);
        let address = b.ins().iadd(base, cell);
        let mut args = params[..words].to_vec();
        for Captured { offset, kind, ty } in &self.captured {
            let ins = b.ins();
            args.push(match kind {
                PieceKind::I64 | PieceKind::F64 => ins.load(*ty, flags, address, *offset),
                PieceKind::Bool => ins.uload8(types::I64, flags, address, *offset),
                _ => ins.uload32(flags, address, *offset),
            });
        }
        args.extend(&params[words + 1..]);
        let callee = module.declare_func_in_func(callee, b.func);
        b.ins().return_call(callee, &args);
    }
}
