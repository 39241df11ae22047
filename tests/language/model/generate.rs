//! Random programs. Each piece is made twice: as text, and as a function on the model.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::value::{Step, Type, Value};

/// The variables of the model.
pub type Scope = BTreeMap<String, Value>;

/// How a statement of the model ends.
pub enum Flow {
    On,
    Break,
    Continue,
    Return(Value),
}

/// An expression: its text, and its value.
#[derive(Clone)]
pub(super) struct Expr {
    pub(super) text: String,
    pub(super) value: Rc<dyn Fn(&Scope) -> Value>,
}

/// A statement: its text, and what it does.
pub(super) struct Stmt {
    pub(super) text: String,
    pub(super) run: Rc<dyn Fn(&mut Scope) -> Flow>,
}

/// A mutable place of a type: its text, its variable, the way from there, and the text of the condition under which it
/// is there (empty if it always is).
#[derive(Clone)]
pub(super) struct Place {
    pub(super) text: String,
    pub(super) root: String,
    pub(super) path: Vec<Step>,
    pub(super) guard: String,
}

impl Place {
    pub(super) fn get<'s>(&self, scope: &'s mut Scope) -> Option<&'s mut Value> {
        scope.get_mut(&self.root)?.at_mut(&self.path)
    }
}

/// A variable as the generator knows it.
#[derive(Clone)]
pub(super) struct Variable {
    pub(super) name: String,
    pub(super) ty: Type,
    pub(super) mutable: bool,
}

/// Numbers that follow from a seed.
pub(super) struct Chance(u64);

impl Chance {
    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % bound
    }

    pub(super) fn is(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub(super) fn of<T: Clone>(&mut self, choices: &[T]) -> Option<T> {
        match choices.len() {
            0 => None,
            count => Some(choices[self.below(count)].clone()),
        }
    }
}

/// Makes one function body.
pub struct Generator {
    pub(super) chance: Chance,
    pub(super) scope: Vec<Variable>,
    names: usize,
    /// How deep expressions are nested at this place.
    pub(super) depth: usize,
}

/// What the random programs have in common.
pub const PRELUDE: &str = "\
struct Record { a: Int, xs: List[Int], o: List[Int]? = None, t: (Int, List[Int]) = (0, []) }
enum Shape { Dot, One(List[Int]), Two(x: Int, ys: List[Int]), Deep(Node) }
struct Node { inner: List[Shape], n: Int }
fn none() -> List[Int] { [] }
fn nothing() -> List[Int]? { None }
fn no_grid() -> List[List[Int]] { [] }
fn no_map() -> Map[Int, List[Int]] { [:] }
fn pushed(mut xs: List[Int], x: Int) -> Int {
    xs.push(x)
    xs.len()
}
fn with(xs: List[Int], x: Int) -> List[Int] {
    let mut out = xs
    out.push(x)
    out
}
fn swap[T](mut a: T, mut b: T) {
    let held = a
    a = b
    b = held
}
fn digest(xs: List[Int]) -> Int {
    let mut n = 0
    for x in xs { n = n *% 31 +% x }
    n
}
";

pub(super) fn digest(list: &Value) -> i64 {
    list.items()
        .iter()
        .fold(0, |n: i64, x| n.wrapping_mul(31).wrapping_add(x.int()))
}

pub(super) fn count(list: &Value) -> Value {
    Value::Int(list.items().len() as i64)
}

/// A function `name(mut p: List[Int], mut q: Shape, k: Int, r: Record) -> List[Int]`: its text, and what it does to a
/// scope with these four.
pub fn function(name: &str, seed: u64) -> (String, impl Fn(&mut Scope) -> Value) {
    let parameters = [
        ("p", Type::List, true),
        ("q", Type::Shape, true),
        ("k", Type::Int, false),
        ("s", Type::Record, true),
    ];
    let scope = parameters.map(|(name, ty, mutable)| Variable {
        name: name.into(),
        ty,
        mutable,
    });
    let mut generator = Generator {
        chance: Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1),
        scope: scope.into(),
        names: 0,
        depth: 0,
    };
    let length = 4 + generator.chance.below(7);
    let body = generator.block("    ", length, false, vec![]);
    let result = generator.expr(Type::List);
    let text = format!(
        "fn {name}(mut p: List[Int], mut q: Shape, k: Int, r: Record) -> List[Int] {{\n    let mut s = r\n{}\n    {}\n}}\n",
        body.text, result.text
    );
    let run = move |scope: &mut Scope| {
        scope.insert("s".into(), scope["r"].clone());
        match (body.run)(scope) {
            Flow::Return(value) => value,
            _ => (result.value)(scope),
        }
    };
    (text, run)
}

pub(super) fn expr(text: impl Into<String>, value: impl Fn(&Scope) -> Value + 'static) -> Expr {
    Expr {
        text: text.into(),
        value: Rc::new(value),
    }
}

pub(super) fn stmt(text: String, run: impl Fn(&mut Scope) -> Flow + 'static) -> Option<Stmt> {
    Some(Stmt {
        text,
        run: Rc::new(run),
    })
}

impl Generator {
    pub(super) fn name(&mut self) -> String {
        self.names += 1;
        format!("_v{}", self.names)
    }

    pub(super) fn variable(&mut self, ty: Type, mutable: bool) -> Option<String> {
        let fitting: Vec<String> = self
            .scope
            .iter()
            .filter(|v| v.ty == ty && (v.mutable || !mutable))
            .map(|v| v.name.clone())
            .collect();
        self.chance.of(&fitting)
    }
}
