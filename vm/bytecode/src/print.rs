//! A package as text for people (`copc disasm`): one instruction per line, regions indented.
//!
//! ```text
//! fn 1 sum(%0: borrow list i64) -> i64 {
//!   %1 = const.i64 0
//!   %2 = list.len %0
//!   %3 = const.i64 0
//!   %7 = for %3..%2 with %1: i64 { |%4, %5|
//!     %6 = get %0 [%4]
//!     …
//! ```

use std::collections::BTreeMap;
use std::fmt::Write;
use std::ops::Range;

use crate::encode::encode;
use crate::instr::{Function, Instr, Mode, Own, Step, Value, ValueType};
use crate::numbering::Numbering;
use crate::package::{Constant, Package};
use crate::source_map::SourceMap;
use crate::table::{OPCODES, opcode};
use crate::types::{Field, Shape, Type, TypeId};

/// What to show besides the instructions.
#[derive(Clone, Copy, Default)]
pub struct Options<'a> {
    /// Names of functions, and where their lines come from.
    pub source_map: Option<&'a SourceMap>,
    /// A column with what is charged for each instruction before sizes are known.
    pub fuel: bool,
    /// Only these functions, and nothing of the package besides.
    pub functions: Option<&'a [u32]>,
}

/// Longest name of a type; longer ones are written by number.
const TYPE_NAME: usize = 60;

/// The text of a package. Works on packages that do not verify, too.
pub fn print(package: &Package, options: Options) -> String {
    let mut printer = Printer {
        package,
        options,
        types: type_names(package),
        lines: BTreeMap::new(),
        out: String::new(),
    };
    printer.package();
    printer.lines();
    printer.out
}

/// Name of every type; parts stand before, so one pass is enough.
fn type_names(package: &Package) -> Vec<String> {
    let mut names: Vec<String> = Vec::with_capacity(package.types.len());
    for (index, ty) in package.types.iter().enumerate() {
        let name = |id: &TypeId| match names.get(id.0 as usize) {
            Some(name) if name.len() <= TYPE_NAME => name.clone(),
            _ => format!("t{}", id.0),
        };
        let list = |ids: &[TypeId]| ids.iter().map(name).collect::<Vec<_>>().join(", ");
        let text = match ty {
            Type::I64 => "i64".into(),
            Type::F64 => "f64".into(),
            Type::Bool => "bool".into(),
            Type::Char => "char".into(),
            Type::Unit => "unit".into(),
            Type::String => "string".into(),
            Type::Bytes => "bytes".into(),
            Type::Range => "range".into(),
            Type::List(t) => format!("list {}", name(t)),
            Type::Map(k, v) => format!("map {} {}", name(k), name(v)),
            Type::Set(t) => format!("set {}", name(t)),
            Type::Option(t) => format!("option {}", name(t)),
            Type::Tuple(parts) => format!("({})", list(parts)),
            Type::Nominal(def, args) => {
                let def = package.defs.get(def.0 as usize);
                let base = def.map_or("?", |d| d.name.as_str());
                if args.is_empty() {
                    base.to_owned()
                } else {
                    format!("{base}[{}]", list(args))
                }
            }
            Type::Fn { params, result } => {
                let mode = |p: &crate::types::FnParam| {
                    let mutable = if p.mutable { "inout " } else { "" };
                    format!("{mutable}{}", name(&p.ty))
                };
                let params: Vec<String> = params.iter().map(mode).collect();
                format!("fn({}) -> {}", params.join(", "), name(result))
            }
            Type::Host(interface) => format!("host {interface}"),
            Type::Param(index) => format!("'{index}"),
        };
        debug_assert_eq!(names.len(), index);
        names.push(text);
    }
    names
}

struct Printer<'a> {
    package: &'a Package,
    options: Options<'a>,
    types: Vec<String>,
    /// Per file and line of the source, what its instructions come to.
    lines: BTreeMap<(u32, u32), u64>,
    out: String,
}

