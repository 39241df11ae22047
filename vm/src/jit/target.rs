//! The machine at hand, and what code that was made for it depends on.

use std::sync::OnceLock;

use cop_bytecode::{Hash, cost};
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_codegen::settings::{self, Configurable};

use super::NoCode;
use crate::program::Inner;

/// The machine at hand, with the settings of the code generator; the same for all programs.
pub fn machine() -> Result<OwnedTargetIsa, NoCode> {
    static MACHINE: OnceLock<OwnedTargetIsa> = OnceLock::new();
    match MACHINE.get() {
        Some(machine) => Ok(machine.clone()),
        None => {
            let found = find_machine()?;
            Ok(MACHINE.get_or_init(|| found).clone())
        }
    }
}

fn find_machine() -> Result<OwnedTargetIsa, NoCode> {
    let mut flags = settings::builder();
    let failed = |error: settings::SetError| NoCode::Machine(error.to_string());
    for (name, value) in [
        ("opt_level", "speed"),
        ("preserve_frame_pointers", "true"),
        ("is_pic", "false"),
        ("use_colocated_libcalls", "false"),
        ("unwind_info", "false"),
        (
            "enable_verifier",
            if cfg!(debug_assertions) {
                "true"
            } else {
                "false"
            },
        ),
    ] {
        flags.set(name, value).map_err(failed)?;
    }
    let isa = cranelift_native::builder().map_err(|error| NoCode::Machine(error.into()))?;
    isa.finish(settings::Flags::new(flags))
        .map_err(|error| NoCode::Machine(error.to_string()))
}

/// What the machine code of a program depends on, save for this executable.
pub fn key(program: &Inner) -> Result<Hash, NoCode> {
    let machine = machine()?;
    let flags: Vec<String> = machine
        .isa_flags()
        .iter()
        .map(|flag| flag.to_string())
        .collect();
    let (flags, settings) = (flags.join("\n"), machine.flags().to_string());
    let parts: [&[u8]; 4] = [
        &program.hash().0,
        &cost::VERSION.to_le_bytes(),
        settings.as_bytes(),
        flags.as_bytes(),
    ];
    Ok(Hash::tagged("cop machine code 1", &parts))
}
