//! Canonical bytes: the one encoding of formats, host calls and state.
//!
//! Integers are minimal LEB128 or little-endian of a fixed width, lengths come first, and every reader refuses what its writer
//! would not write: over-long integers, truth values other than 0 and 1, broken UTF-8, bytes left over. Hence
//! `encode(decode(b)) == b` for everything that is built from these.
//!
//! The *canonical leaves* of a value (what passes between a program and its host) are its parts in order, without names: an
//! `Int` is [`Writer::int`], a `Bool` or the presence of a `T?` is [`Writer::flag`], strings and bytes carry their length, lists
//! their count.

use std::fmt;

/// Builds canonical bytes.
#[derive(Debug, Default)]
pub struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// Begins with nothing.
    pub fn new() -> Writer {
        Writer::default()
    }

    /// Begins with a format's magic and version.
    pub fn format(magic: &[u8; 4], version: u8) -> Writer {
        let mut writer = Writer::new();
        writer.raw(magic);
        writer.byte(version);
        writer
    }

    /// What was written.
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }

    /// Bytes as they are, for fixed widths.
    pub fn raw(&mut self, bytes: &[u8]) -> &mut Writer {
        self.bytes.extend_from_slice(bytes);
        self
    }

    /// One byte.
    pub fn byte(&mut self, byte: u8) -> &mut Writer {
        self.bytes.push(byte);
        self
    }

    /// 0 or 1.
    pub fn flag(&mut self, flag: bool) -> &mut Writer {
        self.byte(u8::from(flag))
    }

    /// An unsigned number as minimal LEB128.
    pub fn count(&mut self, mut number: u64) -> &mut Writer {
        loop {
            let low = (number & 0x7f) as u8;
            number >>= 7;
            if number == 0 {
                self.bytes.push(low);
                return self;
            }
            self.bytes.push(low | 0x80);
        }
    }

    /// An `Int`: 8 bytes, little-endian.
    pub fn int(&mut self, number: i64) -> &mut Writer {
        self.raw(&number.to_le_bytes())
    }

    /// Length and bytes.
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Writer {
        self.count(bytes.len() as u64);
        self.raw(bytes)
    }

    /// Length and UTF-8.
    pub fn text(&mut self, text: &str) -> &mut Writer {
        self.bytes(text.as_bytes())
    }

    /// A `String?`.
    pub fn optional_text(&mut self, text: Option<&str>) -> &mut Writer {
        self.flag(text.is_some());
        if let Some(text) = text {
            self.text(text);
        }
        self
    }

    /// A `List[String]`.
    pub fn texts<T: AsRef<str>>(&mut self, texts: &[T]) -> &mut Writer {
        self.count(texts.len() as u64);
        for text in texts {
            self.text(text.as_ref());
        }
        self
    }
}

/// Why bytes are not canonical, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodecError {
    /// Offset in the bytes that were read.
    pub offset: usize,
    /// What is wrong there.
    pub problem: Problem,
}

/// What can be wrong with bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// They end too early.
    Truncated,
    /// Some are left over.
    Trailing,
    /// A number is written longer than needed, or beyond 64 bits.
    Number,
    /// A flag is neither 0 nor 1.
    Flag,
    /// A text is not UTF-8.
    Utf8,
    /// Something is named that the format does not have, or twice what it has once.
    Value,
    /// The first four bytes are not those of the format.
    Magic,
    /// The format has a version that this node does not read.
    Version(u8),
}

impl fmt::Display for CodecError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.problem {
            Problem::Truncated => write!(out, "it ends too early, at byte {}", self.offset),
            Problem::Trailing => write!(out, "it goes on after its end, from byte {}", self.offset),
            Problem::Number => write!(
                out,
                "the number at byte {} is not in its shortest form",
                self.offset
            ),
            Problem::Flag => write!(out, "the flag at byte {} is neither 0 nor 1", self.offset),
            Problem::Utf8 => write!(out, "the text at byte {} is not UTF-8", self.offset),
            Problem::Value => write!(
                out,
                "what ends at byte {} is nothing that the format has, or stands there twice",
                self.offset
            ),
            Problem::Magic => out.write_str("it does not begin with the letters of the format"),
            Problem::Version(version) => {
                write!(
                    out,
                    "it has version {version} of the format, which is not known here"
                )
            }
        }
    }
}

impl std::error::Error for CodecError {}

