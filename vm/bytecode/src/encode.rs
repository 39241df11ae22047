//! Packages as bytes: the two canonical blobs, and the hash of a package.
//!
//! ```text
//! interface   copi 1, edition, types, definitions, entries, host functions, bytes of the constants
//! code        copc 1, constants, signatures of the functions, bodies (each with its length in bytes)
//! ```
//!
//! Counts stand before items, lengths before bytes; numbers are minimal LEB128, signed ones zigzag. A value
//! operand is the distance back from the newest value: 0 is the one defined last. [`mod@crate::decode`] refuses
//! every other spelling of the same package. (ORDER ENCODING: a change here has its mirror there.)

use std::fmt;

use crate::hash::Hash;
use crate::instr::{Function, Instr, Mode, Own, Step, Value, ValueType};
use crate::leb::{write_bytes, write_i64, write_u64};
use crate::limits;
use crate::numbering::Numbering;
use crate::package::{Constant, Package};
use crate::table::{self, opcode};
use crate::types::{Field, Shape, Type, TypeId};

/// First bytes of an interface blob.
pub const INTERFACE_MAGIC: &[u8; 4] = b"copi";
/// First bytes of a code blob.
pub const CODE_MAGIC: &[u8; 4] = b"copc";
/// Version of both blobs.
pub const VERSION: u8 = 1;

/// What an instruction takes on average, a little more than found, so that there is room from the beginning.
const INSTRUCTION_BYTES: usize = 4;

/// The two blobs of a package.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Encoded {
    /// Types, entries, what is asked of the host.
    pub interface: Vec<u8>,
    /// Constants and functions.
    pub code: Vec<u8>,
}

impl Encoded {
    /// The package hash: what identifies a compiled program.
    pub fn hash(&self) -> Hash {
        package_hash(&self.interface, &self.code)
    }
}

/// The hash of a package from its two blobs.
pub fn package_hash(interface: &[u8], code: &[u8]) -> Hash {
    let interface = Hash::tagged("cop interface 1", &[interface]);
    let code = Hash::tagged("cop code 1", &[code]);
    Hash::tagged("cop package 1", &[&interface.0, &code.0])
}

/// A package that has no encoding: the compiler made something that is no package.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EncodeError {
    /// Function and instruction.
    pub position: (usize, usize),
    /// What is wrong there.
    pub reason: String,
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (function, instruction) = self.position;
        write!(
            f,
            "function {function}, instruction {instruction}: {}",
            self.reason
        )
    }
}

impl std::error::Error for EncodeError {}

/// Encodes a package as it stands. The decoder takes back only packages that are in canonical order (see
/// [`fn@crate::canonical`]) and within the limits.
///
/// # Errors
/// When an operand names a value that is not yet defined, or an operation has the wrong number of arguments.
pub fn encode(package: &Package) -> Result<Encoded, EncodeError> {
    Ok(Encoded {
        interface: interface(package),
        code: code(package)?,
    })
}

fn interface(package: &Package) -> Vec<u8> {
    let mut out = INTERFACE_MAGIC.to_vec();
    out.push(VERSION);
    write_u64(&mut out, u64::from(limits::EDITION));
    write_u64(&mut out, package.types.len() as u64);
    for ty in &package.types {
        write_type(&mut out, ty);
    }
    write_u64(&mut out, package.defs.len() as u64);
    for def in &package.defs {
        write_bytes(&mut out, def.name.as_bytes());
        write_u64(&mut out, u64::from(def.params));
        match &def.shape {
            Shape::Product(fields) => {
                out.push(0);
                write_fields(&mut out, fields);
            }
            Shape::Sum(variants) => {
                out.push(1);
                write_u64(&mut out, variants.len() as u64);
                for variant in variants {
                    write_bytes(&mut out, variant.name.as_bytes());
                    write_fields(&mut out, &variant.fields);
                }
            }
        }
    }
    write_u64(&mut out, package.entries.len() as u64);
    for entry in &package.entries {
        write_bytes(&mut out, entry.name.as_bytes());
        write_u64(&mut out, u64::from(entry.function));
        write_u64(&mut out, entry.capabilities.len() as u64);
        for capability in &entry.capabilities {
            write_bytes(&mut out, capability.as_bytes());
        }
    }
    write_u64(&mut out, package.host_functions.len() as u64);
    for function in &package.host_functions {
        write_bytes(&mut out, function.interface.as_bytes());
        write_u64(&mut out, u64::from(function.version));
        write_bytes(&mut out, function.name.as_bytes());
        out.push(u8::from(function.capability));
    }
    write_u64(&mut out, constants_size(&package.constants));
    out
}

