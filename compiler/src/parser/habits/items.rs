//! Habits in declarations: signatures, types, members, imports.

use super::Habit;
use crate::diagnostic::Diagnostic;
use crate::lexer::Token;
use crate::parser::explain::Scene;

pub const HABITS: &[Habit] = &[
    path_without_quotes,
    method_outside_its_type,
    body_behind_sign,
    brace_on_its_own_line,
    result_after_colon,
    parameter_without_type,
    type_before_name,
    angle_brackets,
    pub_field,
    impl_without_trait,
    type_without_body,
    fields_in_parentheses,
    supertrait,
    import_of_others,
    import_order,
    own_receiver,
    default_of_parameter,
    method_without_fn,
    text_with_interpolation,
];

/// `func (s *Stack) push(x int) {`, `fn (s Stack) push() {`.
fn method_outside_its_type(scene: &Scene<'_>) -> Option<Diagnostic> {
    let open = match scene.at(0)? {
        Token::Ident(word) if &**word == "func" && scene.expects("struct") => 1,
        Token::LParen if scene.at(-1) == Some(&Token::Fn) => 0,
        _ => return None,
    };
    if scene.at(open) != Some(&Token::LParen) {
        return None;
    }
    let close = scene
        .groups
        .partner((scene.stop.index as isize + open) as usize);
    let name = scene.tokens.get(close + 1)?;
    let named = matches!(name.1, Token::Ident(_) | Token::Upper(_))
        && matches!(scene.tokens.get(close + 2), Some((_, Token::LParen, _)));
    named.then(|| {
        scene
            .error("methods stand inside their type")
            .help("`struct Stack { items: List[Int]  fn push(mut self, item: Int) { ... } }`")
    })
}

/// `fn f()` and `{` in the next line.
fn brace_on_its_own_line(scene: &Scene<'_>) -> Option<Diagnostic> {
    if scene.at(0) != Some(&Token::Newline)
        || scene.at(1) != Some(&Token::LBrace)
        || !scene.expects("{")
    {
        return None;
    }
    let brace = scene.span(1);
    let gap = scene.span(-1).after().to(brace.before());
    let error = Diagnostic::error("E0203", "the `{` stands on a line of its own")
        .at(brace, "the line above ended before it")
        .help("put it at the end of that line");
    Some(error.edit(gap, " "))
}

/// `fn f(): Int {` and `fn f() => Int {`.
fn result_after_colon(scene: &Scene<'_>) -> Option<Diagnostic> {
    let sign = matches!(scene.at(0), Some(Token::Colon | Token::FatArrow));
    if !sign || !scene.expects("->") || scene.at(-1) != Some(&Token::RParen) {
        return None;
    }
    let gap = scene.span(-1).after().to(scene.span(0));
    Some(
        scene
            .error("the result of a function follows `->`")
            .help("write `-> Type`")
            .edit(gap, " ->"),
    )
}

/// `fn f(x) {`.
fn parameter_without_type(scene: &Scene<'_>) -> Option<Diagnostic> {
    let ends = matches!(scene.at(0), Some(Token::Comma | Token::RParen | Token::Eq));
    if !ends
        || !scene.expects(":")
        || scene.expects_operator()
        || !matches!(scene.at(-1), Some(Token::Ident(_)))
    {
        return None;
    }
    scene.before(|token| *token == Token::Fn || *token == Token::Test)?;
    let name = scene.word(-1);
    let error = Diagnostic::error("E0203", format!("the parameter `{name}` has no type"))
        .at(scene.span(-1), "")
        .help(format!(
            "functions state the types of their parameters: `{name}: Int`"
        ));
    Some(error)
}

