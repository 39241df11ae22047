//! What the passes do to small programs, seen in the bytecode.

use crate::compile::{CompileOptions, compile};
use crate::source::{SourceError, Sources};
use cop_bytecode::{Function, Instr, Mode, Op, Package};

struct One(&'static str);

impl Sources for One {
    fn read(&self, path: &str) -> Result<String, SourceError> {
        match path {
            "main.cop" => Ok(self.0.to_string()),
            _ => Err(SourceError::NotFound),
        }
    }
}

/// The functions of a program, verified, with their names.
fn functions(text: &'static str) -> Vec<(String, Function)> {
    let compiled = compile("main.cop", &One(text), CompileOptions::default());
    let found: Vec<_> = compiled.diagnostics.iter().map(|d| &d.title).collect();
    let compiled = compiled
        .compiled
        .unwrap_or_else(|| panic!("it compiles: {found:?}"));
    let package: &Package = &compiled.package;
    cop_vm::verify::verify(package).expect("it passes the verifier");
    let names = compiled.source_map.functions.iter().map(|f| f.name.clone());
    names.zip(package.functions.clone()).collect()
}

fn count(functions: &[(String, Function)], what: impl Fn(&Instr) -> bool) -> usize {
    let all = functions.iter().flat_map(|(_, f)| &f.body);
    all.filter(|instr| what(instr)).count()
}

/// The instructions of the innermost loops of a function.
fn innermost(function: &Function) -> Vec<&[Instr]> {
    let mut open = vec![];
    let mut found = vec![];
    for (at, instr) in function.body.iter().enumerate() {
        match instr {
            Instr::Loop { .. } | Instr::For { .. } => open.push((at, true, true)),
            Instr::Block { .. } | Instr::If { .. } | Instr::Switch { .. } => {
                open.push((at, false, true));
            }
            Instr::End => {
                if let Some((from, is_loop, inner)) = open.pop()
                    && is_loop
                {
                    if inner {
                        found.push(&function.body[from..at]);
                    }
                    open.iter_mut().for_each(|(_, _, inner)| *inner = false);
                }
            }
            _ => {}
        }
    }
    found
}

fn counts_owners(instr: &Instr) -> bool {
    matches!(instr, Instr::Dup(_) | Instr::Drop(_) | Instr::Unique { .. })
}

#[test]
fn lambdas_are_part_of_the_functions_they_are_given_to() {
    let text = "fn main() {
        let n = 3
        let xs = [1, 2, 3].map(|x| x + n).filter(|x| x > n)
        print(xs.fold(0, |sum, x| sum + x))
        print(xs.sorted_by(|a, b| b.compare(a)))
    }";
    let all = functions(text);
    let made = |i: &Instr| matches!(i, Instr::Closure { .. } | Instr::CallValue { .. });
    assert_eq!(count(&all, made), 0, "no closure is made or called");
}

#[test]
fn a_lambda_that_is_kept_is_a_closure() {
    let text = "fn adder(n: Int) -> fn(Int) -> Int { |x| x + n }
    fn main() {
        let all = [adder(1), adder(2)]
        print(all[0](1) + all[1](1))
        print(all.map(|f| f(2)))
    }";
    let all = functions(text);
    let made = |i: &Instr| matches!(i, Instr::Closure { .. });
    assert_eq!(count(&all, made), 2, "one for each place that asks for one");
}

#[test]
fn ever_new_lambdas_come_to_an_end() {
    let text = "fn go(n: Int, f: fn(Int) -> Int) -> Int {
        if n == 0 { f(n) } else { go(n - 1, |x| f(x + 1)) + go(n - 1, |x| f(x * 2)) }
    }
    fn main() { print(go(9, |x| x)) }";
    assert!(functions(text).len() < 400);
}

