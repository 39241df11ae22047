//! Words that are keywords elsewhere, and keywords in places of names.

use super::Habit;
use crate::diagnostic::Diagnostic;
use crate::lexer::Token;
use crate::parser::explain::Scene;

pub const HABITS: &[Habit] = &[
    operator_as_word,
    call_without_parentheses,
    keyword_of_another_language,
    keyword_as_name,
    wrong_case,
];

/// Word, what is written instead (empty: leave it out), and what to know about it.
const KEYWORDS: &[(&str, Option<&str>, &str)] = &[
    ("function", Some("fn"), "a function starts with `fn`"),
    ("func", Some("fn"), "a function starts with `fn`"),
    ("fun", Some("fn"), "a function starts with `fn`"),
    ("def", Some("fn"), "a function starts with `fn`"),
    ("var", Some("let mut"), "a variable is bound with `let mut`"),
    ("val", Some("let"), "a name is bound with `let`"),
    (
        "class",
        Some("struct"),
        "a type with fields and methods is a `struct`",
    ),
    ("record", Some("struct"), "a type with fields is a `struct`"),
    (
        "union",
        Some("enum"),
        "a type of several variants is an `enum`",
    ),
    (
        "interface",
        Some("trait"),
        "what types have in common is a `trait`",
    ),
    (
        "protocol",
        Some("trait"),
        "what types have in common is a `trait`",
    ),
    ("switch", Some("match"), "cases are told apart by `match`"),
    (
        "case",
        Some(""),
        "an arm starts with its pattern: `pattern => value`",
    ),
    ("elif", Some("else if"), "it is written in two words"),
    ("elsif", Some("else if"), "it is written in two words"),
    ("elseif", Some("else if"), "it is written in two words"),
    (
        "unless",
        None,
        "write `if` and turn the condition round with `!`",
    ),
    (
        "until",
        None,
        "write `while` and turn the condition round with `!`",
    ),
    (
        "loop",
        Some("while true"),
        "a loop without a condition is `while true`",
    ),
    ("foreach", Some("for"), "`for x in xs` walks a collection"),
    (
        "do",
        None,
        "blocks stand in braces; a loop that asks last is `while true` with a `break`",
    ),
    (
        "try",
        None,
        "there are no exceptions: `value?` hands an error on, `match` looks at it",
    ),
    (
        "catch",
        None,
        "there are no exceptions: `value?` hands an error on, `match` looks at it",
    ),
    (
        "throw",
        None,
        "there are no exceptions: `return Err(error)` hands an error to the caller",
    ),
    (
        "raise",
        None,
        "there are no exceptions: `return Err(error)` hands an error to the caller",
    ),
    (
        "yield",
        None,
        "a type with `Iterator[T]` gives values one by one",
    ),
    (
        "async",
        Some(""),
        "calls are finished when they return; nothing needs to be awaited",
    ),
    (
        "await",
        Some(""),
        "calls are finished when they return; nothing needs to be awaited",
    ),
    (
        "new",
        Some(""),
        "a value is built by its type's name: `Point(x: 1, y: 2)`",
    ),
    ("public", Some("pub"), "what other files may use is `pub`"),
    ("export", Some("pub"), "what other files may use is `pub`"),
    ("private", Some(""), "what is not `pub` is private"),
    (
        "static",
        Some(""),
        "a function without `self` is called on its type",
    ),
    ("final", Some(""), "what is not `mut` does not change"),
    (
        "use",
        Some("import"),
        "`import name from \"path\"`, `import { names } from \"path\"`",
    ),
    (
        "using",
        Some("import"),
        "`import name from \"path\"`, `import { names } from \"path\"`",
    ),
    (
        "require",
        Some("import"),
        "`import name from \"path\"`, `import { names } from \"path\"`",
    ),
    (
        "include",
        Some("import"),
        "`import name from \"path\"`, `import { names } from \"path\"`",
    ),
    (
        "mod",
        None,
        "each file is a module; `import name from \"./file\"`",
    ),
    (
        "module",
        None,
        "each file is a module; `import name from \"./file\"`",
    ),
    (
        "package",
        None,
        "each file is a module, and its folder's `cop.toml` names the package",
    ),
    (
        "namespace",
        None,
        "each file is a module; `import name from \"./file\"`",
    ),
    (
        "typeof",
        None,
        "types are known when the program is compiled",
    ),
    (
        "delete",
        None,
        "memory is freed by itself; collections have `remove`",
    ),
    ("lambda", None, "a lambda is written `|x| x + 1`"),
    (
        "not",
        Some("!"),
        "not is `!`; around a comparison it wants parentheses",
    ),
    ("macro", None, "there are no macros"),
    (
        "where",
        None,
        "bounds are written where the parameter is: `[T: Ord]`",
    ),
    (
        "extends",
        None,
        "nothing is inherited; a type has a trait by `impl Trait for Type`",
    ),
    (
        "implements",
        None,
        "a type has a trait by `impl Trait for Type`",
    ),
    (
        "deriving",
        None,
        "`Show`, `Eq` and their like come by themselves",
    ),
    (
        "defer",
        None,
        "what comes last is written last; nothing needs to be closed",
    ),
    (
        "guard",
        None,
        "`let Some(x) = value else { return }`, or `if !c { return }`",
    ),
    ("with", None, "nothing needs to be closed"),
    (
        "del",
        None,
        "memory is freed by itself; collections have `remove`",
    ),
    (
        "goto",
        None,
        "there are no labels; `break` and `continue` leave a loop or a round of it",
    ),
];

