//! Habits in statements, arms and patterns.

use super::Habit;
use super::types::type_of_elsewhere;
use crate::diagnostic::Diagnostic;
use crate::lexer::Token;
use crate::parser::explain::Scene;
use crate::source::Span;

/// Those that would be taken for words of other languages.
pub const FIRST: &[Habit] = &[
    name_in_for,
    else_arm,
    type_before_variable,
    c_function,
    several_values,
    dropped_by_name,
    statement_in_file,
    fields_of_let,
];

pub const HABITS: &[Habit] = &[
    declaration_in_body,
    let_in_file,
    mut_without_let,
    mut_in_for,
    let_without_value,
    let_mut_else,
    if_let,
    for_in_parentheses,
    for_without_in,
    block_after_colon,
    if_without_else,
    body_without_braces,
    arrow_of_arm,
    default_arm,
    pattern_after_is,
    float_pattern,
    open_range_pattern,
    named_end_of_range,
    commas_between_patterns,
];

/// `for let x in xs`, `for (const x of xs)`, `for (var i = 0; …)`.
fn name_in_for(scene: &Scene<'_>) -> Option<Diagnostic> {
    let binds = |offset: isize| match scene.at(offset) {
        Some(Token::Let | Token::Const) => true,
        Some(Token::Ident(word)) => matches!(&**word, "var" | "val" | "each"),
        _ => false,
    };
    let offset = [0, -1].into_iter().find(|offset| binds(*offset))?;
    let in_parentheses = scene.at(offset - 1) == Some(&Token::LParen);
    let word = if in_parentheses {
        offset - 2
    } else {
        offset - 1
    };
    if scene.at(word) != Some(&Token::For) || !matches!(scene.at(offset + 1), Some(Token::Ident(_)))
    {
        return None;
    }
    let binding = scene.span(offset);
    let error = Diagnostic::error("E0202", "a `for` binds its name by itself")
        .at(binding, "")
        .help("`for x in xs { ... }`, `for i in 0..n { ... }`");
    let link = scene.word(offset + 2);
    if !matches!(link, "in" | "of" | ":") {
        return Some(error);
    }
    let mut error = error.edit(binding.to(scene.span(offset + 1).before()), "");
    if link != "in" {
        error = error.edit(scene.span(offset + 2), "in");
    }
    if in_parentheses {
        let open = (scene.stop.index as isize + offset - 1) as usize;
        error = error
            .edit(scene.span_at(open), "")
            .edit(scene.span_at(scene.groups.partner(open)), "");
    }
    Some(error)
}

/// `else => …` behind another arm.
fn else_arm(scene: &Scene<'_>) -> Option<Diagnostic> {
    let word = scene.at(0) == Some(&Token::Else)
        && matches!(scene.at(1), Some(Token::FatArrow | Token::Arrow));
    word.then(|| {
        scene
            .error("the arm for all that is left is `_ =>`")
            .edit(scene.span(0).to(scene.span(1)), "_ =>")
    })
}

/// `int x = 1`, `let Int x = 1`.
fn type_before_variable(scene: &Scene<'_>) -> Option<Diagnostic> {
    let known = match scene.at(-1)? {
        Token::Ident(word) => type_of_elsewhere(word),
        Token::Upper(_) => Some(scene.word(-1)),
        _ => None,
    }?;
    let named = matches!(scene.at(0), Some(Token::Ident(_))) && scene.at(1) == Some(&Token::Eq);
    let first = scene.stop.index == scene.unit.start + 1;
    let bound = scene.at(-2) == Some(&Token::Let);
    if !named || !(first && scene.expects_operator() || bound) {
        return None;
    }
    let place = scene.span(-1).to(scene.span(0));
    let word = if bound { "" } else { "let " };
    let error = Diagnostic::error("E0202", "the type of a variable follows its name")
        .at(place, "")
        .help("it may be left out: the value tells it");
    Some(error.edit(place, format!("{word}{}: {known}", scene.word(0))))
}

