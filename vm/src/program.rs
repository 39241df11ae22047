//! A program: a package that was verified, with everything that its runs share.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use cop_bytecode::layout::{LayoutError, Layouts};
use cop_bytecode::{Hash, Package, Type, encode};

use crate::background::Background;
use crate::compile::compile;
use crate::flat::Code;
use crate::native::{Lens, Native, Wanted};
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
    /// Itself, for whoever keeps it beyond a run.
    pub(crate) this: Weak<Inner>,
    pub(crate) package: Package,
    hash: Hash,
    pub(crate) shapes: Shapes,
    /// Per function, its captures in a closure's cell.
    pub(crate) captures: Vec<Row>,
    /// Per function, what a call takes from the stack, as the verifier found it.
    frame_bytes: Vec<u64>,
    /// Per function, its form, made on its first call.
    codes: Vec<OnceLock<Code>>,
    /// Types, for making these forms.
    layouts: Mutex<Layouts>,
    /// Machine code.
    pub(crate) native: Native,
    /// Fuel that interpreted runs have used.
    pub(crate) heat: AtomicU64,
    /// What makes its machine code beside the runs.
    pub(crate) background: Arc<Background>,
    pub(crate) string: ShapeId,
    pub(crate) bytes: ShapeId,
}

impl Program {
    /// Verifies and loads a package.
    ///
    /// # Errors
    /// When the package does not verify or has no encoding.
    pub fn load(package: &Package) -> Result<Program, Refusal> {
        Program::load_with(package, Background::of_process())
    }

    /// The same with a background compiler of one's own.
    ///
    /// # Errors
    /// As [`Program::load`].
    pub fn load_with(package: &Package, background: &Arc<Background>) -> Result<Program, Refusal> {
        let verified = verify(package).map_err(|error| Refusal {
            reason: error.to_string(),
        })?;
        let encoded = encode(package).map_err(|error| Refusal {
            reason: error.to_string(),
        })?;
        let mut layouts = verified.layouts;
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
            inner: Arc::new_cyclic(|this| Inner {
                this: this.clone(),
                background: background.clone(),
                hash: encoded.hash(),
                shapes,
                captures,
                frame_bytes: verified.functions.iter().map(|f| f.frame_bytes).collect(),
                codes: package.functions.iter().map(|_| OnceLock::new()).collect(),
                layouts: Mutex::new(layouts),
                native: Native::default(),
                heat: AtomicU64::new(0),
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

    /// Makes the machine code of an entry point and of what it calls now, not on its first run.
    ///
    /// # Errors
    /// When there is no such entry point, or no machine code for it.
    pub fn compile(&self, entry: &str) -> Result<(), String> {
        let found = self.entries().iter().find(|known| known.name == entry);
        let entry = found.ok_or_else(|| format!("there is no entry point `{entry}`"))?;
        self.compile_with(entry.function, Wanted::All)
    }

    /// Makes the machine code that [`Engine::Auto`](crate::Engine::Auto) would make now, had the entry point become hot: of
    /// what has been called. The rest stays with the interpreter until it becomes hot itself.
    ///
    /// # Errors
    /// As [`Program::compile`].
    pub fn compile_called(&self, entry: &str) -> Result<(), String> {
        let found = self.entries().iter().find(|known| known.name == entry);
        let entry = found.ok_or_else(|| format!("there is no entry point `{entry}`"))?;
        self.compile_with(entry.function, Wanted::Called)
    }

    fn compile_with(&self, function: u32, wanted: Wanted) -> Result<(), String> {
        let made = self.inner.native.compile(&self.inner, function, wanted);
        made.map(|_| ()).map_err(|without| without.to_string())
    }

    /// Whether any of its functions has machine code.
    pub fn has_machine_code(&self) -> bool {
        let inner = &self.inner;
        let compiled = |code: &OnceLock<Code>| code.get().is_some_and(|c| c.native.get().is_some());
        !inner.native.is_off() && inner.codes.iter().any(compiled)
    }

    /// Whether there can be machine code on this machine, and it was not switched off.
    pub fn may_have_machine_code(&self) -> bool {
        !self.inner.native.is_off()
    }

    /// Makes no more machine code, and enters what is there in no new run: for when it was wrong.
    pub fn switch_off_machine_code(&self) {
        self.inner.native.switch_off();
    }

    /// Makes the machine code of those functions of the program that are wanted; the others are interpreted, until they are
    /// wanted. For tests of what goes back and forth between the engines: nothing that can be observed depends on it.
    ///
    /// # Errors
    /// When something cannot be compiled.
    pub fn compile_some(&self, wanted: &dyn Fn(u32) -> bool) -> Result<(), String> {
        for function in 0..self.inner.package.functions.len() as u32 {
            if wanted(function) && !self.inner.is_native(function) {
                self.compile_with(function, Wanted::Alone)?;
            }
        }
        Ok(())
    }

    /// Something that shows the machine code of functions.
    ///
    /// # Errors
    /// When there is no machine code on this machine.
    pub fn lens(&self) -> Result<Lens<'_>, String> {
        Lens::new(&self.inner)
    }

    /// The package.
    pub fn package(&self) -> &Package {
        &self.inner.package
    }
}

impl Inner {
    /// The package hash.
    pub(crate) fn hash(&self) -> Hash {
        self.hash
    }

    /// The form of a function, made now if this is its first call.
    ///
    /// # Errors
    /// When the function was not verified.
    #[inline]
    pub(crate) fn code(&self, function: u32) -> Result<&Code, LayoutError> {
        let cell = self
            .codes
            .get(function as usize)
            .ok_or(LayoutError::Unknown)?;
        match cell.get() {
            Some(code) => Ok(code),
            None => self.make_code(cell, function),
        }
    }

    /// Whether a function was ever called.
    pub(crate) fn was_called(&self, function: u32) -> bool {
        let code = self.codes.get(function as usize);
        code.is_some_and(|code| code.get().is_some())
    }

    /// Whether a function has machine code.
    pub(crate) fn is_native(&self, function: u32) -> bool {
        self.code(function)
            .is_ok_and(|code| code.native.get().is_some())
    }

    /// Its types, as long as they are held.
    pub(crate) fn layouts(&self) -> MutexGuard<'_, Layouts> {
        self.layouts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cold]
    fn make_code<'a>(
        &'a self,
        cell: &'a OnceLock<Code>,
        function: u32,
    ) -> Result<&'a Code, LayoutError> {
        let mut layouts = self.layouts();
        let code = compile(&self.package, &mut layouts, function)?.code;
        // Both count the slots of the values in scope; they must not disagree about an outcome.
        let declared = self.frame_bytes.get(function as usize).copied();
        if declared != Some(code.frame_cost as u64) {
            return Err(LayoutError::TooWide);
        }
        Ok(cell.get_or_init(|| code))
    }
}

fn bad_types(error: LayoutError) -> Refusal {
    Refusal {
        reason: format!("types do not fit together: {error}"),
    }
}
