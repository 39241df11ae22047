//! Where instructions came from: turns (function, instruction) into file, line and column.
//!
//! A source map is a file of its own in the bundle and no part of the package, so that moving a line or
//! renaming a local variable leaves the program's hash alone.
//!
//! ```text
//! copm 2
//! files       count, then each path
//! functions   count, then each: name;
//!             number of inlined calls, then each: name of what was called, file, line, column of the call, outer call;
//!             number of ranges, then each: first instruction (distance from the range before),
//!             file, line (signed distance), column, inlined call
//! ```
//!
//! An *inlined call* is one whose instruction is gone, since the body of what it called stands in its place. Calls are
//! named by 1 more than their index, 0 being none; the outer call of one stands before it.

use crate::leb::{DecodeError, Reader, write_bytes, write_i64, write_u64};
use crate::limits;

/// First bytes of a source map.
pub const MAGIC: &[u8; 4] = b"copm";
/// Version of the format.
pub const VERSION: u8 = 2;
/// Most files that a source map names.
const FILES: usize = 10_000;

/// The source map of a package.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SourceMap {
    /// Paths of source files, unique; those of the standard library begin with `std/`, `core/` or `host/`.
    pub files: Vec<String>,
    /// Per function of the package.
    pub functions: Vec<FunctionMap>,
}

/// The source map of a function.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct FunctionMap {
    /// Name as a person would write it: `main`, `List.map[Int, String]`.
    pub name: String,
    /// Calls in whose place the body of what they called stands.
    pub inlined: Vec<Inlined>,
    /// In order of instructions; neighbours differ in place or inlined call.
    pub ranges: Vec<Range>,
}

/// A call in whose place the body of what it called stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Inlined {
    /// Name of what was called.
    pub callee: String,
    /// Where the call stands.
    pub place: Place,
    /// The inlined call by which the call itself came here: 0, or one more than its index, which is smaller.
    pub outer: u32,
}

/// Instructions from `first` up to the next range come from `place`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Range {
    /// Index of the first instruction.
    pub first: u32,
    /// Where they come from.
    pub place: Place,
    /// The inlined call by which they came here: 0, or one more than its index.
    pub inlined: u32,
}

/// A place in a source file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Place {
    /// Index into [`SourceMap::files`].
    pub file: u32,
    /// From 1.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
}

impl FunctionMap {
    /// Says that the instruction with this index, and those after it, come from `place` by that inlined call. To be
    /// called in order of instructions.
    pub fn mark(&mut self, instruction: u32, place: Place, inlined: u32) {
        let same = |range: &Range| range.place == place && range.inlined == inlined;
        match self.ranges.last_mut() {
            Some(last) if same(last) => {}
            Some(last) if last.first == instruction => {
                (last.place, last.inlined) = (place, inlined);
                // The one before may have been of this place all along.
                let n = self.ranges.len();
                if n >= 2 && same(&self.ranges[n - 2]) {
                    self.ranges.pop();
                }
            }
            _ => self.ranges.push(Range {
                first: instruction,
                place,
                inlined,
            }),
        }
    }
}

impl SourceMap {
    /// Where an instruction comes from.
    pub fn place(&self, function: u32, instruction: u32) -> Option<Place> {
        Some(self.range(function, instruction)?.place)
    }

    fn range(&self, function: u32, instruction: u32) -> Option<&Range> {
        let ranges = &self.functions.get(function as usize)?.ranges;
        let after = ranges.partition_point(|range| range.first <= instruction);
        ranges.get(after.checked_sub(1)?)
    }

    /// Where an instruction comes from, with the names of the functions of the source: its own place, then the places
    /// of the inlined calls by which it came here, innermost first.
    pub fn frames(&self, function: u32, instruction: u32) -> Vec<(&str, Option<Place>)> {
        let name = self.name(function).unwrap_or("?");
        let Some(range) = self.range(function, instruction) else {
            return vec![(name, None)];
        };
        let calls = self
            .functions
            .get(function as usize)
            .map_or(&[][..], |f| &f.inlined);
        let (mut frames, mut place, mut outer) = (vec![], range.place, range.inlined);
        while let Some(call) = (outer as usize).checked_sub(1).and_then(|i| calls.get(i)) {
            frames.push((call.callee.as_str(), Some(place)));
            (place, outer) = (call.place, call.outer);
        }
        frames.push((name, Some(place)));
        frames
    }

    /// Name of a function.
    pub fn name(&self, function: u32) -> Option<&str> {
        Some(&self.functions.get(function as usize)?.name)
    }

    /// Path of a file.
    pub fn file(&self, file: u32) -> Option<&str> {
        self.files.get(file as usize).map(String::as_str)
    }

    /// The same map for a package whose functions were renumbered (see [`crate::canonical::canonical`]).
    pub fn renumbered(&self, moved: &[Option<u32>]) -> SourceMap {
        let count = moved
            .iter()
            .flatten()
            .max()
            .map_or(0, |most| *most as usize + 1);
        let mut functions = vec![FunctionMap::default(); count];
        for (map, new) in self.functions.iter().zip(moved) {
            if let Some(new) = new {
                functions[*new as usize] = map.clone();
            }
        }
        SourceMap {
            files: self.files.clone(),
            functions,
        }
    }

