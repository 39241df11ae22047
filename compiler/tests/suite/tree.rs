//! What the tree of a text is, written as an s-expression.

use cop_compiler::ast::*;
use cop_compiler::diagnostic::Diagnostics;
use cop_compiler::parser;
use cop_compiler::source::SourceMap;

fn parse(text: &str) -> File {
    let mut files = SourceMap::new();
    let file = files.add("tree.cop", text);
    let mut diagnostics = Diagnostics::new();
    let tree = parser::parse(file, text, &mut diagnostics);
    assert!(
        !diagnostics.has_errors(),
        "{text}\n{:#?}",
        diagnostics.sorted()
    );
    tree
}

/// The statements of a function with this body, one by one.
fn stmts(body: &str) -> Vec<String> {
    let tree = parse(&format!("fn f() {{\n{body}\n}}\n"));
    match &tree.items[0].kind {
        ItemKind::Function(function) => function.body.stmts.iter().map(stmt).collect(),
        _ => unreachable!("a function was written"),
    }
}

/// The one expression of a constant.
fn value(text: &str) -> String {
    match &parse(&format!("const x = {text}")).items[0].kind {
        ItemKind::Const(constant) => expr(&constant.value),
        _ => unreachable!("a constant was written"),
    }
}

/// The text of a string without interpolation.
fn text(literal: &str) -> String {
    match &parse(&format!("const x =\n{literal}")).items[0].kind {
        ItemKind::Const(constant) => match &constant.value.kind {
            ExprKind::String(parts) => parts.iter().map(part).collect(),
            _ => unreachable!("a string was written"),
        },
        _ => unreachable!("a constant was written"),
    }
}

fn part(part: &StringPart) -> String {
    match part {
        StringPart::Text(text) => text.to_string(),
        StringPart::Expr(value) => format!("<{}>", expr(value)),
    }
}

fn list<T>(parts: &[T], show: impl Fn(&T) -> String) -> String {
    parts
        .iter()
        .map(|part| format!(" {}", show(part)))
        .collect()
}

fn block(block: &Block) -> String {
    format!(
        "{{{}}}",
        block.stmts.iter().map(stmt).collect::<Vec<_>>().join("; ")
    )
}

fn chain(chain: &If) -> String {
    let otherwise = match &chain.otherwise {
        None => String::new(),
        Some(Else::Block(otherwise)) => format!(" {}", block(otherwise)),
        Some(Else::If(inner, _)) => format!(" {}", self::chain(inner)),
    };
    format!(
        "(if {} {}{otherwise})",
        expr(&chain.condition),
        block(&chain.then)
    )
}

fn stmt(stmt: &Stmt) -> String {
    match &stmt.kind {
        StmtKind::Let(binding) => {
            let word = if binding.mutable.is_some() {
                "let mut"
            } else {
                "let"
            };
            let otherwise = binding
                .otherwise
                .as_ref()
                .map_or(String::new(), |leave| format!(" else {}", block(leave)));
            format!(
                "({word} {} {}{otherwise})",
                pattern(&binding.pattern),
                expr(&binding.value)
            )
        }
        StmtKind::While { condition, body } => {
            format!("(while {} {})", expr(condition), block(body))
        }
        StmtKind::For {
            pattern: name,
            values,
            body,
        } => {
            format!("(for {} {} {})", pattern(name), expr(values), block(body))
        }
        StmtKind::Expr(value) => expr(value),
        StmtKind::If(inner) => format!("only{}", chain(inner)),
        StmtKind::Assign {
            place, op, value, ..
        } => {
            format!(
                "({}= {} {})",
                op.map_or("", BinaryOp::symbol),
                expr(place),
                expr(value)
            )
        }
        StmtKind::Return(None) => "return".into(),
        StmtKind::Return(Some(value)) => format!("(return {})", expr(value)),
        StmtKind::Break => "break".into(),
        StmtKind::Continue => "continue".into(),
        StmtKind::Error => "error".into(),
    }
}

