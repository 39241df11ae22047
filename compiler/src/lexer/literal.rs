//! Numbers and escapes: from their text to their value, or to what is wrong with it.

use super::token::Integer;

/// What is wrong with a literal.
#[derive(Debug, PartialEq)]
pub struct Fault {
    pub code: &'static str,
    pub title: String,
    pub help: String,
    /// How the literal should be written, if that can be told.
    pub instead: Option<String>,
}

/// The value of a number.
#[derive(Debug, PartialEq)]
pub enum Number {
    Int(Integer),
    Float(f64),
}

fn malformed(title: &str, help: &str, instead: Option<String>) -> Fault {
    Fault {
        code: "E0103",
        title: title.into(),
        help: help.into(),
        instead,
    }
}

/// The value of a number as it was written, without a sign.
pub fn number(text: &str) -> Result<Number, Fault> {
    if let Some(value) = plain(text) {
        return Ok(Number::Int(Integer::Decimal(value)));
    }
    match text.get(..2) {
        Some("0x" | "0X") => bits(text, 16, "hexadecimal"),
        Some("0b" | "0B") => bits(text, 2, "binary"),
        Some("0o" | "0O") => bits(text, 8, "octal"),
        _ => decimal(text),
    }
}

/// The value of a number that is nothing but a few digits, as most are.
fn plain(text: &str) -> Option<i64> {
    let leading_zero = text.len() > 1 && text.starts_with('0');
    // What is longer may not fit.
    if text.is_empty() || text.len() > 18 || leading_zero {
        return None;
    }
    text.bytes().try_fold(0, |value, byte| {
        let digit = byte.wrapping_sub(b'0');
        (digit < 10).then(|| value * 10 + i64::from(digit))
    })
}

fn bits(text: &str, radix: u32, kind: &str) -> Result<Number, Fault> {
    let (prefix, digits) = text.split_at(2);
    if prefix != prefix.to_ascii_lowercase() {
        let instead = format!("{}{digits}", prefix.to_ascii_lowercase());
        return Err(malformed(
            "the prefix of a number is a small letter",
            "write it small",
            Some(instead),
        ));
    }
    let digits_help = match radix {
        2 => "the digits are `0` and `1`",
        8 => "the digits are `0` to `7`",
        _ => "the digits are `0` to `9` and `a` to `f`",
    };
    if let Some(wrong) = digits
        .chars()
        .find(|digit| *digit != '_' && !digit.is_digit(radix))
    {
        return Err(malformed(
            &format!("`{wrong}` is not a {kind} digit"),
            digits_help,
            None,
        ));
    }
    check_underscores(text, digits)?;
    match u64::from_str_radix(&digits.replace('_', ""), radix) {
        Ok(value) => Ok(Number::Int(Integer::Bits(value as i64))),
        Err(_) => Err(Fault {
            code: "E0104",
            title: "number does not fit in 64 bits".into(),
            help: format!("a {kind} number is a pattern of 64 bits"),
            instead: None,
        }),
    }
}

fn decimal(text: &str) -> Result<Number, Fault> {
    let foreign = |c: char| !matches!(c, '0'..='9' | '_' | '.' | 'e' | 'E' | '+' | '-');
    if let Some(at) = text.find(foreign) {
        let instead = text[..at]
            .trim_end_matches(['_', 'e', 'E', '.'])
            .to_string();
        let help = "numbers have no suffix: `1` is an `Int`, `1.0` a `Float`";
        return Err(malformed(
            "a letter follows directly after a number",
            help,
            Some(instead),
        ));
    }
    if text.contains('E') {
        let help = "write the exponent with a small `e`";
        return Err(malformed(
            "the `e` of an exponent is a small letter",
            help,
            Some(text.replace('E', "e")),
        ));
    }
    let (mantissa, exponent) = text
        .split_once('e')
        .map_or((text, None), |(before, after)| (before, Some(after)));
    let (whole, fraction) = mantissa
        .split_once('.')
        .map_or((mantissa, None), |(before, after)| (before, Some(after)));
    check_underscores(text, whole)?;
    if let Some(fraction) = fraction {
        check_underscores(text, fraction)?;
    }
    if let Some(exponent) = exponent {
        let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            let help = "digits follow the `e` of an exponent: `2e10`, `6.02e-23`";
            return Err(malformed("the exponent is not a number", help, None));
        }
    }
    if whole.len() > 1 && whole.starts_with('0') {
        let rest = whole.trim_start_matches(['0', '_']);
        let whole_instead = if rest.is_empty() { "0" } else { rest };
        let instead = format!("{whole_instead}{}", &text[whole.len()..]);
        return Err(malformed(
            "a number starts with `0`",
            "for an octal number write `0o`",
            Some(instead),
        ));
    }
    let digits = text.replace('_', "");
    if fraction.is_some() || exponent.is_some() {
        return match digits.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(Number::Float(value)),
            _ => Err(Fault {
                code: "E0104",
                title: "number is too large for a `Float`".into(),
                help: "the largest is `Float.max_value`; `Float.infinity` lies beyond it".into(),
                instead: None,
            }),
        };
    }
    match digits.parse::<u64>() {
        Ok(value) if value <= i64::MAX as u64 => Ok(Number::Int(Integer::Decimal(value as i64))),
        Ok(value) if value == 1 << 63 => Ok(Number::Int(Integer::MinMagnitude)),
        _ => Err(Fault {
            code: "E0104",
            title: "number does not fit in an `Int`".into(),
            help: "the largest is 9223372036854775807; a `Float` is written with a point".into(),
            instead: None,
        }),
    }
}

