//! From the typed tree to bytecode.
//!
//! The pipeline, which is also the order to read in: [`entry`] makes a wrapper for each entry point and asks
//! for its instance; [`instances`] keeps one closed function per combination of type arguments and finds out
//! which function a trait's method is; [`liveness`] finds the last uses of variables, where a value can be
//! moved instead of shared; [`function`], [`expr`], [`calls`], [`places`], [`patterns`] and [`loops`] walk a
//! body and emit through the [`builder`], which keeps the rules of owners; [`derive`] writes the methods of
//! `Eq`, `Ord`, `Show` and `Data` for structs, enums and tuples; [`finish`] has the passes of [`crate::middle`] make
//! the code good, and puts everything into canonical order.
//!
//! Nothing here depends on addresses, hashes or time: instances are numbered in order of first use.

mod builder;
mod calls;
mod derive;
mod entry;
mod expr;
mod finish;
mod function;
mod instances;

mod liveness;
mod loops;
mod patterns;
mod places;
mod shape;
mod size;
mod types;

pub(crate) use size::too_large;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::hir::{self, AdtId, FnId, TraitId, Ty};
use crate::middle::draft::{Draft, Site};
use crate::source::Span;
use cop_bytecode::{Constant, HostFunction, Layouts, Package, limits};
use indexmap::{IndexMap, IndexSet};
use instances::{Instance, Signature};
use rustc_hash::{FxBuildHasher, FxHashMap};
use std::collections::VecDeque;
use std::rc::Rc;

/// What lowering makes.
#[derive(Debug)]
pub struct Lowered {
    /// The compiled package.
    pub package: Package,
    /// Per function of the package: where it came from.
    pub origins: Vec<Origin>,
}

/// Where a function of the package came from.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// Name for people, with type arguments.
    pub name: String,
    /// Source of each instruction, and the inlined call it comes from: 0, or one more than an index into `sites`.
    pub places: Vec<(Span, u32)>,
    /// Inlined calls.
    pub sites: Vec<Site>,
}

impl Origin {
    /// Where an instruction came from: its own place, then the inlined calls that it comes from, the innermost first.
    pub fn spans(&self, instruction: u32) -> Vec<Span> {
        let Some((span, mut site)) = self.places.get(instruction as usize).copied() else {
            return vec![];
        };
        let mut all = vec![span];
        while let Some(inlined) = (site as usize)
            .checked_sub(1)
            .and_then(|i| self.sites.get(i))
        {
            all.push(inlined.span);
            site = inlined.parent;
        }
        all
    }
}

/// What to compile.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options<'a> {
    /// Make an entry for each `test`.
    pub tests: bool,
    /// The last pass to run, by its name in [`crate::middle::passes`]; without one, all.
    pub last: Option<&'a str>,
}

/// Lowers a checked program without errors. `None` if something could not be lowered; the reason was reported.
pub fn lower(
    program: &hir::Program,
    options: Options,
    diagnostics: &mut Diagnostics,
) -> Option<Lowered> {
    let mut lowerer = Lowerer::new(program);
    let entries = lowerer.entries(options);
    lowerer.work();
    let failed = !lowerer.errors.is_empty();
    let errors = std::mem::take(&mut lowerer.errors);
    diagnostics.extend(errors);
    if failed {
        None
    } else {
        finish::finish(lowerer, entries, options.last, diagnostics)
    }
}

/// Lowers one constant to a package whose entry point [`crate::constants::ENTRY`] returns its canonical leaves.
pub fn lower_constant(
    program: &hir::Program,
    id: hir::ConstId,
    diagnostics: &mut Diagnostics,
) -> Option<Lowered> {
    lower_one(program, Instance::Evaluate(id), diagnostics)
}

/// Lowers the default of a field (variant and field of a struct or enum without type parameters) to a package
/// whose entry point [`crate::constants::ENTRY`] evaluates it and returns nothing.
pub fn lower_default(
    program: &hir::Program,
    adt: AdtId,
    variant: u32,
    field: u32,
    diagnostics: &mut Diagnostics,
) -> Option<Lowered> {
    lower_one(
        program,
        Instance::TryDefault(adt, variant, field),
        diagnostics,
    )
}

