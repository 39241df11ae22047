//! Numbers: the operations that need more than one machine instruction, and numbers as text.

use cop_bytecode::TrapKind;
use cop_bytecode::limits::NAN_BITS;

use crate::machine::{Run, trap};

/// The power; a negative exponent is no argument.
pub fn power(base: i64, exponent: i64) -> Run<i64> {
    if exponent < 0 {
        return trap(TrapKind::InvalidArgument, exponent, 0);
    }
    let (mut result, mut square, mut bits) = (Some(1i64), Some(base), exponent);
    loop {
        if bits & 1 == 1 {
            result = result.and_then(|result| result.checked_mul(square?));
        }
        bits >>= 1;
        if bits == 0 {
            return checked(result, base, exponent);
        }
        square = square.and_then(|square| square.checked_mul(square));
    }
}

/// `/` of integers.
#[inline]
pub fn divide(left: i64, right: i64) -> Run<i64> {
    match left.checked_div(right) {
        Some(quotient) => Ok(quotient),
        None if right == 0 => trap(TrapKind::DivisionByZero, left, 0),
        None => trap(TrapKind::IntegerOverflow, left, right),
    }
}

/// `%` of integers; `min % -1` is 0.
#[inline]
pub fn remainder(left: i64, right: i64) -> Run<i64> {
    if right == 0 {
        trap(TrapKind::DivisionByZero, left, 0)
    } else {
        Ok(left.wrapping_rem(right))
    }
}

/// An amount of a shift or rotation.
#[inline]
pub fn amount(by: i64) -> Run<u32> {
    match u32::try_from(by) {
        Ok(amount) if amount < 64 => Ok(amount),
        _ => trap(TrapKind::ShiftOutOfRange, by, 0),
    }
}

/// A result, or the trap for one beyond 64 bits.
#[inline]
pub fn checked(result: Option<i64>, left: i64, right: i64) -> Run<i64> {
    match result {
        Some(result) => Ok(result),
        None => trap(TrapKind::IntegerOverflow, left, right),
    }
}

/// Total order of floats: NaN equals itself and is greatest, zeros are equal.
pub fn compare(left: f64, right: f64) -> i64 {
    match left.partial_cmp(&right) {
        Some(order) => order as i64,
        None => i64::from(left.is_nan()) - i64::from(right.is_nan()),
    }
}

/// The lesser float; NaN when either is, and `-0.0` below `0.0`.
pub fn min(left: f64, right: f64) -> f64 {
    if left.is_nan() || right.is_nan() {
        f64::NAN
    } else if left == right {
        if left.is_sign_negative() { left } else { right }
    } else if left < right {
        left
    } else {
        right
    }
}

/// The greater float; NaN when either is, and `-0.0` below `0.0`.
pub fn max(left: f64, right: f64) -> f64 {
    if left.is_nan() || right.is_nan() {
        f64::NAN
    } else if left == right {
        if left.is_sign_negative() { right } else { left }
    } else if left > right {
        left
    } else {
        right
    }
}

/// A float as an integer, cut towards zero; none for NaN and what is outside.
pub fn to_integer(float: f64) -> Option<i64> {
    // -2^63 is a float; 2^63 is the first that is too large.
    (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0)
        .contains(&float)
        .then_some(float as i64)
}

/// Bits of a float, those of the one NaN for every NaN.
pub fn to_bits(float: f64) -> u64 {
    if float.is_nan() {
        NAN_BITS
    } else {
        float.to_bits()
    }
}

/// Reads an optional `-` and decimal digits.
pub fn parse_integer(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.is_empty() {
        return None;
    }
    // Down from zero, since the least number has no opposite.
    let least = digits.iter().try_fold(0i64, |sum, digit| {
        let digit = digit.is_ascii_digit().then(|| i64::from(digit - b'0'))?;
        sum.checked_mul(10)?.checked_sub(digit)
    })?;
    if negative {
        Some(least)
    } else {
        least.checked_neg()
    }
}