/// `fn f(Int x)`.
fn type_before_name(scene: &Scene<'_>) -> Option<Diagnostic> {
    let after_parameter_start = matches!(scene.at(-1), Some(Token::LParen | Token::Comma));
    let (Some(Token::Upper(_)), Some(Token::Ident(_))) = (scene.at(0), scene.at(1)) else {
        return None;
    };
    if !after_parameter_start || !scene.expects("self") || scene.expects_operand() {
        return None;
    }
    let place = scene.span(0).to(scene.span(1));
    let error =
        Diagnostic::error("E0203", "the type of a parameter follows its name").at(place, "");
    Some(error.edit(place, format!("{}: {}", scene.word(1), scene.word(0))))
}

/// `List<Int>`.
fn angle_brackets(scene: &Scene<'_>) -> Option<Diagnostic> {
    let after_name = matches!(
        scene.at(-1),
        Some(Token::Upper(_) | Token::Ident(_) | Token::Impl)
    );
    if scene.at(0) != Some(&Token::Lt) || scene.expects_operator() || !after_name {
        return None;
    }
    let error = scene
        .error("type arguments and parameters stand in `[ ]`")
        .help("`List[Int]`, `fn first[T](xs: List[T])`");
    let mut depth = 0;
    for offset in 0.. {
        match scene.at(offset)? {
            Token::Lt => depth += 1,
            Token::Gt => depth -= 1,
            Token::Shr | Token::UShr | Token::Ge | Token::Newline | Token::LBrace => {
                return Some(error);
            }
            _ => {}
        }
        if depth == 0 {
            let inside = &scene.text[scene.span(0).end as usize..scene.span(offset).start as usize];
            let instead = format!("[{}]", inside.replace('<', "[").replace('>', "]"));
            return Some(error.edit(scene.span(0).to(scene.span(offset)), instead));
        }
    }
    None
}

/// `pub x: Int` in a struct, `pub Red` in an enum.
fn pub_field(scene: &Scene<'_>) -> Option<Diagnostic> {
    let member = matches!(
        scene.at(0),
        Some(Token::Ident(_) | Token::Upper(_) | Token::Mut)
    );
    if !member || scene.at(-1) != Some(&Token::Pub) || scene.expects("struct") {
        return None;
    }
    let error = Diagnostic::error("E0203", "fields and variants have no `pub`")
        .at(scene.span(-1), "")
        .help("they are visible with their type; `opaque struct` hides them all");
    Some(error.edit(scene.span(-1).to(scene.span(0).before()), ""))
}

/// `impl Point {`.
fn impl_without_trait(scene: &Scene<'_>) -> Option<Diagnostic> {
    let inherent = scene.at(0) == Some(&Token::LBrace)
        && scene.expects("for")
        && scene.unit_starts_with(&Token::Impl);
    inherent.then(|| {
        scene
            .error("an `impl` is for a trait")
            .help("a type's own methods stand inside its `struct` or `enum`; else write `impl Trait for Type`")
    })
}

/// `struct Marker` without braces.
fn type_without_body(scene: &Scene<'_>) -> Option<Diagnostic> {
    let ended = matches!(scene.at(0), None | Some(Token::Newline));
    let kind = scene.before(|token| matches!(token, Token::Struct | Token::Enum | Token::Trait))?;
    if !ended
        || !scene.expects("{")
        || !matches!(scene.at(-1), Some(Token::Upper(_) | Token::RBracket))
    {
        return None;
    }
    let word = &scene.text[scene.span_at(kind).range()];
    let error = Diagnostic::error("E0203", format!("this `{word}` has no body"))
        .at(scene.here(), "its members stand in braces")
        .help("without members the braces are empty");
    Some(error.edit(scene.here(), " {}"))
}

/// `struct Point(Int, Int)`.
fn fields_in_parentheses(scene: &Scene<'_>) -> Option<Diagnostic> {
    let opened = scene.at(0) == Some(&Token::LParen) && scene.expects("{");
    let of_struct = matches!(scene.at(-2), Some(Token::Struct))
        && matches!(scene.at(-1), Some(Token::Upper(_)));
    (opened && of_struct).then(|| {
        scene
            .error("the fields of a struct stand in braces and have names")
            .help("`struct Point { x: Int, y: Int }`")
    })
}