#[test]
fn inner_loops_count_no_owners() {
    let text = "fn fill(mut table: List[List[Int]], a: Bytes, b: Bytes) {
        for i in 1..=a.len() {
            for j in 1..=b.len() {
                let mut best = table[i - 1][j - 1]
                if a[i - 1] != b[j - 1] { best += 1 }
                if table[i - 1][j] + 1 < best { best = table[i - 1][j] + 1 }
                table[i][j] = best
            }
        }
    }
    fn main(args: List[String]) {
        let mut table = List.filled(9, List.filled(9, 0))
        for arg in args { fill(mut table, arg.bytes(), arg.bytes()) }
        print(table)
    }";
    for (name, function) in functions(text) {
        for body in innermost(&function) {
            let updates = body.iter().any(|i| matches!(i, Instr::Set { .. }));
            if updates {
                let owners = body.iter().filter(|i| counts_owners(i)).count();
                assert_eq!(owners, 0, "{name}: {body:?}");
            }
        }
    }
}

#[test]
fn what_is_only_looked_at_has_no_owner_of_its_own() {
    let text = "enum Tree { Leaf, Node(Tree, Int, Tree) }
    fn sum(t: Tree) -> Int {
        match t {
            Leaf => 0
            Node(left, n, right) => sum(left) + n + sum(right)
        }
    }
    fn main(args: List[String]) { print(sum(Node(Leaf, args.len(), Leaf))) }";
    let all = functions(text);
    let (_, sum) = all
        .iter()
        .find(|(name, _)| name == "sum")
        .expect("it calls itself");
    assert!(!sum.body.iter().any(counts_owners), "{:?}", sum.body);
    assert_eq!(sum.params[0].mode, Mode::Look);
}

#[test]
fn what_a_function_hands_on_to_be_kept_it_takes_over() {
    let text = "fn push(list: List[Int], n: Int) -> List[Int] {
        let mut out = list
        out.push(n)
        if n > 0 { push(out, n - 1) } else { out }
    }
    fn twice(list: List[Int], n: Int) -> List[Int] { if n > 5 { twice(list, n - 1) } else { push(list, n) } }
    fn main(args: List[String]) { print(twice([1], args.len())) }";
    let all = functions(text);
    for name in ["push", "twice"] {
        if let Some((_, function)) = all.iter().find(|(n, _)| n == name) {
            assert_eq!(function.params[0].mode, Mode::Own, "{name}");
            let dups = function.body.iter().filter(|i| matches!(i, Instr::Dup(_)));
            assert_eq!(dups.count(), 0, "{name}: {:?}", function.body);
        }
    }
}

#[test]
fn a_loop_that_never_runs_copies_nothing() {
    let text = "fn clear(mut xs: List[Int], n: Int) { for i in 0..n { xs[i] = 0 } }
    fn main(args: List[String]) {
        let mut xs = [1, 2]
        let old = xs
        clear(mut xs, args.len())
        print(old == xs)
    }";
    for (name, function) in functions(text) {
        for (at, instr) in function.body.iter().enumerate() {
            if matches!(instr, Instr::Unique { .. })
                && matches!(function.body.get(at + 1), Some(Instr::For { .. }))
            {
                let before = function.body.get(at.wrapping_sub(1));
                assert!(
                    matches!(before, Some(Instr::If { .. })),
                    "{name}: {before:?}"
                );
            }
        }
    }
}

#[test]
fn texts_are_joined_in_place() {
    let text = "fn rows(n: Int) -> String {
        let mut out = \"\"
        for i in 0..n { out = out + \"<td>${i}</td>\" + \"\\n\" }
        out
    }
    fn main(args: List[String]) { print(rows(args.len())) }";
    let joined = |i: &Instr| {
        matches!(
            i,
            Instr::Op {
                op: cop_bytecode::Op::StringConcat,
                ..
            }
        )
    };
    assert_eq!(count(&functions(text), joined), 0);
}