/// Bytes that the constants take in a run's arena: a cell each, with a header of 16 bytes, in multiples of 16.
pub fn constants_size(constants: &[Constant]) -> u64 {
    let cell = |constant: &Constant| (16 + constant.bytes().len() as u64).next_multiple_of(16);
    constants.iter().map(cell).sum()
}

impl Constant {
    /// Its bytes; of a text, the UTF-8.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Constant::String(text) => text.as_bytes(),
            Constant::Bytes(bytes) => bytes,
        }
    }
}

fn write_fields(out: &mut Vec<u8>, fields: &[Field]) {
    write_u64(out, fields.len() as u64);
    for field in fields {
        write_bytes(out, field.name.as_bytes());
        write_u64(out, u64::from(field.ty.0));
    }
}

fn write_types(out: &mut Vec<u8>, types: &[TypeId]) {
    write_u64(out, types.len() as u64);
    for ty in types {
        write_u64(out, u64::from(ty.0));
    }
}

fn write_type(out: &mut Vec<u8>, ty: &Type) {
    let one = |out: &mut Vec<u8>, tag: u8, ty: &TypeId| {
        out.push(tag);
        write_u64(out, u64::from(ty.0));
    };
    match ty {
        Type::I64 => out.push(0),
        Type::F64 => out.push(1),
        Type::Bool => out.push(2),
        Type::Char => out.push(3),
        Type::Unit => out.push(4),
        Type::String => out.push(5),
        Type::Bytes => out.push(6),
        Type::Range => out.push(7),
        Type::List(item) => one(out, 8, item),
        Type::Map(key, value) => {
            one(out, 9, key);
            write_u64(out, u64::from(value.0));
        }
        Type::Set(item) => one(out, 10, item),
        Type::Option(item) => one(out, 11, item),
        Type::Tuple(parts) => {
            out.push(12);
            write_types(out, parts);
        }
        Type::Nominal(def, args) => {
            out.push(13);
            write_u64(out, u64::from(def.0));
            write_types(out, args);
        }
        Type::Fn { params, result } => {
            out.push(14);
            write_u64(out, params.len() as u64);
            for param in params {
                write_u64(out, u64::from(param.ty.0));
                out.push(u8::from(param.mutable));
            }
            write_u64(out, u64::from(result.0));
        }
        Type::Host(interface) => {
            out.push(15);
            write_bytes(out, interface.as_bytes());
        }
        Type::Param(index) => {
            out.push(16);
            write_u64(out, u64::from(*index));
        }
    }
}

fn code(package: &Package) -> Result<Vec<u8>, EncodeError> {
    let instructions = package.functions.iter().map(|f| f.body.len());
    let mut out = Vec::with_capacity(INSTRUCTION_BYTES * instructions.sum::<usize>());
    out.extend_from_slice(CODE_MAGIC);
    out.push(VERSION);
    write_u64(&mut out, package.constants.len() as u64);
    for constant in &package.constants {
        out.push(match constant {
            Constant::String(_) => 0,
            Constant::Bytes(_) => 1,
        });
        write_bytes(&mut out, constant.bytes());
    }
    write_u64(&mut out, package.functions.len() as u64);
    for function in &package.functions {
        write_u64(&mut out, function.params.len() as u64);
        for param in &function.params {
            write_u64(&mut out, u64::from(param.ty.0));
            out.push(match param.mode {
                Mode::Borrow => 0,
                Mode::Look => 1,
                Mode::Own => 2,
                Mode::InOut => 3,
            });
        }
        write_u64(&mut out, u64::from(function.captures));
        write_u64(&mut out, u64::from(function.result.0));
    }
    let mut writer = Writer {
        out: Vec::new(),
        newest: 0,
    };
    for (index, function) in package.functions.iter().enumerate() {
        writer.out.clear();
        body(&mut writer, package, index, function)?;
        write_bytes(&mut out, &writer.out);
    }
    Ok(out)
}