/// `trait Shape: Show`.
fn supertrait(scene: &Scene<'_>) -> Option<Diagnostic> {
    let colon = scene.at(0) == Some(&Token::Colon) && scene.expects("{");
    let word = scene.before(|token| matches!(token, Token::Trait | Token::Struct | Token::Enum))?;
    colon.then(|| {
        let help = match scene.tokens[word].1 {
            Token::Trait => "a function that needs both asks for both: `T: Shape + Show`",
            _ => "a type has a trait by `impl Trait for Type`; there is no inheritance",
        };
        scene.error("nothing is inherited").help(help)
    })
}

/// `import std.json`, `import "std/json"`, `from "std/json" import json`, `import * as json from "std/json"`.
fn import_of_others(scene: &Scene<'_>) -> Option<Diagnostic> {
    let first = scene.unit.start;
    let token = |index: usize| scene.tokens.get(index).map(|token| &token.1);
    let word = |index: usize| &scene.text[scene.span_at(index).range()];
    let error = || {
        let title = "an import names what it binds and where it comes from";
        Diagnostic::error("E0203", title).at(scene.here(), "")
    };
    let line = scene
        .span_at(first)
        .to(scene.span_at(scene.unit.end.max(first + 1) - 1));
    match (token(first)?, token(first + 1)) {
        (Token::Import, Some(Token::Str(path))) => {
            let name = path.rsplit('/').next().unwrap_or(path);
            let name = match (token(first + 2), token(first + 3)) {
                (Some(Token::As), Some(Token::Ident(name))) => name,
                _ => name,
            };
            Some(error().edit(line, format!("import {name} from \"{path}\"")))
        }
        (Token::Import, Some(Token::Ident(root))) if &**root == "std" || &**root == "host" => {
            let path: String = (first + 1..scene.unit.end)
                .take_while(|&at| {
                    matches!(token(at), Some(Token::Ident(_) | Token::Dot | Token::Slash))
                })
                .map(|at| word(at).replace('.', "/"))
                .collect();
            let name = path.rsplit('/').next().unwrap_or(&path);
            let whole = !path.ends_with('/') && path.contains('/');
            whole.then(|| error().edit(line, format!("import {name} from \"{path}\"")))
        }
        (Token::Import, Some(Token::Star)) if token(first + 2) == Some(&Token::As) => {
            let star = scene
                .span_at(first + 1)
                .to(scene.span_at(first + 3).before());
            Some(error().edit(star, ""))
        }
        (Token::Import, Some(Token::Ident(_))) if scene.at(0) == Some(&Token::Comma) => {
            Some(error().help("a module and names of it are imported by two lines"))
        }
        (Token::From, Some(Token::Str(path))) if token(first + 2) == Some(&Token::Import) => {
            let names: Vec<&str> = (first + 3..scene.unit.end).map(word).collect();
            let names = names.concat().replace(',', ", ");
            let simple = !names.is_empty() && !names.contains(['{', '*']);
            Some(match simple {
                true => error().edit(line, format!("import {{ {names} }} from \"{path}\"")),
                false => error().help("`import { decode } from \"std/json\"`"),
            })
        }
        _ => None,
    }
}

/// `fn f(&self)`, `fn f(self: Point)`.
fn own_receiver(scene: &Scene<'_>) -> Option<Diagnostic> {
    if scene.at(0) == Some(&Token::Amp) && scene.expects("self") {
        let error = scene
            .error("there are no references")
            .help("`self` is passed as if copied; a method that changes it takes `mut self`");
        return Some(error.edit(scene.span(0), ""));
    }
    let typed = scene.at(0) == Some(&Token::Colon) && scene.at(-1) == Some(&Token::SelfValue);
    let named = matches!(scene.at(1), Some(Token::Upper(_) | Token::SelfType));
    let ends = matches!(scene.at(2), Some(Token::Comma | Token::RParen));
    (typed && named && ends).then(|| {
        let error = scene.error("`self` has the type that the method stands in");
        error.edit(scene.span(0).to(scene.span(1)), "")
    })
}

