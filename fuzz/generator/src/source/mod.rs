//! Source text that the compiler accepts.

mod expr;
mod stmt;
mod types;

use std::fmt::Write as _;

use crate::Choices;
use types::Ty;

/// What every program begins with: generic functions and a trait, for instances of them.
const PRELUDE: &str = "\
fn pick[T](which: Bool, one: T, other: T) -> T { if which { one } else { other } }
fn twice[T](value: T, f: fn(T) -> T) -> T { f(f(value)) }
fn change[T](mut place: T, to: T) -> T {
    let old = place
    place = to
    old
}
fn swap[T](mut one: T, mut other: T) {
    let kept = one
    one = other
    other = kept
}
fn each[T](mut items: List[T], f: fn(mut T)) {
    for i in 0..items.len() { f(mut items[i]) }
}
trait Weigh {
    fn weigh(self) -> Int
    fn heavier[O: Weigh](self, other: O) -> Bool { self.weigh() > other.weigh() }
}
impl Weigh for Int { fn weigh(self) -> Int { self } }
impl Weigh for String { fn weigh(self) -> Int { self.len() } }
struct Countdown { left: Int }
impl Iterator[Int] for Countdown {
    fn next(mut self) -> Int? {
        if self.left <= 0 { return None }
        self.left -= 1
        Some(self.left)
    }
}
";

/// A program: one file, a command without arguments. It ends by itself nearly always, or uses up its fuel.
pub fn program(choices: &mut Choices) -> String {
    let mut writer = Writer {
        choices,
        structs: vec![],
        enums: vec![],
        functions: vec![],
        text: PRELUDE.to_owned(),
        indent: 0,
        scope: vec![],
        next: 0,
        budget: 0,
        loops: 0,
        lambdas: 0,
        result: None,
        recursive: None,
    };
    writer.declare_types();
    for _ in 0..writer.choices.below(5) {
        writer.function();
    }
    writer.main();
    writer.text
}

/// A variable in scope.
#[derive(Clone)]
struct Var {
    name: String,
    ty: Ty,
    mutable: bool,
}

/// A function that can be called.
#[derive(Clone)]
struct Signature {
    name: String,
    params: Vec<(Ty, bool)>,
    result: Ty,
}

struct Writer<'c> {
    choices: &'c mut Choices,
    /// Types of the fields of each struct.
    structs: Vec<Vec<Ty>>,
    /// Types of the parts of each variant of each enum.
    enums: Vec<Vec<Vec<Ty>>>,
    functions: Vec<Signature>,
    text: String,
    indent: usize,
    scope: Vec<Var>,
    next: usize,
    /// Expressions and statements that may still be written in the function at hand.
    budget: usize,
    /// Open loops of the function at hand.
    loops: usize,
    /// Open lambdas: nothing outside of them can be changed.
    lambdas: usize,
    /// What `return` gives here, if it may stand here.
    result: Option<Ty>,
    /// The function at hand, if it calls itself.
    recursive: Option<Signature>,
}

impl Writer<'_> {
    fn line(&mut self, text: &str) {
        let _ = writeln!(self.text, "{:width$}{text}", "", width = self.indent * 4);
    }

    fn name(&mut self) -> String {
        self.next += 1;
        format!("v{}", self.next)
    }

    fn declare(&mut self, ty: Ty, mutable: bool) -> String {
        let name = self.name();
        self.scope.push(Var {
            name: name.clone(),
            ty,
            mutable,
        });
        name
    }

    /// Takes from the budget; false when there is none left.
    fn spend(&mut self) -> bool {
        let some = self.budget > 0;
        self.budget = self.budget.saturating_sub(1);
        some
    }

    fn function(&mut self) {
        let name = format!("g{}", self.functions.len());
        let recursive = self.choices.once_in(3);
        let mut params = vec![];
        if recursive {
            params.push((Ty::Int, false));
        }
        for _ in 0..self.choices.below(4) {
            let ty = match self.choices.once_in(8) {
                true => {
                    let (of, to) = (self.some_type(0), self.some_type(0));
                    Ty::Fn(Box::new(of), Box::new(to))
                }
                false => self.some_type(2),
            };
            let mutable = ty.is_plain() && self.choices.once_in(3);
            params.push((ty, mutable));
        }
        let result = match self.choices.once_in(5) {
            true => Ty::Unit,
            false => self.some_type(2),
        };
        let signature = Signature {
            name: name.clone(),
            params: params.clone(),
            result: result.clone(),
        };
        self.scope.clear();
        let shown: Vec<String> = params
            .iter()
            .map(|(ty, mutable)| {
                let name = self.declare(ty.clone(), *mutable);
                format!("{}{name}: {ty}", if *mutable { "mut " } else { "" })
            })
            .collect();
        let arrow = match &result {
            Ty::Unit => String::new(),
            ty => format!(" -> {ty}"),
        };
        self.line(&format!("fn {name}({}){arrow} {{", shown.join(", ")));
        self.indent += 1;
        self.budget = 40 + self.choices.below(120);
        self.result = Some(result.clone());
        if recursive {
            let depth = self.scope[0].name.clone();
            let ends = match &result {
                Ty::Unit => "return".to_owned(),
                ty => format!("return {}", self.leaf(ty)),
            };
            // Some go deeper than the stack does.
            let most = if self.choices.once_in(5) { 20_000 } else { 12 };
            self.line(&format!("if {depth} <= 0 || {depth} > {most} {{ {ends} }}"));
            self.recursive = Some(signature.clone());
        }
        self.statements(5);
        if result != Ty::Unit {
            let last = self.expr(&result, 3);
            // A line of its own that begins with a bracket would go on with the one before.
            let kept = self.name();
            self.line(&format!("let {kept}: {result} = {last}"));
            self.line(&kept);
        }
        self.indent -= 1;
        self.line("}");
        self.recursive = None;
        self.functions.push(signature);
    }

    fn main(&mut self) {
        self.scope.clear();
        self.line("fn main() {");
        self.indent += 1;
        self.budget = 60 + self.choices.below(200);
        self.result = Some(Ty::Unit);
        self.statements(8);
        // Everything that was called or not is called once more, and what has come of the variables is told.
        for signature in self.functions.clone() {
            self.budget += 12;
            if let Some(call) = self.call(&signature, 2) {
                match &signature.result {
                    Ty::Unit => self.line(&call),
                    ty if ty.is_plain() => {
                        let name = self.name();
                        self.line(&format!("let {name}: {ty} = {call}"));
                        self.line(&format!("print({name})"));
                    }
                    _ => self.line(&format!("let _ = {call}")),
                }
            }
        }
        for var in self.scope.clone() {
            if var.ty.is_plain() && var.ty != Ty::Unit {
                self.line(&format!("print({})", var.name));
            }
        }
        self.indent -= 1;
        self.line("}");
    }
}
