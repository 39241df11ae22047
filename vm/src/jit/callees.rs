//! What machine code calls: functions of [`super::outside`], [`super::direct`] and [`super::quick`], each by a jump of its own beside
//! the code, so that a call is five bytes and needs no register.
//!
//! Three kinds. A *plain* one does its work. One that is *ending* may say that the run ends, and then machine code is left at once:
//! no code asks for that behind each call, and where it was is found by the address that the call would have gone back to. One
//! that is *keeping* leaves all registers as they are, so that loops pay nothing for a checkpoint that they hardly ever reach.

#![allow(unsafe_code)] // Stubs by hand.

use cranelift_codegen::ir::{AbiParam, Signature, types};
use cranelift_codegen::isa::CallConv;
use cranelift_jit::JITModule;
use cranelift_module::{FuncId, Module};

use super::stub::{ending, keeping};
use super::{NoCode, direct, outside, quick, stub};

/// How a kind of callee is called.
macro_rules! convention {
    (keeping) => {
        CallConv::PreserveAll
    };
    ($kind:ident) => {
        CallConv::SystemV
    };
}

/// Where machine code enters a callee.
macro_rules! way_in {
    (plain $callee:path) => {
        $callee as *const u8
    };
    (ending $callee:path) => {
        ending!($callee)
    };
    (keeping $callee:path) => {
        keeping!($callee)
    };
}

/// Their kinds, where they are, how many words they take, and how many they give back.
macro_rules! callees {
    ($($name:ident: $kind:ident $place:ident($params:literal) -> $results:literal;)*) => {
        /// What machine code calls.
        #[derive(Clone, Copy)]
        pub struct Callees {
            $(pub $name: FuncId,)*
            /// Ends the run; never returns, so it may be said to keep all registers.
            pub raise: FuncId,
        }

        impl Callees {
            /// By the numbers that they have in each module, which declares them first.
            pub const NAMES: &[&str] = &[$(stringify!($name),)* "raise"];

            /// Defines the ways to them in a module in which nothing has been declared yet.
            ///
            /// # Errors
            /// When there is no memory for that.
            pub fn define(module: &mut JITModule) -> Result<Callees, NoCode> {
                Ok(Callees {
                    $($name: {
                        let address = way_in!($kind $place::$name);
                        define(module, address, convention!($kind), $params, $results)?
                    },)*
                    raise: define(module, stub::raise as *const u8, CallConv::PreserveAll, 1, 0)?,
                })
            }
        }
    };
}

callees! {
    run_steps: ending outside(4) -> 1;
    call: ending outside(5) -> 1;
    call_value: ending outside(5) -> 1;
    ask_host: ending outside(3) -> 1;
    allocate: ending outside(3) -> 1;
    release: plain outside(2) -> 0;
    unique: ending outside(2) -> 1;
    free: plain outside(2) -> 0;
    copy_bytes: plain outside(3) -> 0;
    trap_with_message: ending outside(4) -> 1;
    checkpoint: keeping outside(1) -> 0;
    checkpoint_of_call: keeping outside(1) -> 0;
    string_slice: ending direct(4) -> 1;
    bytes_slice: ending direct(4) -> 1;
    string_to_bytes: ending direct(2) -> 1;
    check_slice: ending direct(4) -> 1;
    append_part: ending direct(5) -> 1;
    append_i64: ending direct(3) -> 1;
    push_char: ending direct(3) -> 1;
    room_for_one: ending direct(3) -> 1;
    char_at: ending direct(3) -> 1;
    compare: ending direct(3) -> 1;
    equal: ending direct(3) -> 1;
    new_text: plain quick(4) -> 1;
    grow_text: plain quick(3) -> 1;
    drop_sequence: plain quick(3) -> 0;
    new_table: ending direct(2) -> 1;
    table_find: ending direct(4) -> 1;
    table_step: ending direct(4) -> 1;
    table_put: ending direct(5) -> 1;
    table_next: ending direct(3) -> 1;
    table_entry: ending direct(4) -> 1;
    skip: ending direct(4) -> 1;
}

/// A jump to an address that changes no register: `jmp [rip]`, and the address behind it.
fn jump(address: *const u8) -> [u8; 14] {
    let mut code = [0; 14];
    code[..2].copy_from_slice(&[0xff, 0x25]);
    code[6..].copy_from_slice(&(address as u64).to_le_bytes());
    code
}

/// A function that goes on at an address.
fn define(
    module: &mut JITModule,
    address: *const u8,
    convention: CallConv,
    params: usize,
    results: usize,
) -> Result<FuncId, NoCode> {
    let mut signature = Signature::new(convention);
    signature.params = vec![AbiParam::new(types::I64); params];
    signature.returns = vec![AbiParam::new(types::I64); results];
    let id = module.declare_anonymous_function(&signature)?;
    module.define_function_bytes(id, 16, &jump(address), &[])?;
    Ok(id)
}
