//! What names of other languages' libraries are called here.

/// What to say of a name that is not known here but elsewhere, and what can be typed in its place.
pub(super) struct Elsewhere {
    pub help: &'static str,
    pub instead: Option<&'static str>,
}

/// A function, value or word that other languages have.
pub(super) fn name(word: &str) -> Option<Elsewhere> {
    let (help, instead) = match word {
        "null" | "nil" | "none" | "undefined" => ("a missing value is `None`", Some("None")),
        "some" => ("variants start with a capital", Some("Some")),
        "ok" => ("variants start with a capital", Some("Ok")),
        "err" => ("variants start with a capital", Some("Err")),
        "this" => (
            "the value that a method is called on is `self`",
            Some("self"),
        ),
        "println" | "printf" | "puts" | "echo" | "puts_line" | "console_log" => {
            ("a line is printed by `print`", Some("print"))
        }
        "console" | "fmt" | "System" | "io" | "stdout" => {
            ("a line is printed by `print(value)`", None)
        }
        "len" | "length" | "size" | "count" => ("it is a method: `xs.len()`", None),
        "str" | "string" | "to_string" | "repr" => (
            "the text of a value is `value.show()`, or `\"${value}\"`",
            None,
        ),
        "int" | "parseInt" | "atoi" => (
            "`Int.parse(text)` gives an option; `x.to_int()` cuts a `Float`",
            None,
        ),
        "float" | "parseFloat" | "atof" => (
            "`Float.parse(text)` gives an option; `n.to_float()` is for an `Int`",
            None,
        ),
        "bool" => ("compare: `n != 0`, `xs.len() > 0`", None),
        "range" | "xrange" => ("a range is `0..n`, or `0..=n` with its end", None),
        "enumerate" => ("it is a method: `for (i, x) in xs.enumerate()`", None),
        "sorted" | "reversed" | "sum" | "min" | "max" | "abs" | "zip" | "map" | "filter"
        | "any" | "all" | "join" | "sqrt" | "floor" | "ceil" | "round" | "pow" => {
            ("it is a method: the value stands before the point", None)
        }
        "format" | "sprintf" => ("values stand in the string: `\"${name} is ${age}\"`", None),
        "assert_eq" | "assertEquals" | "expect" => ("write `assert(left == right)`", None),
        "exit" | "quit" | "abort" => (
            "a program ends with its entry point: return, or `panic(\"why\")`",
            None,
        ),
        "require" | "include" => (
            "a module is imported at the top: `import json from \"std/json\"`",
            None,
        ),
        "pass" | "noop" => ("a block may be empty: `{}`", None),
        "move" => (
            "lambdas take what they need by themselves: leave it out",
            None,
        ),
        "isinstance" | "typeof" | "type_of" => (
            "types are known when the program is compiled; `value is Variant` looks at an enum",
            None,
        ),
        "input" | "prompt" | "readline" | "gets" => (
            "a command takes its arguments: `fn main(args: List[String])`",
            None,
        ),
        "chr" | "ord" => ("`Char.from_code(n)` and `c.code()`", None),
        "except" | "finally" | "raise" | "throw" => (
            "there are no exceptions: `return Err(error)` hands an error to the caller",
            None,
        ),
        _ => return None,
    };
    Some(Elsewhere { help, instead })
}

/// A type that other languages have, and that is no other name of one of ours.
pub(super) fn type_(word: &str) -> Option<&'static str> {
    Some(match word {
        "Box" | "Rc" | "Arc" | "Ref" | "Ptr" | "Pointer" | "Cell" | "RefCell" => {
            "values need no boxes: a type may hold itself in an option or a list"
        }
        "Void" | "Unit" | "Nothing" => {
            "a function without a result declares none; its type is `()`"
        }
        "Any" | "Object" | "Dynamic" => {
            "every value has one type; a function for many types has a parameter: `fn f[T](x: T)`"
        }
        "Exception" | "Throwable" => "errors are values: `Result[T, E]`",
        "Optional" | "Maybe" | "Nullable" => "an option is written `T?`",
        "Tuple" | "Pair" => "a tuple type is written `(Int, String)`",
        "Function" | "Func" | "Callable" | "Closure" => {
            "a function type is written `fn(Int) -> Int`"
        }
        "Date" | "DateTime" | "Instant" | "Duration" => "times are in `std/time`",
        "Math" | "Console" | "System" => {
            "functions on numbers are methods: `x.sqrt()`; a line is printed by `print`"
        }
        _ => return None,
    })
}

