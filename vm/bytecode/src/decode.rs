//! Bytes as packages: refuses everything that [`mod@crate::encode`] would not write.
//!
//! What is checked here: both magics, the edition, every limit (before room is reserved), minimal numbers,
//! indices, that regions nest, that value operands are defined before their use, and canonical order. What is
//! left to the verifier: types, ownership, which values a region can see, and what each exit carries.
//! Decoding never recurses and takes time and memory in proportion to its input.

use std::collections::HashSet;

use crate::canonical;
use crate::encode::{CODE_MAGIC, INTERFACE_MAGIC, VERSION, constants_size};
use crate::few::{Path, Types, Values};
use crate::instr::{Function, Instr, Mode, Own, Param, Step, Value, ValueType};
use crate::leb::{DecodeError, Reader};
use crate::limits;
use crate::numbering::{BadNumbering, Numbering};
use crate::package::{Constant, Entry, HostFunction, Package};
use crate::table::{Kind, Op, UpdateOp, opcode};
use crate::trap::TrapKind;
use crate::types::{DefId, Field, FnParam, Shape, Type, TypeDef, TypeId, Variant};

/// Decodes the two blobs of a package.
///
/// # Errors
/// When the blobs are not the canonical encoding of a package within the limits.
pub fn decode(interface: &[u8], code: &[u8]) -> Result<Package, DecodeError> {
    let mut package = Package::default();
    let reader = &mut Reader::new("interface", interface);
    if interface.len().saturating_add(code.len()) > limits::PACKAGE_BYTES {
        return Err(reader.error(format!(
            "a package has at most {} bytes",
            limits::PACKAGE_BYTES
        )));
    }
    let constants_bytes = read_interface(reader, &mut package)?;
    let interface_end = reader.error("");
    let reader = &mut Reader::new("code", code);
    read_code(reader, &mut package)?;

    let refuse = |reason: &str| DecodeError {
        reason: reason.to_owned(),
        ..interface_end.clone()
    };
    if constants_size(&package.constants) != constants_bytes {
        return Err(refuse("the size of the constants is another"));
    }
    if package
        .entries
        .iter()
        .any(|e| e.function as usize >= package.functions.len())
    {
        return Err(refuse("an entry names a function that is not there"));
    }
    match canonical::disorder(&package) {
        Some(reason) => Err(refuse(&reason)),
        None => Ok(package),
    }
}

fn read_interface(r: &mut Reader, package: &mut Package) -> Result<u64, DecodeError> {
    r.magic(INTERFACE_MAGIC, VERSION)?;
    let edition = r.u64()?;
    if edition != u64::from(limits::EDITION) {
        return Err(r.error(format!(
            "edition {edition} is not known, only {}",
            limits::EDITION
        )));
    }
    read_types(r, package)?;
    read_defs(r, package)?;
    for _ in 0..r.count(limits::FUNCTIONS, "number of entries")? {
        let entry = Entry {
            name: r.string()?,
            function: r.index(limits::FUNCTIONS, "function")?,
            capabilities: read_list(
                r,
                limits::PARAMETERS,
                "number of capabilities",
                Reader::string,
            )?,
        };
        if package
            .entries
            .last()
            .is_some_and(|last| last.name >= entry.name)
        {
            return Err(r.error("entries are not in order of name"));
        }
        package.entries.push(entry);
    }
    for _ in 0..r.count(limits::FUNCTIONS, "number of host functions")? {
        package.host_functions.push(HostFunction {
            interface: r.string()?,
            version: r.at_most(u64::from(u32::MAX), "version")? as u32,
            name: r.string()?,
            capability: r.bool()?,
        });
    }
    let mut seen = HashSet::new();
    if !package.host_functions.iter().all(|f| seen.insert(f)) {
        return Err(r.error("a host function stands twice"));
    }
    let constants_bytes = r.u64()?;
    r.end()?;
    Ok(constants_bytes)
}

fn read_list<'a, T>(
    r: &mut Reader<'a>,
    limit: usize,
    what: &str,
    item: impl Fn(&mut Reader<'a>) -> Result<T, DecodeError>,
) -> Result<Vec<T>, DecodeError> {
    let count = r.count(limit, what)?;
    let mut items = Vec::with_capacity(count);
    for _ in 0..count {
        items.push(item(r)?);
    }
    Ok(items)
}

