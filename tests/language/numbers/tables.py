#!/usr/bin/env python3
"""Writes int_tables.cop and float_tables.cop beside itself: what arithmetic gives, worked out here and not by cop.

Integers are Python's, of any size, cut to 64 bits where the language says so. Floats are those of IEEE 754; functions
that must be correctly rounded are computed with 80 decimal digits and rounded once.
"""

import math
import random
import struct
from decimal import Decimal, getcontext
from pathlib import Path

HERE = Path(__file__).parent
MIN, MAX = -(2**63), 2**63 - 1
chance = random.Random(2517)
getcontext().prec = 80
getcontext().Emax = 10**6
getcontext().Emin = -(10**6)

EDGES = [MIN, MIN + 1, -(2**62), -(2**53) - 1, -(2**32), -10, -3, -2, -1, 0, 1, 2, 3, 7, 10, 63, 64, 2**31, 2**32, 2**53 + 1, 2**62, MAX - 1, MAX]


def cut(n):
    return (n + 2**63) % 2**64 - 2**63


def unsigned(n):
    return n % 2**64


def whole(n):
    """An Int as a literal."""
    return str(n)


def option(n):
    return "None" if n is None else f"Some({n})"


def fits(n):
    return n if MIN <= n <= MAX else None


def pairs(count, second=None, avoid_zero=False):
    found = []
    while len(found) < count:
        a = chance.choice(EDGES) if chance.random() < 0.7 else cut(chance.getrandbits(64))
        b = chance.choice(second or EDGES) if second or chance.random() < 0.7 else cut(chance.getrandbits(64))
        if (a, b) not in found and not (avoid_zero and b == 0):
            found.append((a, b))
    return sorted(found)


def rows(name, values):
    """A function that gives a table, few rows a line."""
    lines, line = [], "       "
    for value in values:
        if len(line) + len(value) > 138:
            lines.append(line)
            line = "       "
        line += f" {value},"
    lines.append(line)
    return "fn table() -> List[%s] {\n    [\n%s\n    ]\n}\n" % (name, "\n".join(lines))


class Page:
    def __init__(self, head):
        self.text = f"//! {head}\n//! Made by tables.py, whose values are Python's. Change that, not this.\n"

    def section(self, title, kind, values, body, extra=""):
        self.text += f"\n//= {title}\n{extra}{rows(kind, values)}\nfn main() {{\n    for {body} }}\n    print(table().len())  // {len(values)}\n}}\n"


def truncated(a, b):
    q = abs(a) // abs(b)
    return q if (a < 0) == (b < 0) else -q