fn argument(argument: &Argument) -> String {
    match &argument.kind {
        ArgumentKind::Value(value) => expr(value),
        ArgumentKind::Mut(place) => format!("mut {}", expr(place)),
        ArgumentKind::Named(name, value) => format!("{}:{}", name.text, expr(value)),
        ArgumentKind::Rest(value) => format!("..{}", expr(value)),
    }
}

fn expr(value: &Expr) -> String {
    match &value.kind {
        ExprKind::Name(name) | ExprKind::Upper(name) => name.text.to_string(),
        ExprKind::SelfValue => "self".into(),
        ExprKind::SelfType => "Self".into(),
        ExprKind::Int(number) => number.to_string(),
        ExprKind::Float(number) => format!("{number:?}"),
        ExprKind::Char(character) => format!("{character:?}"),
        ExprKind::Bool(truth) => truth.to_string(),
        ExprKind::Bytes(bytes) => format!("{bytes:?}"),
        ExprKind::String(parts) => format!("\"{}\"", parts.iter().map(part).collect::<String>()),
        ExprKind::Unit => "()".into(),
        ExprKind::Paren(inner) => format!("(paren {})", expr(inner)),
        ExprKind::Tuple(parts) => format!("(tuple{})", list(parts, expr)),
        ExprKind::List(parts) => format!("[{}]", list(parts, expr).trim_start()),
        ExprKind::Map(entries) => {
            format!(
                "[:{}]",
                list(entries, |(key, value)| format!(
                    "{}:{}",
                    expr(key),
                    expr(value)
                ))
            )
        }
        ExprKind::Block(inner) => block(inner),
        ExprKind::If(inner) => chain(inner),
        ExprKind::Match { value, arms } => {
            let arm = |arm: &Arm| {
                let guard = arm
                    .guard
                    .as_ref()
                    .map_or(String::new(), |guard| format!(" if {}", expr(guard)));
                format!("({}{guard} => {})", pattern(&arm.pattern), stmt(&arm.body))
            };
            format!("(match {}{})", expr(value), list(arms, arm))
        }
        ExprKind::Field { base, name } => format!("(. {} {})", expr(base), name.text),
        ExprKind::TupleField { base, index, .. } => format!("(. {} {index})", expr(base)),
        ExprKind::Call {
            callee, arguments, ..
        } => format!("(call {}{})", expr(callee), list(arguments, argument)),
        ExprKind::Index { base, index } => format!("(index {} {})", expr(base), expr(index)),
        ExprKind::Try(inner) => format!("(? {})", expr(inner)),
        ExprKind::Unary { op, operand } => format!("({} {})", op.symbol(), expr(operand)),
        ExprKind::Binary {
            op, left, right, ..
        } => format!("({} {} {})", op.symbol(), expr(left), expr(right)),
        ExprKind::Range {
            start,
            end,
            inclusive,
        } => {
            format!(
                "({} {} {})",
                if *inclusive { "..=" } else { ".." },
                expr(start),
                expr(end)
            )
        }
        ExprKind::Is {
            value,
            pattern: tested,
        } => format!("(is {} {})", expr(value), pattern(tested)),
        ExprKind::Lambda { parameters, body } => {
            let names = list(parameters, |parameter| {
                let word = if parameter.mutable.is_some() {
                    "mut "
                } else {
                    ""
                };
                format!("{word}{}", pattern(&parameter.pattern))
            });
            format!("(|{}| {})", names.trim_start(), expr(body))
        }
        ExprKind::Error => "error".into(),
    }
}

