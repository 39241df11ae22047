//! Packages that the verifier accepts: shapes that a compiler writes, and many that it does not.
//!
//! A [`body::Builder`] keeps for each value what the verifier would (type, owner, own slots known to be unique, root), but knows
//! less: where the two could differ it says less of a value than is true, so that what it writes is accepted.

mod body;
mod choices;
mod flow;
mod instructions;
mod loops;
mod types;
mod ways_out;

use cop_bytecode::layout::Layouts;
use cop_bytecode::{
    Constant, Entry, Function, HostFunction, Mode, Package, Param, Type, TypeId, canonical,
};

use crate::Choices;
use body::Builder;
use types::Types;

/// What is known of a function that can be called.
#[derive(Clone, Debug)]
struct Signature {
    params: Vec<Param>,
    captures: usize,
    result: TypeId,
    /// Whether its first parameter says how deep it may still call itself.
    recursive: bool,
    /// The most that this parameter can be.
    deepest: i64,
    /// The type that closures of it have.
    closure: Option<TypeId>,
}

/// All but the function at hand.
struct World {
    layouts: Layouts,
    types: Types,
    constants: Vec<Constant>,
    functions: Vec<Function>,
    signatures: Vec<Signature>,
}

/// A package with one entry point `main`, whose parameter is the capability `kv`. It ends by itself nearly always, or uses up
/// its fuel.
pub fn package(choices: &mut Choices) -> Package {
    let mut layouts = Layouts::default();
    let types = Types::new(&mut layouts);
    let mut world = World {
        layouts,
        types,
        constants: constants(),
        functions: vec![],
        signatures: vec![],
    };
    for _ in 0..choices.below(5) {
        let signature = signature(&mut world, choices);
        write(&mut world, choices, signature, None);
    }
    let kv = world.layouts.intern(Type::Host("kv".into()));
    let bytes = world.layouts.intern(Type::Bytes);
    let main = Signature {
        params: vec![Param {
            ty: kv,
            mode: Mode::Borrow,
        }],
        captures: 0,
        result: bytes,
        recursive: false,
        deepest: 0,
        closure: None,
    };
    write(&mut world, choices, main, Some(kv));
    let main = world.functions.len() as u32 - 1;
    let count = world.layouts.len() as u32;
    let all = (0..count).filter_map(|i| world.layouts.get(TypeId(i)).cloned());
    let host = |interface: &str, name: &str, capability: bool| HostFunction {
        interface: interface.into(),
        version: 1,
        name: name.into(),
        capability,
    };
    canonical(Package {
        types: all.collect(),
        defs: world.layouts.defs().to_vec(),
        entries: vec![Entry {
            name: "main".into(),
            function: main,
            capabilities: vec!["kv".into()],
        }],
        host_functions: vec![host("log", "append", false), host("kv", "get", true)],
        constants: world.constants,
        functions: world.functions,
    })
    .0
}

fn constants() -> Vec<Constant> {
    let texts = [
        "",
        "a",
        "grüße 😀",
        "Ada, Bo;  12",
        "-7",
        "a text of more than thirty-two bytes.",
    ];
    let texts = texts.map(|text| Constant::String(text.into()));
    let bytes = [&b""[..], b"ab", b"\x00\xff12345678"].map(|bytes| Constant::Bytes(bytes.into()));
    texts.into_iter().chain(bytes).collect()
}

fn signature(world: &mut World, choices: &mut Choices) -> Signature {
    let int = world.types.int;
    if choices.once_in(4) {
        // The code of closures of a type that is at hand.
        let ty = match choices.below(2) {
            0 => world.types.int_to_int,
            _ => world.types.change_ints,
        };
        let mut params: Vec<Param> = (0..choices.below(3))
            .map(|_| world.types.any(choices))
            // A closure that holds one of its own kind could not be made without one.
            .filter(|ty| !matches!(world.layouts.get(*ty), Some(Type::Fn { .. })))
            .map(|ty| Param {
                ty,
                mode: Mode::Borrow,
            })
            .collect();
        let captures = params.len();
        let Some(Type::Fn {
            params: plain,
            result,
        }) = world.layouts.get(ty).cloned()
        else {
            unreachable!("both are function types");
        };
        params.extend(plain.iter().map(|p| Param {
            ty: p.ty,
            mode: if p.mutable { Mode::InOut } else { Mode::Borrow },
        }));
        return Signature {
            params,
            captures,
            result,
            recursive: false,
            deepest: 0,
            closure: Some(ty),
        };
    }
    let recursive = choices.once_in(3);
    let mut params = vec![];
    if recursive {
        params.push(Param {
            ty: int,
            mode: Mode::Borrow,
        });
    }
    for _ in 0..choices.below(4) {
        let ty = world.types.any(choices);
        let copy = world.layouts.layout(ty).is_ok_and(|l| l.copy);
        let modes = match copy {
            true => [Mode::Borrow, Mode::InOut, Mode::Borrow, Mode::Borrow],
            false => [Mode::Borrow, Mode::InOut, Mode::Own, Mode::Look],
        };
        let mode = modes[choices.below(4)];
        params.push(Param { ty, mode });
    }
    Signature {
        params,
        captures: 0,
        result: world.types.any(choices),
        recursive,
        // Some go deeper than the stack does.
        deepest: if choices.once_in(3) { 20_000 } else { 12 },
        closure: None,
    }
}

/// Writes a function.
fn write(world: &mut World, choices: &mut Choices, signature: Signature, kv: Option<TypeId>) {
    let length = 6 + choices.below(60);
    world.signatures.push(signature.clone());
    let mut builder = Builder::new(world, choices, signature.clone(), kv);
    builder.begin();
    builder.statements(length);
    builder.end();
    let body = builder.finish();
    world.functions.push(Function {
        params: signature.params,
        captures: signature.captures as u32,
        result: signature.result,
        body,
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_bytes_make_the_same_package() {
        for seed in 0..50 {
            let mut choices = Choices::of_seed(seed);
            let made = package(&mut choices);
            let again = package(&mut Choices::of_bytes(choices.taken()));
            assert_eq!(made, again);
        }
    }

    #[test]
    fn no_bytes_make_a_package() {
        assert_eq!(package(&mut Choices::of_bytes(&[])).entries.len(), 1);
    }
}