/// A single `_` may stand between two digits.
fn check_underscores(text: &str, digits: &str) -> Result<(), Fault> {
    if digits.is_empty() {
        return Err(malformed(
            "digits are missing",
            "a prefix or point is followed by digits",
            None,
        ));
    }
    if digits.split('_').all(|part| !part.is_empty()) {
        return Ok(());
    }
    let tidy: Vec<&str> = digits.split('_').filter(|part| !part.is_empty()).collect();
    let instead = (!tidy.is_empty()).then(|| text.replacen(digits, &tidy.join("_"), 1));
    Err(malformed(
        "`_` stands beside no digit",
        "a single `_` may stand between two digits",
        instead,
    ))
}

/// In which literal an escape stands.
#[derive(Clone, Copy, PartialEq)]
pub enum Literal {
    /// `"..."`, text blocks and `'...'`.
    Text,
    /// `b"..."` and `b'...'`.
    Bytes,
}

/// The value of an escape, and how many bytes it takes behind the `\`. `rest` starts behind the `\`.
///
/// On a fault the number of bytes to skip comes with it.
pub fn escape(rest: &str, literal: Literal) -> Result<(char, usize), (Fault, usize)> {
    let first = rest.chars().next();
    let value = match first {
        Some('n') => '\n',
        Some('r') => '\r',
        Some('t') => '\t',
        Some('0') => '\0',
        Some(same @ ('\\' | '"' | '\'')) => same,
        Some('$') if literal == Literal::Text => '$',
        Some('u') if literal == Literal::Text => return unicode(rest),
        Some('x') if literal == Literal::Bytes => return byte(rest),
        Some('x') => {
            let digits: String = rest[1..]
                .chars()
                .take(2)
                .take_while(char::is_ascii_hexdigit)
                .collect();
            let instead = (!digits.is_empty()).then(|| format!("\\u{{{digits}}}"));
            let fault = unknown(
                "`\\x` is an escape of bytes only",
                "a character is `\\u{...}`",
                instead,
            );
            return Err((fault, 1 + digits.len()));
        }
        _ => {
            let title = match first {
                Some(other) if !other.is_control() => format!("`\\{other}` is not an escape"),
                _ => "a lone `\\`".to_string(),
            };
            let help = match literal {
                Literal::Text => {
                    "escapes are `\\n \\r \\t \\0 \\\\ \\\" \\' \\$ \\u{...}`; a `\\` itself is `\\\\`"
                }
                Literal::Bytes => {
                    "escapes are `\\n \\r \\t \\0 \\\\ \\\" \\' \\xNN`; a `\\` itself is `\\\\`"
                }
            };
            return Err((unknown(&title, help, None), first.map_or(0, char::len_utf8)));
        }
    };
    Ok((value, 1))
}

fn unknown(title: &str, help: &str, instead: Option<String>) -> Fault {
    Fault {
        code: "E0107",
        title: title.into(),
        help: help.into(),
        instead,
    }
}