fn lower_one(
    program: &hir::Program,
    instance: Instance,
    diagnostics: &mut Diagnostics,
) -> Option<Lowered> {
    let mut lowerer = Lowerer::new(program);
    let entry = lowerer.entry(crate::constants::ENTRY.to_string(), instance);
    lowerer.work();
    let failed = !lowerer.errors.is_empty();
    diagnostics.extend(std::mem::take(&mut lowerer.errors));
    if failed {
        None
    } else {
        finish::finish(lowerer, vec![entry], None, diagnostics)
    }
}

/// Items of the core that lowering knows.
#[derive(Clone, Copy, Debug)]
struct Known {
    option: AdtId,
    result: AdtId,
    ordering: AdtId,
    error: AdtId,
    eq: TraitId,
    ord: TraitId,
    show: TraitId,
    data: TraitId,
}

/// State of lowering a whole program.
struct Lowerer<'p> {
    program: &'p hir::Program,
    known: Known,
    layouts: Layouts,
    defs: IndexMap<AdtId, cop_bytecode::DefId, FxBuildHasher>,
    type_ids: FxHashMap<Ty, cop_bytecode::TypeId>,
    instances: IndexMap<Instance, (u32, Rc<Signature>), FxBuildHasher>,
    /// Whether a function was needed for ever more types; nothing is lowered after that.
    endless: bool,
    /// How many instances of generic functions there are.
    generic: usize,
    queue: VecDeque<(Instance, u32)>,
    functions: Vec<Option<Draft>>,
    constants: IndexSet<Constant, FxBuildHasher>,
    hosts: IndexSet<HostFunction, FxBuildHasher>,
    /// Per function, which plain parameters it takes over.
    owning: FxHashMap<FnId, Rc<[bool]>>,
    errors: Vec<Diagnostic>,
}

impl<'p> Lowerer<'p> {
    fn new(program: &'p hir::Program) -> Self {
        let adt = |name: &str| program.lang.adts.get(name).copied().unwrap_or(AdtId(0));
        let of = |name: &str| program.lang.traits.get(name).copied().unwrap_or(TraitId(0));
        Lowerer {
            program,
            known: Known {
                option: adt("Option"),
                result: adt("Result"),
                ordering: adt("Ordering"),
                error: adt("Error"),
                eq: of("Eq"),
                ord: of("Ord"),
                show: of("Show"),
                data: of("Data"),
            },
            layouts: Layouts::default(),
            defs: IndexMap::default(),
            type_ids: FxHashMap::default(),
            instances: IndexMap::default(),
            endless: false,
            generic: 0,
            queue: VecDeque::new(),
            functions: vec![],
            constants: IndexSet::default(),
            hosts: IndexSet::default(),
            owning: FxHashMap::default(),
            errors: vec![],
        }
    }

    /// Lowers instances until no new one is asked for.
    fn work(&mut self) {
        while let Some((instance, index)) = self.queue.pop_front() {
            if self.endless || self.errors.len() > 20 {
                break;
            }
            self.lower_instance(&instance, index);
        }
        let (size, most) = (self.functions.len(), limits::FUNCTIONS);
        if size > most && self.errors.is_empty() {
            self.errors.push(
                Diagnostic::error("E0434", "the program is too large").note(format!(
                    "compiled, it has {size} functions; {most} are allowed"
                )),
            );
        }
    }

    /// A function of the core that has `@lang(name)`.
    fn lang_fn(&mut self, name: &str, span: Span) -> Option<FnId> {
        let found = self.program.lang.fns.get(name).copied();
        if found.is_none() {
            self.errors
                .push(Diagnostic::error("E0901", format!("the core lacks `{name}`")).at(span, ""));
        }
        found
    }

    fn adt(&self, id: AdtId) -> &'p hir::Adt {
        &self.program.adts[id.index()]
    }

    fn function(&self, id: FnId) -> &'p hir::Function {
        &self.program.fns[id.index()]
    }

    fn constant(&mut self, constant: Constant) -> u32 {
        self.constants.insert_full(constant).0 as u32
    }

    fn host_function(&mut self, function: HostFunction) -> u32 {
        self.hosts.insert_full(function).0 as u32
    }

    /// `T?`.
    fn option_of(&self, ty: Ty) -> Ty {
        Ty::Adt(self.known.option, Rc::from([ty]))
    }

    /// `Result[T, E]`.
    fn result_of(&self, ok: Ty, err: Ty) -> Ty {
        Ty::Adt(self.known.result, Rc::from([ok, err]))
    }
}