impl Printer<'_> {
    fn package(&mut self) {
        if let Some(wanted) = self.options.functions {
            for index in wanted {
                if let Some(function) = self.package.functions.get(*index as usize) {
                    self.function(*index as usize, function);
                    self.out.push('\n');
                }
            }
            return;
        }
        match encode(self.package) {
            Ok(encoded) => self.line(0, &format!("package {}", encoded.hash())),
            Err(error) => self.line(0, &format!("package without an encoding: {error}")),
        }
        for index in 0..self.types.len() {
            if self.types[index].len() > TYPE_NAME {
                let line = format!("type t{index} = {}", self.types[index]);
                self.line(0, &line);
            }
        }
        for def in &self.package.defs {
            let line = match &def.shape {
                Shape::Product(fields) => format!("struct {}({})", def.name, self.fields(fields)),
                Shape::Sum(variants) => {
                    let variant = |v: &crate::types::Variant| {
                        format!("{}({})", v.name, self.fields(&v.fields))
                    };
                    let variants: Vec<String> = variants.iter().map(variant).collect();
                    format!("enum {} {{ {} }}", def.name, variants.join(", "))
                }
            };
            self.line(0, &line);
        }
        for (index, host) in self.package.host_functions.iter().enumerate() {
            let capability = if host.capability {
                " with its capability"
            } else {
                ""
            };
            let line = format!(
                "host {index} {}.{} version {}{capability}",
                host.interface, host.name, host.version
            );
            self.line(0, &line);
        }
        for (index, constant) in self.package.constants.iter().enumerate() {
            let line = match constant {
                Constant::String(text) => format!("const {index} {}", quoted(text.as_bytes())),
                Constant::Bytes(bytes) => format!("const {index} b{}", quoted(bytes)),
            };
            self.line(0, &line);
        }
        for entry in &self.package.entries {
            let line = format!(
                "entry {:?} = fn {}({})",
                entry.name,
                entry.function,
                entry.capabilities.join(", ")
            );
            self.line(0, &line);
        }
        for (index, function) in self.package.functions.iter().enumerate() {
            self.out.push('\n');
            self.function(index, function);
        }
    }

    fn line(&mut self, depth: usize, text: &str) {
        for _ in 0..depth {
            self.out.push_str("  ");
        }
        self.out.push_str(text);
        self.out.push('\n');
    }

    fn ty(&self, id: TypeId) -> String {
        match self.types.get(id.0 as usize) {
            Some(name) if name.len() <= TYPE_NAME => name.clone(),
            _ => format!("t{}", id.0),
        }
    }

    fn fields(&self, fields: &[Field]) -> String {
        let field = |f: &Field| format!("{}: {}", f.name, self.ty(f.ty));
        fields.iter().map(field).collect::<Vec<_>>().join(", ")
    }

    fn value_type(&self, ty: &ValueType) -> String {
        let name = self.ty(ty.ty);
        match ty.own {
            Own::Copy => name,
            Own::Owned { unique: 0 } => format!("own {name}"),
            Own::Owned { unique } => format!("own {name} unique {unique:#b}"),
            Own::Borrowed { root } => format!("{name} of %{}", root.0),
        }
    }

    fn function(&mut self, index: usize, function: &Function) {
        let name = self
            .options
            .source_map
            .and_then(|m| m.name(index as u32))
            .unwrap_or("");
        let param = |(i, p): (usize, &crate::instr::Param)| {
            let mode = match p.mode {
                Mode::Borrow => "",
                Mode::Look => "look ",
                Mode::Own => "own ",
                Mode::InOut => "inout ",
            };
            let capture = if i < function.captures as usize {
                "capture "
            } else {
                ""
            };
            format!("%{i}: {capture}{mode}{}", self.ty(p.ty))
        };
        let params: Vec<String> = function.params.iter().enumerate().map(param).collect();
        let head = format!(
            "fn {index} {name}({}) -> {} {{",
            params.join(", "),
            self.ty(function.result)
        );
        let charges = match self.options.fuel {
            true => crate::fuel::charges(self.package, index as u32).unwrap_or_default(),
            false => vec![],
        };
        let blocks = crate::fuel::blocks(&function.body, &charges);
        match blocks.iter().sum::<u64>() {
            0 => self.line(0, &head),
            sum => self.line(0, &format!("{head}  ; fuel {sum} in all")),
        }
        self.note_lines(index as u32, function, &charges);
        let defined = defined(self.package, function);
        let mut depth = 1;
        let mut place = None;
        for (at, instr) in function.body.iter().enumerate() {
            let closes = matches!(instr, Instr::End | Instr::Else | Instr::Arm);
            if closes {
                depth = (depth - 1).max(1);
            }
            let mut text = self.instr(instr, &defined[at]);
            if let Some(charge) = charges.get(at).filter(|c| **c > 0) {
                text = format!(
                    "{text}{:>width$}; fuel {charge}",
                    "",
                    width = 52usize.saturating_sub(text.len() + depth * 2)
                );
            }
            // A block of several instructions says what they come to, where it begins.
            if let Some(block) = blocks
                .get(at)
                .filter(|b| **b > 0 && charges.get(at) != Some(b))
            {
                let _ = write!(text, "  ; block {block}");
            }
            let now = self
                .options
                .source_map
                .and_then(|m| m.place(index as u32, at as u32));
            if let (Some(map), Some(now)) =
                (self.options.source_map, now.filter(|p| place != Some(*p)))
            {
                let file = map.file(now.file).unwrap_or("?");
                let _ = write!(text, "  ; {file}:{}:{}", now.line, now.column);
                place = Some(now);
            }
            self.line(depth, &text);
            if opens(instr) || matches!(instr, Instr::Else | Instr::Arm) {
                depth += 1;
            }
        }
        self.line(0, "}");
    }

    /// Adds the charges of a function to those of the lines of the source.
    fn note_lines(&mut self, index: u32, function: &Function, charges: &[u64]) {
        let Some(map) = self.options.source_map else {
            return;
        };
        for (at, charge) in charges.iter().enumerate() {
            if let Some(place) = map.place(index, at as u32) {
                let start = function.body.get(at).map_or(0, crate::fuel::start_charge);
                *self.lines.entry((place.file, place.line)).or_default() += charge + start;
            }
        }
    }

    /// What the instructions of each line of the source come to, each counted once.
    fn lines(&mut self) {
        let Some(map) = self.options.source_map else {
            return;
        };
        let lines = std::mem::take(&mut self.lines);
        for ((file, line), charge) in lines.into_iter().filter(|(_, charge)| *charge > 0) {
            let file = map.file(file).unwrap_or("?");
            self.line(0, &format!("; fuel {charge:>6}  {file}:{line}"));
        }
    }

    fn instr(&self, instr: &Instr, defined: &Defined) -> String {
        let v = |value: &Value| format!("%{}", value.0);
        let list = |values: &[Value]| values.iter().map(v).collect::<Vec<_>>().join(" ");
        let rest = |text: String| {
            if text.is_empty() {
                text
            } else {
                format!(" {text}")
            }
        };
        let results = match defined.results.is_empty() {
            true => String::new(),
            false => format!("{} = ", range(&defined.results)),
        };
        let typed = |types: &[ValueType]| {
            let types: Vec<String> = types.iter().map(|t| self.value_type(t)).collect();
            if types.is_empty() {
                String::new()
            } else {
                format!(": {}", types.join(", "))
            }
        };
        let with = |start: &[Value], params: &[ValueType]| match start.is_empty() {
            true => String::new(),
            false => format!(" with {}{}", list(start), typed(params)),
        };
        let params = &defined.params;
        let name = structural_name(instr);
        match instr {
            Instr::ConstI64(n) => format!("{results}{name} {n}"),
            Instr::ConstF64(bits) => format!("{results}{name} {:?}", f64::from_bits(*bits)),
            Instr::ConstBool(b) => format!("{results}{name} {b}"),
            Instr::ConstChar(c) => format!("{results}{name} {c:?}"),
            Instr::ConstUnit => format!("{results}{name}"),
            Instr::Const(i) => {
                let text = match self.package.constants.get(*i as usize) {
                    Some(Constant::String(text)) => quoted(text.as_bytes()),
                    Some(Constant::Bytes(bytes)) => format!("b{}", quoted(bytes)),
                    None => format!("?{i}"),
                };
                format!("{results}{name} {text}")
            }
            Instr::Block { results: r } => format!("{results}block{} {{", typed(r)),
            Instr::If {
                condition,
                results: r,
            } => format!("{results}if {}{} {{", v(condition), typed(r)),
            Instr::Else => "} else {".into(),
            Instr::Switch { value, results: r } => {
                format!("{results}switch {}{} arm 0 {{", v(value), typed(r))
            }
            Instr::Arm => format!("}} arm {} {{", defined.arm),
            Instr::Loop {
                start,
                params: p,
                results: r,
            } => {
                format!(
                    "{results}loop{}{} {{ |{}|",
                    with(start, p),
                    typed(r),
                    range(params)
                )
            }
            Instr::For {
                from,
                to,
                start,
                params: p,
            } => {
                format!(
                    "{results}for {}..{}{} {{ |{}|",
                    v(from),
                    v(to),
                    with(start, p),
                    range(params)
                )
            }
            Instr::End => "}".into(),
            Instr::Exit { depth, values } => format!("exit {depth}{}", rest(list(values))),
            Instr::Next { depth, values } => format!("next {depth}{}", rest(list(values))),
            Instr::Ret { values } => format!("ret{}", rest(list(values))),
            Instr::Trap {
                kind,
                operand,
                message,
            } => {
                let operand = operand
                    .as_ref()
                    .map(|o| format!(" {}", v(o)))
                    .unwrap_or_default();
                let message = message
                    .as_ref()
                    .map(|m| format!(" message {}", v(m)))
                    .unwrap_or_default();
                format!("trap {}{operand}{message}", kind.name())
            }
            Instr::New { ty, variant, parts } => {
                format!(
                    "{results}new {} ?{variant}{}",
                    self.ty(*ty),
                    rest(list(parts))
                )
            }
            Instr::Get { value, path } => format!("{results}get {}{}", v(value), steps(path)),
            Instr::Set { value, path, new } => {
                format!("{results}set {}{} {}", v(value), steps(path), v(new))
            }
            Instr::Update {
                op,
                value,
                path,
                args,
            } => {
                format!(
                    "{results}update {} {}{}{}",
                    op.row().name,
                    v(value),
                    steps(path),
                    rest(list(args))
                )
            }
            Instr::Take { value, path } => format!("{results}take {}{}", v(value), steps(path)),
            Instr::Put { value, path, new } => {
                format!("{results}put {}{} {}", v(value), steps(path), v(new))
            }
            Instr::Dup(value) | Instr::Drop(value) | Instr::Tag(value) => {
                format!("{results}{name} {}", v(value))
            }
            Instr::Unique { value, slot } => format!("{results}unique {} {slot}", v(value)),
            Instr::Open { value, variant, .. } => format!("{results}open {} ?{variant}", v(value)),
            Instr::Op { op, ty, args } => {
                let ty = ty.map(|t| format!(" {}", self.ty(t))).unwrap_or_default();
                format!("{results}{}{ty}{}", op.row().name, rest(list(args)))
            }
            Instr::Call { function, args } => {
                let callee = match self.options.source_map.and_then(|m| m.name(*function)) {
                    Some(name) => format!("{function} {name}"),
                    None => function.to_string(),
                };
                format!("{results}call fn {callee} ({})", list(args))
            }
            Instr::CallValue { callee, args, .. } => {
                format!("{results}call.value {} ({})", v(callee), list(args))
            }
            Instr::Closure {
                ty,
                function,
                captures,
            } => {
                format!(
                    "{results}closure {} fn {function} ({})",
                    self.ty(*ty),
                    list(captures)
                )
            }
            Instr::HostCall {
                function,
                capability,
                argument,
            } => {
                let callee = match self.package.host_functions.get(*function as usize) {
                    Some(host) => format!("{}.{}", host.interface, host.name),
                    None => format!("?{function}"),
                };
                let capability = capability
                    .as_ref()
                    .map(|c| format!("{} ", v(c)))
                    .unwrap_or_default();
                format!("{results}host.call {callee} ({capability}{})", v(argument))
            }
        }
    }
}