fn unicode(rest: &str) -> Result<(char, usize), (Fault, usize)> {
    let help = "write one to six hexadecimal digits in braces: `\\u{1F600}`";
    let Some(inside) = rest.strip_prefix("u{") else {
        return Err((unknown("`\\u` without braces", help, None), 1));
    };
    let digits = &inside[..inside.bytes().take_while(u8::is_ascii_hexdigit).count()];
    if !inside[digits.len()..].starts_with('}') || digits.is_empty() || digits.len() > 6 {
        return Err((
            unknown("`\\u{...}` is not a number of a character", help, None),
            2 + digits.len(),
        ));
    }
    let size = digits.len() + 3;
    match u32::from_str_radix(digits, 16)
        .ok()
        .and_then(char::from_u32)
    {
        Some(value) => Ok((value, size)),
        None => Err((
            unknown(
                &format!("there is no character `\\u{{{digits}}}`"),
                help,
                None,
            ),
            size,
        )),
    }
}

fn byte(rest: &str) -> Result<(char, usize), (Fault, usize)> {
    let digits = rest
        .get(1..3)
        .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
    match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
        Some(value) => Ok((char::from(value), 3)),
        None => Err((
            unknown(
                "`\\x` is followed by two hexadecimal digits",
                "`\\x0a` is a line break",
                None,
            ),
            1,
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn int(text: &str) -> Integer {
        match number(text) {
            Ok(Number::Int(value)) => value,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn integers() {
        assert_eq!(int("0"), Integer::Decimal(0));
        assert_eq!(int("1_000_000"), Integer::Decimal(1_000_000));
        assert_eq!(int("9223372036854775807"), Integer::Decimal(i64::MAX));
        assert_eq!(int("9223372036854775808"), Integer::MinMagnitude);
        assert_eq!(int("0xffff_ffff_ffff_ffff"), Integer::Bits(-1));
        assert_eq!(int("0b1010"), Integer::Bits(10));
        assert_eq!(int("0o17"), Integer::Bits(15));
    }

    #[test]
    fn floats() {
        assert_eq!(number("6.02e-23"), Ok(Number::Float(6.02e-23)));
        assert_eq!(number("1.0e+3"), Ok(Number::Float(1000.0)));
        assert_eq!(number("2e10"), Ok(Number::Float(2e10)));
        assert_eq!(number("1_0.2_5"), Ok(Number::Float(10.25)));
    }

    #[test]
    fn faults_say_what_to_write_instead() {
        let instead = |text: &str| number(text).expect_err(text).instead;
        assert_eq!(instead("007"), Some("7".into()));
        assert_eq!(instead("00"), Some("0".into()));
        assert_eq!(instead("01.5"), Some("1.5".into()));
        assert_eq!(instead("0XFF"), Some("0xFF".into()));
        assert_eq!(instead("1E5"), Some("1e5".into()));
        assert_eq!(instead("10u32"), Some("10".into()));
        assert_eq!(instead("1.5f"), Some("1.5".into()));
        assert_eq!(instead("1__0"), Some("1_0".into()));
        assert_eq!(instead("1_"), Some("1".into()));
        for text in [
            "0x",
            "0b12",
            "0x1_0000_0000_0000_0000",
            "1e",
            "1e1_0",
            "1e999",
            "9223372036854775809",
            "0xg",
        ] {
            assert_eq!(instead(text), None, "{text}");
        }
    }

    #[test]
    fn escapes() {
        assert_eq!(escape("nx", Literal::Text), Ok(('\n', 1)));
        assert_eq!(escape("u{1F600}!", Literal::Text), Ok(('😀', 8)));
        assert_eq!(escape("xff", Literal::Bytes), Ok(('\u{ff}', 3)));
        assert_eq!(escape("$", Literal::Text), Ok(('$', 1)));
        for text in [
            "",
            "q",
            "é",
            "u",
            "u{",
            "u{}",
            "u{110000}",
            "u{d800}",
            "u{1234567}",
            "x41",
            "\n",
        ] {
            let (_, size) = escape(text, Literal::Text).expect_err(text);
            assert!(text.is_char_boundary(size), "{text}");
        }
        for text in ["$", "u{41}", "x4", "x", "xé1"] {
            let (_, size) = escape(text, Literal::Bytes).expect_err(text);
            assert!(text.is_char_boundary(size), "{text}");
        }
    }
}
