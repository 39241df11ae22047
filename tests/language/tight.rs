//! A program that takes and gives back memory in every way there is, under every limit of memory and of fuel: both
//! engines end alike, to the unit, wherever it is that they run out.

use cop_compiler::compile::compile;
use cop_compiler::source::{SourceError, Sources};
use cop_vm::{Engine, Limits, NoHost, Program, run_inspected};
use coputer::publish::options;

/// Makes and drops values of all kinds. What it comes to is the message of its trap.
const PROGRAM: &str = r#"
struct Tree { left: Tree? = None, right: Tree? = None, name: String }
struct Point { x: Float, y: Float }
struct Wide { a: Int, b: Int, c: Int, d: Int, e: Int, f: Int, g: Int, h: Int, i: Int, j: Int, k: Int, l: Int, m: Int, n: Int, o: Int, p: Int, q: Int, r: String }
enum Value {
    Null
    Truth(Bool)
    Number(Int)
    Real(Float)
    Text(String)
    Array(List[Value])
    Object(keys: List[String], values: List[Value])
}
enum Expr {
    Leaf
    Constant(Int)
    Sum(Expr, Expr)
    Named(String, Expr)
}

fn build(depth: Int) -> Tree {
    if depth == 0 { return Tree(name: "leaf") }
    Tree(left: Some(build(depth - 1)), right: Some(build(depth - 1)), name: "at ${depth}")
}

fn count(tree: Tree) -> Int {
    let mut sum = tree.name.len()
    if tree.left is Some(left) { sum += count(left) }
    if tree.right is Some(right) { sum += count(right) }
    sum
}

fn expr(n: Int) -> Expr {
    if n == 0 { Leaf } else if n % 3 == 0 { Named("n${n}", expr(n - 1)) } else { Sum(Constant(n), expr(n - 1)) }
}

fn value(of: Expr) -> Int {
    match of {
        Leaf => 1
        Constant(n) => n
        Sum(a, b) => value(a) + value(b)
        Named(name, inner) => name.len() + value(inner)
    }
}

fn document(n: Int) -> Value {
    if n == 0 { return Null }
    let mut values: List[Value] = []
    let mut keys: List[String] = []
    for i in 0..n {
        keys.push("key ${i}")
        values.push(match i % 5 {
            0 => Truth(i % 2 == 0)
            1 => Number(i)
            2 => Real(1.5)
            3 => Text("text of ${i}")
            _ => Array([document(n - 1), Number(n)])
        })
    }
    Object(keys, values)
}

fn show(value: Value, mut out: String) {
    match value {
        Null => out.append("null")
        Truth(truth) => out.append(if truth { "true" } else { "false" })
        Number(n) => out.append("${n}")
        Real(x) => out.append("${x}")
        Text(text) => out.append("\"" + text + "\"")
        Array(items) => {
            for (i, item) in items.enumerate() {
                if i > 0 { out.append(", ") }
                show(item, mut out)
            }
        }
        Object(keys, values) => {
            for i in 0..keys.len() {
                out = out + "${keys[i]}=${values.len()}:"
                show(values[i], mut out)
            }
        }
    }
}

fn escape(text: String) -> String {
    let mut out = ""
    let mut from = 0
    let bytes = text.bytes()
    for i in 0..bytes.len() {
        if bytes[i] == b'"' {
            out.append(text[from..i])
            out.append("&quot;")
            from = i + 1
        }
    }
    if from == 0 { return text }
    out.append(text[from..text.len()])
    out
}

fn main() {
    let mut out = ""
    let tree = build(3)
    out.append("${count(tree)} ${value(expr(12))} ")
    show(document(6), mut out)
    out = escape(out) + "é".repeat(3)
    let mut points = [Point(x: 1.0, y: 2.0), Point(x: 3.0, y: 4.0)]
    let before = points
    points[0].x += 2.5
    points.push(Point(x: 0.5, y: before[0].x))
    points.swap(0, 2)
    let last = points.pop()
    if last is Some(point) { out.append("${point.x} ${before[1].y}") }
    let wide = Wide(a: 1, b: 2, c: 3, d: 4, e: 5, f: 6, g: 7, h: 8, i: 9, j: 10, k: 11, l: 12, m: 13, n: 14, o: 15, p: 16, q: 17, r: out)
    let mut wides = [wide, wide]
    wides[1].a = 7
    wides[1].r.append(" more")
    let mut counts: Map[String, Int] = [:]
    for word in "a rose is a rose is a rose".words() { counts.update(word, 0, |mut n| { n += 1 }) }
    let _ = counts.remove("is")
    for (word, n) in counts { out = out + "${word}${n}" }
    let mut seen: Set[Int] = Set.new()
    for i in 0..40 { let _ = seen.insert(i * i % 17) }
    for one in seen { out.append(" ${one}") }
    let mut grid = List.filled(3, List.filled(4, "x"))
    grid[1][2].append("y")
    grid[2].push("z")
    grid.insert(0, ["new"])
    let gone = grid.remove(1)
    let mut bytes = b"begin"
    for i in 0..300 { bytes.push(i % 256) }
    bytes[3] = 77
    for char in "añb".chars() { out.push(char) }
    let parts = out.split(":")
    panic("${wides[1].a}${wides[1].r.len()} ${grid} ${gone.len()} ${bytes.len()} ${bytes[3]} ${parts.len()} ${out == wides[0].r} ${out.compare("zebra")}")
}
"#;

struct OneFile;

impl Sources for OneFile {
    fn read(&self, _: &str) -> Result<String, SourceError> {
        Ok(PROGRAM.to_owned())
    }
}

/// How a run ends, in words: everything that may differ.
fn run(program: &Program, limits: Limits, engine: Engine) -> (String, u64) {
    let (outcome, remains) = run_inspected(program, "main", limits, &mut NoHost, engine);
    let peak = outcome.peak_memory_bytes;
    (format!("{outcome:?} {}", remains.live_cells), peak)
}

#[test]
fn running_out_is_the_same_everywhere() {
    let compilation = compile("main.cop", &OneFile, options(true));
    let shown = cop_compiler::render::text(&compilation.diagnostics, &compilation.files, false);
    let compiled = compilation.compiled.unwrap_or_else(|| panic!("{shown}"));
    let program = Program::load(&compiled.package).expect("a program");
    program.compile("main").expect("machine code");
    let both = |limits: Limits| {
        let (one, peak) = run(&program, limits, Engine::Interpreter);
        let (other, _) = run(&program, limits, Engine::Jit);
        assert_eq!(one, other, "{limits:?}");
        (one, peak)
    };
    let (full, peak) = both(Limits::default());
    assert!(full.contains("Panic"), "{full}");
    for memory_bytes in (0..=peak + 16).step_by(16) {
        both(Limits {
            memory_bytes,
            ..Limits::default()
        });
    }
    let mut fuel = 0;
    loop {
        let limits = Limits {
            fuel,
            ..Limits::default()
        };
        if both(limits).0 == full {
            break;
        }
        fuel += if fuel < 3000 { 1 } else { 7 };
    }
}