/// `int f(int x) {` at the top of a file.
fn c_function(scene: &Scene<'_>) -> Option<Diagnostic> {
    let found = scene.expects("struct")
        && !scene.expects("let")
        && matches!(scene.at(0), Some(Token::Ident(_) | Token::Upper(_)))
        && matches!(scene.at(1), Some(Token::Ident(_)))
        && scene.at(2) == Some(&Token::LParen);
    let word = scene.word(0);
    let is_type = scene.at(0).is_some_and(|token| match token {
        Token::Ident(word) => type_of_elsewhere(word).is_some(),
        _ => true,
    });
    (found && is_type).then(|| {
        let result = type_of_elsewhere(word).unwrap_or(word);
        let close = scene.groups.partner(scene.stop.index + 2);
        let error = scene
            .error("a function starts with `fn`, and its result follows `->`")
            .edit(scene.span(0), "fn");
        match result {
            "()" => error,
            _ => error.edit(scene.span_at(close).after(), format!(" -> {result}")),
        }
    })
}

/// `let a, b = 1, 2`, `a, b = b, a`, `return 1, 2`.
fn several_values(scene: &Scene<'_>) -> Option<Diagnostic> {
    if scene.at(0) != Some(&Token::Comma) || scene.before(Token::opens).is_some() {
        return None;
    }
    let error = scene.error("several values are one tuple, in parentheses");
    let first = scene.unit.start;
    let end = scene.span_at(scene.unit.end - 1).after();
    match scene.tokens[first].1 {
        Token::Return => Some(
            error
                .edit(scene.span_at(first + 1).before(), "(")
                .edit(end, ")"),
        ),
        Token::Let => {
            let eq = scene.behind(|token| *token == Token::Eq)?;
            let names = scene.span_at(first + 1).before();
            let error = error
                .edit(names, "(")
                .edit(scene.span_at(eq - 1).after(), ")");
            let more = scene.tokens[eq..scene.unit.end]
                .iter()
                .any(|token| token.1 == Token::Comma);
            Some(match more {
                true => error
                    .edit(scene.span_at(eq + 1).before(), "(")
                    .edit(end, ")"),
                false => error,
            })
        }
        Token::Ident(_) if scene.behind(|token| *token == Token::Eq).is_some() => {
            let mut error =
                error.help("exchange two by a third: `let old = a`, `a = b`, `b = old`");
            error.title = "an assignment has one place".into();
            Some(error)
        }
        _ => None,
    }
}

/// `_ = f()`.
fn dropped_by_name(scene: &Scene<'_>) -> Option<Diagnostic> {
    let found = scene.at(0) == Some(&Token::Underscore) && scene.at(1) == Some(&Token::Eq);
    (found && scene.expects("let")).then(|| {
        scene
            .error("a value is dropped with `let _ =`")
            .edit(scene.span(0).before(), "let ")
    })
}

/// `print(1)` at the top of a file.
fn statement_in_file(scene: &Scene<'_>) -> Option<Diagnostic> {
    let starts = match scene.at(0)? {
        Token::If | Token::For | Token::While | Token::Match | Token::Return => true,
        Token::Ident(_) => matches!(scene.at(1), Some(Token::LParen | Token::Dot)),
        _ => false,
    };
    (starts && scene.expects("struct") && !scene.expects("let")).then(|| {
        scene
            .error("statements stand in functions")
            .help("a program starts with `fn main() { ... }`")
    })
}

/// `let { x, y } = point`.
fn fields_of_let(scene: &Scene<'_>) -> Option<Diagnostic> {
    let found = scene.at(0) == Some(&Token::LBrace)
        && matches!(scene.at(-1), Some(Token::Let | Token::Mut))
        && scene.unit_starts_with(&Token::Let);
    found.then(|| {
        scene
            .error("a pattern names the type whose fields it takes")
            .help("`let Point(x: x, y: y) = point`; or read `point.x`")
    })
}

/// `const`, `fn`, `struct`, `import` inside a function.
fn declaration_in_body(scene: &Scene<'_>) -> Option<Diagnostic> {
    if !scene.expects("let") {
        return None;
    }
    match scene.at(0)? {
        Token::Const => {
            let error = scene.error("constants are declared at the top of a file");
            Some(
                error
                    .help("inside a function `let` binds what does not change")
                    .edit(scene.span(0), "let"),
            )
        }
        Token::Fn => Some(
            scene
                .error("functions are declared at the top of a file or inside a type")
                .help("here, bind a lambda: `let f = |x| x + 1`"),
        ),
        Token::Struct | Token::Enum | Token::Trait | Token::Impl | Token::Import | Token::Pub => {
            let word = scene.word(0);
            Some(
                scene
                    .error(format!("`{word}` stands at the top of a file only"))
                    .help("move it out of the function"),
            )
        }
        _ => None,
    }
}

