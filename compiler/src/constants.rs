//! What constants are worth: found out when the program is compiled.
//!
//! A constant is compiled like a function of no parameters, in a package of its own, and run by an
//! [`Evaluate`], which is the VM in `copc` and `copd`; the compiler does not know the engine. The value comes
//! back as canonical leaves and becomes a literal of the typed tree. A trap is an error of the program.
//!
//! Constants whose type has no leaves (functions inside, sets, options of options) or that are very large
//! stay functions, which give the same value when they are asked.

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::hir::{AdtId, Body, ConstId, Expr, ExprKind, Program, Ty};
use crate::lower::{self, Evaluated as What, Lowered};
use crate::source::Span;
use cop_bytecode::{Package, TrapKind};
use std::rc::Rc;

/// Fuel that one constant may use.
pub const FUEL: u64 = 100_000_000;
/// Fuel that all constants and defaults of a program may use together, so that compiling has an end that one sees.
pub const FUEL_TOGETHER: u64 = 500_000_000;
/// Memory that one constant may use, bytes.
pub const MEMORY_BYTES: u64 = 16 << 20;
/// The entry point of a constant's package.
pub const ENTRY: &str = "constant";
/// Most parts of a constant that becomes a literal.
const PARTS: usize = 1_000;

/// Runs compiled code at compile time.
pub trait Evaluate: Sync {
    /// Runs the entry point [`ENTRY`] of the package within so much fuel and [`MEMORY_BYTES`]; it asks the host for
    /// nothing but the log, which is thrown away.
    fn evaluate(&self, package: &Package, fuel: u64) -> Evaluated;
}

/// What came of evaluating a constant.
#[derive(Clone, Debug)]
pub struct Evaluated {
    /// The bytes that it returned, or the trap it ended with.
    pub end: Result<Vec<u8>, Trapped>,
    /// Fuel that it used.
    pub fuel_used: u64,
}

/// How evaluating a constant failed.
#[derive(Clone, Debug)]
pub struct Trapped {
    /// The trap.
    pub kind: TrapKind,
    /// What it means here, in words.
    pub message: String,
    /// Where: function and instruction, the innermost first.
    pub positions: Vec<(u32, u32)>,
}

/// A program whose constants are evaluated.
pub(crate) trait Values {
    /// What it declares.
    fn program(&self) -> &Program;

    /// Type and expression of a constant.
    fn constant(&mut self, id: ConstId) -> Option<(Ty, Rc<Body>)>;

    /// Puts another expression in place of a constant's.
    fn set(&mut self, id: ConstId, body: Body);

    /// Compiles what is to be evaluated.
    fn lower(&mut self, what: What, diagnostics: &mut Diagnostics) -> Option<Lowered>;

    /// Whether nothing more is to be evaluated when something has failed.
    fn gives_up(&self) -> bool;
}

impl Values for Program {
    fn program(&self) -> &Program {
        self
    }

    fn constant(&mut self, id: ConstId) -> Option<(Ty, Rc<Body>)> {
        let constant = &self.consts[id.index()];
        Some((constant.ty.clone(), constant.body.clone()))
    }

    fn set(&mut self, id: ConstId, body: Body) {
        self.consts[id.index()].body = Rc::new(body);
    }

    fn lower(&mut self, what: What, diagnostics: &mut Diagnostics) -> Option<Lowered> {
        lower::lower_evaluated(self, None, what, diagnostics)
    }

    fn gives_up(&self) -> bool {
        false
    }
}

/// Replaces the constants of the program's own modules by what they are worth.
pub(crate) fn evaluate(
    values: &mut impl Values,
    engine: &dyn Evaluate,
    diagnostics: &mut Diagnostics,
) {
    let mut engine = Engine {
        engine,
        left: FUEL_TOGETHER,
        ran_out: false,
    };
    for index in 0..values.program().consts.len() {
        if values.gives_up() && diagnostics.has_errors() {
            return;
        }
        let id = ConstId(index as u32);
        if !is_own(values.program(), values.program().consts[index].module) {
            continue;
        }
        let Some((ty, body)) = values.constant(id) else {
            continue;
        };
        if is_literal(&body.value) || !has_leaves(values.program(), &ty, &mut vec![]) {
            continue;
        }
        let Some(lowered) = values.lower(What::Constant(id), diagnostics) else {
            continue;
        };
        if engine.ran_out {
            return;
        }
        match engine.run(&lowered.package) {
            Ok(bytes) => {
                let mut leaves = Leaves {
                    program: values.program(),
                    bytes: &bytes,
                    at: 0,
                    parts: 0,
                    span: body.value.span,
                };
                if let Some(value) = leaves.read(&ty).filter(|_| leaves.at == bytes.len()) {
                    let locals = vec![];
                    values.set(id, Body { locals, value });
                }
            }
            Err(trapped) => {
                let constant = &values.program().consts[index];
                let what = format!("the constant `{}`", constant.name);
                diagnostics.push(report(&what, constant.span, &lowered, &trapped));
            }
        }
    }
    defaults(values, &mut engine, diagnostics);
}

