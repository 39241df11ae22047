//! What a web program gives back: read from its canonical leaves, and made into what may go out over HTTP.

use bytes::Bytes;
use cop_bytecode::TrapKind;
use cop_bytecode::limits::RESPONSE_BYTES;

use crate::codec::{CodecError, Reader};

/// A response that is valid for HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// 200 to 599.
    pub status: u16,
    /// Lower-case names, each once, in order of their first appearance.
    pub headers: Vec<(String, String)>,
    /// Values for `Set-Cookie`.
    pub cookies: Vec<String>,
    /// Never empty from status 400 up; always empty for 204 and 304.
    pub body: Bytes,
}

/// Why there is no response: a trap, its operands and a message for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadResponse {
    /// `ResponseLimit` or `InvalidArgument`.
    pub kind: TrapKind,
    /// Its operands.
    pub operands: [i64; 2],
    /// What is wrong, not part of the outcome.
    pub message: String,
}

impl From<CodecError> for BadResponse {
    fn from(error: CodecError) -> BadResponse {
        BadResponse::argument(0, format!("the program's response is malformed: {error}"))
    }
}

impl BadResponse {
    fn argument(value: i64, message: String) -> BadResponse {
        BadResponse {
            kind: TrapKind::InvalidArgument,
            operands: [value, 0],
            message,
        }
    }
}

impl Response {
    /// Reads the leaves of (status, headers, cookies, body).
    pub fn from_leaves(leaves: &[u8]) -> Result<Response, BadResponse> {
        if leaves.len() > RESPONSE_BYTES {
            return Err(BadResponse {
                kind: TrapKind::ResponseLimit,
                operands: [RESPONSE_BYTES as i64, 0],
                message: format!(
                    "the response has {} bytes, at most {RESPONSE_BYTES} are allowed",
                    leaves.len()
                ),
            });
        }
        let mut reader = Reader::new(leaves);
        let number = reader.int()?;
        let status = match u16::try_from(number) {
            Ok(status @ 200..=599) => status,
            _ => {
                return Err(BadResponse::argument(
                    number,
                    format!("the status of a response is 200 to 599, not {number}"),
                ));
            }
        };
        let mut headers: Vec<(String, String)> = Vec::new();
        for _ in 0..reader.bounded_count()? {
            let name = header_name(reader.text()?)?;
            let value = header_value(&name, reader.text()?)?;
            // Of equal names the later wins.
            match headers.iter_mut().find(|(known, _)| *known == name) {
                Some(known) => known.1 = value,
                None => headers.push((name, value)),
            }
        }
        let mut cookies = Vec::new();
        for _ in 0..reader.bounded_count()? {
            cookies.push(header_value("set-cookie", reader.text()?)?);
        }
        let body = reader.bytes()?;
        reader.end()?;
        Ok(Response {
            status,
            headers,
            cookies,
            body: match status {
                204 | 304 => Bytes::new(),
                400.. if body.is_empty() => Bytes::from(format!("Error {status}")),
                _ => Bytes::copy_from_slice(body),
            },
        })
    }
}

fn header_name(name: &str) -> Result<String, BadResponse> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(is_token) {
        return Err(BadResponse::argument(
            0,
            format!("{name:?} cannot be the name of a header"),
        ));
    }
    Ok(name.to_ascii_lowercase())
}

/// Header values are visible ASCII, spaces and tabs: a line break would begin another header.
fn header_value(name: &str, value: &str) -> Result<String, BadResponse> {
    let allowed = |byte: u8| matches!(byte, b' '..=b'~' | b'\t');
    if !value.bytes().all(allowed) {
        return Err(BadResponse::argument(
            0,
            format!("the value of the header `{name}` must be printable ASCII"),
        ));
    }
    Ok(value.trim_matches([' ', '\t']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Writer;

    fn leaves(status: i64, headers: &[(&str, &str)], cookies: &[&str], body: &[u8]) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.int(status).count(headers.len() as u64);
        for (name, value) in headers {
            writer.text(name).text(value);
        }
        writer.texts(cookies).bytes(body);
        writer.finish()
    }

    #[test]
    fn names_are_lowered_and_the_later_wins() {
        let response = Response::from_leaves(&leaves(
            200,
            &[("X-A", "1"), ("B", "2"), ("x-a", " 3 ")],
            &["sid=1"],
            b"hi",
        ))
        .unwrap();
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(response.headers, [header("x-a", "3"), header("b", "2")]);
        assert_eq!(response.cookies, ["sid=1"]);
        assert_eq!(&response.body[..], b"hi");
    }

    #[test]
    fn bodies_fit_their_status() {
        let body = |status, body: &[u8]| {
            Response::from_leaves(&leaves(status, &[], &[], body))
                .unwrap()
                .body
        };
        assert_eq!(body(204, b"x"), "");
        assert_eq!(body(304, b"x"), "");
        assert_eq!(body(404, b""), "Error 404");
        assert_eq!(body(404, b"x"), "x");
        assert_eq!(body(200, b""), "");
    }

    #[test]
    fn what_http_cannot_carry_is_a_trap() {
        let kind = |leaves: &[u8]| Response::from_leaves(leaves).unwrap_err().kind;
        for status in [-1, 0, 100, 199, 600, i64::MAX] {
            let error = Response::from_leaves(&leaves(status, &[], &[], b"")).unwrap_err();
            assert_eq!(error.operands, [status, 0]);
        }
        for (name, value) in [
            ("", "x"),
            ("a b", "x"),
            ("a:", "x"),
            ("a", "x\r\nb: c"),
            ("a", "\0"),
            ("a", "é"),
        ] {
            assert_eq!(
                kind(&leaves(200, &[(name, value)], &[], b"")),
                TrapKind::InvalidArgument
            );
        }
        assert_eq!(
            kind(&leaves(200, &[], &["a\nb"], b"")),
            TrapKind::InvalidArgument
        );
        assert_eq!(kind(b""), TrapKind::InvalidArgument);
        assert_eq!(
            kind(&leaves(200, &[], &[], &vec![0; RESPONSE_BYTES])),
            TrapKind::ResponseLimit
        );
    }
}
