//! A flame graph: each function as wide as what it took with all that it called, below the one that called it. Plain SVG, the
//! same bytes for the same profile; what a box stands for is in its tooltip.

use std::cmp::Reverse;
use std::fmt::Write;

use super::tally::Tally;
use crate::say;

/// Sizes, in pixels.
const WIDTH: u64 = 1200;
const MARGIN: u64 = 10;
const TOP: u64 = 40;
const ROW: u64 = 18;
/// Of a letter of the font, in tenths.
const LETTER_TENTHS: u64 = 66;
/// Narrower boxes are left out, in hundredths of a pixel.
const LEAST: u64 = 30;

/// The graph.
pub fn svg(tally: &Tally, title: &str) -> String {
    let mut boxes = Vec::new();
    let mut deepest = 0;
    // Frames to be laid out, with their left edge in fuel and their depth; the first box stands for all.
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); tally.frames.len()];
    let mut roots = Vec::new();
    for (at, frame) in tally.frames.iter().enumerate() {
        match frame.caller {
            Some(caller) => children[caller].push(at),
            None => roots.push(at),
        }
    }
    let by_fuel = |list: &mut Vec<usize>| {
        list.sort_by_key(|at| {
            let frame = &tally.frames[*at];
            (
                Reverse(frame.total.fuel),
                tally.functions[frame.function].0.clone(),
            )
        });
    };
    by_fuel(&mut roots);
    children.iter_mut().for_each(by_fuel);
    let mut waiting: Vec<(usize, u64, u64)> = Vec::new();
    let lay = |list: &[usize], left: u64, depth: u64, waiting: &mut Vec<(usize, u64, u64)>| {
        let mut left = left;
        for at in list {
            waiting.push((*at, left, depth));
            left += tally.frames[*at].total.fuel;
        }
    };
    lay(&roots, 0, 0, &mut waiting);
    while let Some((at, left, depth)) = waiting.pop() {
        let total = tally.frames[at].total.fuel;
        if width(total, tally.all.fuel) < LEAST {
            continue;
        }
        deepest = deepest.max(depth);
        boxes.push((at, left, depth));
        lay(&children[at], left, depth + 1, &mut waiting);
    }
    let height = TOP + (deepest + 1) * ROW + MARGIN;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"ui-monospace, monospace\" font-size=\"11\">\n\
         <style>rect {{ stroke: #fff; stroke-width: .5 }} g:hover rect {{ stroke: #000; stroke-width: 1.5 }} text {{ pointer-events: none }}</style>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
         <text x=\"{MARGIN}\" y=\"16\" font-size=\"14\">{}</text>\n\
         <text x=\"{MARGIN}\" y=\"32\" fill=\"#555\">{} fuel, {} bytes copied; a box is as wide as the fuel of a function with all that it calls; \
         orange: the program, blue: the library</text>\n",
        escaped(title),
        say::count(tally.all.fuel),
        say::count(tally.all.copied),
    );
    for (at, left, depth) in boxes {
        draw(&mut out, tally, at, left, depth);
    }
    out.push_str("</svg>\n");
    out
}

/// A box with its name, as far as that fits.
fn draw(out: &mut String, tally: &Tally, at: usize, left: u64, depth: u64) {
    let frame = &tally.frames[at];
    let (function, _) = &tally.functions[frame.function];
    let (x, wide) = (
        width(left, tally.all.fuel),
        width(frame.total.fuel, tally.all.fuel),
    );
    let y = TOP + depth * ROW;
    let letters = (wide / 10).saturating_sub(60) / LETTER_TENTHS;
    let name: String = match function.name.chars().count() as u64 {
        count if count <= letters => function.name.clone(),
        _ if letters >= 3 => {
            let kept = function.name.chars().take(letters as usize - 1);
            kept.chain(['…']).collect()
        }
        _ => String::new(),
    };
    let x = x + MARGIN * 100;
    let _ = write!(
        out,
        "<g><title>{} ({})\n{} fuel, {}; itself {}; copied {} bytes</title>\
         <rect x=\"{}\" y=\"{y}\" width=\"{}\" height=\"{}\" rx=\"2\" fill=\"{}\"/>",
        escaped(&function.name),
        escaped(&function.file),
        say::count(frame.total.fuel),
        percent(frame.total.fuel, tally.all.fuel),
        say::count(frame.itself.fuel),
        say::count(frame.total.copied),
        hundredths(x),
        hundredths(wide),
        ROW - 1,
        colour(&function.name, &function.file),
    );
    if !name.is_empty() {
        let _ = write!(
            out,
            "<text x=\"{}\" y=\"{}\">{}</text>",
            hundredths(x + 300),
            y + 12,
            escaped(&name)
        );
    }
    out.push_str("</g>\n");
}

/// The width of so much fuel, in hundredths of a pixel.
fn width(fuel: u64, all: u64) -> u64 {
    let wide = u128::from(fuel) * u128::from((WIDTH - 2 * MARGIN) * 100);
    u64::try_from(wide / u128::from(all.max(1))).unwrap_or(0)
}

fn hundredths(number: u64) -> String {
    format!("{}.{:02}", number / 100, number % 100)
}

fn percent(part: u64, all: u64) -> String {
    let tenths = u128::from(part) * 1000 / u128::from(all.max(1));
    format!("{}.{} %", tenths / 10, tenths % 10)
}

/// Of the program warm, of the library cool; names of their own shades.
fn colour(name: &str, file: &str) -> String {
    // FNV: any mixing does that is the same everywhere.
    let mixed = name.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    let (one, two) = (mixed % 40, (mixed >> 8) % 12);
    match cop_runtime::report::is_std(file) {
        true => format!("hsl({},45%,{}%)", 195 + one / 2, 72 + two),
        false => format!("hsl({},85%,{}%)", 15 + one, 62 + two),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
