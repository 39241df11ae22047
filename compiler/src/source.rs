//! Source text and places in it.
//!
//! The compiler reads no files itself: it asks a [`Sources`], and keeps what it got in a [`SourceMap`] so that a
//! [`Span`] can be turned into file, line and column when a message is written.

use crate::package::{Package, PackageError};
use std::fmt;
use std::sync::{Arc, OnceLock};

/// A source file, by its position in the [`SourceMap`] it was added to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(pub u32);

/// A stretch of one file: bytes `start..end`, both on character boundaries. Ordered by file, then start, then end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The file it lies in.
    pub file: FileId,
    /// The first byte.
    pub start: u32,
    /// The byte after the last.
    pub end: u32,
}

impl Span {
    /// Bytes `start..end` of `file`. Source files are at most 1 MiB, so `u32` holds every offset.
    pub fn new(file: FileId, start: usize, end: usize) -> Self {
        debug_assert!(start <= end);
        Span {
            file,
            start: start as u32,
            end: end as u32,
        }
    }

    /// From the start of `self` to the end of `other`, which lies behind it in the same file.
    pub fn to(self, other: Span) -> Span {
        debug_assert_eq!(self.file, other.file);
        Span {
            file: self.file,
            start: self.start.min(other.start),
            end: self.end.max(other.end),
        }
    }

    /// The empty span just before `self`.
    pub fn before(self) -> Span {
        Span {
            end: self.start,
            ..self
        }
    }

    /// The empty span just behind `self`.
    pub fn after(self) -> Span {
        Span {
            start: self.end,
            ..self
        }
    }

    /// The bytes as a range, to index the text of the file with.
    pub fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// A place as people write it: both counted from 1, the column in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LineColumn {
    /// The line, from 1.
    pub line: u32,
    /// The character in the line, from 1.
    pub column: u32,
}

/// One source file as it was read.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// How the file is named in messages and in the source map: `src/main.cop`, `std/web`.
    pub path: Arc<str>,
    /// The text, unchanged: line ends are as they were in the file.
    pub text: Arc<str>,
    /// Found when somebody asks: of most files of the library nobody does.
    lines: OnceLock<Lines>,
}

/// The lines of a file.
#[derive(Clone, Debug)]
struct Lines {
    /// The byte at which each line starts; the first is 0.
    starts: Vec<u32>,
    /// Whether each character is a byte.
    ascii: bool,
}

impl SourceFile {
    /// Takes the text in.
    pub fn new(path: &str, text: &str) -> Self {
        SourceFile {
            path: path.into(),
            text: text.into(),
            lines: OnceLock::new(),
        }
    }

    fn lines(&self) -> &Lines {
        self.lines.get_or_init(|| {
            let breaks = memchr::memchr_iter(b'\n', self.text.as_bytes());
            let behind = breaks.map(|at| at as u32 + 1);
            Lines {
                starts: std::iter::once(0).chain(behind).collect(),
                ascii: self.text.is_ascii(),
            }
        })
    }

    /// The byte at which a line, counted from 1, starts; the end of the text for lines behind the last.
    pub fn line_start(&self, line: u32) -> usize {
        let start = self.lines().starts.get(line.saturating_sub(1) as usize);
        start.map_or(self.text.len(), |&start| start as usize)
    }

    /// The line and column of a byte; a byte behind the end, or inside a character, counts as the nearest one before.
    pub fn line_column(&self, offset: u32) -> LineColumn {
        self.line_column_near(offset, 1)
    }

