//! Habits in how values are written: strings, maps, tuples, lambdas, calls.

use super::Habit;
use crate::diagnostic::Diagnostic;
use crate::lexer::Token;
use crate::parser::explain::Scene;
use crate::source::Span;

pub const HABITS: &[Habit] = &[
    string_prefix,
    payload_without_parentheses,
    map_in_braces,
    set_in_braces,
    format_behind_colon,
    map_arrow,
    slice_with_colon,
    function_as_value,
    lambda_in_braces,
    block_behind_call,
    comprehension,
    pointer_arrow,
    unwrapping,
    elvis,
    condition_behind,
    contained,
];

/// Where the operand ends that starts at the error.
fn end_of_operand(scene: &Scene<'_>) -> Span {
    let ends = |token: &Token| token.closes() || matches!(token, Token::Comma | Token::Newline);
    let end = scene.behind(ends).unwrap_or(scene.unit.end);
    scene.span_at(end - 1).after()
}

/// `f"hello"`, `r"\d"`.
fn string_prefix(scene: &Scene<'_>) -> Option<Diagnostic> {
    let string = matches!(scene.at(0), Some(Token::Str(_) | Token::StrHead(_)));
    let touches = scene.span(-1).end == scene.span(0).start;
    if !string || !touches || !matches!(scene.at(-1), Some(Token::Ident(_))) {
        return None;
    }
    let word = scene.word(-1);
    let help = match word {
        "r" => "a `\\` in a string is `\\\\`",
        _ => "`${…}` works in every string",
    };
    let error = Diagnostic::error("E0202", format!("a string has no `{word}` before it"))
        .at(scene.span(-1), "")
        .help(help);
    let text = &scene.text[scene.span(0).range()];
    let plain = matches!(scene.at(0), Some(Token::Str(_))) && !text.contains("{{");
    Some(match word {
        "f" if plain => error.edit(scene.span(-1).to(scene.span(0)), text.replace('{', "${")),
        _ => error.edit(scene.span(-1), ""),
    })
}

/// `Some 1`.
fn payload_without_parentheses(scene: &Scene<'_>) -> Option<Diagnostic> {
    let operand = scene.at(0).is_some_and(|token| {
        token.starts_operand()
            && !matches!(
                token,
                Token::LParen | Token::LBracket | Token::LBrace | Token::Minus
            )
    });
    let built = matches!(scene.word(-1), "Some" | "Ok" | "Err");
    if !operand || !built || !scene.expects_operator() {
        return None;
    }
    let gap = scene.span(-1).after().to(scene.span(0).before());
    let error = scene.error(format!(
        "the value of `{}` stands in parentheses",
        scene.word(-1)
    ));
    Some(error.edit(gap, "(").edit(end_of_operand(scene), ")"))
}

/// `{ "a": 1 }`.
fn map_in_braces(scene: &Scene<'_>) -> Option<Diagnostic> {
    let key = matches!(
        scene.at(-1),
        Some(Token::Str(_) | Token::Int(_) | Token::Ident(_))
    );
    let open = scene.stop.index.checked_sub(2)?;
    let opened = scene.tokens[open].1 == Token::LBrace && scene.expects("}");
    if scene.at(0) != Some(&Token::Colon) || !key || !opened {
        return None;
    }
    let close = scene.groups.partner(open);
    let error = scene.error("a map stands in `[ ]`");
    Some(match scene.at(-1) {
        Some(Token::Ident(_)) => error.help(
            "`[\"key\": value]`, with the key as a value; a type with fields is declared with `struct`",
        ),
        _ => error
            .edit(scene.span_at(open), "[")
            .edit(scene.span_at(close), "]"),
    })
}

/// `"${total:.2}"`.
fn format_behind_colon(scene: &Scene<'_>) -> Option<Diagnostic> {
    let found = scene.at(0) == Some(&Token::Colon) && scene.expects("STR_TAIL");
    found.then(|| {
        scene
            .error("how a value looks is said by methods")
            .help("`${x.format(2)}` has two digits behind the point, `${n.show().pad_start(8)}` eight characters")
    })
}