#[test]
fn what_is_only_appended_is_put_together_where_it_goes() {
    let text = "fn rows(names: List[String], mut out: String) {
        for (i, name) in names.enumerate() { out = out + \"<td>${i}: ${name[1..name.len()]}</td>\" }
    }
    fn main(args: List[String]) {
        let mut out = \"\"
        rows(args, mut out)
        print(out)
    }";
    let found = functions(text);
    let appends = |i: &Instr| {
        matches!(
            i,
            Instr::Update {
                op: cop_bytecode::UpdateOp::TextAppendI64,
                ..
            }
        )
    };
    let rows = found.iter().find(|(_, f)| f.body.iter().any(appends));
    let mut inner = innermost(&rows.expect("numbers are appended").1);
    inner.retain(|turn| turn.iter().any(appends));
    assert_eq!(inner.len(), 1);
    let made = |i: &Instr| {
        matches!(
            i,
            Instr::New { .. }
                | Instr::Op {
                    op: cop_bytecode::Op::StringSlice,
                    ..
                }
        )
    };
    let copied = |i: &Instr| matches!(i, Instr::Unique { .. } | Instr::Dup(_));
    for turn in &inner {
        assert!(!turn.iter().any(|i| made(i) || copied(i)), "{turn:?}");
    }
}

#[test]
fn bytes_that_are_only_read_are_read_from_the_text() {
    let copies = |i: &Instr| {
        matches!(
            i,
            Instr::Op {
                op: cop_bytecode::Op::StringToBytes,
                ..
            }
        )
    };
    let read = "fn commas(text: String) -> Int {
        let bytes = text.bytes()
        let mut n = 0
        for i in 0..bytes.len() { if bytes[i] == b',' { n += 1 } }
        n
    }
    fn main(args: List[String]) { print(\"${commas(args[0])}\") }";
    assert_eq!(count(&functions(read), copies), 0);
    let kept = "fn main(args: List[String]) {
        let mut all: List[Bytes] = []
        for arg in args { all.push(arg.bytes()) }
        print(\"${all.len()}\")
    }";
    assert_eq!(count(&functions(kept), copies), 1);
}

#[test]
fn what_is_read_changed_and_written_back_is_changed_in_place() {
    let text = "fn main(args: List[String]) {
        let mut counts: Map[String, Int] = [:]
        for arg in args { counts.update(arg, 0, |mut n| { n += 1 }) }
        print(\"${counts.len()}\")
    }";
    let sets = |i: &Instr| matches!(i, Instr::Set { .. });
    assert_eq!(count(&functions(text), sets), 0);
}

/// What the first function does, but for constants and ways out.
fn operations(text: &'static str) -> Vec<String> {
    let all = functions(text);
    let (_, main) = &all[0];
    let shown = main.body.iter().filter_map(|instr| match instr {
        Instr::Op { op, .. } => Some(op.row().name.to_owned()),
        Instr::New { .. } => Some("new".into()),
        Instr::If { .. } => Some("if".into()),
        Instr::Switch { .. } => Some("switch".into()),
        Instr::Get { .. } => Some("get".into()),
        Instr::Call { .. } => Some("call".into()),
        Instr::Trap { .. } => Some("trap".into()),
        _ => None,
    });
    shown.collect()
}

#[test]
fn what_is_known_is_not_found_out() {
    let plain = operations("fn main() { print(1) }");
    for text in [
        "fn main() { print(60 * 60 * 24 - 1) }",
        "fn main() { print(if 2 + 2 == 4 { 1 } else { 2 }) }",
        "fn main() { let (a, b) = (1, 2)\n print(b - a) }",
        "struct P { x: Int, y: Int }\nfn main() { let p = P(x: 1, y: 2)\n print(p.y) }",
        "fn main() { print(Some(1).map(|n| n + 1) ?? 0) }",
        "enum E { A(Int), B(String) }\nfn main() { print(match A(3) { A(n) => n, B(_) => 0 }) }",
        "fn main() { let same = !(1 < 2)\n print(if same { 2 } else { 3 }) }",
    ] {
        assert_eq!(operations(text), plain, "{text}");
    }
}

#[test]
fn inclusive_ranges_of_lengths_ask_nothing() {
    let text = "fn main(args: List[String]) {
        let mut sum = 0
        for i in 0..=args.len() { sum += i }
        print(sum)
    }";
    let all = functions(text);
    let asked = |i: &Instr| matches!(i, Instr::ConstI64(i64::MAX));
    assert_eq!(count(&all, asked), 0);
}

