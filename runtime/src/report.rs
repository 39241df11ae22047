//! Traps, told to people: the message with its operands, and the place in the source.
//!
//! Messages are no part of an outcome, so their wording may change at any time.

use cop_bytecode::TrapKind;
use cop_bytecode::source_map::{Place, SourceMap};

use crate::engine::Trap;
use crate::failure::TrapReport;

/// Most lines of a backtrace.
const BACKTRACE_MAX: usize = 32;
/// Most functions that are looked at for a place outside the standard library.
const FRAMES_MAX: usize = 10_000;

/// What a trap means, with its operands.
pub fn trap_message(kind: TrapKind, operands: [i64; 2], message: Option<&str>) -> String {
    let [first, second] = operands;
    let said = |default: &str| match message {
        Some(message) if !message.is_empty() => message.to_owned(),
        _ => default.to_owned(),
    };
    match kind {
        TrapKind::Panic => said("the program gave up"),
        TrapKind::AssertionFailed => said("an assertion does not hold"),
        TrapKind::ExpectFailed => said("there was no value where one was expected"),
        TrapKind::IntegerOverflow => {
            format!("the result does not fit into an `Int` (operands {first} and {second})")
        }
        TrapKind::DivisionByZero => format!("{first} was divided by zero"),
        TrapKind::ShiftOutOfRange => format!("a shift by {first} is outside 0..=63"),
        TrapKind::ConversionOutOfRange => "the float has no `Int` to become".to_owned(),
        TrapKind::IndexOutOfBounds => {
            format!("index {first} is outside a length of {second}")
        }
        TrapKind::InvalidRange => format!("the range {first}..{second} does not fit"),
        TrapKind::CharBoundary => {
            format!("offset {first} is inside a character; `prefix` counts characters")
        }
        TrapKind::KeyNotFound => "the map has no such key".to_owned(),
        TrapKind::InvalidArgument => format!("an argument is not allowed: {first}"),
        TrapKind::StackOverflow => "calls are nested too deeply".to_owned(),
        TrapKind::OutOfFuel => format!("the fuel limit of {first} is used up"),
        TrapKind::OutOfMemory => format!("the memory limit of {first} bytes is reached"),
        TrapKind::LogLimit => format!("the log has more than {first} bytes"),
        TrapKind::ResponseLimit => format!("the response has more than {first} bytes"),
        TrapKind::WriteLimit => {
            format!("the run writes more than it may: at most {first} writes or bytes")
        }
        TrapKind::HostCallLimit => {
            format!("the run asks its host for more than it may: at most {first} calls or bytes")
        }
        TrapKind::CallDepthLimit => format!("programs ask programs more than {first} deep"),
        TrapKind::WrongVariant => format!("a value is variant {first} where {second} is read"),
        TrapKind::Unreachable => "a place was reached that cannot be reached".to_owned(),
    }
}

/// Whether a file is part of the standard library.
pub fn is_std(file: &str) -> bool {
    ["std/", "core/", "host/"]
        .iter()
        .any(|prefix| file.starts_with(prefix))
}

/// What an author can do about a trap, where that is more than reading the message.
pub fn trap_hint(kind: TrapKind) -> Option<&'static str> {
    Some(match kind {
        TrapKind::OutOfFuel => {
            "look for a loop that does not end; if the work is meant, raise `fuel` in cop.toml and publish again"
        }
        TrapKind::OutOfMemory => {
            "look for a collection that only grows; if it is meant, raise `memory_mib` in cop.toml and publish again"
        }
        TrapKind::StackOverflow => "look for a function that calls itself without coming to an end",
        TrapKind::LogLimit => "print less, or only what went wrong",
        TrapKind::ResponseLimit => "answer in several pages",
        TrapKind::WriteLimit => "spread the writes over several requests",
        TrapKind::HostCallLimit => "read what is needed once, and keep it in a variable",
        _ => return None,
    })
}

/// The trap with its place: the innermost one outside the standard library, if there is one. `detail` is what is known of a
/// result that was no response; no place is to blame for it.
pub fn trap_report(trap: &Trap, map: &SourceMap, detail: Option<&str>) -> TrapReport {
    if let Some(detail) = detail {
        return TrapReport {
            name: trap.kind.name().to_owned(),
            message: detail.to_owned(),
            file: None,
            line: None,
            column: None,
            backtrace: Vec::new(),
        };
    }
    // The engine's backtrace begins with the position of the trap, or is empty.
    let positions = match trap.backtrace.first() {
        Some(_) => trap.backtrace.clone(),
        None => vec![trap.position],
    };
    let frames: Vec<(&str, Option<(&str, Place)>)> = positions
        .iter()
        .flat_map(|position| map.frames(position.function, position.instruction))
        .map(|(name, place)| {
            (
                name,
                place.and_then(|place| Some((map.file(place.file)?, place))),
            )
        })
        .take(FRAMES_MAX)
        .collect();
    let led_there = frames.iter().filter_map(|(_, place)| *place);
    let shown = led_there
        .clone()
        .find(|(file, _)| !is_std(file))
        .or_else(|| led_there.clone().next());
    let line = |(name, place): &(&str, Option<(&str, Place)>)| match place {
        Some((file, place)) => format!("{name} at {file}:{}:{}", place.line, place.column),
        None => (*name).to_owned(),
    };
    TrapReport {
        name: trap.kind.name().to_owned(),
        message: trap_message(trap.kind, trap.operands, trap.message.as_deref()),
        file: shown.map(|(file, _)| file.to_owned()),
        line: shown.map(|(_, place)| place.line),
        column: shown.map(|(_, place)| place.column),
        backtrace: frames.iter().take(BACKTRACE_MAX).map(line).collect(),
    }
}
