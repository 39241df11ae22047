//! Trampolines: from [`super::stub::enter`], which knows memory alone, to a function with arguments and results in registers.

use std::mem::offset_of;

use cranelift_codegen::ir::{AbiParam, InstBuilder, MemFlagsData, Signature, Value, types};
use cranelift_codegen::isa::CallConv;
use cranelift_frontend::FunctionBuilder;

use super::abi::Abi;
use super::context::Context;

/// That of [`super::stub::Trampoline`].
pub fn signature() -> Signature {
    let mut signature = Signature::new(CallConv::SystemV);
    signature.params = vec![AbiParam::new(types::I64); 4];
    signature
}

/// The code of the trampoline for functions of these types.
pub fn write(abi: &Abi, b: &mut FunctionBuilder, params: &[Value]) {
    let [context, args, results, code] = [0, 1, 2, 3].map(|i| params[i]);
    let flags = MemFlagsData::trusted();
    let word = |b: &mut FunctionBuilder, offset: usize| {
        b.ins().load(types::I64, flags, context, offset as i32)
    };
    let mut values = vec![
        context,
        word(b, offset_of!(Context, fuel)),
        word(b, offset_of!(Context, stack_left)),
    ];
    if abi.by_memory {
        values.push(results);
    }
    for (i, ty) in abi.params.iter().enumerate() {
        values.push(b.ins().load(*ty, flags, args, 8 * i as i32));
    }
    let callee = b.import_signature(abi.signature());
    let call = b.ins().call_indirect(callee, code, &values);
    let returned = b.inst_results(call).to_vec();
    let fuel = offset_of!(Context, fuel) as i32;
    b.ins().store(flags, returned[0], context, fuel);
    for (i, value) in returned[1..].iter().enumerate() {
        b.ins().store(flags, *value, results, 8 * i as i32);
    }
    b.ins().return_(&[]);
}
