//! What `docs/formats.md` says about shapes is what the compiler does.

use cop_bytecode::{Hash, encode};
use cop_compiler::compile::compile;
use cop_compiler::source::{SourceError, Sources};
use cop_runtime::Doubles;
use cop_runtime::engine::{Limits, interpreter};
use cop_runtime::store::state::StateView;

use crate::root;

struct Main(String);

impl Sources for Main {
    fn read(&self, path: &str) -> Result<String, SourceError> {
        match path {
            "main.cop" => Ok(self.0.clone()),
            _ => Err(SourceError::NotFound),
        }
    }
}

/// What a program that declares a type stores of a value of it.
fn stored(declaration: &str, value: &str) -> Vec<u8> {
    let source = format!(
        "import {{ Kv }} from \"host/kv\"\n{declaration}\n\
         fn main(mut kv: Kv) {{ kv.set(\"k\", {value}).expect(\"it is stored\") }}\n"
    );
    let compilation = compile("main.cop", &Main(source), coputer::publish::options(false));
    let compiled = compilation.compiled.expect("the program has no errors");
    let package = encode(&compiled.package).expect("a package within its limits");
    let program = interpreter()
        .load(&package.interface, &package.code)
        .expect("the package verifies");
    let mut doubles = Doubles::empty();
    let limits = Limits {
        fuel: 1_000_000,
        memory_bytes: 1 << 20,
    };
    doubles
        .run_command(&*program, vec![], limits)
        .expect("the program runs");
    let value = doubles.state.get("k").expect("the store answers");
    value.expect("the value was stored")
}

#[test]
fn shapes_have_the_fingerprints_of_the_page() {
    let page = std::fs::read_to_string(root().join("docs/formats.md")).expect("the page is there");
    let values = [
        ("struct Todo", "Todo(id: 1, title: \"a\")", 8 + 2 + 1),
        ("enum Shape", "Line(1, 2)", 1 + 16),
        ("struct Tree", "Tree(key: 1, left: None)", 8 + 1),
    ];
    for (declares, value, leaves) in values {
        let row = page
            .lines()
            .find(|line| line.starts_with(&format!("| `{declares} ")))
            .expect("the page has the example");
        let mut cells = row.split('`').skip(1).step_by(2);
        let (declaration, text) = (cells.next().unwrap_or(""), cells.next().unwrap_or(""));
        let stored = stored(declaration, value);
        let shape = Hash::tagged("cop shape 1", &[text.as_bytes()]);
        assert_eq!(stored[..8], shape.0[..8], "{declaration}");
        assert_eq!(stored.len(), 8 + leaves, "{declaration}");
    }
}