fn pattern(tested: &Pattern) -> String {
    match &tested.kind {
        PatternKind::Wildcard => "_".into(),
        PatternKind::Name(name) => name.text.to_string(),
        PatternKind::MutName(name) => format!("mut {}", name.text),
        PatternKind::Int(number) => number.to_string(),
        PatternKind::Char(character) => format!("{character:?}"),
        PatternKind::String(text) => format!("{text:?}"),
        PatternKind::Bool(truth) => truth.to_string(),
        PatternKind::Range(start, end) => format!("{start:?}..={end:?}"),
        PatternKind::Path(path) => {
            let before = [&path.module, &path.parent];
            let before: String = before
                .into_iter()
                .flatten()
                .map(|name| format!("{}.", name.text))
                .collect();
            let argument = |argument: &PatternArgument| match argument {
                PatternArgument::Pattern(inner) => pattern(inner),
                PatternArgument::Named(name, inner) => format!("{}:{}", name.text, pattern(inner)),
                PatternArgument::Rest(_) => "..".into(),
            };
            match &path.arguments {
                None => format!("{before}{}", path.name.text),
                Some(arguments) => {
                    format!("({before}{}{})", path.name.text, list(arguments, argument))
                }
            }
        }
        PatternKind::Unit => "()".into(),
        PatternKind::Paren(inner) => format!("(paren {})", pattern(inner)),
        PatternKind::Tuple(parts) => format!("(tuple{})", list(parts, pattern)),
        PatternKind::List(elements) => {
            let element = |element: &ListElement| match element {
                ListElement::Pattern(inner) => pattern(inner),
                ListElement::Rest { name, .. } => {
                    format!("..{}", name.as_ref().map_or("", |name| &name.text))
                }
            };
            format!("[{}]", list(elements, element).trim_start())
        }
        PatternKind::Or(parts) => format!("(or{})", list(parts, pattern)),
    }
}

#[test]
fn operators_bind_as_the_grammar_says() {
    let cases = [
        ("1 + 2 * 3 - 4", "(- (+ 1 (* 2 3)) 4)"),
        ("a ?? b ?? c", "(?? a (?? b c))"),
        ("a || b && c == d", "(|| a (&& b (== c d)))"),
        ("a | b ^ c & d << e + f", "(| a (^ b (& c (<< d (+ e f)))))"),
        ("a..b + 1", "(.. a (+ b 1))"),
        ("!a.b(c)?[0].1", "(! (. (index (? (call (. a b) c)) 0) 1))"),
        ("t.0.1.x", "(. (. (. t 0) 1) x)"),
        ("a is Some(x) && x > 1", "(&& (is a (Some x)) (> x 1))"),
        (
            "|a, (b, _), mut c: Int| a + b",
            "(|a (tuple b _) mut c| (+ a b))",
        ),
        ("|| |x| x", "(|| (|x| x))"),
        ("(a.f)(x)", "(call (paren (. a f)) x)"),
        ("f(x, mut y.z)", "(call f x mut (. y z))"),
        ("P(..p, x: 1, y,)", "(call P ..p x:1 y)"),
        ("[1: 2, 3: 4]", "[: 1:2 3:4]"),
        ("[:]", "[:]"),
        ("(1, 2,)", "(tuple 1 2)"),
        (
            "if a { 1 } else if b { 2 } else { 3 }",
            "(if a {1} (if b {2} {3}))",
        ),
        ("x *% y -% z", "(-% (*% x y) z)"),
    ];
    for (text, expected) in cases {
        assert_eq!(value(text), expected, "{text}");
    }
}