/// `mut x = 1`.
fn mut_without_let(scene: &Scene<'_>) -> Option<Diagnostic> {
    let starts = scene.at(0) == Some(&Token::Mut) && scene.expects("let");
    starts.then(|| {
        scene
            .error("a variable is bound with `let mut`")
            .edit(scene.span(0).before(), "let ")
    })
}

/// `let x = 1` at the top of a file.
fn let_in_file(scene: &Scene<'_>) -> Option<Diagnostic> {
    let found = scene.at(0) == Some(&Token::Let) && scene.expects("struct");
    let error = found.then(|| scene.error("there are no variables outside of functions"))?;
    Some(match scene.at(1) {
        Some(Token::Mut) => error.help(
            "what changes is passed on: `fn count(mut total: Int)`; what lasts between runs is kept in the store, `\"host/kv\"`",
        ),
        _ => error
            .help("a file has constants: `const limit = 10`")
            .edit(scene.span(0), "const"),
    })
}

/// `for mut x in xs`.
fn mut_in_for(scene: &Scene<'_>) -> Option<Diagnostic> {
    let found = scene.at(0) == Some(&Token::Mut) && scene.at(-1) == Some(&Token::For);
    found.then(|| {
        scene
            .error("a `for` binds constants")
            .help("copy it in the loop: `let mut x = x`")
            .edit(scene.span(0).to(scene.span(1).before()), "")
    })
}

/// `let x`, `let x: Int`.
fn let_without_value(scene: &Scene<'_>) -> Option<Diagnostic> {
    let ended = matches!(scene.at(0), None | Some(Token::Newline | Token::RBrace));
    if !ended
        || !scene.unit_starts_with(&Token::Let)
        || !scene.expects("=")
        || scene.expects_operator()
    {
        return None;
    }
    let error = Diagnostic::error("E0203", "a `let` without a value")
        .at(scene.here(), "`= value` is missing")
        .help("every name has a value from the start; where branches decide, write `let x = if ... { a } else { b }`");
    Some(error)
}

/// `let mut Some(x) = y else { ... }`.
fn let_mut_else(scene: &Scene<'_>) -> Option<Diagnostic> {
    let is_mut = scene
        .tokens
        .get(scene.unit.start + 1)
        .is_some_and(|(_, token, _)| *token == Token::Mut);
    let found = scene.at(0) == Some(&Token::Else) && scene.unit_starts_with(&Token::Let) && is_mut;
    found.then(|| {
        scene
            .error("`let mut` takes no `else`")
            .help("match with `let ... else` first, then copy: `let mut x = x`")
    })
}

/// `if let Some(x) = value {`.
fn if_let(scene: &Scene<'_>) -> Option<Diagnostic> {
    let condition = |offset| {
        matches!(
            scene.at(offset),
            Some(Token::If | Token::While | Token::AndAnd)
        )
    };
    let in_parentheses = scene.at(-1) == Some(&Token::LParen) && condition(-2);
    if scene.at(0) != Some(&Token::Let) || !(condition(-1) || in_parentheses) {
        return None;
    }
    let error = scene
        .error("a condition with a pattern is written with `is`")
        .help("`if value is Some(x) { ... }`");
    if in_parentheses {
        return Some(error);
    }
    let (Some(eq), Some(block)) = (
        scene.behind(|token| *token == Token::Eq),
        scene.behind(|token| *token == Token::LBrace),
    ) else {
        return Some(error);
    };
    let (eq, block) = (scene.span_at(eq), scene.span_at(block));
    if eq.end > block.start {
        return Some(error);
    }
    let pattern = scene.text[scene.span(0).end as usize..eq.start as usize].trim();
    let value = scene.text[eq.end as usize..block.start as usize].trim();
    Some(error.edit(
        scene.span(0).to(block.before()),
        format!("{value} is {pattern} "),
    ))
}

