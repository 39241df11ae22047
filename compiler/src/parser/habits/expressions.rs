//! Habits in expressions.

use super::Habit;
use crate::diagnostic::Diagnostic;
use crate::lexer::Token;
use crate::parser::explain::Scene;

pub const HABITS: &[Habit] = &[
    braces_build_nothing,
    types_of_a_value,
    arrow_lambda,
    statement_in_lambda,
    leaving_is_no_value,
    loop_is_no_value,
    named_by_equals,
    assignment_as_value,
    half_coalesce,
    ternary,
    chained_comparison,
    conversion,
    reference,
    half_range,
    half_float,
    macro_call,
    plus_sign,
];

/// `Cache[String, Int](capacity: 2)`.
fn types_of_a_value(scene: &Scene<'_>) -> Option<Diagnostic> {
    let open = scene.before(Token::opens)?;
    let listed = scene.at(0) == Some(&Token::Comma) && scene.tokens[open].1 == Token::LBracket;
    let close = scene.groups.partner(open);
    let built = listed
        && scene.expects("]")
        && matches!(scene.tokens.get(close + 1), Some((_, Token::LParen, _)));
    built.then(|| {
        let place = scene.span_at(open).to(scene.span_at(close));
        Diagnostic::error("E0410", "a call carries no type arguments")
            .at(place, "leave this out")
            .help("they follow from the arguments; where nothing tells them, write the type of what is bound: `let name: Type = ...`")
            .edit(place, "")
    })
}

/// `Point { x: 1 }`.
fn braces_build_nothing(scene: &Scene<'_>) -> Option<Diagnostic> {
    if scene.at(0) != Some(&Token::LBrace)
        || !matches!(scene.at(-1), Some(Token::Upper(_)))
        || scene.expects("{")
    {
        return None;
    }
    let close = scene.span_at(scene.groups.partner(scene.stop.index));
    let inside = &scene.text[scene.span(0).end as usize..close.start as usize];
    let blanks = |trimmed: &str| (inside.len() - trimmed.len()) as u32;
    let mut open = scene.span(-1).after().to(scene.span(0));
    let mut shut = close;
    if !inside.trim().is_empty() && !inside.contains('\n') {
        open.end += blanks(inside.trim_start());
        shut.start -= blanks(inside.trim_end());
    }
    let name = scene.word(-1);
    let error = scene
        .error("values are built with parentheses")
        .help(format!("`{name}(field: value)`"));
    Some(error.edit(open, "(").edit(shut, ")"))
}

/// `x => x + 1`, `(a, b) => a + b`.
fn arrow_lambda(scene: &Scene<'_>) -> Option<Diagnostic> {
    let arrow = matches!(scene.at(0), Some(Token::FatArrow | Token::Arrow));
    let key = matches!(scene.at(-2), Some(Token::LBracket)) && scene.expects(":");
    if !arrow || key || scene.expects("=") || scene.in_declaration() {
        return None;
    }
    let place = match scene.at(-1)? {
        Token::Ident(_) => scene.span(-1),
        Token::RParen => {
            let open = scene.groups.partner(scene.stop.index - 1);
            scene.span_at(open).to(scene.span(-1))
        }
        _ => return None,
    };
    let parameters = scene.text[place.range()]
        .trim_start_matches('(')
        .trim_end_matches(')');
    let error = scene.error("a lambda is written `|x| body`");
    Some(error.edit(place.to(scene.span(0)), format!("|{parameters}|")))
}

/// Where the body of a lambda around the error starts: the index behind its parameters.
fn lambda_body(scene: &Scene<'_>) -> Option<usize> {
    let bar = scene.before(|token| matches!(token, Token::Bar | Token::OrOr | Token::Comma))?;
    let opened = match scene.tokens[bar].1 {
        Token::OrOr => bar,
        Token::Bar => (scene.unit.start..bar)
            .rev()
            .find(|&index| scene.tokens[index].1 == Token::Bar)?,
        _ => return None,
    };
    let before = opened.checked_sub(1).map(|index| &scene.tokens[index].1);
    before.is_none_or(|token| !token.ends()).then_some(bar + 1)
}

