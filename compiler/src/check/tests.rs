//! Programs that must check, by feature. What must not is in `tests/diagnostics`.

use super::*;
use crate::source::SourceError;
use std::collections::BTreeMap;

struct Memory(BTreeMap<&'static str, String>);

impl Sources for Memory {
    fn read(&self, path: &str) -> Result<String, SourceError> {
        self.0.get(path).cloned().ok_or(SourceError::NotFound)
    }

    fn list(&self, folder: &str) -> Vec<String> {
        let prefix = if folder.is_empty() {
            String::new()
        } else {
            format!("{folder}/")
        };
        self.0
            .keys()
            .filter_map(|path| path.strip_prefix(&*prefix).map(str::to_string))
            .collect()
    }
}

/// Checks files; the first is the root. Gives the program and the messages, each as "CODE title".
fn check_files(files: &[(&'static str, &str)]) -> (Option<hir::Program>, Vec<String>) {
    let sources = Memory(
        files
            .iter()
            .map(|(path, text)| (*path, text.to_string()))
            .collect(),
    );
    let mut map = SourceMap::new();
    let mut diagnostics = Diagnostics::new();
    let program = check(
        files[0].0,
        &sources,
        &mut map,
        &CheckOptions {
            tests: true,
            library: false,
        },
        &mut diagnostics,
    );
    let messages = diagnostics
        .sorted()
        .iter()
        .map(|message| {
            let place = message.primary.as_ref().map_or(String::new(), |label| {
                let at = map.line_column(label.span);
                format!(
                    " ({}:{}:{})",
                    map.file(label.span.file).path,
                    at.line,
                    at.column
                )
            });
            format!("{} {}{place}", message.code, message.title)
        })
        .collect();
    (program, messages)
}

/// A program that must check without any message.
fn good(text: &str) -> hir::Program {
    let (program, messages) = check_files(&[("main.cop", text)]);
    assert!(messages.is_empty(), "{messages:#?}");
    program.expect("a program without messages")
}

#[test]
fn hello() {
    good("fn main() { print(\"Hello, world!\") }");
}

/// The messages about a program, as "CODE title (file:line:column)".
fn messages(text: &str) -> Vec<String> {
    check_files(&[("main.cop", text)]).1
}

#[test]
fn generics_and_traits() {
    good(
        r#"
trait Named {
    fn name(self) -> String
    fn greet(self) -> String { "hello ${self.name()}" }
    fn make(name: String) -> Self
}
struct Cat { called: String }
impl Named for Cat {
    fn name(self) -> String { self.called }
    fn make(name: String) -> Self { Cat(called: name) }
}
fn all[T: Named](xs: List[T]) -> List[String] { xs.map(|x| x.greet()) }
fn build[T: Named](name: String) -> T { T.make(name) }
struct Pair[A, B] {
    first: A
    second: B
    fn swapped(self) -> Pair[B, A] { Pair(first: self.second, second: self.first) }
    fn with[C](self, second: C) -> Pair[A, C] { Pair(first: self.first, second) }
}
impl[A: Named, B] Named for Pair[A, B] {
    fn name(self) -> String { self.first.name() }
    fn make(_name: String) -> Self { todo() }
}
struct Count { at: Int, last: Int }
impl Iterator[Int] for Count {
    fn next(mut self) -> Int? {
        if self.at > self.last { return None }
        self.at += 1
        Some(self.at - 1)
    }
}
fn sum_all[I: Iterator[Int]](it: I) -> Int {
    let mut total = 0
    for n in it { total += n }
    total
}
fn collect[I: Iterator[T], T, U](it: I, f: fn(T) -> U) -> List[U] {
    let mut out = []
    for x in it { out.push(f(x)) }
    out
}
fn largest[T: Ord](xs: List[T]) -> T? {
    let mut best: T? = None
    for x in xs {
        if best is Some(b) && b >= x { continue }
        best = Some(x)
    }
    best
}
fn main() {
    let cat: Cat = build("Tom")
    let kit = Cat.make("Kit")
    print(all([cat, kit]).join(", "))
    print(Named.name(cat))
    let pair = Pair(first: cat, second: 1).swapped().swapped().with("x")
    print(pair.name())
    print(sum_all(Count(at: 1, last: 3)))
    print(collect(Count(at: 1, last: 3), |n| n.show() + "!").join(""))
    print(Count(at: 1, last: 3).take(2))
    print(largest([1, 2]) ?? 0)
    print(largest(["a"]).map(|s| s.len()) ?? 0)
    let parse = Int.parse
    print(["1", "x"].filter_map(parse).sum())
    let names = [cat].map(Named.name)
    print(names)
    let push = List.push
    let mut xs = [1]
    push(mut xs, 2)
    print(xs.max() ?? Int.min_value)
}
"#,
    );
}

#[test]
fn lambdas_options_and_results() {
    good(
        r#"
enum Failure { Bad(String), Worse(code: Int) }
struct Handler { run: fn(Int) -> Int }
type Grid = List[List[Int]]
fn risky(n: Int) -> Result[Int, Failure] {
    if n < 0 { return Err(Bad("negative")) }
    if n > 9 { Err(Worse(code: n)) } else { Ok(n) }
}
fn several() -> Result[List[Int], Error] {
    let a = risky(1)?
    let b = [1, 2].map(|n| risky(n).ok() ?? 0)
    Ok([a, b.len()])
}
fn parse(text: String) -> Result[Int, Failure] {
    let n = Int.parse(text).ok_or(Bad(text))?
    let _ = Int.parse(text).ok_or("no").map_err(Bad)?
    Ok(n)
}
fn first_even(xs: List[Int]) -> Int? {
    let found = xs.find(|x| x % 2 == 0)?
    Some(found)
}
fn grid(n: Int) -> Grid { (0..n).map(|i| (0..n).map(|j| i * j)) }
fn apply(mut n: Int, f: fn(mut Int)) { f(mut n) }
fn main() {
    let mut n = 1
    apply(mut n, |mut k| { k += 1 })
    let h = Handler(run: |x| x + n)
    print((h.run)(2))
    let pairs = ["a": 1, "b": 2].entries().map(|(key, value)| "${key}=${value}")
    print(pairs)
    print(grid(3)[1][2])
    match parse("12") {
        Ok(n) if n is (1..=9) => print("small")
        Ok(_) => print("large")
        Err(Bad(text)) => print(text)
        Err(Worse(code)) => print(code)
    }
    let described = match risky(3) { Ok(_) => "ok", Err(_) => return }
    print(described)
    let Some(even) = first_even([1, 2]) else { panic("none") }
    print(even)
    print(several().ok())
}
"#,
    );
}

#[test]
fn files_import_each_other() {
    let (program, found) = check_files(&[
        (
            "main.cop",
            "import { Shape, area } from \"./lib/shapes\"\nimport shapes from \"./lib/shapes\"\n\
             pub const unit = 2\nfn main() { print(area(Circle(radius: 1))) match shapes.square(2) { shapes.Square(s) => print(s), Shape.Circle(..) => {} } }"
                .replace(") match", ")\nmatch").as_str(),
        ),
        (
            "lib/shapes.cop",
            "import { unit } from \"../main\"\npub enum Shape { Circle(radius: Int), Square(Int) }\n\
             pub fn area(s: Shape) -> Int { match s { Circle(radius) => radius * unit, Square(side) => side * side } }\n\
             pub fn square(side: Int) -> Shape { Square(side) }",
        ),
    ]);
    assert_eq!(found, Vec::<String>::new());
    let program = program.expect("a program");
    assert_eq!(&*program.modules[0].path, "main.cop");
    assert_eq!(&*program.modules[1].path, "lib/shapes.cop");
    assert!(
        program
            .modules
            .last()
            .is_some_and(|module| module.path.starts_with("core/"))
    );
}

#[test]
fn the_same_names_give_the_same_tree() {
    let text = std::fs::read_to_string(
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples/heap.cop"),
    )
    .expect("a sample");
    let one = format!("{:?}", check_files(&[("main.cop", &text)]).0);
    let two = format!("{:?}", check_files(&[("main.cop", &text)]).0);
    assert!(one == two);
}

/// Deep, long and large programs end, in time that is about proportional to their size.
#[test]
fn hard_programs_end() {
    let nested = |open: &str, inner: &str, close: &str, depth: usize| {
        format!(
            "fn main() {{ let x = {}{inner}{} }}",
            open.repeat(depth),
            close.repeat(depth)
        )
    };
    for text in [
        nested("(", "1", ")", 120),
        nested("[", "1", "]", 120),
        nested("Some(", "1", ")", 120),
        nested("{ ", "1", " }", 60),
        nested("if true { ", "1", " } else { 2 }", 60),
        nested("match 1 { _ => ", "1", " }", 60),
        nested("|x: Int| ", "1", "", 100),
        nested("-", "1", "", 120),
        nested("(1, ", "1", ")", 120),
        nested("\"${", "1", "}\"", 60),
        nested("[1].map(|x| ", "1", ").len()", 40),
        format!("fn main() {{ let x = 1{} }}", " + 1".repeat(120)),
        format!("fn main() {{ let x = [1]{} }}", ".reversed()".repeat(55)),
        // Types that would double with each line.
        format!(
            "fn main() {{ let x = (1, 1)\n{} }}",
            "let x = (x, x)\n".repeat(200)
        ),
        format!(
            "fn main() {{ let x = [1]\n{} }}",
            "let x = [x]\n".repeat(2000)
        ),
        format!(
            "fn two[T](x: T) -> (T, T) {{ (x, x) }}\nfn main() {{ let x = {}1{} }}",
            "two(".repeat(100),
            ")".repeat(100)
        ),
        (0..60).fold("type A0[T] = (T, T)\n".to_string(), |text, i| {
            format!("{text}type A{}[T] = A{i}[A{i}[T]]\n", i + 1)
        }),
        (0..3000).fold(String::new(), |text, i| {
            format!("{text}type A{i} = A{}\n", i + 1)
        }) + "type A3000 = Int",
        (0..3000).fold(String::new(), |text, i| {
            format!("{text}const a{i} = a{}\n", i + 1)
        }) + "const a3000 = 1",
        // Types that grow after they were last looked at.
        format!(
            "fn main() {{ {} }}",
            (0..8000)
                .map(|i| format!("let mut a{i} = []\n"))
                .collect::<String>()
                + &(0..7999)
                    .map(|i| format!("a{i}.push(a{})\n", i + 1))
                    .collect::<String>()
        ),
        format!(
            "fn main() {{ {} }}",
            (0..300)
                .map(|i| format!("let mut a{i} = []\n"))
                .collect::<String>()
                + &(0..299)
                    .map(|i| format!("a{i}.push((a{0}, a{0}))\n", i + 1))
                    .collect::<String>()
        ),
        // Patterns that need exponential work if done without care.
        format!(
            "fn main() {{ match ({}) {{ {} _ => {{}} }} }}",
            "true, ".repeat(24),
            (0..24)
                .map(|i| {
                    let row: Vec<&str> =
                        (0..24).map(|j| if i == j { "true" } else { "_" }).collect();
                    format!("({}) => {{}}\n", row.join(", "))
                })
                .collect::<String>()
        ),
        format!(
            "fn main() {{ match [1] {{ [{}] => {{}}, _ => {{}} }} }}",
            "_, ".repeat(5000)
        ),
        format!(
            "fn main() {{ match 1 {{ {} _ => {{}} }} }}",
            (0..1000)
                .map(|i| format!("{i} => {{}}\n"))
                .collect::<String>()
        ),
        format!(
            "fn main() {{ match \"a\" {{ {} _ => {{}} }} }}",
            (0..1000)
                .map(|i| format!("\"{i}\" => {{}}\n"))
                .collect::<String>()
        ),
        format!(
            "fn main() {{ {} }}",
            (0..3000)
                .map(|i| format!("let x{i} = [{i}]\nprint(x{i}.len())\n"))
                .collect::<String>()
        ),
        format!(
            "fn main() {{ {} }}",
            (0..3000)
                .map(|i| format!("let mut x{i} = []\nx{i}.push(None)\nx{i}.push(Some(1))\n"))
                .collect::<String>()
        ),
        (0..2000)
            .map(|i| format!("fn f{i}(x: Int) -> Int {{ f{}(x) + 1 }}\n", (i + 1) % 2000))
            .collect(),
        (0..500)
            .map(|i| {
                format!(
                    "struct S{i} {{ next: S{}?, list: List[S{}] }}\n",
                    (i + 1) % 500,
                    (i * 7) % 500
                )
            })
            .collect::<String>()
            + "fn f(x: S0) { print(x == x) }",
    ] {
        let start = std::time::Instant::now();
        messages(&text);
        let shown: String = text.chars().take(80).collect();
        assert!(
            start.elapsed().as_secs() < 60,
            "{:?} for {shown}",
            start.elapsed()
        );
    }
}

#[test]
fn samples() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples");
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .expect("samples")
        .map(|e| e.expect("entry").path())
        .collect();
    paths.sort();
    let mut bad = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(&path).expect("text");
        // The package that the sample of section 1 imports does not exist; nothing else may be wrong.
        let text = text.replace(
            "cop1jzwdlaxjl8asewvy6zxmwzs6urzukgtjqzcryr/html@3",
            "std/html",
        );
        let (_, mut messages) = check_files(&[("main.cop", &text)]);
        // Some samples are fragments whose functions nobody calls.
        messages.retain(|message| !message.starts_with("W0303"));
        if !messages.is_empty() {
            bad.push(format!(
                "{}: {messages:#?}",
                path.file_name().unwrap_or_default().display()
            ));
        }
    }
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}

#[test]
fn examples_of_the_project() {
    fn gather(folder: &std::path::Path, out: &mut Vec<std::path::PathBuf>) {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                gather(&path, out);
            } else if path.extension().is_some_and(|end| end == "cop") {
                out.push(path);
            }
        }
    }
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut paths = Vec::new();
    // What lies below `tests/language` is checked there, section by section.
    gather(&root.join("examples"), &mut paths);
    paths.sort();
    let mut bad = Vec::new();
    for path in paths {
        // Programs of several files are checked as a whole, from outside.
        if path.with_file_name("main.cop").exists() {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("text");
        let (_, messages) = check_files(&[("main.cop", &text)]);
        if !messages.is_empty() {
            bad.push(format!("{}: {messages:#?}", path.display()));
        }
    }
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}