#[test]
fn what_would_trap_is_left() {
    for (text, op) in [
        ("fn main() { print(9223372036854775807 + 1) }", "i64.add"),
        ("fn main() { print(1 / 0) }", "i64.div"),
        ("fn main() { print(1 << 64) }", "i64.shl"),
        ("fn main() { let _ = [1][1] / 0 }", "i64.div"),
    ] {
        assert!(operations(text).iter().any(|found| found == op), "{text}");
    }
}

#[test]
fn functions_that_call_each_other_agree_on_what_they_look_at() {
    let looking = "fn even(xs: List[Int], n: Int, fs: List[fn(List[Int]) -> Int]) -> Int {
        let a = xs[0] * 3 + xs[1] * 5 + xs[2] * 7 + n * n * n + fs.len() * 2
        if n > a { a } else { odd(xs, n + 1, fs) + odd(xs, n + 2, fs) }
    }
    fn odd(xs: List[Int], n: Int, fs: List[fn(List[Int]) -> Int]) -> Int {
        let a = xs[0] * 2 + xs[1] * 4 + xs[2] * 6 + n * n * n + 1
        if n > a { a } else { even(xs, n + 1, fs) + even(xs, n + 2, fs) }
    }
    fn main(args: List[String]) {
        let mut fs: List[fn(List[Int]) -> Int] = []
        for arg in args { fs.push(|xs| xs[0] + arg.len()) }
        print(even([1, 2, 3], args.len(), fs) + odd([1, 2, 3], args.len(), fs))
    }";
    // What the one lends to functions that nobody knows, the other does not look at only.
    let sharing = looking.replace("n * n * n + 1", "n * n * n + fs[n](xs)");
    for (text, mode) in [(looking, Mode::Look), (&*sharing.leak(), Mode::Borrow)] {
        let all = functions(text);
        for name in ["even", "odd"] {
            let (_, function) = all.iter().find(|(n, _)| n == name).expect(name);
            assert_eq!(function.params[0].mode, mode, "{name}");
            assert_eq!(function.params[2].mode, Mode::Look, "{name}");
        }
    }
}

#[test]
fn what_is_put_in_where_it_is_called_may_be_needed_besides() {
    let text = "fn double(n: Int) -> Int { n * 2 }
    fn main(args: List[String]) {
        let mut all: List[fn(Int) -> Int] = []
        for _ in args { all.push(double) }
        print(double(args.len()) + double(1) + all[0](1))
    }";
    let all = functions(text);
    let instrs = || all.iter().flat_map(|(_, function)| &function.body);
    let closed_over = instrs().filter_map(|instr| match instr {
        Instr::Closure { function, .. } => Some(*function),
        _ => None,
    });
    let closed_over: Vec<u32> = closed_over.collect();
    assert_eq!(closed_over.len(), 1);
    let doubles = |body: &[Instr]| {
        let multiply = |i: &Instr| matches!(i, Instr::Op { op: Op::I64Mul, .. });
        body.iter().any(multiply)
    };
    assert!(doubles(&all[closed_over[0] as usize].1.body));
    let called = |instr: &Instr| matches!(instr, Instr::Call { function, .. } if doubles(&all[*function as usize].1.body));
    let calls = instrs().filter(|instr| called(instr)).count();
    assert_eq!(calls, 0, "its body stands in place of its calls");
}