/// `|x| total += x`, `|x| return x`.
fn statement_in_lambda(scene: &Scene<'_>) -> Option<Diagnostic> {
    let token = scene.at(0)?;
    let assigns = token.is_assignment() && scene.at(-1)?.ends();
    let leaves =
        matches!(token, Token::Return | Token::Break | Token::Continue) && scene.expects_operand();
    if !(assigns || leaves) {
        return None;
    }
    let body = lambda_body(scene)?;
    let ends = |token: &Token| token.closes() || matches!(token, Token::Comma | Token::Newline);
    let end = scene.behind(ends).unwrap_or(scene.unit.end);
    let error = scene.error("a statement as the body of a lambda stands in braces");
    Some(
        error
            .edit(scene.span_at(body).before(), "{ ")
            .edit(scene.span_at(end - 1).after(), " }"),
    )
}

/// `a ?? return`, `let x = break`.
fn leaving_is_no_value(scene: &Scene<'_>) -> Option<Diagnostic> {
    let leaves = matches!(
        scene.at(0),
        Some(Token::Return | Token::Break | Token::Continue)
    );
    if !leaves || !scene.expects_operand() || scene.expects("let") {
        return None;
    }
    let word = scene.word(0);
    let help = match scene.at(-1) {
        Some(Token::Coalesce) => {
            format!("to leave when there is nothing: `let Some(x) = value else {{ {word} }}`")
        }
        _ => format!("`{word}` is a statement of its own"),
    };
    Some(scene.error(format!("`{word}` has no value")).help(help))
}

/// `let ys = for x in xs { … }`.
fn loop_is_no_value(scene: &Scene<'_>) -> Option<Diagnostic> {
    let found = matches!(scene.at(0), Some(Token::For | Token::While));
    if !found || !scene.expects_operand() || scene.expects("let") {
        return None;
    }
    let error = scene.error(format!(
        "a `{}` is a statement and has no value",
        scene.word(0)
    ));
    Some(error.help("`xs.map(|x| …)` makes a list of what it gives; or push into a variable"))
}

/// `Point(x = 1)`.
fn named_by_equals(scene: &Scene<'_>) -> Option<Diagnostic> {
    let named = matches!(scene.at(-1), Some(Token::Ident(_)))
        && matches!(scene.at(-2), Some(Token::LParen | Token::Comma));
    if scene.at(0) != Some(&Token::Eq) || !named || !scene.expects(":") {
        return None;
    }
    let gap = scene.span(-1).after().to(scene.span(0));
    Some(scene.error("fields are named with `:`").edit(gap, ":"))
}

/// `if x = 1`, `a = b = c`.
fn assignment_as_value(scene: &Scene<'_>) -> Option<Diagnostic> {
    if !scene.at(0)?.is_assignment() || !scene.at(-1)?.ends() || scene.in_declaration() {
        return None;
    }
    if scene.stop.expected == ["\":\""] && matches!(scene.at(-1), Some(Token::Ident(_))) {
        let error = Diagnostic::error(
            "E0203",
            format!("the field `{}` has no type", scene.word(-1)),
        );
        return Some(
            error
                .at(scene.span(-1), "")
                .help("fields state their types: `count: Int = 0`"),
        );
    }
    let variant = matches!(scene.at(-1), Some(Token::Upper(_))) && scene.expects("(");
    if variant && !scene.expects_operator() && scene.word(0) == "=" {
        return Some(
            scene
                .error("variants have no numbers")
                .help("a method can give one: `match self { Red => 1, Green => 2 }`"),
        );
    }
    let sign = scene.word(0);
    let error = scene.error(format!(
        "an assignment is a statement and has no value, so `{sign}` cannot stand here"
    ));
    Some(match sign {
        "=" => error
            .help("to compare, write `==`")
            .edit(scene.span(0), "=="),
        _ => error.help("assign on a line of its own"),
    })
}