/// What an instruction defines: `results` are shown before it (those of a region, though defined at its end),
/// `params` are a loop's.
#[derive(Clone, Default)]
struct Defined {
    results: Range<u32>,
    params: Range<u32>,
    /// The number of the arm that begins here.
    arm: u32,
}

fn opens(instr: &Instr) -> bool {
    use Instr::{Block, For, If, Loop, Switch};
    matches!(
        instr,
        Block { .. } | If { .. } | Switch { .. } | Loop { .. } | For { .. }
    )
}

fn defined(package: &Package, function: &Function) -> Vec<Defined> {
    let mut all = vec![Defined::default(); function.body.len()];
    let mut numbering = Numbering::new(function.params.len());
    let mut open = Vec::new();
    for (at, instr) in function.body.iter().enumerate() {
        let results = |callee: u32| {
            package
                .functions
                .get(callee as usize)
                .map(Function::call_results)
        };
        let Ok(range) = numbering.step(instr, results) else {
            break;
        };
        match instr {
            _ if opens(instr) => {
                all[at].params = range;
                open.push((at, 0));
            }
            Instr::End => {
                if let Some((at, _)) = open.pop() {
                    all[at].results = range;
                }
            }
            Instr::Arm => {
                if let Some((_, arm)) = open.last_mut() {
                    *arm += 1;
                    all[at].arm = *arm;
                }
            }
            _ => all[at].results = range,
        }
    }
    all
}