fn body(
    writer: &mut Writer,
    package: &Package,
    index: usize,
    function: &Function,
) -> Result<(), EncodeError> {
    let mut numbering = Numbering::new(function.params.len());
    for (at, instr) in function.body.iter().enumerate() {
        let fail = |reason: String| EncodeError {
            position: (index, at),
            reason,
        };
        writer.newest = numbering.next();
        writer.instr(instr).map_err(fail)?;
        let results = |callee: u32| {
            package
                .functions
                .get(callee as usize)
                .map(Function::call_results)
        };
        numbering
            .step(instr, results)
            .map_err(|bad| fail(format!("{bad:?}")))?;
    }
    Ok(())
}

/// Writes the instructions of one body.
struct Writer {
    out: Vec<u8>,
    /// Number of the next value: operands are below it.
    newest: u32,
}

type Written = Result<(), String>;

impl Writer {
    fn number(&mut self, number: u32) {
        write_u64(&mut self.out, u64::from(number));
    }

    fn value(&mut self, value: Value) -> Written {
        match self
            .newest
            .checked_sub(value.0)
            .and_then(|d| d.checked_sub(1))
        {
            Some(distance) => {
                self.number(distance);
                Ok(())
            }
            None => Err(format!("%{} is not defined yet", value.0)),
        }
    }

    fn values(&mut self, values: &[Value]) -> Written {
        self.number(values.len() as u32);
        values.iter().try_for_each(|v| self.value(*v))
    }

    fn value_types(&mut self, types: &[ValueType]) -> Written {
        self.number(types.len() as u32);
        for ty in types {
            self.number(ty.ty.0);
            match ty.own {
                Own::Copy => self.out.push(0),
                Own::Owned { unique } => {
                    self.out.push(1);
                    write_u64(&mut self.out, unique);
                }
                Own::Borrowed { root } => {
                    self.out.push(2);
                    self.value(root)?;
                }
            }
        }
        Ok(())
    }

    fn path(&mut self, path: &[Step]) -> Written {
        self.number(path.len() as u32);
        for step in path {
            match *step {
                Step::Index(value) => {
                    self.out.push(0);
                    self.value(value)?;
                }
                Step::Key(value) => {
                    self.out.push(1);
                    self.value(value)?;
                }
                Step::Field(field) => {
                    self.out.push(2);
                    self.number(field);
                }
                Step::Variant(variant) => {
                    self.out.push(3);
                    self.number(variant);
                }
                Step::EntryKey(value) => {
                    self.out.push(4);
                    self.value(value)?;
                }
                Step::EntryValue(value) => {
                    self.out.push(5);
                    self.value(value)?;
                }
            }
        }
        Ok(())
    }

    fn optional(&mut self, value: Option<Value>) -> Written {
        self.out.push(u8::from(value.is_some()));
        value.map_or(Ok(()), |v| self.value(v))
    }

    fn code(&mut self, code: u8) {
        self.out.push(code);
    }