/// `for (x in xs) {` and `for (i = 0; ...) {`.
fn for_in_parentheses(scene: &Scene<'_>) -> Option<Diagnostic> {
    let open = scene.before(|token| *token == Token::LParen)?;
    if open == 0 || scene.tokens[open - 1].1 != Token::For {
        return None;
    }
    let close = scene.groups.partner(open);
    if scene.at(0) == Some(&Token::In) {
        let error = scene
            .error("a `for` has no parentheses")
            .help("`for x in xs { ... }`");
        return Some(
            error
                .edit(scene.span_at(open), "")
                .edit(scene.span_at(close), ""),
        );
    }
    Some(
        scene
            .error("a `for` walks a collection or a range")
            .help("`for i in 0..n { ... }`; else write `while`"),
    )
}

/// `for x of xs`, `for x = 0`, `for k, v in map`.
fn for_without_in(scene: &Scene<'_>) -> Option<Diagnostic> {
    if !scene.expects("in") || !scene.unit_starts_with(&Token::For) {
        return None;
    }
    if scene.at(0) == Some(&Token::Comma)
        && let Some(link) = scene.behind(|token| *token == Token::In)
    {
        let error = scene.error("two names for one element stand in parentheses");
        return Some(
            error
                .help("`for (key, value) in map`, `for (i, x) in xs.enumerate()`")
                .edit(scene.span_at(scene.unit.start + 1).before(), "(")
                .edit(scene.span_at(link - 1).after(), ")"),
        );
    }
    let error = scene
        .error(format!("expected `in`, found {}", scene.found()))
        .help("`for x in xs { ... }`");
    Some(if scene.word(0) == "of" {
        error.edit(scene.span(0), "in")
    } else {
        error
    })
}

/// `if x:` and a line break.
fn block_after_colon(scene: &Scene<'_>) -> Option<Diagnostic> {
    let starts = [Token::If, Token::While, Token::For, Token::Fn, Token::Match];
    let found = scene.at(0) == Some(&Token::Colon)
        && (scene.expects("{") || scene.expects("->"))
        && starts.iter().any(|token| scene.unit_starts_with(token));
    found.then(|| {
        scene
            .error("a block stands in braces")
            .help("`if x { ... }`; indentation means nothing")
    })
}

/// `let x = if c { 1 }`.
fn if_without_else(scene: &Scene<'_>) -> Option<Diagnostic> {
    let only = scene.expects("else") && scene.stop.expected.len() == 1;
    only.then(|| {
        Diagnostic::error("E0203", "an `if` that is used as a value has an `else`")
            .at(scene.here(), "`else { ... }` is missing")
            .help("without `else` an `if` is a statement and has no value")
    })
}

/// `if x return 1`.
fn body_without_braces(scene: &Scene<'_>) -> Option<Diagnostic> {
    let word = scene
        .before(|token| matches!(token, Token::If | Token::While | Token::For | Token::Else))?;
    let starts = scene
        .at(0)
        .is_some_and(|token| token.starts_operand() || token.starts_statement());
    if !starts || !scene.expects("{") || scene.expects("STR") {
        return None;
    }
    let word = &scene.text[scene.span_at(word).range()];
    Some(
        scene
            .error(format!("what `{word}` guards stands in braces"))
            .help(format!("`{word} ... {{ ... }}`")),
    )
}

/// `Some(x) -> x` in a `match`, and `fn f() => Int`.
fn arrow_of_arm(scene: &Scene<'_>) -> Option<Diagnostic> {
    let other = matches!(scene.at(0), Some(Token::Arrow | Token::Colon | Token::Eq));
    (other && scene.expects("=>")).then(|| {
        let gap = scene.span(-1).after().to(scene.span(0));
        scene
            .error("an arm is written `pattern => value`")
            .edit(gap, " =>")
    })
}

/// `default =>`, `else =>` in a `match`.
fn default_arm(scene: &Scene<'_>) -> Option<Diagnostic> {
    let word =
        scene.at(0) == Some(&Token::Else) && scene.expects("CHAR") && !scene.expects_operand();
    word.then(|| {
        scene
            .error("the arm for all that is left is `_ =>`")
            .edit(scene.span(0), "_")
    })
}