/// `{1, 2}`.
fn set_in_braces(scene: &Scene<'_>) -> Option<Diagnostic> {
    let open = scene.stop.index.checked_sub(2)?;
    let value = matches!(
        scene.at(-1),
        Some(Token::Str(_) | Token::Int(_) | Token::Char(_))
    );
    let opened = scene.tokens[open].1 == Token::LBrace && scene.expects("}");
    if scene.at(0) != Some(&Token::Comma) || !value || !opened {
        return None;
    }
    let close = scene.span_at(scene.groups.partner(open));
    let error = scene.error("a list stands in `[ ]`, and a set is made of one");
    Some(
        error
            .edit(scene.span_at(open), "[")
            .edit(close, "].to_set()"),
    )
}

/// `["a" => 1]`.
fn map_arrow(scene: &Scene<'_>) -> Option<Diagnostic> {
    let inside = scene.tokens.get(scene.opening()).map(|token| &token.1) == Some(&Token::LBracket);
    let found = scene.at(0) == Some(&Token::FatArrow) && inside && scene.expects(":");
    found.then(|| {
        let gap = scene.span(-1).after().to(scene.span(0));
        scene
            .error("a `:` stands between the key and the value of a map")
            .edit(gap, ":")
    })
}

/// `xs[1:2]`, `xs[:2]`.
fn slice_with_colon(scene: &Scene<'_>) -> Option<Diagnostic> {
    if scene.at(0) != Some(&Token::Colon) {
        return None;
    }
    let open = scene.before(Token::opens)?;
    let before = open.checked_sub(1).map(|index| &scene.tokens[index].1);
    let indexes = scene.tokens[open].1 == Token::LBracket && before.is_some_and(Token::ends);
    if !indexes {
        return None;
    }
    let error = scene
        .error("a part of a list is taken with a range")
        .help("`xs[1..3]`; `xs.take(3)` and `xs.drop(1)` for its ends");
    let starts = open + 1 == scene.stop.index;
    let ends = scene.at(1) == Some(&Token::RBracket);
    Some(match (starts, ends) {
        (_, true) => error,
        (true, false) => error.edit(scene.span(0), "0.."),
        (false, false) => error.edit(scene.span(0), ".."),
    })
}

/// `fn(x) { x + 1 }` as a value.
fn function_as_value(scene: &Scene<'_>) -> Option<Diagnostic> {
    let found = scene.at(0) == Some(&Token::Fn) && scene.expects_operand() && !scene.expects("let");
    if !found {
        return None;
    }
    let error = scene
        .error("a function without a name is written `|x| body`")
        .help("`|x| x + 1`, `|x| { … }`");
    if scene.at(1) != Some(&Token::LParen) {
        return Some(error);
    }
    let close = scene.groups.partner(scene.stop.index + 1);
    let parameters = &scene.text[scene.span(1).end as usize..scene.span_at(close).start as usize];
    let whole = scene.span(0).to(scene.span_at(close));
    let typed = matches!(scene.tokens.get(close + 1), Some((_, Token::Arrow, _)));
    Some(match typed {
        true => error,
        false => error.edit(whole, format!("|{parameters}|")),
    })
}

/// `{ x -> x + 1 }`.
fn lambda_in_braces(scene: &Scene<'_>) -> Option<Diagnostic> {
    let arrow = matches!(scene.at(0), Some(Token::Arrow | Token::FatArrow));
    let name = matches!(scene.at(-1), Some(Token::Ident(_)));
    if !arrow || !name || scene.at(-2) != Some(&Token::LBrace) || !scene.expects_operator() {
        return None;
    }
    let open = scene.span(-2);
    let close = scene.span_at(scene.groups.partner(scene.stop.index - 2));
    let error = scene.error("a lambda is written `|x| body`");
    Some(
        error
            .edit(open.to(scene.span(0)), format!("|{}|", scene.word(-1)))
            .edit(close, ""),
    )
}