#[test]
fn a_minus_belongs_to_a_decimal_literal() {
    let cases = [
        ("-5", "-5"),
        ("-9223372036854775808", "-9223372036854775808"),
        ("- 5", "-5"),
        ("--5", "(- -5)"),
        ("-0x10", "(- 16)"),
        ("-(5)", "(- (paren 5))"),
        ("-x", "(- x)"),
        ("3 - 5", "(- 3 5)"),
        ("-5.abs()", "(- (call (. 5 abs)))"),
        ("-1.5", "(- 1.5)"),
        ("0xffff_ffff_ffff_ffff", "-1"),
        ("b'a' + b'\\xff'", "(+ 97 255)"),
    ];
    for (text, expected) in cases {
        assert_eq!(value(text), expected, "{text}");
    }
    let tree = stmts(
        "match x { -9223372036854775808 => 1, -3..=-1 => 2, 'a'..='z' => 3, -0x1 => 4, _ => 5 }",
    );
    let expected = "(match x (-9223372036854775808 => 1) (Int(-3)..=Int(-1) => 2) (Char('a')..=Char('z') => 3) (-1 => 4) (_ => 5))";
    assert_eq!(tree, [expected]);
}

#[test]
fn line_breaks_end_statements() {
    let cases: [(&str, &[&str]); 12] = [
        ("a\n-b", &["a", "(- b)"]),
        ("a -\nb", &["(- a b)"]),
        ("a\n+ b", &["(+ a b)"]),
        ("a\n  .b()\n  .c", &["(. (call (. a b)) c)"]),
        ("a\n(b)", &["a", "(paren b)"]),
        ("a\n[b]", &["a", "[b]"]),
        ("a\n|x| x", &["a", "(|x| x)"]),
        ("a\n&& b\n?? c", &["(?? (&& a b) c)"]),
        ("f(a\n+ b,\n{\nc\n-d\n})", &["(call f (+ a b) {c; (- d)})"]),
        ("let x =\n1\nx\n= 2", &["(let x 1)", "(= x 2)"]),
        ("if a { }\nelse if b { }", &["only(if a {} (if b {}))"]),
        ("a is\nSome(x)\nis_not", &["(is a (Some x))", "is_not"]),
    ];
    for (text, expected) in cases {
        assert_eq!(stmts(text), expected, "{text}");
    }
    assert_eq!(stmts("a // remark\n\n\n// remark\n+ b"), ["(+ a b)"]);
    assert_eq!(stmts("a\r\nb\r\n"), ["a", "b"]);
    assert_eq!(
        stmts("match x {\n A\n | B => 1\n C => 2,\n}"),
        ["(match x ((or A B) => 1) (C => 2))"]
    );
}