/// Whether a module is not of the library.
fn is_own(program: &Program, module: u32) -> bool {
    let module = program.modules.get(module as usize);
    module.is_some_and(|module| !module.is_std)
}

/// The engine, and the fuel that is left for constants.
struct Engine<'e> {
    engine: &'e dyn Evaluate,
    left: u64,
    /// A constant failed for want of fuel, and none is left for others, of which nothing can be said.
    ran_out: bool,
}

impl Engine<'_> {
    fn run(&mut self, package: &Package) -> Result<Vec<u8>, Trapped> {
        let evaluated = self.engine.evaluate(package, FUEL.min(self.left));
        self.left = self.left.saturating_sub(evaluated.fuel_used);
        self.ran_out = self.left == 0 && evaluated.end.is_err();
        evaluated.end
    }
}

/// Evaluates the defaults of fields once, to find those that trap. Those of generic types are not known yet.
fn defaults(values: &mut impl Values, engine: &mut Engine<'_>, diagnostics: &mut Diagnostics) {
    let mut all = vec![];
    let program = values.program();
    for (index, adt) in program.adts.iter().enumerate() {
        if !is_own(program, adt.module) || !adt.generics.is_empty() {
            continue;
        }
        for (v, variant) in adt.variants.iter().enumerate() {
            for (f, field) in variant.fields.iter().enumerate() {
                let body = field.default.as_ref();
                if let Some(body) = body.filter(|body| !is_plain(&body.value)) {
                    all.push((AdtId(index as u32), v, f, body.value.span));
                }
            }
        }
    }
    for (id, variant, field, span) in all {
        if values.gives_up() && diagnostics.has_errors() {
            return;
        }
        let what = What::Default(id, variant as u32, field as u32);
        let Some(lowered) = values.lower(what, diagnostics) else {
            continue;
        };
        if engine.ran_out {
            return;
        }
        if let Err(trapped) = engine.run(&lowered.package) {
            let adt = &values.program().adts[id.index()];
            let field = &adt.variants[variant].fields[field].name;
            let what = format!("the default of `{}.{field}`", adt.name);
            diagnostics.push(report(&what, span, &lowered, &trapped));
        }
    }
}

/// Whether evaluating an expression cannot trap for what it is made of: literals, and values built of them.
fn is_plain(e: &Expr) -> bool {
    match &e.kind {
        ExprKind::Tuple(parts) | ExprKind::List(parts) => parts.iter().all(is_plain),
        ExprKind::Map(entries) => entries.is_empty(),
        ExprKind::Bytes(_) => true,
        ExprKind::Build {
            base: None, fields, ..
        } => fields.iter().all(|(_, e)| is_plain(e)),
        _ => is_literal(e),
    }
}

fn report(what: &str, span: Span, lowered: &lower::Lowered, trapped: &Trapped) -> Diagnostic {
    let places = |&(function, instruction): &(u32, u32)| {
        let origin = lowered.origins.get(function as usize);
        origin.map_or(vec![], |origin| origin.spans(instruction))
    };
    // The innermost place in its own file says most.
    let own = trapped
        .positions
        .iter()
        .flat_map(places)
        .find(|place| place.file == span.file);
    let title = format!("{what} ends with the trap {}", trapped.kind.name());
    let mut diagnostic =
        Diagnostic::error("E0433", title).at(own.unwrap_or(span), trapped.message.clone());
    if own.is_some_and(|own| own != span) {
        diagnostic = diagnostic.also(span, what);
    }
    if matches!(trapped.kind, TrapKind::OutOfFuel | TrapKind::OutOfMemory) {
        let memory = MEMORY_BYTES >> 20;
        diagnostic = diagnostic.note(format!(
            "a constant may use {FUEL} fuel and {memory} MiB, all of a program together {FUEL_TOGETHER} fuel"
        ));
    }
    diagnostic.note("constants and defaults are evaluated when the program is compiled")
}

fn is_literal(e: &Expr) -> bool {
    matches!(
        e.kind,
        ExprKind::Int(_)
            | ExprKind::Float(_)
            | ExprKind::Bool(_)
            | ExprKind::Char(_)
            | ExprKind::Str(_)
    )
}