/// `xs.map { it + 1 }`.
fn block_behind_call(scene: &Scene<'_>) -> Option<Diagnostic> {
    let named = matches!(scene.at(-1), Some(Token::Ident(_))) && scene.at(-2) == Some(&Token::Dot);
    let found = scene.at(0) == Some(&Token::LBrace) && named && !scene.expects("{");
    found.then(|| {
        let name = scene.word(-1);
        scene
            .error("a function is given in parentheses")
            .help(format!("`.{name}(|x| …)`"))
    })
}

/// `[x * 2 for x in xs]`.
fn comprehension(scene: &Scene<'_>) -> Option<Diagnostic> {
    let inside = scene.tokens.get(scene.opening()).map(|token| &token.1) == Some(&Token::LBracket);
    let found = scene.at(0) == Some(&Token::For) && inside && scene.expects_operator();
    found.then(|| {
        scene
            .error("a list is not made by a `for` in it")
            .help("`xs.map(|x| x * 2)`, `xs.filter(|x| x > 0)`")
    })
}

/// `point->x`.
fn pointer_arrow(scene: &Scene<'_>) -> Option<Diagnostic> {
    let touches = scene.span(-1).end == scene.span(0).start
        && scene.span(0).end == scene.span(1).start
        && matches!(scene.at(1), Some(Token::Ident(_)));
    let found = scene.at(0) == Some(&Token::Arrow) && touches && scene.expects_operator();
    found.then(|| {
        scene
            .error("fields and methods follow a point")
            .edit(scene.span(0), ".")
    })
}

/// `value!`.
fn unwrapping(scene: &Scene<'_>) -> Option<Diagnostic> {
    let called = matches!(scene.at(1), Some(Token::LParen | Token::LBracket));
    let behind = scene.at(-1).is_some_and(Token::ends);
    let found = scene.at(0) == Some(&Token::Bang) && behind && scene.expects_operator();
    (found && !called).then(|| {
        scene
            .error("there is no `!` behind a value")
            .help("`value ?? other` gives another one, `value.expect(\"why\")` ends the program")
            .edit(scene.span(0), ".expect(\"a value\")")
    })
}

/// `a ?: b`.
fn elvis(scene: &Scene<'_>) -> Option<Diagnostic> {
    let touches = scene.span(-1).end == scene.span(0).start;
    let found = scene.at(0) == Some(&Token::Colon) && scene.at(-1) == Some(&Token::Question);
    (found && touches).then(|| {
        scene
            .error("what stands for a missing value follows `??`")
            .edit(scene.span(-1).to(scene.span(0)), "??")
    })
}

/// `1 if n > 1 else 2`.
fn condition_behind(scene: &Scene<'_>) -> Option<Diagnostic> {
    let found = scene.at(0) == Some(&Token::If) && scene.expects_operator();
    found.then(|| {
        scene
            .error("a condition stands before what it guards")
            .help("`if c { a } else { b }`, also as a value")
    })
}

/// `if x in xs`, `if x not in xs`, `if x instanceof T`.
fn contained(scene: &Scene<'_>) -> Option<Diagnostic> {
    if scene.word(-1) == "not" && scene.at(-2) == Some(&Token::Is) {
        let error = scene.error("a pattern has no `not`");
        return Some(error.help("turn the whole round: `!(value is None)`"));
    }
    if !scene.expects_operator() || scene.unit_starts_with(&Token::For) {
        return None;
    }
    let error = |word: &str| scene.error(format!("there is no operator `{word}`"));
    match (scene.at(0)?, scene.word(0)) {
        (Token::In, _) => Some(error("in").help("`xs.contains(x)`")),
        (_, "not") if scene.at(1) == Some(&Token::In) => {
            Some(error("not in").help("`!xs.contains(x)`"))
        }
        (_, word @ ("instanceof" | "isinstance")) => {
            Some(error(word).help(
                "a value has the type it is declared with; `value is Variant` looks at an enum",
            ))
        }
        _ => None,
    }
}
