//! `random`: bytes that nobody can foresee. Each call is a question of its own, and so is answered anew.

use crate::codec::{Reader, Writer};

/// Most bytes of one call.
pub const BYTES_MAX: i64 = 64 << 10;

/// How many bytes are asked for; `None` for a count that is not allowed, with the count.
pub fn count(argument: &[u8]) -> Result<usize, i64> {
    let mut reader = Reader::new(argument);
    let count = reader.int().map_err(|_| 0)?;
    reader.end().map_err(|_| 0)?;
    match count {
        0..=BYTES_MAX => Ok(count as usize),
        _ => Err(count),
    }
}

/// The answer that carries these bytes.
pub fn answer(bytes: &[u8]) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.bytes(bytes);
    writer.finish()
}