fn read_types(r: &mut Reader, package: &mut Package) -> Result<(), DecodeError> {
    let count = r.count(limits::TYPES, "number of types")?;
    let mut seen = HashSet::new();
    let mut depths: Vec<usize> = Vec::with_capacity(count);
    for index in 0..count {
        // Parts are earlier types, so the table cannot be circular.
        let part = |r: &mut Reader| r.index(index, "type").map(TypeId);
        let ty = match r.byte()? {
            0 => Type::I64,
            1 => Type::F64,
            2 => Type::Bool,
            3 => Type::Char,
            4 => Type::Unit,
            5 => Type::String,
            6 => Type::Bytes,
            7 => Type::Range,
            8 => Type::List(part(r)?),
            9 => Type::Map(part(r)?, part(r)?),
            10 => Type::Set(part(r)?),
            11 => Type::Option(part(r)?),
            12 => {
                let parts = read_list(r, limits::PARAMETERS, "number of parts", part)?;
                if parts.len() < 2 {
                    return Err(r.error("a tuple has at least two parts"));
                }
                Type::Tuple(parts)
            }
            13 => Type::Nominal(
                DefId(r.index(limits::TYPES, "definition")?),
                read_list(r, limits::PARAMETERS, "number of type arguments", part)?,
            ),
            14 => Type::Fn {
                params: read_list(r, limits::PARAMETERS, "number of parameters", |r| {
                    Ok(FnParam {
                        ty: part(r)?,
                        mutable: r.bool()?,
                    })
                })?,
                result: part(r)?,
            },
            15 => Type::Host(r.string()?),
            16 => Type::Param(r.index(limits::PARAMETERS, "type parameter")?),
            other => return Err(r.error(format!("{other} begins no type"))),
        };
        let depth = 1 + ty.parts().map(|p| depths[p.0 as usize]).max().unwrap_or(0);
        if depth > limits::TYPE_DEPTH {
            return Err(r.error(format!("types nest deeper than {}", limits::TYPE_DEPTH)));
        }
        depths.push(depth);
        if !seen.insert(ty.clone()) {
            return Err(r.error("a type stands twice"));
        }
        package.types.push(ty);
    }
    Ok(())
}