fn range(values: &Range<u32>) -> String {
    values
        .clone()
        .map(|i| format!("%{i}"))
        .collect::<Vec<_>>()
        .join(", ")
}

fn steps(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path {
        let _ = match step {
            Step::Index(v) => write!(text, "[%{}]", v.0),
            Step::Key(v) => write!(text, "{{%{}}}", v.0),
            Step::Field(f) => write!(text, ".{f}"),
            Step::Variant(t) => write!(text, "?{t}"),
            Step::EntryKey(v) => write!(text, "[key %{}]", v.0),
            Step::EntryValue(v) => write!(text, "[value %{}]", v.0),
        };
    }
    if text.is_empty() {
        text
    } else {
        format!(" {text}")
    }
}

/// Bytes between quotes; what is no printable ASCII as `\xNN`, cut after 200 bytes.
fn quoted(bytes: &[u8]) -> String {
    const MOST: usize = 200;
    let cut = if bytes.len() > MOST { "…" } else { "" };
    format!("\"{}\"{cut}", bytes[..bytes.len().min(MOST)].escape_ascii())
}

fn structural_name(instr: &Instr) -> &'static str {
    let code = match instr {
        Instr::ConstI64(_) => opcode::ConstI64,
        Instr::ConstF64(_) => opcode::ConstF64,
        Instr::ConstBool(_) => opcode::ConstBool,
        Instr::ConstChar(_) => opcode::ConstChar,
        Instr::ConstUnit => opcode::ConstUnit,
        Instr::Const(_) => opcode::Const,
        Instr::Dup(_) => opcode::Dup,
        Instr::Drop(_) => opcode::Drop,
        Instr::Tag(_) => opcode::Tag,
        _ => return "",
    };
    OPCODES
        .iter()
        .find(|row| row.0 == code)
        .map_or("", |row| row.1)
}