/// Whether values of the type can be brought back as a literal.
fn has_leaves(program: &Program, ty: &Ty, outer: &mut Vec<AdtId>) -> bool {
    match ty {
        Ty::Int | Ty::Float | Ty::Bool | Ty::Char | Ty::String | Ty::Bytes | Ty::Range => true,
        Ty::List(t) => has_leaves(program, t, outer),
        Ty::Map(k, v) => has_leaves(program, k, outer) && has_leaves(program, v, outer),
        Ty::Tuple(parts) => parts.iter().all(|t| has_leaves(program, t, outer)),
        Ty::Adt(id, args) => {
            let is_option = program.lang.adts.get("Option") == Some(id);
            if is_option && matches!(&args[0], Ty::Adt(inner, _) if inner == id) {
                return false;
            }
            if outer.contains(id) {
                return true;
            }
            outer.push(*id);
            let fields = program.adts[id.index()]
                .variants
                .iter()
                .flat_map(|v| &v.fields);
            let all = fields
                .clone()
                .all(|f| has_leaves(program, &f.ty.substitute(args), outer));
            outer.pop();
            all
        }
        _ => false,
    }
}

/// Reads canonical leaves into literals.
struct Leaves<'a> {
    program: &'a Program,
    bytes: &'a [u8],
    at: usize,
    parts: usize,
    span: Span,
}

impl Leaves<'_> {
    fn take(&mut self, count: usize) -> Option<&[u8]> {
        let taken = self.bytes.get(self.at..self.at.checked_add(count)?)?;
        self.at += count;
        Some(taken)
    }

    fn int(&mut self) -> Option<i64> {
        Some(i64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }

    fn length(&mut self) -> Option<usize> {
        let (mut length, mut shift) = (0usize, 0);
        loop {
            let byte = self.take(1)?[0];
            length |= usize::from(byte & 127).checked_shl(shift)?;
            if byte < 128 {
                return Some(length);
            }
            shift += 7;
        }
    }

    fn list(&mut self, tys: &[&Ty]) -> Option<Vec<Expr>> {
        tys.iter().map(|t| self.read(t)).collect()
    }

    /// One value; `None` when it is too large to be a literal.
    fn read(&mut self, ty: &Ty) -> Option<Expr> {
        self.parts += 1;
        if self.parts > PARTS {
            return None;
        }
        let kind = match ty {
            Ty::Int => ExprKind::Int(self.int()?),
            Ty::Float => ExprKind::Float(self.int()? as u64),
            Ty::Bool => ExprKind::Bool(self.take(1)?[0] == 1),
            Ty::Char => ExprKind::Char(char::from_u32(u32::from_le_bytes(
                self.take(4)?.try_into().ok()?,
            ))?),
            Ty::String => {
                let length = self.length()?;
                ExprKind::Str(std::str::from_utf8(self.take(length)?).ok()?.into())
            }
            Ty::Bytes => {
                let length = self.length()?;
                ExprKind::Bytes(self.take(length)?.into())
            }
            Ty::Range => {
                let (start, end) = (self.read(&Ty::Int)?, self.read(&Ty::Int)?);
                ExprKind::Range {
                    start: Box::new(start),
                    end: Box::new(end),
                    inclusive: false,
                }
            }
            Ty::List(t) => {
                let count = self.length()?;
                let items: Option<Vec<Expr>> = (0..count).map(|_| self.read(t)).collect();
                ExprKind::List(items?)
            }
            Ty::Map(k, v) => {
                let count = self.length()?;
                let entries: Option<Vec<(Expr, Expr)>> = (0..count)
                    .map(|_| Some((self.read(k)?, self.read(v)?)))
                    .collect();
                ExprKind::Map(entries?)
            }
            Ty::Tuple(parts) => ExprKind::Tuple(self.list(&parts.iter().collect::<Vec<_>>())?),
            Ty::Adt(id, args) => {
                let adt = &self.program.adts[id.index()];
                let variant = match (adt.is_struct, adt.variants.len()) {
                    (true, _) => 0,
                    (false, 0..=256) => u32::from(self.take(1)?[0]),
                    (false, _) => u32::from(u16::from_le_bytes(self.take(2)?.try_into().ok()?)),
                };
                let fields = &adt.variants.get(variant as usize)?.fields;
                let types: Vec<Ty> = fields.iter().map(|f| f.ty.substitute(args)).collect();
                let values = self.list(&types.iter().collect::<Vec<_>>())?;
                let fields = values
                    .into_iter()
                    .enumerate()
                    .map(|(i, e)| (i as u32, e))
                    .collect();
                ExprKind::Build {
                    adt: *id,
                    variant,
                    base: None,
                    fields,
                }
            }
            _ => return None,
        };
        Some(Expr {
            kind,
            ty: ty.clone(),
            span: self.span,
        })
    }
}