/// `e??` at the end of an operand.
fn half_coalesce(scene: &Scene<'_>) -> Option<Diagnostic> {
    if scene.at(-1) != Some(&Token::Coalesce) || !scene.expects_operand() {
        return None;
    }
    let start = scene.operand_start(scene.stop.index - 1);
    let error = Diagnostic::error("E0203", "`??` wants a value on its right side")
        .at(scene.span(-1), "`a ?? b` is what `a` holds, else `b`")
        .help("two `?` in a row need parentheses between them");
    Some(
        error
            .edit(scene.span_at(start).before(), "(")
            .edit(scene.span(-1), "?)?"),
    )
}

/// `c ? a : b`.
fn ternary(scene: &Scene<'_>) -> Option<Diagnostic> {
    let found = scene.at(-1) == Some(&Token::Question)
        && scene.at(0)?.starts_operand()
        && scene.expects_operator();
    let colon = scene.behind(|token| *token == Token::Colon);
    let colon = colon.filter(|_| found)?;
    // In another line something new starts, for which a comma or a break is missing.
    if scene.text[scene.span(-1).end as usize..scene.span(0).start as usize].contains('\n') {
        return None;
    }
    let before = |token: &Token| {
        token.opens()
            || token.is_assignment()
            || matches!(
                token,
                Token::Comma | Token::Return | Token::FatArrow | Token::Bar
            )
    };
    let start = scene.before(before).map_or(scene.unit.start, |at| at + 1);
    let ends = |token: &Token| token.closes() || matches!(token, Token::Comma | Token::Newline);
    let end = scene.behind(ends).unwrap_or(scene.unit.end);
    let question = scene
        .span_at(scene.stop.index - 2)
        .after()
        .to(scene.span(0).before());
    let between = scene
        .span_at(colon - 1)
        .after()
        .to(scene.span_at(colon + 1).before());
    let error = Diagnostic::error("E0202", "there is no `? :`")
        .at(scene.span(-1), "`?` behind a value hands its error on")
        .help("an `if` has a value");
    Some(
        error
            .edit(scene.span_at(start).before(), "if ")
            .edit(question, " { ")
            .edit(between, " } else { ")
            .edit(scene.span_at(end - 1).after(), " }"),
    )
}

/// `a < b < c`.
fn chained_comparison(scene: &Scene<'_>) -> Option<Diagnostic> {
    use Token::*;
    let compares = |token: &Token| matches!(token, EqEq | Ne | Lt | Le | Gt | Ge | Is);
    if !compares(scene.at(0)?) || !scene.expects_operator() {
        return None;
    }
    let first = scene.before(compares)?;
    let error = scene
        .error("comparisons are not chained")
        .also(scene.span_at(first), "the first comparison")
        .help("write `a < b && b < c`; type arguments stand in `[ ]`, and only in types");
    let rises = |token: &Token| matches!(token, Lt | Le);
    let falls = |token: &Token| matches!(token, Gt | Ge);
    let (one, other) = (&scene.tokens[first].1, scene.at(0)?);
    let middle = scene.span_at(first + 1).to(scene.span(-1));
    Some(
        if rises(one) && rises(other) || falls(one) && falls(other) {
            let again = format!(" && {}", &scene.text[middle.range()]);
            error.edit(middle.after(), again)
        } else {
            error
        },
    )
}