/// Reads canonical bytes from their beginning to their end.
#[derive(Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    /// Reads these bytes.
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { bytes, offset: 0 }
    }

    /// Reads these bytes after a format's magic and version.
    pub fn format(bytes: &'a [u8], magic: &[u8; 4], version: u8) -> Result<Reader<'a>, CodecError> {
        let mut reader = Reader::new(bytes);
        if bytes.get(..4) != Some(magic) {
            return Err(reader.error_at(0, Problem::Magic));
        }
        reader.offset = 4;
        match reader.byte()? {
            found if found == version => Ok(reader),
            found => Err(reader.error_at(4, Problem::Version(found))),
        }
    }

    fn error_at(&self, offset: usize, problem: Problem) -> CodecError {
        CodecError { offset, problem }
    }

    /// Where the next read begins.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// How many bytes are left.
    pub fn remaining(&self) -> usize {
        self.bytes.len() - self.offset
    }

    /// Nothing may be left.
    pub fn end(&self) -> Result<(), CodecError> {
        if self.remaining() == 0 {
            Ok(())
        } else {
            Err(self.error_at(self.offset, Problem::Trailing))
        }
    }

    /// So many bytes.
    pub fn raw(&mut self, length: usize) -> Result<&'a [u8], CodecError> {
        if length > self.remaining() {
            return Err(self.error_at(self.bytes.len(), Problem::Truncated));
        }
        let part = &self.bytes[self.offset..self.offset + length];
        self.offset += length;
        Ok(part)
    }

    /// So many bytes, as an array.
    pub fn array<const LENGTH: usize>(&mut self) -> Result<[u8; LENGTH], CodecError> {
        let mut array = [0; LENGTH];
        array.copy_from_slice(self.raw(LENGTH)?);
        Ok(array)
    }

    /// One byte.
    pub fn byte(&mut self) -> Result<u8, CodecError> {
        Ok(self.raw(1)?[0])
    }

    /// 0 or 1.
    pub fn flag(&mut self) -> Result<bool, CodecError> {
        let offset = self.offset;
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(self.error_at(offset, Problem::Flag)),
        }
    }

    /// An unsigned number in minimal LEB128.
    pub fn count(&mut self) -> Result<u64, CodecError> {
        let begin = self.offset;
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let low = u64::from(byte & 0x7f);
            let beyond_64_bits = shift == 63 && low > 1;
            let over_long = shift > 0 && byte == 0;
            if beyond_64_bits || over_long {
                return Err(self.error_at(begin, Problem::Number));
            }
            number |= low << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(self.error_at(begin, Problem::Number))
    }

    /// A number of things of which each takes at least one of the bytes left. So a lying count cannot make a reader reserve
    /// more memory than the input is long.
    pub fn bounded_count(&mut self) -> Result<usize, CodecError> {
        let count = self.count()?;
        match usize::try_from(count) {
            Ok(count) if count <= self.remaining() => Ok(count),
            _ => Err(self.error_at(self.bytes.len(), Problem::Truncated)),
        }
    }

    /// An `Int`.
    pub fn int(&mut self) -> Result<i64, CodecError> {
        Ok(i64::from_le_bytes(self.array()?))
    }

    /// Length and bytes.
    pub fn bytes(&mut self) -> Result<&'a [u8], CodecError> {
        let length = self.bounded_count()?;
        self.raw(length)
    }

    /// Length and UTF-8.
    pub fn text(&mut self) -> Result<&'a str, CodecError> {
        let offset = self.offset;
        std::str::from_utf8(self.bytes()?).map_err(|_| self.error_at(offset, Problem::Utf8))
    }

    /// A `String?`.
    pub fn optional_text(&mut self) -> Result<Option<&'a str>, CodecError> {
        Ok(if self.flag()? {
            Some(self.text()?)
        } else {
            None
        })
    }

    /// A `List[String]`.
    pub fn texts(&mut self) -> Result<Vec<String>, CodecError> {
        let count = self.bounded_count()?;
        (0..count).map(|_| Ok(self.text()?.to_owned())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_round_trip_and_only_in_shortest_form() {
        for number in [
            0,
            1,
            127,
            128,
            300,
            16_383,
            16_384,
            1 << 35,
            u64::MAX - 1,
            u64::MAX,
        ] {
            let mut writer = Writer::new();
            writer.count(number);
            let bytes = writer.finish();
            let mut reader = Reader::new(&bytes);
            assert_eq!(reader.count(), Ok(number));
            assert_eq!(reader.end(), Ok(()));
        }
        let check = |bytes: &[u8], problem| {
            assert_eq!(Reader::new(bytes).count().unwrap_err().problem, problem);
        };
        check(&[0x80, 0x00], Problem::Number);
        check(&[0xff, 0x80, 0x00], Problem::Number);
        check(&[0x80], Problem::Truncated);
        check(&[0xff; 11], Problem::Number);
        check(
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02],
            Problem::Number,
        );
    }

    #[test]
    fn other_encodings_are_refused() {
        assert_eq!(Reader::new(&[2]).flag().unwrap_err().problem, Problem::Flag);
        assert_eq!(
            Reader::new(&[1, 0xff]).text().unwrap_err().problem,
            Problem::Utf8
        );
        assert_eq!(
            Reader::new(&[5, 1]).bytes().unwrap_err().problem,
            Problem::Truncated
        );
        let huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        assert_eq!(
            Reader::new(&huge).texts().unwrap_err().problem,
            Problem::Truncated
        );
        assert_eq!(
            Reader::new(&[0]).end().unwrap_err().problem,
            Problem::Trailing
        );
    }
}
