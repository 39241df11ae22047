//! Text for the terminal, with colours where they are wanted. A reader that went away, as in `copc check | head`, is no error.

use std::io::{IsTerminal, Write};

use cop_compiler::render::Look;

use crate::arguments::Colour;

/// Decides for the whole process where colours are shown.
pub fn use_colours(when: Colour) {
    match when {
        Colour::Auto => anstream::ColorChoice::Auto,
        Colour::Always => anstream::ColorChoice::Always,
        Colour::Never => anstream::ColorChoice::Never,
    }
    .write_global();
}

/// Prints to standard output; escapes for colours are left out where they are not wanted.
pub fn out(text: &str) {
    let _ = anstream::stdout().write_all(text.as_bytes());
}

/// Prints to standard error likewise.
pub fn err(text: &str) {
    let _ = anstream::stderr().write_all(text.as_bytes());
}

/// Prints bytes that a program made, as they are.
pub fn out_raw(bytes: &[u8]) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(bytes).and_then(|()| out.flush());
}

/// A line that a program printed, as it is.
pub fn line(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out
        .write_all(text.as_bytes())
        .and_then(|()| out.write_all(b"\n"));
}

/// A line that a program printed, as it is, on standard error.
pub fn err_line(text: &str) {
    let mut err = std::io::stderr().lock();
    let _ = err
        .write_all(text.as_bytes())
        .and_then(|()| err.write_all(b"\n"));
}

/// `error: MESSAGE` on standard error.
pub fn error(message: &str) {
    err(&format!("{} {message}\n", bold_red("error:")));
}

/// `note: MESSAGE` on standard error.
pub fn note(message: &str) {
    err(&format!("{} {message}\n", bold("note:")));
}

/// How messages look on standard error: in colours, which are left out where they are not wanted, and as wide as its terminal.
pub fn look() -> Look {
    let size = rustix::termios::tcgetwinsize(std::io::stderr()).ok();
    let columns = size.map(|size| size.ws_col).filter(|columns| *columns > 0);
    Look {
        colours: true,
        columns,
    }
}

/// Whether a person reads standard output.
pub fn is_terminal() -> bool {
    std::io::stdout().is_terminal()
}

/// In bold.
pub fn bold(text: &str) -> String {
    format!("\x1b[1m{text}\x1b[0m")
}

/// In bold and green.
pub fn green(text: &str) -> String {
    format!("\x1b[1;32m{text}\x1b[0m")
}

/// In bold and red.
pub fn bold_red(text: &str) -> String {
    format!("\x1b[1;31m{text}\x1b[0m")
}

/// In red.
pub fn red(text: &str) -> String {
    format!("\x1b[31m{text}\x1b[0m")
}

/// A line of a difference, in its colour.
pub fn difference(line: &str) -> String {
    match line.get(..2) {
        Some("- ") => red(line),
        Some("+ ") => format!("\x1b[32m{line}\x1b[0m"),
        _ => line.to_owned(),
    }
}

/// A number with `,` between its thousands.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut shown = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// A size for people: `812 bytes`, `34.5 KiB`, `8.0 MiB`.
pub fn size(bytes: u64) -> String {
    let in_unit = |shift: u32| bytes as f64 / f64::from(1u32 << shift);
    match bytes {
        0..1024 => format!("{bytes} bytes"),
        1024..0x10_0000 => format!("{:.1} KiB", in_unit(10)),
        _ => format!("{:.1} MiB", in_unit(20)),
    }
}

/// A time in milliseconds since 1970 for people: `2026-11-20 16:05:09 UTC`.
pub fn utc(time_ms: u64) -> String {
    let (days, second) = (time_ms / 86_400_000, time_ms / 1_000 % 86_400);
    // Years of 400-year cycles that begin in March, so that the leap day comes last.
    let since_march = days + 719_468;
    let (cycle, day) = (since_march / 146_097, since_march % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + cycle * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        for (time_ms, shown) in [
            (0, "1970-01-01 00:00:00 UTC"),
            (951_782_399_999, "2000-02-28 23:59:59 UTC"),
            (951_782_400_000, "2000-02-29 00:00:00 UTC"),
            (1_709_164_800_000, "2024-02-29 00:00:00 UTC"),
            (1_795_190_709_000, "2026-11-20 16:05:09 UTC"),
            (4_107_542_399_000, "2100-02-28 23:59:59 UTC"),
            (4_107_542_400_000, "2100-03-01 00:00:00 UTC"),
        ] {
            assert_eq!(utc(time_ms), shown);
        }
    }

    #[test]
    fn numbers_are_grouped() {
        for (number, shown) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (12_345_678, "12,345,678"),
        ] {
            assert_eq!(count(number), shown);
        }
        assert_eq!(
            [size(1023), size(1024), size(3 << 19)],
            ["1023 bytes", "1.0 KiB", "1.5 MiB"]
        );
    }
}