    /// As [`SourceFile::line_column`]; the byte probably stands in this line or the next, counted from 1.
    pub fn line_column_near(&self, offset: u32, near: u32) -> LineColumn {
        let lines = self.lines();
        let start = |line: usize| lines.starts.get(line).copied().unwrap_or(u32::MAX);
        let near = near.saturating_sub(1) as usize;
        let line = if start(near) <= offset && offset < start(near + 1) {
            near
        } else if start(near + 1) <= offset && offset < start(near + 2) {
            near + 1
        } else {
            lines.starts.partition_point(|&start| start <= offset) - 1
        };
        let line_start = lines.starts[line] as usize;
        let mut end = (offset as usize).min(self.text.len());
        if lines.ascii {
            return LineColumn {
                line: line as u32 + 1,
                column: (end - line_start.min(end)) as u32 + 1,
            };
        }
        while !self.text.is_char_boundary(end) {
            end -= 1;
        }
        let column = self.text[line_start.min(end)..end].chars().count() as u32 + 1;
        LineColumn {
            line: line as u32 + 1,
            column,
        }
    }
}

/// Every file of a compilation.
#[derive(Clone, Debug, Default)]
pub struct SourceMap {
    files: Vec<SourceFile>,
}

impl SourceMap {
    /// A map without files.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file and gives it the next number.
    pub fn add(&mut self, path: &str, text: &str) -> FileId {
        self.files.push(SourceFile::new(path, text));
        FileId(self.files.len() as u32 - 1)
    }

    /// The file of that number, which must come from this map.
    pub fn file(&self, id: FileId) -> &SourceFile {
        &self.files[id.0 as usize]
    }

    /// All files, in the order of their numbers.
    pub fn files(&self) -> impl Iterator<Item = (FileId, &SourceFile)> {
        self.files
            .iter()
            .enumerate()
            .map(|(number, file)| (FileId(number as u32), file))
    }

    /// The text a span covers.
    pub fn text(&self, span: Span) -> &str {
        &self.file(span.file).text[span.range()]
    }

    /// Where a span starts.
    pub fn line_column(&self, span: Span) -> LineColumn {
        self.file(span.file).line_column(span.start)
    }
}

/// Where the compiler gets its files from: a folder on disk, a bundle, or a table in a test.
pub trait Sources {
    /// The text of the file at `path`: relative to the package, with `/` and `.cop` (`main.cop`, `views/list.cop`).
    fn read(&self, path: &str) -> Result<String, SourceError>;

    /// The names of the files in a folder of the package (`""` for its root), to say what is near a misspelt one. May be
    /// empty, or leave some out.
    fn list(&self, folder: &str) -> Vec<String> {
        let _ = folder;
        Vec::new()
    }

    /// The files, besides the root, that the package offers to others: as in import strings, without `.cop`. They are checked with
    /// it, whether or not the root leads to them.
    fn offers(&self) -> Vec<String> {
        Vec::new()
    }

    /// Another package: `html`, a dependency that the manifest of the importing package names, or `ADDRESS/html@3` and the
    /// like. `from` is the prefix of the importing package, `""` for the one that is compiled; [`Sources::read`] and
    /// [`Sources::list`] are then asked for paths that begin with the prefix that this gives.
    ///
    /// # Errors
    /// There is no such package, or none that can be trusted.
    fn package(&self, from: &str, wanted: &str) -> Result<Package, PackageError> {
        let _ = (from, wanted);
        Err(PackageError::NotNamed(Vec::new()))
    }
}

/// Why a source file could not be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceError {
    /// There is no such file.
    NotFound,
    /// The file is not UTF-8.
    NotText,
    /// The file could not be read; the text says why, in words for the author of the program.
    Unreadable(String),
}

impl fmt::Display for SourceError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SourceError::NotFound => out.write_str("there is no such file"),
            SourceError::NotText => out.write_str("the file is not UTF-8 text"),
            SourceError::Unreadable(why) => out.write_str(why),
        }
    }
}

impl std::error::Error for SourceError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_count_characters_from_one() {
        let file = SourceFile::new("a.cop", "let ä = 1\r\nb\n");
        let at = |offset| {
            let place = file.line_column(offset);
            (place.line, place.column)
        };
        assert_eq!(at(0), (1, 1));
        assert_eq!(at(5), (1, 5), "inside the two bytes of `ä`");
        assert_eq!(at(6), (1, 6));
        assert_eq!(at(12), (2, 1));
        assert_eq!(at(14), (3, 1));
        assert_eq!(at(900), (3, 1));
    }
}
