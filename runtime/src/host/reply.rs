//! Answers from elsewhere: `Result[Response, String]`, as other programs and servers give it.

use crate::codec::Writer;

const OK: u8 = 0;
const ERR: u8 = 1;

/// A response that somebody else gave, without what concerns the connection alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// Lower-case names and values, each name once.
    pub headers: Vec<(String, String)>,
    /// Values of `Set-Cookie`.
    pub cookies: Vec<String>,
    /// The body.
    pub body: Vec<u8>,
}

impl Reply {
    /// The answer that carries it.
    pub fn to_answer(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer
            .byte(OK)
            .int(i64::from(self.status))
            .count(self.headers.len() as u64);
        for (name, value) in &self.headers {
            writer.text(name).text(value);
        }
        writer.texts(&self.cookies).bytes(&self.body);
        writer.finish()
    }
}

/// The answer of who gives none.
pub fn refused(why: &str) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.byte(ERR).text(why);
    writer.finish()
}