    /// The canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.push(VERSION);
        write_u64(&mut out, self.files.len() as u64);
        for file in &self.files {
            write_bytes(&mut out, file.as_bytes());
        }
        write_u64(&mut out, self.functions.len() as u64);
        for function in &self.functions {
            write_bytes(&mut out, function.name.as_bytes());
            write_u64(&mut out, function.inlined.len() as u64);
            for call in &function.inlined {
                write_bytes(&mut out, call.callee.as_bytes());
                write_u64(&mut out, u64::from(call.place.file));
                write_u64(&mut out, u64::from(call.place.line));
                write_u64(&mut out, u64::from(call.place.column));
                write_u64(&mut out, u64::from(call.outer));
            }
            write_u64(&mut out, function.ranges.len() as u64);
            let (mut first, mut line) = (0, 0);
            for range in &function.ranges {
                write_u64(&mut out, u64::from(range.first.wrapping_sub(first)));
                write_u64(&mut out, u64::from(range.place.file));
                write_i64(&mut out, i64::from(range.place.line) - line);
                write_u64(&mut out, u64::from(range.place.column));
                write_u64(&mut out, u64::from(range.inlined));
                first = range.first;
                line = i64::from(range.place.line);
            }
        }
        out
    }

    /// Decodes a source map.
    ///
    /// # Errors
    /// When the bytes are not what [`SourceMap::encode`] writes for some map.
    pub fn decode(bytes: &[u8]) -> Result<SourceMap, DecodeError> {
        let r = &mut Reader::new("source map", bytes);
        r.magic(MAGIC, VERSION)?;
        let mut map = SourceMap::default();
        for _ in 0..r.count(FILES, "number of files")? {
            map.files.push(r.string()?);
        }
        for _ in 0..r.count(limits::FUNCTIONS, "number of functions")? {
            let mut function = FunctionMap {
                name: r.string()?,
                ..FunctionMap::default()
            };
            for index in 0..r.count(limits::INSTRUCTIONS, "number of inlined calls")? {
                let callee = r.string()?;
                let place = Place {
                    file: r.index(map.files.len(), "file")?,
                    line: r.at_most(u64::from(u32::MAX), "line")? as u32,
                    column: r.at_most(u64::from(u32::MAX), "column")? as u32,
                };
                function.inlined.push(Inlined {
                    callee,
                    place,
                    outer: r.at_most(index as u64, "outer call")? as u32,
                });
            }
            let (mut first, mut line) = (0, 0i64);
            for _ in 0..r.count(limits::INSTRUCTIONS, "number of ranges")? {
                let distance = r.at_most(limits::INSTRUCTIONS as u64, "distance")?;
                if distance == 0 && !function.ranges.is_empty() {
                    return Err(r.error("ranges are not in order"));
                }
                first += distance;
                let file = r.index(map.files.len(), "file")?;
                line = line.saturating_add(r.i64()?);
                let place = Place {
                    file,
                    line: u32::try_from(line).map_err(|_| r.error("no such line"))?,
                    column: r.at_most(u64::from(u32::MAX), "column")? as u32,
                };
                let inlined = r.at_most(function.inlined.len() as u64, "inlined call")? as u32;
                if function
                    .ranges
                    .last()
                    .is_some_and(|last| last.place == place && last.inlined == inlined)
                {
                    return Err(r.error("two ranges could be one"));
                }
                function.ranges.push(Range {
                    first: u32::try_from(first).map_err(|_| r.error("no such instruction"))?,
                    place,
                    inlined,
                });
            }
            map.functions.push(function);
        }
        r.end()?;
        Ok(map)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(line: u32, column: u32) -> Place {
        Place {
            file: 0,
            line,
            column,
        }
    }

    fn sample() -> SourceMap {
        let mut function = FunctionMap {
            name: "main".into(),
            inlined: vec![
                Inlined {
                    callee: "helper".into(),
                    place: place(4, 9),
                    outer: 0,
                },
                Inlined {
                    callee: "inner".into(),
                    place: place(11, 2),
                    outer: 1,
                },
            ],
            ranges: vec![],
        };
        function.mark(0, place(3, 5), 0);
        function.mark(1, place(3, 5), 0);
        function.mark(2, place(4, 9), 0);
        function.mark(7, place(1, 1), 0);
        function.mark(8, place(20, 1), 2);
        SourceMap {
            files: vec!["main.cop".into()],
            functions: vec![function],
        }
    }

    #[test]
    fn places_are_found_by_range() {
        let map = sample();
        assert_eq!(map.place(0, 1), Some(place(3, 5)));
        assert_eq!(map.place(0, 6), Some(place(4, 9)));
        assert_eq!(map.place(0, 7), Some(place(1, 1)));
        assert_eq!(map.place(0, 700), Some(place(20, 1)));
        assert_eq!(map.place(1, 0), None);
    }

    #[test]
    fn inlined_calls_are_told_innermost_first() {
        let map = sample();
        let frames = [
            ("inner", Some(place(20, 1))),
            ("helper", Some(place(11, 2))),
            ("main", Some(place(4, 9))),
        ];
        assert_eq!(map.frames(0, 8), frames);
        assert_eq!(map.frames(0, 7), [("main", Some(place(1, 1)))]);
        assert_eq!(map.frames(1, 0), [("?", None)]);
    }

    #[test]
    fn round_trip_and_nothing_else() {
        let bytes = sample().encode();
        assert_eq!(SourceMap::decode(&bytes), Ok(sample()));
        for cut in 0..bytes.len() {
            assert!(SourceMap::decode(&bytes[..cut]).is_err());
        }
        assert!(SourceMap::decode(&[&bytes[..], &[0]].concat()).is_err());
    }
}