/// `x is A | B`.
fn pattern_after_is(scene: &Scene<'_>) -> Option<Diagnostic> {
    let is = scene.before(|token| *token == Token::Is)?;
    let found = matches!(scene.at(0), Some(Token::Bar)) && scene.expects_operator();
    let pattern = scene.span_at(is + 1);
    let ends = |token: &Token| {
        matches!(
            token,
            Token::AndAnd
                | Token::OrOr
                | Token::LBrace
                | Token::Newline
                | Token::Comma
                | Token::FatArrow
        ) || token.closes()
    };
    let end = scene.behind(ends).unwrap_or(scene.unit.end);
    found.then(|| {
        scene
            .error("after `is`, alternatives stand in parentheses")
            .edit(pattern.before(), "(")
            .edit(scene.span_at(end - 1).after(), ")")
    })
}

/// `1.5 =>`.
fn float_pattern(scene: &Scene<'_>) -> Option<Diagnostic> {
    let wanted = scene.expects("CHAR") && !scene.expects_operand();
    (matches!(scene.at(0), Some(Token::Float(_))) && wanted).then(|| {
        scene
            .error("floats are not patterns")
            .help("bind it and compare in a guard: `x if x == 1.5 =>`")
    })
}

/// `1..3 =>`.
fn open_range_pattern(scene: &Scene<'_>) -> Option<Diagnostic> {
    let found = scene.at(0) == Some(&Token::DotDot) && scene.expects("..=");
    (found && !scene.expects_operator()).then(|| {
        scene
            .error("a range in a pattern includes its end")
            .help("write `a..=b`")
            .edit(scene.span(0), "..=")
    })
}

/// `1..=max =>`, `n is (1..=max)`, `min..=9 =>`.
fn named_end_of_range(scene: &Scene<'_>) -> Option<Diagnostic> {
    let name = |offset| matches!(scene.at(offset), Some(Token::Ident(_) | Token::Upper(_)));
    let last = scene.at(-1) == Some(&Token::DotDotEq) && name(0) && scene.expects("CHAR");
    let first = scene.at(0) == Some(&Token::DotDotEq) && name(-1) && !scene.expects_operator();
    if !(last || first) || scene.expects_operand() {
        return None;
    }
    let end = if last { scene.span(0) } else { scene.span(-1) };
    let error = Diagnostic::error("E0202", "the ends of a range in a pattern are literals")
        .at(end, "a name");
    let open = scene.before(|token| *token == Token::LParen);
    let is = open.and_then(|open| open.checked_sub(1));
    let is = is.filter(|&is| scene.tokens[is].1 == Token::Is && is > scene.unit.start);
    Some(match is {
        Some(is) => range_after_is(scene, error, is),
        None => error.help("compare in a guard: `n if (low..=high).contains(n) =>`"),
    })
}

/// Turns `n is (1..=max)` round.
fn range_after_is(scene: &Scene<'_>, error: Diagnostic, is: usize) -> Diagnostic {
    let error = error.help("ask the range: `(low..=high).contains(n)`");
    let value = scene
        .span_at(scene.operand_start(is))
        .to(scene.span_at(is - 1));
    let range = scene
        .span_at(is + 1)
        .to(scene.span_at(scene.groups.partner(is + 1)));
    let text = |span: Span| &scene.text[span.range()];
    error.edit(
        value.to(range),
        format!("{}.contains({})", text(range), text(value)),
    )
}

/// `4, 6, 9 =>`.
fn commas_between_patterns(scene: &Scene<'_>) -> Option<Diagnostic> {
    let found = scene.at(0) == Some(&Token::Comma) && scene.expects("=>");
    let arrow = scene.behind(|token| *token == Token::FatArrow)?;
    let commas: Vec<usize> = (scene.stop.index..arrow)
        .filter(|&index| scene.tokens[index].1 == Token::Comma)
        .collect();
    let plain = scene.tokens[scene.stop.index..arrow]
        .iter()
        .all(|(_, token, _)| !token.opens() && *token != Token::Newline);
    (found && plain).then(|| {
        let error = scene.error("alternatives are separated by `|`");
        commas.iter().fold(error, |error, &comma| {
            let gap = scene.span_at(comma - 1).after().to(scene.span_at(comma));
            error.edit(gap, " |")
        })
    })
}