#[test]
fn files_that_are_not_there_or_too_many() {
    let (program, found) = check_files(&[("main.cop", "fn main() {}")]);
    assert!(program.is_some() && found.is_empty());
    let mut map = SourceMap::new();
    let mut diagnostics = Diagnostics::new();
    let nothing = Memory(BTreeMap::new());
    let none = check(
        "main.cop",
        &nothing,
        &mut map,
        &CheckOptions::default(),
        &mut diagnostics,
    );
    assert!(none.is_none());
    assert_eq!(diagnostics.sorted()[0].code, "E0701");

    struct Endless;
    impl Sources for Endless {
        fn read(&self, path: &str) -> Result<String, SourceError> {
            Ok(format!(
                "import next from \"./a{path_length}\"",
                path_length = path.len()
            )
            .replace("/a", &format!("/{}a", &path[..path.len() - 4])))
        }
    }
    let mut diagnostics = Diagnostics::new();
    check(
        "m.cop",
        &Endless,
        &mut map,
        &CheckOptions::default(),
        &mut diagnostics,
    );
    assert!(
        diagnostics
            .sorted()
            .iter()
            .any(|message| message.code == "E0705")
    );
}

#[test]
fn what_the_core_keeps_to_itself_is_in_nobodys_way() {
    good(
        r#"
trait Codec {
    fn decode(text: String) -> Self
    fn eq(self, other: Self) -> Int
    fn compare(self) -> Int
}
struct Holder { f: fn() }
impl Codec for Holder {
    fn decode(_text: String) -> Self { Holder(f: || {}) }
    fn eq(self, _other: Self) -> Int { 1 }
    fn compare(self) -> Int { 2 }
}
trait Sized { fn size(self) -> Int }
impl Sized for List[Int] { fn size(self) -> Int { self.len() } }
impl Sized for List[String] { fn size(self) -> Int { self.join("").len() } }
enum Paper { Text(String), Array(Int), Null }
fn main() {
    let h = Holder.decode("x")
    print(h.eq(h) + h.compare())
    print([1].size() + ["ab"].size())
    let t = Text("a")
    match t { Text(s) => print(s), Array(_) | Null => {} }
}
"#,
    );
    let found = messages("fn main() { print(Truth(true)) }");
    assert!(found[0].starts_with("E0301"), "{found:?}");
}

#[test]
fn every_body_of_the_library_is_in_order() {
    let imports: String = crate::stdlib::SOURCES
        .iter()
        .filter(|(path, _)| !path.starts_with("core/"))
        .enumerate()
        .map(|(index, (path, _))| format!("import m{index} from \"{path}\"\n"))
        .collect();
    let sources = Memory(BTreeMap::from([("main.cop", imports + "fn main() {}")]));
    let mut diagnostics = Diagnostics::new();
    let options = CheckOptions {
        tests: true,
        library: true,
    };
    check(
        "main.cop",
        &sources,
        &mut SourceMap::new(),
        &options,
        &mut diagnostics,
    );
    let errors: Vec<_> = diagnostics.iter().filter(|one| is_error(one)).collect();
    assert!(errors.is_empty(), "{errors:#?}");
}