def ints():
    page = Page("Section 7: integers against another implementation.")
    for sign, word, what in (("+", "add", lambda a, b: a + b), ("-", "sub", lambda a, b: a - b), ("*", "mul", lambda a, b: a * b)):
        page.section(
            f"checked and wrapping {word}", "(Int, Int, Int?, Int)",
            [f"({a}, {b}, {option(fits(what(a, b)))}, {cut(what(a, b))})" for a, b in pairs(40)],
            f"(a, b, checked, wrapped) in table() {{\n        assert_eq(a.checked_{word}(b), checked)\n        assert_eq(a {sign}% b, wrapped)\n"
            f"        if checked is Some(n) {{ assert_eq(a {sign} b, n) }}\n   ",
        )
    page.section(
        "division and rest towards zero", "(Int, Int, Int?, Int)",
        [f"({a}, {b}, {option(fits(truncated(a, b)))}, {a - truncated(a, b) * b})" for a, b in pairs(40, avoid_zero=True)],
        "(a, b, quotient, rest) in table() {\n        assert_eq(a.checked_div(b), quotient)\n        assert_eq(a % b, rest)\n"
        "        if quotient is Some(q) { assert_eq(a / b, q) }\n   ",
    )
    page.section(
        "division and rest downwards", "(Int, Int, Int, Int)",
        [f"({a}, {b}, {a // b}, {a % b})" for a, b in pairs(40, avoid_zero=True) if fits(a // b) is not None],
        "(a, b, quotient, rest) in table() {\n        assert_eq(a.div_floor(b), quotient)\n        assert_eq(a.mod_floor(b), rest)\n   ",
    )
    powers = [(a, b) for a in (-10, -3, -2, -1, 0, 1, 2, 3, 7, 10, 2**31, 3037000499, 3037000500, 2097151, 2097152, MIN, MAX) for b in (0, 1, 2, 3, 18, 19, 39, 40, 62, 63, 64)]
    powers = sorted(chance.sample(powers, 60))
    page.section(
        "powers", "(Int, Int, Int?)",
        [f"({a}, {b}, {option(fits(a**b))})" for a, b in powers],
        "(a, b, power) in table() {\n        assert_eq(a.checked_pow(b), power)\n        if power is Some(p) { assert_eq(a.pow(b), p) }\n   ",
    )
    amounts = [0, 1, 2, 31, 32, 33, 62, 63]
    page.section(
        "shifts", "(Int, Int, Int, Int, Int)",
        [f"({a}, {b}, {cut(a << b)}, {a >> b}, {cut(unsigned(a) >> b)})" for a, b in pairs(40, amounts)],
        "(a, n, left, right, zeros) in table() {\n        assert_eq([a << n, a >> n, a >>> n], [left, right, zeros])\n        let mut b = a\n"
        "        b <<= n\n        assert_eq(b, left)\n        b = a\n        b >>= n\n        assert_eq(b, right)\n        b = a\n        b >>>= n\n"
        "        assert_eq(b, zeros)\n   ",
    )
    page.section(
        "rotations", "(Int, Int, Int, Int)",
        [f"({a}, {b}, {cut((unsigned(a) << b | unsigned(a) >> (64 - b)) % 2**64)}, {cut((unsigned(a) >> b | unsigned(a) << (64 - b)) % 2**64)})" for a, b in pairs(30, amounts)],
        "(a, n, left, right) in table() {\n        assert_eq([a.rotate_left(n), a.rotate_right(n)], [left, right])\n   ",
    )
    page.section(
        "bits", "(Int, Int, Int, Int, Int, Int)",
        [f"({a}, {b}, {a & b}, {a | b}, {a ^ b}, {~a})" for a, b in pairs(40)],
        "(a, b, both, either, one, none) in table() {\n        assert_eq([a & b, a | b, a ^ b, ~a], [both, either, one, none])\n   ",
    )
    numbers = EDGES + [cut(chance.getrandbits(64)) for _ in range(20)]
    trailing = lambda n: 64 if n == 0 else (unsigned(n) & -unsigned(n)).bit_length() - 1
    page.section(
        "counting bits", "(Int, Int, Int, Int)",
        [f"({a}, {bin(unsigned(a)).count('1')}, {64 - unsigned(a).bit_length()}, {trailing(a)})" for a in numbers],
        "(n, ones, leading, trailing) in table() {\n        assert_eq([n.count_ones(), n.leading_zeros(), n.trailing_zeros()], [ones, leading, trailing])\n   ",
    )
    page.section(
        "as hexadecimal and back", "(Int, String)",
        [f'({a}, "{unsigned(a):x}")' for a in numbers],
        '(n, text) in table() {\n        assert_eq(n.to_hex(), text)\n        assert_eq(Int.parse_literal("0x" + text), Some(n))\n   ',
    )
    page.section(
        "as text and back", "(Int, String)",
        [f'({a}, "{a}")' for a in numbers],
        "(n, text) in table() {\n        assert_eq(n.show(), text)\n        assert_eq(Int.parse(text), Some(n))\n        assert_eq(Int.parse_literal(text), Some(n))\n   ",
    )
    page.section(
        "unsigned views", "(Int, Int, Ordering, Int, Int)",
        [
            f"({a}, {b}, {'Less' if unsigned(a) < unsigned(b) else 'Greater' if unsigned(a) > unsigned(b) else 'Equal'}, {cut(unsigned(a) // unsigned(b))}, {cut(unsigned(a) % unsigned(b))})"
            for a, b in pairs(40, avoid_zero=True)
        ],
        "(a, b, order, quotient, rest) in table() {\n        assert_eq(a.unsigned_compare(b), order)\n        assert_eq([a.unsigned_div(b), a.unsigned_rem(b)], [quotient, rest])\n   ",
    )
    page.section(
        "order", "(Int, Int, Ordering)",
        [f"({a}, {b}, {'Less' if a < b else 'Greater' if a > b else 'Equal'})" for a, b in pairs(30) + [(MIN, MIN), (0, 0)]],
        "(a, b, order) in table() {\n        assert_eq(a.compare(b), order)\n        assert_eq([a < b, a <= b, a == b, a != b, a >= b, a > b],\n"
        "            [order == Less, order != Greater, order == Equal, order != Equal, order != Less, order == Greater])\n"
        "        assert_eq([a.min(b), a.max(b)], if a < b { [a, b] } else { [b, a] })\n   ",
    )
    page.section(
        "sign and amount", "(Int, Int, Int)",
        [f"({a}, {(a > 0) - (a < 0)}, {abs(a)})" for a in numbers if a != MIN],
        "(n, sign, amount) in table() {\n        assert_eq([n.sign(), n.abs(), n.sign() * n.abs()], [sign, amount, n])\n        assert_eq(-(-n), n)\n   ",
    )
    exact = EDGES + [2**53 - 1, 2**53, 2**53 + 2, 2**53 + 3, 2**54 + 2, 2**54 + 6, 2**62 + 2**8, 2**62 + 2**9, MAX - 511, MAX - 512, MAX - 513]
    page.section(
        "rounded to floats", "(Int, Float)",
        [f"({a}, {literal(float(a))})" for a in exact],
        "(n, x) in table() { assert_eq(n.to_float(), x)",
    )
    cuts = [0.0, -0.0, 0.9999999999999999, -0.9999999999999999, 1.5, -1.5, 2.0**31 + 0.5, 2.0**52 + 0.5, 2.0**53 + 2, -(2.0**63), 2.0**63, 2.0**63 - 1024, -(2.0**63) - 2048, 1e300, -1e300, 5e-324, 4503599627370495.5, 123456789.987654321]
    page.section(
        "cut from floats", "(Float, Int?)",
        [f"({literal(x)}, {option(fits(math.trunc(x)))})" for x in cuts],
        "(x, n) in table() {\n        assert_eq(Int.from_float(x), n)\n        if n is Some(n) { assert_eq(x.to_int(), n) }\n   ",
    )
    (HERE / "int_tables.cop").write_text(page.text)


def literal(x):
    """A Float as an expression."""
    if math.isnan(x):
        return "Float.nan"
    if math.isinf(x):
        return "Float.infinity" if x > 0 else "-Float.infinity"
    text = repr(x)
    return text if "." in text or "e" in text else text + ".0"


def shown(x):
    """A Float as cop prints it, from the shortest digits."""
    if math.isnan(x):
        return "NaN"
    if math.isinf(x):
        return "inf" if x > 0 else "-inf"
    sign = "-" if math.copysign(1.0, x) < 0 else ""
    digits, exponent = repr(abs(x)), 0
    if "e" in digits:
        digits, power = digits.split("e")
        exponent = int(power)
    left, _, right = digits.partition(".")
    exponent += len(left) - 1
    digits = (left + right).rstrip("0") if right.strip("0") or True else left
    stripped = digits.lstrip("0")
    exponent -= len(digits) - len(stripped)
    digits = stripped
    if not digits:
        return sign + "0.0"
    if 1e-5 <= abs(x) < 1e16:
        if exponent < 0:
            return f"{sign}0.{'0' * (-exponent - 1)}{digits}"
        digits = digits.ljust(exponent + 1, "0")
        return f"{sign}{digits[:exponent + 1]}.{digits[exponent + 1:] or '0'}"
    return f"{sign}{digits[0]}.{digits[1:] or '0'}e{exponent}"


FLOATS = [0.0, -0.0, 0.1, -0.1, 0.5, 1.0, -1.0, 1.5, 2.5, -2.5, 1e-5, 9.999999999999999e-6, 1e15, 9999999999999998.0, 1e16, 123456789.125, 2.0**53, 2.0**63,
          1e21, 1.7976931348623157e308, 2.2250738585072014e-308, 5e-324, 1e-300, math.pi, math.inf, -math.inf, math.nan]


def bits(x):
    return cut(int.from_bytes(struct.pack(">d", x), "big")) if not math.isnan(x) else 0x7FF8000000000000


def some_float():
    if chance.random() < 0.5:
        return chance.choice(FLOATS)
    if chance.random() < 0.3:
        x = struct.unpack(">d", chance.getrandbits(64).to_bytes(8, "big"))[0]
        return math.nan if math.isnan(x) else x
    return round(chance.uniform(-1000, 1000), chance.randrange(6))


def float_pairs(count):
    return [(some_float(), some_float()) for _ in range(count)]


def quotient(a, b):
    if b == 0:
        if a == 0 or math.isnan(a) or math.isnan(b):
            return math.nan
        return math.copysign(math.inf, math.copysign(1, a) * math.copysign(1, b))
    return a / b


def rest(a, b):
    if math.isnan(a) or math.isnan(b) or math.isinf(a) or b == 0:
        return math.nan
    return a if math.isinf(b) else math.fmod(a, b)


def sine(x):
    total = term = x
    n = 1
    while abs(term) > Decimal(10) ** -78:
        term = -term * x * x / ((n + 1) * (n + 2))
        total += term
        n += 2
    return total


def cosine(x):
    total = term = Decimal(1)
    n = 0
    while abs(term) > Decimal(10) ** -78:
        term = -term * x * x / ((n + 1) * (n + 2))
        total += term
        n += 2
    return total


def arctangent(x):
    # Halved three times, so that the series runs fast.
    for _ in range(3):
        x = x / (1 + (1 + x * x).sqrt())
    total = power = x
    n = 1
    while abs(power) > Decimal(10) ** -78:
        power = -power * x * x
        n += 2
        total += power / n
    return total * 8


def floats():
    page = Page("Section 7: floats against another implementation.")
    same = "x.to_bits() == y.to_bits()"
    helper = f"fn same(x: Float, y: Float) {{ assert_eq((x, {same}), (y, true)) }}\n\n"
    for sign, title, what in (
        ("+", "sums", lambda a, b: a + b), ("-", "differences", lambda a, b: a - b), ("*", "products", lambda a, b: a * b),
        ("/", "quotients", quotient), ("%", "rests", rest),
    ):
        page.section(
            title, "(Float, Float, Float)",
            [f"({literal(a)}, {literal(b)}, {literal(what(a, b))})" for a, b in float_pairs(40)],
            f"(a, b, c) in table() {{ same(a {sign} b, c)", helper,
        )
    page.section(
        "printing and reading", "(Float, String)",
        [f'({literal(x)}, "{shown(x)}")' for x in FLOATS + [some_float() for _ in range(40)]],
        "(x, text) in table() {\n        assert_eq(x.show(), text)\n        let Some(y) = Float.parse(text) else { panic(text) }\n        same(x, y)\n   ", helper,
    )
    read = ["0", "-0", "1", "00012", "1e5", "1E5", "1e+5", "1e-5", "0.1e1", "123456789012345678901234567890", "1e308", "1e309", "-1e309", "1e-400", "2.4703282292062327e-324",
            "2.4703282292062328e-324", "1.7976931348623158e308", "9007199254740993", "9007199254740993.0000000000000000000001", "0.3", "100000000000000008192.000", "5e-324", "1e00000000000000005"]
    page.section(
        "reading other spellings", "(String, Float)", [f'("{t}", {literal(float(t))})' for t in read],
        "(text, x) in table() {\n        let Some(y) = Float.parse(text) else { panic(text) }\n        same(x, y)\n   ", helper,
    )
    refused = ["", " 1", "1 ", "+1", ".5", "5.", "1e", "1e+", "0x1", "1_000", "--1", "1,5", "Infinity", "INF", "nan", "-NaN", "+inf", "1f", "1.5.1", "e5", "-", "1e5.0", "١"]
    page.section("what reads as no float", "String", [f'"{t}"' for t in refused], "text in table() { assert_eq(Float.parse(text), None)")
    fixed = [(x, d) for x in (0.0, -0.0, 0.5, 1.5, 2.5, -0.5, 0.125, 0.375, 2.675, 1.005, 1e21, 123456.789, 0.1, 1e-10, 5e-324, 999.9995, 9.5, -1.25) for d in (0, 1, 2, 3, 10, 20)]
    page.section(
        "fixed digits", "(Float, Int, String)",
        [f'({literal(x)}, {d}, "{x:.{d}f}")' for x, d in chance.sample(fixed, 60)],
        "(x, digits, text) in table() { assert_eq(x.format(digits), text)",
    )
    up = lambda x, f: x if not math.isfinite(x) else math.copysign(float(f(x)), x)
    away = lambda x: math.copysign(math.floor(abs(Decimal(x)) + Decimal("0.5")), x)
    near = [0.49999999999999994, 0.5, 0.50000000000000011, 1.5, 2.5, 4503599627370495.5, 4503599627370496.0, 4503599627370497.0, 9007199254740993.0, 1e300, 5e-324, 0.0, 1.0, 0.9999999999999999]
    near = [s * x for x in near for s in (1.0, -1.0)] + [math.inf, -math.inf, math.nan]
    page.section(
        "rounding", "(Float, Float, Float, Float, Float)",
        [f"({literal(x)}, {literal(up(x, math.floor))}, {literal(up(x, math.ceil))}, {literal(up(x, math.trunc))}, {literal(up(x, away))})" for x in near],
        "(x, floor, ceil, trunc, round) in table() {\n        same(x.floor(), floor)\n        same(x.ceil(), ceil)\n        same(x.trunc(), trunc)\n        same(x.round(), round)\n   ", helper,
    )
    page.section(
        "bits", "(Float, Int)", [f"({literal(x)}, {bits(x)})" for x in FLOATS + [some_float() for _ in range(10)]],
        "(x, bits) in table() {\n        assert_eq(x.to_bits(), bits)\n        same(Float.from_bits(bits), x)\n   ", helper,
    )
    truth = lambda b: "true" if b else "false"
    page.section(
        "the operators of comparison", "(Float, Float, (Bool, Bool, Bool), (Bool, Bool, Bool))",
        [f"({literal(a)}, {literal(b)}, ({truth(a < b)}, {truth(a <= b)}, {truth(a == b)}), ({truth(a != b)}, {truth(a >= b)}, {truth(a > b)}))" for a, b in float_pairs(30)],
        "(a, b, left, right) in table() {\n        assert_eq((a < b, a <= b, a == b), left)\n        assert_eq((a != b, a >= b, a > b), right)\n   ",
    )

    def order(a, b):
        if math.isnan(a) or math.isnan(b):
            return "Equal" if math.isnan(a) and math.isnan(b) else "Greater" if math.isnan(a) else "Less"
        return "Less" if a < b else "Greater" if a > b else "Equal"

    page.section(
        "the total order", "(Float, Float, Ordering)",
        [f"({literal(a)}, {literal(b)}, {order(a, b)})" for a, b in float_pairs(30) + [(math.nan, math.nan), (0.0, -0.0)]],
        "(a, b, order) in table() {\n        assert_eq(a.compare(b), order)\n        assert_eq((a, 0).compare((b, 0)), order)\n        assert_eq([a] == [b], order == Equal)\n   ",
    )

    def lesser(a, b, sign):
        if math.isnan(a) or math.isnan(b):
            return math.nan
        if a == b == 0:
            return a if math.copysign(1, a) == sign else b
        return min(a, b) if sign < 0 else max(a, b)

    page.section(
        "the smaller and the greater", "(Float, Float, Float, Float)",
        [f"({literal(a)}, {literal(b)}, {literal(lesser(a, b, -1))}, {literal(lesser(a, b, 1))})" for a, b in float_pairs(30) + [(0.0, -0.0), (-0.0, 0.0)]],
        "(a, b, least, most) in table() {\n        same(a.min(b), least)\n        same(a.max(b), most)\n   ", helper,
    )
    positive = [x for x in FLOATS if x > 0 and math.isfinite(x)] + [abs(x) for x in (some_float() for _ in range(60)) if math.isfinite(x) and x != 0][:30]
    page.section(
        "square and cube roots", "(Float, Float, Float)",
        [f"({literal(x)}, {literal(float(Decimal(x).sqrt()))}, {literal(float((Decimal(x).ln() / 3).exp()))})" for x in positive if x not in (1.0,)],
        "(x, square, cube) in table() {\n        same(x.sqrt(), square)\n        same(x.cbrt(), cube)\n        same((-x).cbrt(), -cube)\n   ", helper,
    )
    two = Decimal(2).ln()
    page.section(
        "logarithms", "(Float, Float, Float, Float)",
        [f"({literal(x)}, {literal(float(Decimal(x).ln()))}, {literal(float(Decimal(x).ln() / two))}, {literal(float(Decimal(x).log10()))})" for x in positive if x not in (2.0**53, 2.0**63)],
        "(x, natural, binary, decimal) in table() {\n        same(x.ln(), natural)\n        same(x.log2(), binary)\n        same(x.log10(), decimal)\n   ", helper,
    )
    small = [0.1, -0.1, 0.5, 1.5, -2.5, 10.25, -20.125, 1e-10, -1e-17, 700.5, -700.5, 709.782712893384, -745.1] + [round(chance.uniform(-50, 50), 6) for _ in range(20)]
    page.section(
        "powers of e and of two", "(Float, Float, Float)",
        [f"({literal(x)}, {literal(float(Decimal(x).exp()))}, {literal(float((Decimal(x) * two).exp()))})" for x in small],
        "(x, natural, binary) in table() {\n        same(x.exp(), natural)\n        same(x.exp2(), binary)\n   ", helper,
    )
    bases = [(abs(round(chance.uniform(0.01, 90), 4)), round(chance.uniform(-20, 20), 4)) for _ in range(30)]
    page.section(
        "powers of other bases", "(Float, Float, Float)",
        [f"({literal(a)}, {literal(b)}, {literal(float((Decimal(a).ln() * Decimal(b)).exp()))})" for a, b in bases],
        "(a, b, power) in table() { same(a.pow(b), power)", helper,
    )
    angles = [0.1, -0.5, 0.7853981633974483, 1.0, 1.5707963267948966, 3.141592653589793, -6.283185307179586, 22.0, 1e-9, 4e-17] + [round(chance.uniform(-25, 25), 5) for _ in range(20)]
    page.section(
        "sine, cosine and tangent", "(Float, Float, Float, Float)",
        [f"({literal(x)}, {literal(float(sine(Decimal(x))))}, {literal(float(cosine(Decimal(x))))}, {literal(float(sine(Decimal(x)) / cosine(Decimal(x))))})" for x in angles],
        "(x, sine, cosine, tangent) in table() {\n        same(x.sin(), sine)\n        same(x.cos(), cosine)\n        same(x.tan(), tangent)\n   ", helper,
    )
    page.section(
        "arc tangent", "(Float, Float)",
        [f"({literal(x)}, {literal(float(arctangent(Decimal(x))))})" for x in angles + [1e10, -1e10, 1e16]],
        "(x, angle) in table() {\n        same(x.atan(), angle)\n        same(x.atan2(1.0), angle)\n   ", helper,
    )
    sides = [(abs(a), abs(b)) for a, b in ((round(chance.uniform(-1e3, 1e3), 3), round(chance.uniform(-1e3, 1e3), 3)) for _ in range(20))] + [(3.0, 4.0), (1e200, 1e200), (1e-200, 1e-200), (5e-324, 0.0)]
    page.section(
        "the long side of a right triangle", "(Float, Float, Float)",
        [f"({literal(a)}, {literal(b)}, {literal(float((Decimal(a) ** 2 + Decimal(b) ** 2).sqrt()))})" for a, b in sides],
        "(a, b, c) in table() {\n        same(a.hypot(b), c)\n        same((-b).hypot(a), c)\n   ", helper,
    )
    (HERE / "float_tables.cop").write_text(page.text)


ints()
floats()