fn read_defs(r: &mut Reader, package: &mut Package) -> Result<(), DecodeError> {
    let types = package.types.len();
    let fields = |r: &mut Reader| {
        read_list(r, limits::TYPES, "number of fields", |r| {
            Ok(Field {
                name: r.string()?,
                ty: TypeId(r.index(types, "type")?),
            })
        })
    };
    let count = r.count(limits::TYPES, "number of definitions")?;
    for _ in 0..count {
        let name = r.string()?;
        let params = r.at_most(limits::PARAMETERS as u64, "number of type parameters")? as u32;
        let shape = match r.byte()? {
            0 => Shape::Product(fields(r)?),
            1 => {
                let variants = read_list(r, limits::TYPES, "number of variants", |r| {
                    Ok(Variant {
                        name: r.string()?,
                        fields: fields(r)?,
                    })
                })?;
                if variants.is_empty() {
                    return Err(r.error("a sum has at least one variant"));
                }
                Shape::Sum(variants)
            }
            other => return Err(r.error(format!("{other} begins no definition"))),
        };
        package.defs.push(TypeDef {
            name,
            params,
            shape,
        });
    }
    for ty in &package.types {
        let Type::Nominal(def, args) = ty else {
            continue;
        };
        match package.defs.get(def.0 as usize) {
            None => return Err(r.error(format!("there is no definition {}, only {count}", def.0))),
            Some(found) if found.params as usize != args.len() => {
                return Err(r.error(format!(
                    "`{}` has {} type parameters",
                    found.name, found.params
                )));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

fn read_code(r: &mut Reader, package: &mut Package) -> Result<(), DecodeError> {
    r.magic(CODE_MAGIC, VERSION)?;
    package.constants = read_list(r, limits::PACKAGE_BYTES, "number of constants", |r| match r
        .byte()?
    {
        0 => Ok(Constant::String(r.string()?)),
        1 => Ok(Constant::Bytes(r.bytes()?.to_vec())),
        other => Err(r.error(format!("{other} begins no constant"))),
    })?;
    let mut seen = HashSet::new();
    if !package.constants.iter().all(|c| seen.insert(c)) {
        return Err(r.error("a constant stands twice"));
    }
    let types = package.types.len();
    package.functions = read_list(r, limits::FUNCTIONS, "number of functions", |r| {
        let params = read_list(r, limits::PARAMETERS, "number of parameters", |r| {
            let ty = TypeId(r.index(types, "type")?);
            let mode = match r.byte()? {
                0 => Mode::Borrow,
                1 => Mode::Look,
                2 => Mode::Own,
                3 => Mode::InOut,
                other => return Err(r.error(format!("{other} is no mode"))),
            };
            Ok(Param { ty, mode })
        })?;
        Ok(Function {
            captures: r.at_most(params.len() as u64, "number of captures")? as u32,
            params,
            result: TypeId(r.index(types, "type")?),
            body: Vec::new(),
        })
    })?;
    let results: Vec<u32> = package
        .functions
        .iter()
        .map(Function::call_results)
        .collect();
    for index in 0..package.functions.len() {
        let bytes = r.count(limits::FUNCTION_BYTES, "length of a function")?;
        let end = r.offset() + bytes;
        let mut body = Body {
            package,
            results: &results,
            numbering: Numbering::new(package.functions[index].params.len()),
        };
        let mut instrs = Vec::new();
        while r.offset() < end {
            if instrs.len() == limits::INSTRUCTIONS {
                return Err(r.error(format!(
                    "a function has more than {} instructions",
                    limits::INSTRUCTIONS
                )));
            }
            instrs.push(body.step(r)?);
        }
        if r.offset() != end {
            return Err(r.error("a function's length does not fit its instructions"));
        }
        if body.numbering.depth() != 0 {
            return Err(r.error("a region is not closed"));
        }
        package.functions[index].body = instrs;
    }
    r.end()
}

/// Reads the instructions of one body.
struct Body<'p> {
    package: &'p Package,
    /// Per function, how many values a call defines.
    results: &'p [u32],
    numbering: Numbering,
}

impl Body<'_> {
    fn step(&mut self, r: &mut Reader) -> Result<Instr, DecodeError> {
        let instr = self.instr(r)?;
        self.numbering
            .step(&instr, |callee| self.results.get(callee as usize).copied())
            .map_err(|bad| {
                r.error(match bad {
                    BadNumbering::NothingOpen => "`end` without a region",
                    BadNumbering::NoSuchFunction => "a function that is not there is called",
                    BadNumbering::TooMany => "too many values",
                })
            })?;
        if self.numbering.next() as usize > limits::VALUES {
            return Err(r.error(format!(
                "a function has more than {} values",
                limits::VALUES
            )));
        }
        if self.numbering.depth() > limits::REGION_DEPTH {
            return Err(r.error(format!("regions nest deeper than {}", limits::REGION_DEPTH)));
        }
        Ok(instr)
    }

    fn value(&self, r: &mut Reader) -> Result<Value, DecodeError> {
        let newest = self.numbering.next();
        let distance = r.index(newest as usize, "value")?;
        Ok(Value(newest - 1 - distance))
    }

    fn values(&self, r: &mut Reader) -> Result<Values, DecodeError> {
        let values = read_list(r, limits::VALUES, "number of values", |r| self.value(r))?;
        Ok(values.into())
    }

    fn ty(&self, r: &mut Reader) -> Result<TypeId, DecodeError> {
        r.index(self.package.types.len(), "type").map(TypeId)
    }

    fn value_types(&self, r: &mut Reader) -> Result<Types, DecodeError> {
        let types = read_list(r, limits::VALUES, "number of values", |r| {
            let ty = self.ty(r)?;
            let own = match r.byte()? {
                0 => Own::Copy,
                1 => Own::Owned { unique: r.u64()? },
                2 => Own::Borrowed {
                    root: self.value(r)?,
                },
                other => return Err(r.error(format!("{other} is no ownership"))),
            };
            Ok(ValueType { ty, own })
        })?;
        Ok(types.into())
    }

    fn path(&self, r: &mut Reader) -> Result<Path, DecodeError> {
        let path = read_list(r, limits::VALUES, "number of steps", |r| {
            Ok(match r.byte()? {
                0 => Step::Index(self.value(r)?),
                1 => Step::Key(self.value(r)?),
                2 => Step::Field(r.index(limits::TYPES, "field")?),
                3 => Step::Variant(r.index(limits::TYPES, "variant")?),
                4 => Step::EntryKey(self.value(r)?),
                5 => Step::EntryValue(self.value(r)?),
                other => return Err(r.error(format!("{other} begins no step"))),
            })
        })?;
        Ok(path.into())
    }

    fn optional(&self, r: &mut Reader) -> Result<Option<Value>, DecodeError> {
        Ok(if r.bool()? {
            Some(self.value(r)?)
        } else {
            None
        })
    }

    fn function(&self, r: &mut Reader) -> Result<u32, DecodeError> {
        r.index(self.package.functions.len(), "function")
    }

    fn instr(&self, r: &mut Reader) -> Result<Instr, DecodeError> {
        let region = |r: &mut Reader| {
            r.at_most(limits::REGION_DEPTH as u64, "depth")
                .map(|d| d as u32)
        };
        Ok(match r.byte()? {
            opcode::ConstI64 => Instr::ConstI64(r.i64()?),
            opcode::ConstF64 => {
                let mut bytes = [0; 8];
                bytes.copy_from_slice(r.take(8)?);
                let bits = u64::from_le_bytes(bytes);
                if f64::from_bits(bits).is_nan() && bits != limits::NAN_BITS {
                    return Err(r.error("a NaN has other bits than the one of cop"));
                }
                Instr::ConstF64(bits)
            }
            opcode::ConstBool => Instr::ConstBool(r.bool()?),
            opcode::ConstChar => {
                let code = r.at_most(0x10_ffff, "character")? as u32;
                Instr::ConstChar(
                    char::from_u32(code).ok_or_else(|| r.error("a surrogate is no character"))?,
                )
            }
            opcode::ConstUnit => Instr::ConstUnit,
            opcode::Const => Instr::Const(r.index(self.package.constants.len(), "constant")?),
            opcode::Block => Instr::Block {
                results: self.value_types(r)?,
            },
            opcode::If => Instr::If {
                condition: self.value(r)?,
                results: self.value_types(r)?,
            },
            opcode::Else => Instr::Else,
            opcode::Switch => Instr::Switch {
                value: self.value(r)?,
                results: self.value_types(r)?,
            },
            opcode::Arm => Instr::Arm,
            opcode::Loop => Instr::Loop {
                start: self.values(r)?,
                params: self.value_types(r)?,
                results: self.value_types(r)?,
            },
            opcode::For => Instr::For {
                from: self.value(r)?,
                to: self.value(r)?,
                start: self.values(r)?,
                params: self.value_types(r)?,
            },
            opcode::End => Instr::End,
            opcode::Exit => Instr::Exit {
                depth: region(r)?,
                values: self.values(r)?,
            },
            opcode::Next => Instr::Next {
                depth: region(r)?,
                values: self.values(r)?,
            },
            opcode::Ret => Instr::Ret {
                values: self.values(r)?,
            },
            opcode::Trap => Instr::Trap {
                kind: TrapKind::from_number(r.byte()?).ok_or_else(|| r.error("no such trap"))?,
                operand: self.optional(r)?,
                message: self.optional(r)?,
            },
            opcode::New => Instr::New {
                ty: self.ty(r)?,
                variant: r.index(limits::TYPES, "variant")?,
                parts: self.values(r)?,
            },
            opcode::Get => Instr::Get {
                value: self.value(r)?,
                path: self.path(r)?,
            },
            opcode::Set => Instr::Set {
                value: self.value(r)?,
                path: self.path(r)?,
                new: self.value(r)?,
            },
            opcode::Update => {
                let code = r.byte()?;
                let op = UpdateOp::from_code(code)
                    .ok_or_else(|| r.error(format!("{code:#04x} is no update")))?;
                let value = self.value(r)?;
                let path = self.path(r)?;
                let args = op
                    .row()
                    .args
                    .iter()
                    .map(|_| self.value(r))
                    .collect::<Result<_, _>>()?;
                Instr::Update {
                    op,
                    value,
                    path,
                    args,
                }
            }
            opcode::Take => Instr::Take {
                value: self.value(r)?,
                path: self.path(r)?,
            },
            opcode::Put => Instr::Put {
                value: self.value(r)?,
                path: self.path(r)?,
                new: self.value(r)?,
            },
            opcode::Dup => Instr::Dup(self.value(r)?),
            opcode::Drop => Instr::Drop(self.value(r)?),
            opcode::Unique => Instr::Unique {
                value: self.value(r)?,
                slot: r.index(limits::VALUE_SLOTS, "slot")?,
            },
            opcode::Open => Instr::Open {
                value: self.value(r)?,
                variant: r.index(limits::TYPES, "variant")?,
                parts: r.at_most(limits::VALUES as u64, "number of parts")? as u32,
            },
            opcode::Tag => Instr::Tag(self.value(r)?),
            opcode::Call => Instr::Call {
                function: self.function(r)?,
                args: self.values(r)?,
            },
            opcode::CallValue => Instr::CallValue {
                callee: self.value(r)?,
                args: self.values(r)?,
                changed: r.at_most(limits::PARAMETERS as u64, "number of changed arguments")?
                    as u32,
            },
            opcode::Closure => Instr::Closure {
                ty: self.ty(r)?,
                function: self.function(r)?,
                captures: self.values(r)?,
            },
            opcode::HostCall => Instr::HostCall {
                function: r.index(self.package.host_functions.len(), "host function")?,
                capability: self.optional(r)?,
                argument: self.value(r)?,
            },
            code => {
                let op = Op::from_code(code)
                    .ok_or_else(|| r.error(format!("{code:#04x} begins no instruction")))?;
                let row = op.row();
                let ty = match row.result {
                    Kind::Named => Some(self.ty(r)?),
                    _ => None,
                };
                let args = row
                    .args
                    .iter()
                    .map(|_| self.value(r))
                    .collect::<Result<_, _>>()?;
                Instr::Op { op, ty, args }
            }
        })
    }
}