/// `fn f(x: Int = 1)`.
fn default_of_parameter(scene: &Scene<'_>) -> Option<Diagnostic> {
    let found = scene.at(0) == Some(&Token::Eq) && scene.expects(")") && scene.expects(",");
    let function = scene.before(|token| *token == Token::LParen)?;
    let named = function.checked_sub(2).map(|at| &scene.tokens[at].1) == Some(&Token::Fn);
    (found && named).then(|| {
        scene.error("parameters have no defaults").help(
            "fields have: take a struct whose fields may be left out, or write a second function",
        )
    })
}

/// `area() -> Int { … }` in a struct, `constructor(x: Int) { … }`.
fn method_without_fn(scene: &Scene<'_>) -> Option<Diagnostic> {
    let found = scene.at(0) == Some(&Token::LParen)
        && matches!(scene.at(-1), Some(Token::Ident(_)))
        && scene.stop.expected == ["\":\""];
    let name = scene.word(-1);
    found.then(|| match name {
        "constructor" | "init" | "new" | "__init__" => scene
            .error("there are no constructors")
            .help("a value is built by its fields: `Point(x: 1, y: 2)`; a function without `self` may do more"),
        _ => scene
            .error("a method starts with `fn`")
            .edit(scene.span(-1).before(), "fn "),
    })
}

/// `import { encode } from std/json`.
fn path_without_quotes(scene: &Scene<'_>) -> Option<Diagnostic> {
    let found = scene.at(-1) == Some(&Token::From)
        && scene.expects("STR")
        && !scene.expects_operand()
        && matches!(
            scene.at(0),
            Some(Token::Ident(_) | Token::Dot | Token::DotDot)
        );
    found.then(|| {
        let path = scene.span(0).to(scene.span_at(scene.unit.end - 1));
        let error = scene.error("where an import comes from stands in quotes");
        error.edit(path, format!("\"{}\"", &scene.text[path.range()]))
    })
}

/// `fn five() = 5`, `fn next(n: Int) => n + 1`.
fn body_behind_sign(scene: &Scene<'_>) -> Option<Diagnostic> {
    let sign = matches!(scene.at(0), Some(Token::Eq | Token::FatArrow));
    let found = sign && scene.at(-1) == Some(&Token::RParen) && scene.expects("->");
    let value = scene
        .at(1)
        .is_some_and(|token| !matches!(token, Token::Upper(_) | Token::Newline));
    (found && value).then(|| {
        scene
            .error("the body of a function stands in braces, and its result is declared")
            .help("`fn five() -> Int { 5 }`")
    })
}

/// `import "std/json"`, `from "std/json" import json`.
fn import_order(scene: &Scene<'_>) -> Option<Diagnostic> {
    let path = scene.before(|token| *token == Token::Import).is_some()
        || scene.at(-1) == Some(&Token::From);
    let misplaced =
        matches!(scene.at(0), Some(Token::Str(_) | Token::StrHead(_))) && !scene.expects("STR");
    let stopped = matches!(
        scene.at(0),
        Some(Token::Newline | Token::Dot | Token::Slash)
    ) && scene.expects("from");
    (path && (misplaced || stopped) && !scene.expects_operand()).then(|| {
        Diagnostic::error(
            "E0203",
            "an import names what it binds and where it comes from",
        )
        .at(scene.here(), "")
        .help("`import json from \"std/json\"` or `import { Kv } from \"host/kv\"`")
    })
}

/// `import x from "a${b}"`, `"a${b}" =>`.
fn text_with_interpolation(scene: &Scene<'_>) -> Option<Diagnostic> {
    let fixed = matches!(scene.at(0), Some(Token::StrHead(_)))
        && scene.expects("STR")
        && !scene.expects_operand();
    fixed.then(|| {
        scene
            .error("a fixed text stands here, without `${...}`")
            .help("a `$` before a `{` is written `\\$`")
    })
}
