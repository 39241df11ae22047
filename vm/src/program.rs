//! A program: a package that was verified, with everything that its runs share.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use cop_bytecode::instr::{Instr, Step, Value};
use cop_bytecode::layout::{LayoutError, Layouts};
use cop_bytecode::typing::{self, step_type};
use cop_bytecode::{Function, Hash, Package, Type, TypeId, encode};

use crate::compile::compile;
use crate::flat::Code;
use crate::shape::{self, Row, ShapeId, Shapes};
use crate::verify::verify;

/// Why a package is no program.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// The reason, for the operator.
    pub reason: String,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Refusal {}

/// A verified package, loaded. Cheap to clone.
#[derive(Clone)]
pub struct Program {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) package: Package,
    hash: Hash,
    pub(crate) shapes: Shapes,
    /// Per function, its captures in a closure's cell.
    pub(crate) captures: Vec<Row>,
    /// Per function, its form, made on its first call.
    codes: Vec<OnceLock<Code>>,
    /// Types, for making these forms.
    layouts: Mutex<Layouts>,
    pub(crate) string: ShapeId,
    pub(crate) bytes: ShapeId,
}

impl Program {
    /// Verifies and loads a package.
    ///
    /// # Errors
    /// When the package does not verify or has no encoding.
    pub fn load(package: &Package) -> Result<Program, Refusal> {
        let verified = verify(package).map_err(|error| Refusal { reason: error.to_string() })?;
        Program::with_layouts(package, verified.layouts)
    }

    /// Loads a package that the caller answers for. A run of it may end as refused for internal reasons, and its
    /// outcome means nothing if the package would not verify.
    ///
    /// # Errors
    /// When types do not fit together, or the package has no encoding.
    #[doc(hidden)]
    pub fn load_unverified(package: &Package) -> Result<Program, Refusal> {
        let mut layouts = Layouts::new(&package.types, &package.defs);
        for function in &package.functions {
            need_types(package, &mut layouts, function).map_err(bad_types)?;
        }
        Program::with_layouts(package, layouts)
    }

    fn with_layouts(package: &Package, mut layouts: Layouts) -> Result<Program, Refusal> {
        let encoded = encode(package).map_err(|error| Refusal { reason: error.to_string() })?;
        let mut captures = Vec::with_capacity(package.functions.len());
        for function in &package.functions {
            captures.push(shape::captures(&mut layouts, function).map_err(bad_types)?);
        }
        let (string, bytes) = (layouts.intern(Type::String), layouts.intern(Type::Bytes));
        for ty in [string, bytes] {
            shape::need(&mut layouts, ty).map_err(bad_types)?;
        }
        let shapes = Shapes::new(&layouts).map_err(bad_types)?;
        Ok(Program {
            inner: Arc::new(Inner {
                hash: encoded.hash(),
                shapes,
                captures,
                codes: package.functions.iter().map(|_| OnceLock::new()).collect(),
                layouts: Mutex::new(layouts),
                string: string.0,
                bytes: bytes.0,
                package: package.clone(),
            }),
        })
    }

    /// The package hash.
    pub fn hash(&self) -> Hash {
        self.inner.hash
    }

    /// Names of the entry points and the interfaces of their capabilities, in order of name.
    pub fn entries(&self) -> &[cop_bytecode::Entry] {
        &self.inner.package.entries
    }

    /// The package.
    pub fn package(&self) -> &Package {
        &self.inner.package
    }
}

impl Inner {
    /// The form of a function, made now if this is its first call.
    ///
    /// # Errors
    /// When the function was not verified.
    #[inline]
    pub(crate) fn code(&self, function: u32) -> Result<&Code, LayoutError> {
        let cell = self.codes.get(function as usize).ok_or(LayoutError::Unknown)?;
        match cell.get() {
            Some(code) => Ok(code),
            None => self.make_code(cell, function),
        }
    }

    #[cold]
    fn make_code<'a>(&'a self, cell: &'a OnceLock<Code>, function: u32) -> Result<&'a Code, LayoutError> {
        let mut layouts = self.layouts.lock().unwrap_or_else(PoisonError::into_inner);
        let code = compile(&self.package, &mut layouts, function)?;
        Ok(cell.get_or_init(|| code))
    }
}

fn bad_types(error: LayoutError) -> Refusal {
    Refusal {
        reason: format!("types do not fit together: {error}"),
    }
}

/// Lays out the types of all values of a function, and of what its paths pass.
fn need_types(package: &Package, layouts: &mut Layouts, function: &Function) -> Result<(), LayoutError> {
    let types = typing::value_types(package, layouts, function)?;
    let mut last = None;
    for ty in &types {
        if last != Some(*ty) {
            shape::need(layouts, *ty)?;
            last = Some(*ty);
        }
    }
    let of = |value: &Value| types.get(value.0 as usize).copied().ok_or(LayoutError::Unknown);
    for instr in &function.body {
        match instr {
            Instr::Get { value, path }
            | Instr::Set { value, path, .. }
            | Instr::Put { value, path, .. }
            | Instr::Take { value, path }
            | Instr::Update { value, path, .. } => need_path(layouts, of(value)?, path)?,
            _ => {}
        }
    }
    Ok(())
}

fn need_path(layouts: &mut Layouts, ty: TypeId, path: &[Step]) -> Result<(), LayoutError> {
    let (mut ty, mut variant) = (ty, 0);
    for step in path {
        ty = step_type(layouts, ty, &mut variant, *step)?;
        shape::need(layouts, ty)?;
    }
    Ok(())
}
