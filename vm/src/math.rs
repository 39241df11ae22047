//! Correctly rounded functions on floats: CORE-MATH, linked in as C (see `vendor/core-math`).
//!
//! The nearest float to the exact value, ties to even, whatever the machine: so these are the same everywhere.
//! NaN comes out with any bits here; it is made canonical where bits can be seen.

#![allow(unsafe_code)] // The functions of C below; nothing else is called.

macro_rules! functions {
    ($($name:ident $c:ident ($($arg:ident)+) $doc:literal;)+) => {
        mod c {
            unsafe extern "C" {
                $(pub fn $c($($arg: f64),+) -> f64;)+
            }
        }
        $(
            #[doc = $doc]
            pub fn $name($($arg: f64),+) -> f64 {
                // SAFETY: the C function takes and gives doubles by value, reads constant tables only, and
                // neither keeps nor frees anything; its signature is the one declared above.
                unsafe { c::$c($($arg),+) }
            }
        )+
    };
}

functions! {
    acos cr_acos (x) "Arc cosine.";
    asin cr_asin (x) "Arc sine.";
    atan cr_atan (x) "Arc tangent.";
    atan2 cr_atan2 (y x) "Angle of the point (x, y).";
    cbrt cr_cbrt (x) "Cube root.";
    cos cr_cos (x) "Cosine.";
    exp cr_exp (x) "e to the x.";
    exp2 cr_exp2 (x) "2 to the x.";
    hypot cr_hypot (x y) "Length of the hypotenuse.";
    ln cr_log (x) "Natural logarithm.";
    log10 cr_log10 (x) "Logarithm to base 10.";
    log2 cr_log2 (x) "Logarithm to base 2.";
    pow cr_pow (x y) "x to the y.";
    sin cr_sin (x) "Sine.";
    tan cr_tan (x) "Tangent.";
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values whose correctly rounded results are known from tables and from the algebra of the functions.
    #[test]
    fn known_values() {
        let cases = [
            (sin(1.0), 0x3fea_ed54_8f09_0cee),
            (cos(1.0), 0x3fe1_4a28_0fb5_068c),
            (tan(1.0), 0x3ff8_eb24_5cbe_e3a6),
            (exp(1.0), 0x4005_bf0a_8b14_5769),
            (ln(2.0), 0x3fe6_2e42_fefa_39ef),
            (log2(10.0), 0x400a_934f_0979_a371),
            (log10(2.0), 0x3fd3_4413_509f_79ff),
            (atan(1.0), 0x3fe9_21fb_5444_2d18),
            (atan2(1.0, -1.0), 0x4002_d97c_7f33_21d2),
            (asin(1.0), 0x3ff9_21fb_5444_2d18),
            (acos(-1.0), 0x4009_21fb_5444_2d18),
            (cbrt(27.0), 3.0f64.to_bits()),
            (exp2(0.5), 0x3ff6_a09e_667f_3bcd),
            (pow(2.0, 0.5), 0x3ff6_a09e_667f_3bcd),
            (pow(10.0, -3.0), 0.001f64.to_bits()),
            (hypot(3.0, 4.0), 5.0f64.to_bits()),
        ];
        for (index, (found, expected)) in cases.iter().enumerate() {
            assert_eq!(found.to_bits(), *expected, "case {index}: {found:e}");
        }
    }

    #[test]
    fn outside_of_the_domain_there_is_nan() {
        assert!(
            ln(-1.0).is_nan()
                && asin(2.0).is_nan()
                && acos(-2.0).is_nan()
                && sin(f64::INFINITY).is_nan()
        );
        assert!(pow(-8.0, 1.0 / 3.0).is_nan());
        assert_eq!(ln(0.0), f64::NEG_INFINITY);
    }

    /// 65,536 arguments per function, spread over all exponents, hashed: what is pinned here is the edition.
    #[test]
    fn vectors() {
        let mut found = String::new();
        type One = fn(f64) -> f64;
        let one: [(&str, One); 12] = [
            ("acos", acos),
            ("asin", asin),
            ("atan", atan),
            ("cbrt", cbrt),
            ("cos", cos),
            ("exp", exp),
            ("exp2", exp2),
            ("ln", ln),
            ("log10", log10),
            ("log2", log2),
            ("sin", sin),
            ("tan", tan),
        ];
        type Two = fn(f64, f64) -> f64;
        let two: [(&str, Two); 3] = [("atan2", atan2), ("hypot", hypot), ("pow", pow)];
        for (name, f) in one {
            found.push_str(&line(name, |x, _| f(x)));
        }
        for (name, f) in two {
            found.push_str(&line(name, f));
        }
        assert_eq!(
            found,
            include_str!("math_vectors.txt"),
            "results have changed: that is another edition"
        );
    }

    fn line(name: &str, f: impl Fn(f64, f64) -> f64) -> String {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = || {
            state ^= state >> 12;
            state ^= state << 25;
            state ^= state >> 27;
            state.wrapping_mul(0x2545_f491_4f6c_dd1d)
        };
        let mut bytes = Vec::new();
        for n in 0..65_536 {
            // Half of the arguments anywhere, half between -32 and 32.
            let [x, y] = [next(), next()].map(|bits| match n % 2 {
                0 => f64::from_bits(bits),
                _ => (bits >> 11) as f64 / (1u64 << 47) as f64 - 32.0,
            });
            let result = f(x, y);
            let bits = if result.is_nan() {
                0x7ff8_0000_0000_0000
            } else {
                result.to_bits()
            };
            bytes.extend_from_slice(&bits.to_le_bytes());
        }
        format!(
            "{name} {}\n",
            cop_bytecode::Hash::tagged("cop math vector", &[&bytes])
        )
    }
}