/// A method of other languages: what it is called here, if it is a method here too; else what to write.
pub(super) fn method(word: &str) -> Option<Result<&'static str, &'static str>> {
    Some(match word {
        "includes" | "has" | "contains_key" | "has_key" | "containsKey" | "hasKey" => {
            Ok("contains")
        }
        "strip" | "trimmed" => Ok("trim"),
        "is_whitespace" | "isWhitespace" | "isspace" | "is_white_space" => Ok("is_space"),
        "is_alphabetic" | "isLetter" | "isalpha" | "is_ascii_alphabetic" => Ok("is_letter"),
        "is_numeric" | "isDigit" | "isdigit" | "is_ascii_digit" => Ok("is_digit"),
        "is_uppercase" | "isUpperCase" | "isupper" => Ok("is_upper"),
        "is_lowercase" | "isLowerCase" | "islower" => Ok("is_lower"),
        "delete" | "del" | "erase" | "discard" => Ok("remove"),
        "scan" | "list" => Ok("keys"),
        "charCodeAt" | "codePointAt" => Err("`text.chars()[i].code()`"),
        "concat" | "addAll" | "push_all" | "append_all" => Ok("extend"),
        "unshift" | "push_front" => Err("`xs.insert(0, value)`"),
        "shift" | "pop_front" => Err("`xs.remove(0)`; `std/collections` has a queue"),
        "empty" => Ok("is_empty"),
        "parse" | "to_i" | "toInt" | "parse_int" | "parseInt" => {
            Err("`Int.parse(text)`, and `Float.parse(text)`, give an option")
        }
        "trim_right" | "rstrip" | "trimEnd" | "trimRight" => Ok("trim_end"),
        "trim_left" | "lstrip" | "trimStart" | "trimLeft" => Ok("trim_start"),
        "pad_left" | "padStart" | "padLeft" | "rjust" => Ok("pad_start"),
        "pad_right" | "padEnd" | "padRight" | "ljust" => Ok("pad_end"),
        "startswith" | "has_prefix" => Ok("starts_with"),
        "endswith" | "has_suffix" => Ok("ends_with"),
        "find" | "position" | "indexOf" => Ok("index_of"),
        "substring" | "substr" | "slice" => {
            Err("a part is taken with a range: `text[1..3]`, `xs[1..3]`")
        }
        "charAt" | "char_at" => Err("`text.chars()[i]`"),
        "forEach" | "for_each" | "each" => Err("write `for x in xs { … }`"),
        "entries" | "items" | "iteritems" => {
            Err("`for (key, value) in map` walks a map, `xs.enumerate()` a list with positions")
        }
        "iter" | "into_iter" | "iterator" | "collect" | "toList" | "to_vec" | "toArray" => {
            Err("lists are walked as they are: leave it out")
        }
        "clone" | "copy" | "to_owned" | "as_str" | "deref" | "borrow" => {
            Err("every value is passed as if copied: leave it out")
        }
        "reduce" | "inject" | "foldl" | "fold_left" => Ok("fold"),
        "flatMap" => Ok("flat_map"),
        "some" => Ok("any"),
        "every" => Ok("all"),
        "pop_back" | "removeLast" => Ok("pop"),
        "is_none" | "isNone" | "isNull" => Err("write `value is None`"),
        "is_some" | "isSome" | "isPresent" => Err("write `value is Some(_)`"),
        "is_ok" => Err("write `value is Ok(_)`"),
        "is_err" => Err("write `value is Err(_)`"),
        "unwrap_or" | "getOrElse" | "or_else" | "orElse" => {
            Err("what stands for a missing value follows `??`: `value ?? other`")
        }
        "format" => Err("values stand in the string: `\"${name} is ${age}\"`"),
        "min_by" | "max_by" | "minBy" | "maxBy" => {
            Err("`import lists from \"std/lists\"`, then `lists.min_by(xs, |x| key)`")
        }
        "form" => Err("`import { form } from \"std/web\"`, then `form(req.text() ?? \"\")`"),
        "json" => Err(
            "`import json from \"std/json\"`, then `json.decode(req.text() ?? \"\")` where a type is written",
        ),
        "equals" | "compareTo" => Err("compare with `==` and `<`"),
        _ => return None,
    })
}
