//! Habits in types: small names, lists and options as other languages write them.

use super::Habit;
use crate::diagnostic::Diagnostic;
use crate::lexer::Token;
use crate::parser::explain::Scene;

pub const HABITS: &[Habit] = &[
    trait_as_type,
    mut_before_type,
    small_type,
    list_in_brackets,
    list_behind,
    option_before,
    union_type,
    result_without_arrow,
    variants_of_alias,
    fields_of_alias,
];

/// What a type of another language is called here.
pub fn type_of_elsewhere(word: &str) -> Option<&'static str> {
    Some(match word {
        "int" | "integer" | "long" | "short" | "byte" | "number" | "usize" | "isize" => "Int",
        "i8" | "i16" | "i32" | "i64" | "u8" | "u16" | "u32" | "u64" | "int32" | "int64" => "Int",
        "float" | "double" | "real" | "f32" | "f64" | "float32" | "float64" => "Float",
        "string" | "str" | "text" => "String",
        "bool" | "boolean" => "Bool",
        "char" | "rune" | "character" => "Char",
        "void" | "unit" => "()",
        "list" | "vec" | "array" => "List",
        "map" | "dict" | "hashmap" => "Map",
        "set" => "Set",
        _ => return None,
    })
}

/// `x: int`, `-> void`: a name in small letters stands for a module, so a `.` was expected behind it.
fn small_type(scene: &Scene<'_>) -> Option<Diagnostic> {
    let only_dot = scene.stop.expected == ["\".\""];
    // Behind `is` stands a pattern, which may begin with the name of a module, too.
    let pattern = scene.at(-2) == Some(&Token::Is);
    if !only_dot || pattern || !matches!(scene.at(-1), Some(Token::Ident(_))) {
        return None;
    }
    let word = scene.word(-1);
    let error = Diagnostic::error("E0202", format!("there is no type `{word}`"))
        .at(scene.span(-1), "types start with a capital");
    Some(match type_of_elsewhere(word) {
        Some(instead) => error
            .help(format!("it is `{instead}` here"))
            .edit(scene.span(-1), instead),
        None if matches!(word, "any" | "object" | "dynamic" | "auto" | "var") => error.help(
            "every value has one type; a function for many types has a parameter: `fn f[T](x: T)`",
        ),
        None => error.help("`Int`, `Float`, `Bool`, `String`, `List[Int]`, `Map[String, Int]`"),
    })
}

/// `kv: mut Kv`.
fn mut_before_type(scene: &Scene<'_>) -> Option<Diagnostic> {
    let named =
        scene.at(-1) == Some(&Token::Colon) && matches!(scene.at(-2), Some(Token::Ident(_)));
    let found = scene.at(0) == Some(&Token::Mut) && scene.expects("Self") && named;
    (found && !scene.expects_operand()).then(|| {
        scene
            .error("`mut` stands before the name of a parameter")
            .edit(scene.span(-2).before(), "mut ")
            .edit(scene.span(0).to(scene.span(1).before()), "")
    })
}

/// `a: impl Shape`, `a: dyn Shape`.
fn trait_as_type(scene: &Scene<'_>) -> Option<Diagnostic> {
    let word = match scene.at(0)? {
        Token::Impl if scene.expects("Self") && !scene.expects_operand() => scene.span(0),
        Token::Upper(_) if scene.word(-1) == "dyn" && scene.stop.expected == ["\".\""] => {
            scene.span(-1)
        }
        _ => return None,
    };
    let error = Diagnostic::error("E0202", "a trait is a bound, not a type").at(word, "");
    Some(error.help(
        "a function for all types that have it has a parameter: `fn f[T: Shape](shape: T)`; several types in one value are an `enum`",
    ))
}

/// `[Int]`, `[]Int`, `[String: Int]`.
fn list_in_brackets(scene: &Scene<'_>) -> Option<Diagnostic> {
    if scene.at(0) != Some(&Token::LBracket) || !scene.expects("Self") || scene.expects_operand() {
        return None;
    }
    let close = scene.groups.partner(scene.stop.index);
    let inside = scene.text[scene.span(0).end as usize..scene.span_at(close).start as usize].trim();
    let error = scene.error("a list type is written `List[T]`");
    Some(match (inside, scene.tokens.get(close + 1)) {
        ("", Some((_, Token::Upper(name), _))) => error.edit(
            scene.span(0).to(scene.span_at(close + 1)),
            format!("List[{name}]"),
        ),
        ("", _) => error.help("`List[Int]`"),
        _ if inside.contains(':') => {
            let map = format!("Map[{}]", inside.replacen(':', ",", 1));
            let whole = scene.span(0).to(scene.span_at(close));
            let mut error = error.edit(whole, map);
            error.title = "a map type is written `Map[K, V]`".into();
            error
        }
        _ => error.edit(scene.span(0).before(), "List"),
    })
}

