//! Reading and writing the primitive pieces of the canonical encodings: minimal LEB128 numbers, strings,
//! and a reader that never goes past its end.

use std::fmt;

/// Why bytes are not an encoding. `offset` counts from the beginning of the blob at hand.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DecodeError {
    /// Which blob: `interface`, `code` or `source map`.
    pub blob: &'static str,
    /// Where in it.
    pub offset: usize,
    /// What is wrong there.
    pub reason: String,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "bad {} at byte {}: {}",
            self.blob, self.offset, self.reason
        )
    }
}

impl std::error::Error for DecodeError {}

/// Appends `number` as minimal LEB128.
#[inline]
pub fn write_u64(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Appends `number` in zigzag form, so that small negative numbers are short too.
pub fn write_i64(out: &mut Vec<u8>, number: i64) {
    write_u64(out, (number << 1 ^ number >> 63) as u64);
}

/// Appends length and bytes.
pub fn write_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    write_u64(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// A cursor over a blob.
pub struct Reader<'a> {
    blob: &'static str,
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// At the beginning of `bytes`; `blob` names them in errors.
    pub fn new(blob: &'static str, bytes: &'a [u8]) -> Reader<'a> {
        Reader { blob, bytes, at: 0 }
    }

    /// An error at the current place.
    pub fn error(&self, reason: impl Into<String>) -> DecodeError {
        DecodeError {
            blob: self.blob,
            offset: self.at,
            reason: reason.into(),
        }
    }

    /// Bytes that are left.
    pub fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// Where the cursor stands.
    pub fn offset(&self) -> usize {
        self.at
    }

    /// The next byte.
    pub fn byte(&mut self) -> Result<u8, DecodeError> {
        let byte = *self
            .bytes
            .get(self.at)
            .ok_or_else(|| self.error("it ends too early"))?;
        self.at += 1;
        Ok(byte)
    }

    /// The next `count` bytes.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        if count > self.left() {
            return Err(self.error("it ends too early"));
        }
        let taken = &self.bytes[self.at..self.at + count];
        self.at += count;
        Ok(taken)
    }

    /// A minimal LEB128 number.
    pub fn u64(&mut self) -> Result<u64, DecodeError> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            if shift == 63 && byte > 1 {
                return Err(self.error("a number has more than 64 bits"));
            }
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                if byte == 0 && shift > 0 {
                    return Err(self.error("a number is longer than it need be"));
                }
                return Ok(number);
            }
        }
        Err(self.error("a number has more than 64 bits"))
    }

    /// A number of at most `most`; `what` names it in the error.
    pub fn at_most(&mut self, most: u64, what: &str) -> Result<u64, DecodeError> {
        let number = self.u64()?;
        if number > most {
            return Err(self.error(format!("{what} is {number}, at most {most} is possible")));
        }
        Ok(number)
    }

    /// An index below `count`.
    pub fn index(&mut self, count: usize, what: &str) -> Result<u32, DecodeError> {
        let number = self.u64()?;
        if number >= count as u64 {
            return Err(self.error(format!("there is no {what} {number}, only {count}")));
        }
        u32::try_from(number).map_err(|_| self.error(format!("{what} {number} is too large")))
    }

    /// How many items follow: at most `limit`, and no more than bytes are left, as each takes one at least. So
    /// room may be reserved for that many.
    pub fn count(&mut self, limit: usize, what: &str) -> Result<usize, DecodeError> {
        let number = self.at_most(limit as u64, what)?;
        let number = usize::try_from(number).map_err(|_| self.error("too large"))?;
        if number > self.left() {
            return Err(self.error(format!(
                "{what} is {number}, but only {} bytes are left",
                self.left()
            )));
        }
        Ok(number)
    }

    /// A zigzag number.
    pub fn i64(&mut self) -> Result<i64, DecodeError> {
        let number = self.u64()?;
        Ok((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    /// A byte that is 0 or 1.
    pub fn bool(&mut self) -> Result<bool, DecodeError> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(self.error(format!("{other} is no truth value"))),
        }
    }

    /// Length and bytes.
    pub fn bytes(&mut self) -> Result<&'a [u8], DecodeError> {
        let count = self.count(usize::MAX, "length")?;
        self.take(count)
    }

    /// Length and UTF-8.
    pub fn string(&mut self) -> Result<String, DecodeError> {
        let bytes = self.bytes()?;
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(text.to_owned()),
            Err(_) => Err(self.error("a text is not UTF-8")),
        }
    }

    /// Magic and version.
    pub fn magic(&mut self, magic: &[u8; 4], version: u8) -> Result<(), DecodeError> {
        if self.take(4)? != magic {
            return Err(self.error("it begins with the wrong magic"));
        }
        match self.byte()? {
            found if found == version => Ok(()),
            found => Err(self.error(format!("version {found} is not known, only {version}"))),
        }
    }

    /// Nothing may be left.
    pub fn end(&self) -> Result<(), DecodeError> {
        match self.left() {
            0 => Ok(()),
            left => Err(self.error(format!("{left} bytes follow the end"))),
        }
    }
}