/// `x as Float`.
fn conversion(scene: &Scene<'_>) -> Option<Diagnostic> {
    let found = scene.at(0) == Some(&Token::As) && scene.expects_operator();
    if !found {
        return None;
    }
    let method = match scene.word(1) {
        "Int" => Some(".to_int()"),
        "Float" => Some(".to_float()"),
        "String" => Some(".show()"),
        _ => None,
    };
    let simple = scene.operand_start(scene.stop.index - 1);
    let alone = simple == scene.unit.start
        || !matches!(
            scene.tokens[simple - 1].1,
            Token::Minus | Token::Bang | Token::Tilde
        );
    let error = scene
        .error("`as` gives other names to imports, and converts nothing")
        .help("conversions are methods: `i.to_float()`, `f.to_int()`, `Int.parse(text)`");
    Some(match method.filter(|_| alone) {
        Some(method) => error.edit(scene.span(-1).after().to(scene.span(1)), method),
        None => error,
    })
}

/// `&x`, `&mut x`, `*x`.
fn reference(scene: &Scene<'_>) -> Option<Diagnostic> {
    let sign = matches!(scene.at(0), Some(Token::Amp | Token::Star | Token::AndAnd));
    if !sign || !(scene.expects_operand() || scene.expects("Self")) {
        return None;
    }
    let error = scene
        .error("there are no references and no pointers")
        .help("every value is passed as if copied; `f(mut x)` lends `x` to be changed");
    Some(error.edit(scene.span(0), ""))
}

/// `xs[1..]`, `xs[..3]`.
fn half_range(scene: &Scene<'_>) -> Option<Diagnostic> {
    let open_end =
        matches!(scene.at(-1), Some(Token::DotDot | Token::DotDotEq)) && scene.expects_operand();
    let open_start =
        matches!(scene.at(0), Some(Token::DotDot | Token::DotDotEq)) && scene.expects_operand();
    if !open_end && !open_start {
        return None;
    }
    let open = scene.before(Token::opens);
    let in_list = open.is_some_and(|open| {
        let before = open.checked_sub(1).map(|index| &scene.tokens[index].1);
        scene.tokens[open].1 == Token::LBracket && !before.is_some_and(Token::ends)
    });
    if open_start && in_list {
        let error = scene.error("a list is not taken into another one by `..`");
        return Some(
            error.help("make it from a copy: `let mut all = xs`, `all.push(4)`, `all.extend(ys)`"),
        );
    }
    let error = scene.error("a range has both its ends");
    Some(match open_start {
        true => error
            .help("it starts at 0 then")
            .edit(scene.span(0).before(), "0"),
        false => error.help("write the end: `xs[1..xs.len()]`, or `xs.drop(1)`"),
    })
}

/// `.5` and `1.`.
fn half_float(scene: &Scene<'_>) -> Option<Diagnostic> {
    let before = scene.at(0) == Some(&Token::Dot)
        && scene.expects_operand()
        && matches!(scene.at(1), Some(Token::Int(_)));
    let after = scene.at(-1) == Some(&Token::Dot) && matches!(scene.at(-2), Some(Token::Int(_)));
    let error = || Diagnostic::error("E0203", "a `Float` has digits on both sides of its point");
    if before {
        return Some(
            error()
                .at(scene.span(0).to(scene.span(1)), "")
                .edit(scene.span(0).before(), "0"),
        );
    }
    after.then(|| {
        error()
            .at(scene.span(-2).to(scene.span(-1)), "")
            .edit(scene.span(-1).after(), "0")
    })
}

/// `println!("...")`.
fn macro_call(scene: &Scene<'_>) -> Option<Diagnostic> {
    let found = scene.at(0) == Some(&Token::Bang)
        && matches!(scene.at(-1), Some(Token::Ident(_)))
        && matches!(
            scene.at(1),
            Some(Token::LParen | Token::LBracket | Token::LBrace)
        );
    (found && scene.expects_operator()).then(|| {
        scene
            .error("there are no macros")
            .help("functions are called without `!`")
            .edit(scene.span(0), "")
    })
}

/// `+1`.
fn plus_sign(scene: &Scene<'_>) -> Option<Diagnostic> {
    let found = matches!(scene.at(0), Some(Token::Plus)) && scene.expects_operand();
    found.then(|| {
        scene
            .error("there is no `+` before a number")
            .edit(scene.span(0), "")
    })
}