/// `Int[]`.
fn list_behind(scene: &Scene<'_>) -> Option<Diagnostic> {
    let empty = scene.at(0) == Some(&Token::RBracket) && scene.at(-1) == Some(&Token::LBracket);
    if !empty || !scene.expects("Self") || !matches!(scene.at(-2), Some(Token::Upper(_))) {
        return None;
    }
    let whole = scene.span(-2).to(scene.span(0));
    let error = scene.error("a list type is written `List[T]`");
    Some(error.edit(whole, format!("List[{}]", scene.word(-2))))
}

/// `?Int`.
fn option_before(scene: &Scene<'_>) -> Option<Diagnostic> {
    let found = scene.at(0) == Some(&Token::Question)
        && scene.expects("Self")
        && !scene.expects_operand()
        && matches!(scene.at(1), Some(Token::Upper(_)));
    found.then(|| {
        let whole = scene.span(0).to(scene.span(1));
        let error = scene.error("an option is written `T?`");
        error.edit(whole, format!("{}?", scene.word(1)))
    })
}

/// `Int | None`, `Int | null`.
fn union_type(scene: &Scene<'_>) -> Option<Diagnostic> {
    let found = scene.at(0) == Some(&Token::Bar)
        && !scene.expects_operator()
        && matches!(scene.at(-1), Some(Token::Upper(_)))
        && matches!(scene.at(-2), Some(Token::Colon | Token::Arrow));
    found.then(|| {
        let error = scene.error("there are no unions of types");
        match scene.word(1) {
            "None" | "null" | "nil" | "undefined" => error
                .help("a value that may be missing has an option's type")
                .edit(scene.span(-1).after().to(scene.span(1)), "?"),
            _ => error
                .help("an `enum` has a variant for each: `enum Id { Number(Int), Name(String) }`"),
        }
    })
}

/// `fn f() Int {`.
fn result_without_arrow(scene: &Scene<'_>) -> Option<Diagnostic> {
    let starts = match scene.at(0)? {
        Token::Upper(_) | Token::LParen | Token::SelfType => true,
        Token::Ident(name) => type_of_elsewhere(name).is_some(),
        _ => false,
    };
    let found = starts && scene.expects("->") && scene.at(-1) == Some(&Token::RParen);
    found.then(|| {
        scene
            .error("the result of a function follows `->`")
            .help("write `-> Type`")
            .edit(scene.span(0).before(), "-> ")
    })
}

/// `type Shape = Circle | Square`.
fn variants_of_alias(scene: &Scene<'_>) -> Option<Diagnostic> {
    let found = scene.at(0) == Some(&Token::Bar) && scene.unit_starts_with(&Token::Type);
    found.then(|| {
        scene
            .error("`type` gives another name to one type")
            .help("a type of several variants is an `enum`: `enum Shape { Circle(Float), Square(Float) }`")
    })
}

/// `type Point = {`, `type Point struct {`.
fn fields_of_alias(scene: &Scene<'_>) -> Option<Diagnostic> {
    let named = matches!(
        scene.tokens.get(scene.unit.start + 1),
        Some((_, Token::Upper(_), _))
    );
    if !named || !scene.unit_starts_with(&Token::Type) {
        return None;
    }
    let brace = match (scene.at(0)?, scene.at(1)) {
        (Token::LBrace, _) => scene.span(0),
        (Token::Struct, Some(Token::LBrace)) => scene.span(1),
        _ => return None,
    };
    let word = scene.span_at(scene.unit.start);
    let name = scene.span_at(scene.unit.start + 1);
    let error = scene.error("a type with fields is a `struct`");
    Some(
        error
            .edit(word, "struct")
            .edit(name.after().to(brace.before()), " "),
    )
}