/// A name that is a keyword elsewhere, followed by what a name cannot be followed by.
fn keyword_of_another_language(scene: &Scene<'_>) -> Option<Diagnostic> {
    let known = |offset: isize| match scene.at(offset) {
        Some(Token::Ident(name)) => KEYWORDS
            .iter()
            .find(|(word, _, _)| **word == **name)
            .map(|known| (offset, known)),
        _ => None,
    };
    let head = scene.unit.start as isize - scene.stop.index as isize;
    let whole_head = scene.at(0) == Some(&Token::LBrace) && scene.at(-1) == Some(&Token::RParen);
    let (offset, (word, instead, help)) = known(-1)
        .or_else(|| known(0))
        .or_else(|| known(head).filter(|_| whole_head))
        .filter(|(offset, _)| {
            // A keyword is no method, and something that cannot follow a name follows it in its line.
            let followed = scene.at(offset + 1).is_some_and(|next| {
                next.starts_operand()
                    || next.starts_item()
                    || matches!(next, Token::Mut | Token::Let | Token::Underscore)
            });
            followed && !matches!(scene.at(offset - 1), Some(Token::Dot | Token::Is))
        })?;
    let place = scene.span(offset);
    let error = Diagnostic::error("E0202", format!("`{word}` is no keyword of cop"))
        .at(place, "")
        .help(*help);
    Some(match instead {
        // The blanks behind it go too.
        Some(instead @ ("" | "!")) => {
            error.edit(place.to(scene.span(offset + 1).before()), *instead)
        }
        Some(instead) => error.edit(place, *instead),
        None => error,
    })
}

/// `print 1`, `echo "hello"`.
fn call_without_parentheses(scene: &Scene<'_>) -> Option<Diagnostic> {
    let word = scene.word(-1);
    let name = match word {
        "print" | "assert" | "panic" | "todo" => word,
        "echo" | "puts" | "println" => "print",
        _ => return None,
    };
    let starts = scene.at(0).is_some_and(|token| {
        token.starts_operand()
            && !matches!(
                token,
                Token::LParen | Token::LBrace | Token::Bang | Token::Minus
            )
    });
    if !starts || scene.at(-2) == Some(&Token::Dot) {
        return None;
    }
    let ends = |token: &Token| token.closes() || matches!(token, Token::Newline);
    let end = scene.behind(ends).unwrap_or(scene.unit.end);
    let open = scene.span(-1).to(scene.span(0).before());
    let error = Diagnostic::error("E0202", format!("`{name}` is called with parentheses"));
    let error = error.at(scene.span(-1), "").edit(open, format!("{name}("));
    Some(error.edit(scene.span_at(end - 1).after(), ")"))
}

/// `a and b`.
fn operator_as_word(scene: &Scene<'_>) -> Option<Diagnostic> {
    let instead = match scene.word(0) {
        "and" => "&&",
        "or" => "||",
        "then" => "{",
        "with" | "do" | "begin" if scene.expects("{") => "{",
        "mod" if scene.expects_operator() => "%",
        "isnt" | "ne" => "!=",
        "eq" | "equals" => "==",
        "div" => "/",
        "xor" => "^",
        _ => return None,
    };
    let word = scene.word(0);
    let error = scene
        .error(format!("there is no operator `{word}`"))
        .help(format!("it is written `{instead}`"));
    Some(if instead == "{" && scene.at(1) == Some(&Token::LBrace) {
        let mut error = error.edit(scene.span(0).to(scene.span(1).before()), "");
        error.title = format!("no `{word}` stands before a block");
        error.help = Some("leave it out".into());
        error
    } else if instead == "{" {
        error
    } else {
        error.edit(scene.span(0), instead)
    })
}

/// `let match = 1`.
fn keyword_as_name(scene: &Scene<'_>) -> Option<Diagnostic> {
    let word = scene.word(0);
    let is_keyword = !matches!(
        scene.at(0),
        Some(Token::Ident(_) | Token::Upper(_) | Token::Mut) | None
    ) && !word.is_empty()
        && word.chars().all(|letter| letter.is_ascii_lowercase());
    let names = scene.expects("IDENT") && !scene.expects_operand() && !scene.expects("fn");
    (is_keyword && names).then(|| {
        scene
            .error(format!("`{word}` is a keyword and names nothing"))
            .help("give it another name")
            .edit(scene.span(0), format!("{word}_"))
    })
}

/// `struct point`, `fn Area`, `const LIMIT`.
fn wrong_case(scene: &Scene<'_>) -> Option<Diagnostic> {
    let word = scene.word(0);
    match scene.at(0)? {
        Token::Ident(_) if scene.expects("UPPER") && !scene.expects("IDENT") => {
            let mut instead = String::new();
            for part in word.split('_') {
                let mut letters = part.chars();
                instead.extend(letters.next().map(|first| first.to_ascii_uppercase()));
                instead.push_str(letters.as_str());
            }
            let error = scene
                .error(format!("`{word}` starts with a small letter"))
                .help("types, traits, variants and type parameters start with a capital");
            Some(
                if instead.starts_with(|first: char| first.is_ascii_alphabetic()) {
                    error.edit(scene.span(0), instead)
                } else {
                    error
                },
            )
        }
        Token::Upper(_) if scene.expects("IDENT") && !scene.expects("UPPER") => {
            let error = scene
                .error(format!("`{word}` starts with a capital"))
                .help("only types, traits, variants and type parameters do");
            Some(error.edit(scene.span(0), small(word)))
        }
        _ => None,
    }
}

/// `maxSize`, `MaxSize` and `MAX_SIZE` as `max_size`.
pub fn small(word: &str) -> String {
    let mut out = String::new();
    let mut after_small = false;
    for letter in word.chars() {
        if letter.is_ascii_uppercase() && after_small {
            out.push('_');
        }
        after_small = letter.is_ascii_lowercase() || letter.is_ascii_digit();
        out.push(letter.to_ascii_lowercase());
    }
    out
}