/// Reads `[-] D+ [. D+] [(e|E) [+|-] D+]`, `inf`, `-inf` or `NaN`, correctly rounded.
pub fn parse_float(text: &[u8]) -> Option<f64> {
    match text {
        b"inf" => return Some(f64::INFINITY),
        b"-inf" => return Some(f64::NEG_INFINITY),
        b"NaN" => return Some(f64::NAN),
        _ => {}
    }
    fn digits(text: &[u8]) -> Option<&[u8]> {
        let count = text.iter().take_while(|b| b.is_ascii_digit()).count();
        (count > 0).then(|| &text[count..])
    }
    let mut rest = digits(text.strip_prefix(b"-").unwrap_or(text))?;
    if let [b'.', fraction @ ..] = rest {
        rest = digits(fraction)?;
    }
    if let [b'e' | b'E', exponent @ ..] = rest {
        let exponent = match exponent {
            [b'+' | b'-', digits @ ..] => digits,
            digits => digits,
        };
        rest = digits(exponent)?;
    }
    if !rest.is_empty() {
        return None;
    }
    // The standard library rounds correctly and accepts all of this form.
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Appends a float as `Show` writes it: the shortest decimal that reads back the same, the closest of those;
/// with a point for zero and `1e-5 <= |x| < 1e16`, else with an exponent.
pub fn show_float(out: &mut String, float: f64) {
    if float.is_nan() {
        return out.push_str("NaN");
    }
    if float.is_sign_negative() {
        out.push('-');
    }
    if float.is_infinite() {
        return out.push_str("inf");
    }
    if float == 0.0 {
        return out.push_str("0.0");
    }
    // `{:e}` gives the shortest digits, as `d.ddde-n`; only its layout is not ours.
    let scientific = format!("{:e}", float.abs());
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let digits: String = mantissa.chars().filter(|c| *c != '.').collect();
    if (-5..16).contains(&exponent) {
        if exponent < 0 {
            out.push_str("0.");
            out.extend(std::iter::repeat_n('0', (-exponent - 1) as usize));
            out.push_str(&digits);
        } else {
            let whole = exponent as usize + 1;
            if digits.len() <= whole {
                out.push_str(&digits);
                out.extend(std::iter::repeat_n('0', whole - digits.len()));
                out.push_str(".0");
            } else {
                out.push_str(&digits[..whole]);
                out.push('.');
                out.push_str(&digits[whole..]);
            }
        }
    } else {
        let (first, rest) = digits.split_at(1);
        out.push_str(first);
        out.push('.');
        out.push_str(if rest.is_empty() { "0" } else { rest });
        out.push('e');
        out.push_str(&exponent.to_string());
    }
}

/// A float with that many digits after the point (0 to 100), correctly rounded, ties to even.
pub fn format_float(float: f64, digits: i64) -> Run<String> {
    let count = match usize::try_from(digits) {
        Ok(count) if count <= 100 => count,
        _ => return trap(TrapKind::InvalidArgument, digits, 0),
    };
    let mut text = String::new();
    if float.is_finite() {
        // The standard library rounds the exact value, ties to even.
        text = format!("{float:.count$}");
    } else {
        show_float(&mut text, float);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(float: f64) -> String {
        let mut text = String::new();
        show_float(&mut text, float);
        text
    }

    #[test]
    fn floats_as_text() {
        let cases = [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (0.1, "0.1"),
            (12_345_678.9, "12345678.9"),
            (1e15, "1000000000000000.0"),
            (9_007_199_254_740_993.0, "9007199254740992.0"),
            (9_999_999_999_999_998.0, "9999999999999998.0"),
            (1e16, "1.0e16"),
            (1.5e300, "1.5e300"),
            (1e-5, "0.00001"),
            (1.25e-5, "0.0000125"),
            (9.9e-6, "9.9e-6"),
            (2.5e-7, "2.5e-7"),
            (5e-324, "5.0e-324"),
            (f64::MAX, "1.7976931348623157e308"),
            (-1.5, "-1.5"),
            (100.0, "100.0"),
            (123.456, "123.456"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "NaN"),
            (-f64::NAN, "NaN"),
        ];
        for (float, text) in cases {
            assert_eq!(shown(float), text);
            let back = parse_float(text.as_bytes()).unwrap();
            assert_eq!(to_bits(back), to_bits(float), "{text}");
        }
    }

    #[test]
    fn floats_from_text() {
        for bad in [
            "", "-", ".5", "1.", "1.e5", "1e", "1e+", "+1", " 1", "1 ", "1_0", "0x1", "nan", "Inf",
            "infinity", "-NaN",
        ] {
            assert_eq!(parse_float(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(parse_float(b"007"), Some(7.0));
        assert_eq!(parse_float(b"1E+2"), Some(100.0));
        assert_eq!(parse_float(b"1e999999999999999999999"), Some(f64::INFINITY));
        assert_eq!(
            parse_float(b"-1e-999999999999999999999").map(f64::to_bits),
            Some((-0.0f64).to_bits())
        );
    }

    #[test]
    fn fixed_digits_round_ties_to_even() {
        let format = |x, n| format_float(x, n).unwrap();
        assert_eq!(format(0.5, 0), "0");
        assert_eq!(format(1.5, 0), "2");
        assert_eq!(format(2.5, 0), "2");
        assert_eq!(format(0.125, 2), "0.12");
        assert_eq!(format(0.375, 2), "0.38");
        assert_eq!(format(-0.0, 2), "-0.00");
        assert_eq!(format(1e21, 1), "1000000000000000000000.0");
        assert_eq!(format(f64::NAN, 3), "NaN");
        assert_eq!(format(0.1, 20), "0.10000000000000000555");
        assert!(format_float(1.0, 101).is_err());
        assert!(format_float(1.0, -1).is_err());
        assert_eq!(format(1.0, 100).len(), 102);
    }

    #[test]
    fn integers_from_text() {
        assert_eq!(parse_integer(b"-9223372036854775808"), Some(i64::MIN));
        assert_eq!(parse_integer(b"9223372036854775807"), Some(i64::MAX));
        assert_eq!(parse_integer(b"9223372036854775808"), None);
        assert_eq!(parse_integer(b"-007"), Some(-7));
        for bad in ["", "-", "+1", "--1", "1a", " 1", "1_000"] {
            assert_eq!(parse_integer(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn order_of_floats() {
        assert_eq!(compare(f64::NAN, f64::NAN), 0);
        assert_eq!(compare(f64::NAN, f64::INFINITY), 1);
        assert_eq!(compare(1.0, f64::NAN), -1);
        assert_eq!(compare(-0.0, 0.0), 0);
        assert!(min(0.0, -0.0).is_sign_negative() && min(-0.0, 0.0).is_sign_negative());
        assert!(max(0.0, -0.0).is_sign_positive() && max(-0.0, 0.0).is_sign_positive());
        assert!(min(f64::NAN, 1.0).is_nan() && max(1.0, f64::NAN).is_nan());
    }

    #[test]
    fn floats_to_integers_just_under_and_over() {
        assert_eq!(
            to_integer(9_223_372_036_854_774_784.0),
            Some(9_223_372_036_854_774_784)
        );
        assert_eq!(to_integer(9_223_372_036_854_775_808.0), None);
        assert_eq!(to_integer(-9_223_372_036_854_775_808.0), Some(i64::MIN));
        assert_eq!(to_integer(-9_223_372_036_854_777_856.0), None);
        assert_eq!(to_integer(f64::NAN), None);
        assert_eq!(to_integer(-0.9), Some(0));
    }
}