    fn instr(&mut self, instr: &Instr) -> Written {
        match instr {
            Instr::ConstI64(number) => {
                self.code(opcode::ConstI64);
                write_i64(&mut self.out, *number);
            }
            Instr::ConstF64(bits) => {
                self.code(opcode::ConstF64);
                self.out.extend_from_slice(&bits.to_le_bytes());
            }
            Instr::ConstBool(truth) => {
                self.code(opcode::ConstBool);
                self.out.push(u8::from(*truth));
            }
            Instr::ConstChar(char) => {
                self.code(opcode::ConstChar);
                self.number(u32::from(*char));
            }
            Instr::ConstUnit => self.code(opcode::ConstUnit),
            Instr::Const(index) => {
                self.code(opcode::Const);
                self.number(*index);
            }
            Instr::Block { results } => {
                self.code(opcode::Block);
                self.value_types(results)?;
            }
            Instr::If { condition, results } => {
                self.code(opcode::If);
                self.value(*condition)?;
                self.value_types(results)?;
            }
            Instr::Else => self.code(opcode::Else),
            Instr::Switch { value, results } => {
                self.code(opcode::Switch);
                self.value(*value)?;
                self.value_types(results)?;
            }
            Instr::Arm => self.code(opcode::Arm),
            Instr::Loop {
                start,
                params,
                results,
            } => {
                self.code(opcode::Loop);
                self.values(start)?;
                self.value_types(params)?;
                self.value_types(results)?;
            }
            Instr::For {
                from,
                to,
                start,
                params,
            } => {
                self.code(opcode::For);
                self.value(*from)?;
                self.value(*to)?;
                self.values(start)?;
                self.value_types(params)?;
            }
            Instr::End => self.code(opcode::End),
            Instr::Exit { depth, values } => {
                self.code(opcode::Exit);
                self.number(*depth);
                self.values(values)?;
            }
            Instr::Next { depth, values } => {
                self.code(opcode::Next);
                self.number(*depth);
                self.values(values)?;
            }
            Instr::Ret { values } => {
                self.code(opcode::Ret);
                self.values(values)?;
            }
            Instr::Trap {
                kind,
                operand,
                message,
            } => {
                self.code(opcode::Trap);
                self.out.push(*kind as u8);
                self.optional(*operand)?;
                self.optional(*message)?;
            }
            Instr::New { ty, variant, parts } => {
                self.code(opcode::New);
                self.number(ty.0);
                self.number(*variant);
                self.values(parts)?;
            }
            Instr::Get { value, path } => {
                self.code(opcode::Get);
                self.value(*value)?;
                self.path(path)?;
            }
            Instr::Set { value, path, new } => {
                self.code(opcode::Set);
                self.value(*value)?;
                self.path(path)?;
                self.value(*new)?;
            }
            Instr::Update {
                op,
                value,
                path,
                args,
            } => {
                let row = op.row();
                if args.len() != row.args.len() {
                    return Err(format!("`{}` takes {} arguments", row.name, row.args.len()));
                }
                self.code(opcode::Update);
                self.out.push(row.code);
                self.value(*value)?;
                self.path(path)?;
                args.iter().try_for_each(|v| self.value(*v))?;
            }
            Instr::Take { value, path } => {
                self.code(opcode::Take);
                self.value(*value)?;
                self.path(path)?;
            }
            Instr::Put { value, path, new } => {
                self.code(opcode::Put);
                self.value(*value)?;
                self.path(path)?;
                self.value(*new)?;
            }
            Instr::Dup(value) => {
                self.code(opcode::Dup);
                self.value(*value)?;
            }
            Instr::Drop(value) => {
                self.code(opcode::Drop);
                self.value(*value)?;
            }
            Instr::Unique { value, slot } => {
                self.code(opcode::Unique);
                self.value(*value)?;
                self.number(*slot);
            }
            Instr::Open {
                value,
                variant,
                parts,
            } => {
                self.code(opcode::Open);
                self.value(*value)?;
                self.number(*variant);
                self.number(*parts);
            }
            Instr::Tag(value) => {
                self.code(opcode::Tag);
                self.value(*value)?;
            }
            Instr::Op { op, ty, args } => {
                let row = op.row();
                if args.len() != row.args.len() {
                    return Err(format!("`{}` takes {} arguments", row.name, row.args.len()));
                }
                self.code(row.code);
                match (row.result == table::Kind::Named, ty) {
                    (true, Some(ty)) => self.number(ty.0),
                    (false, None) => {}
                    (true, None) => return Err(format!("`{}` names a type", row.name)),
                    (false, Some(_)) => return Err(format!("`{}` names no type", row.name)),
                }
                args.iter().try_for_each(|v| self.value(*v))?;
            }
            Instr::Call { function, args } => {
                self.code(opcode::Call);
                self.number(*function);
                self.values(args)?;
            }
            Instr::CallValue {
                callee,
                args,
                changed,
            } => {
                self.code(opcode::CallValue);
                self.value(*callee)?;
                self.values(args)?;
                self.number(*changed);
            }
            Instr::Closure {
                ty,
                function,
                captures,
            } => {
                self.code(opcode::Closure);
                self.number(ty.0);
                self.number(*function);
                self.values(captures)?;
            }
            Instr::HostCall {
                function,
                capability,
                argument,
            } => {
                self.code(opcode::HostCall);
                self.number(*function);
                self.optional(*capability)?;
                self.value(*argument)?;
            }
        }
        Ok(())
    }
}