#[test]
fn statements_and_patterns() {
    let cases = [
        (
            "let Some(x) = y else { return }",
            "(let (Some x) y else {return})",
        ),
        ("let mut (a, b): (Int, Int) = c", "(let mut (tuple a b) c)"),
        ("for (k, v) in m { break }", "(for (tuple k v) m {break})"),
        (
            "while rest.pop() is Some(x) { continue }",
            "(while (is (call (. rest pop)) (Some x)) {continue})",
        ),
        (
            "a[0].b += f(mut c)?",
            "(+= (. (index a 0) b) (? (call f mut c)))",
        ),
        (
            "match a { [x, ..rest] | [.., x] if x > 0 => x = 1 }",
            "(match a ((or [x ..rest] [.. x]) if (> x 0) => (= x 1)))",
        ),
        (
            "match a { json.Shape.Circle(mut r, name: \"n\", ..) => return, (true, ()) => {} }",
            "(match a ((json.Shape.Circle mut r name:\"n\" ..) => return) ((tuple true ()) => {}))",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(stmts(text), [expected], "{text}");
    }
}

#[test]
fn strings_have_their_values() {
    assert_eq!(
        text(r#""a\n\t\"\\\$\u{41}\0 { } $x""#),
        "a\n\t\"\\$A\0 { } $x"
    );
    assert_eq!(text(r#""${a}b${"c${d}"}""#), "<a>b<\"c<d>\">");
    assert_eq!(text("\"\""), "");
    assert_eq!(text("\"${\n a\n + b\n}\""), "<(+ a b)>");
}

#[test]
fn text_blocks_lose_the_indentation_of_their_end() {
    assert_eq!(text("    \"\"\"\n    a\n      b\n    \"\"\""), "a\n  b");
    assert_eq!(text("\"\"\"\n\"\"\""), "");
    assert_eq!(text("\"\"\"\n\n\"\"\""), "");
    assert_eq!(
        text("\"\"\"\n  a\n\n     \n  b\n  \"\"\""),
        "a\n\n   \nb",
        "blank lines keep what is longer"
    );
    assert_eq!(text("\"\"\"\n  a${x}b\n  ${y}\n  \"\"\""), "a<x>b\n<y>");
    assert_eq!(
        text("\"\"\"\n  a\\n\\u{41}\n  \"q\" \"\"\\\"\n  \"\"\""),
        "a\nA\n\"q\" \"\"\""
    );
    assert_eq!(
        text("\"\"\"\r\n  a\r\n  b\r\n  \"\"\""),
        "a\nb",
        "CRLF is read as LF"
    );
    assert_eq!(
        text("\"\"\"\n  ${\"\"\"\n    in\n    \"\"\"}\n  \"\"\""),
        "<\"in\">"
    );
    assert_eq!(value("\"\"\"\n  a\n  \"\"\".len()"), "(call (. \"a\" len))");
}

#[test]
fn doc_comments_belong_to_what_stands_below() {
    let source = "//! The module.\n//! Two lines.\n\n/// A point.\n///\n///  Indented.\n@deprecated(\"no\")\npub struct Point {\n    /// Across.\n    x: Int\n    /// Far.\n    pub fn far(self) -> Bool { true }\n}\n\n/// Colours.\nenum Colour {\n    /// Like blood.\n    Red, Green\n}\n\n//// no doc\nfn f() { }\n";
    let tree = parse(source);
    let docs = |docs: &Option<Doc>| docs.as_ref().map(|doc| doc.text(source));
    assert_eq!(docs(&tree.docs).as_deref(), Some("The module.\nTwo lines."));
    assert_eq!(
        docs(&tree.items[0].docs).as_deref(),
        Some("A point.\n\n Indented.")
    );
    assert_eq!(docs(&tree.items[2].docs), None);
    let (ItemKind::Struct(point), ItemKind::Enum(colour)) =
        (&tree.items[0].kind, &tree.items[1].kind)
    else {
        unreachable!("a struct and an enum were written")
    };
    assert_eq!(docs(&point.fields[0].docs).as_deref(), Some("Across."));
    assert_eq!(docs(&point.methods[0].docs).as_deref(), Some("Far."));
    assert_eq!(
        docs(&colour.variants[0].docs).as_deref(),
        Some("Like blood.")
    );
    assert_eq!(docs(&colour.variants[1].docs), None);
}

#[test]
fn words_that_are_special_elsewhere_stay_names() {
    assert_eq!(
        stmts("let type = from.test(opaque: type)"),
        ["(let type (call (. from test) opaque:type))"]
    );
}

#[test]
fn spans_cover_what_was_written() {
    let text = "fn f() {\n    let total = first.x + g(1, [2])?\n}\n";
    let tree = parse(text);
    let ItemKind::Function(function) = &tree.items[0].kind else {
        unreachable!("a function was written")
    };
    let StmtKind::Let(binding) = &function.body.stmts[0].kind else {
        unreachable!("a `let` was written")
    };
    let shown = |span: cop_compiler::source::Span| &text[span.range()];
    assert_eq!(shown(tree.items[0].span), text.trim_end());
    assert_eq!(shown(function.signature.span), "fn f()");
    assert_eq!(
        shown(function.body.stmts[0].span),
        "let total = first.x + g(1, [2])?"
    );
    assert_eq!(shown(binding.pattern.span), "total");
    let ExprKind::Binary {
        op_span,
        left,
        right,
        ..
    } = &binding.value.kind
    else {
        unreachable!("a sum was written")
    };
    assert_eq!(
        (shown(left.span), shown(*op_span), shown(right.span)),
        ("first.x", "+", "g(1, [2])?")
    );
}
