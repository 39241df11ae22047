//! `program`: other programs of the node, asked like a web client would ask them.
//!
//! The question is a request: which program, method, target, headers, body. The answer is `Result[Response, String]`: what the
//! program answered, or why it did not. A program that is asked runs at a snapshot of its own and writes nothing.

use cop_bytecode::Hash;

use crate::address::{Address, ProgramName};
use crate::answer::{ProgramRef, WebAnswer, WebRequest};
use crate::codec::{CodecError, Reader};
use crate::host::reply::Reply;

/// Most bytes of one question, the body of the request included.
pub const QUESTION_BYTES: usize = 8 << 20;

/// Programs ask programs too deeply. Who is told so traps, so that depth is an answer like any other.
const TOO_DEEP: u8 = 2;

/// What is asked of whom.
#[derive(Clone, Debug)]
pub struct Asked {
    /// How the program is named: see [`reference()`].
    pub program: String,
    /// What it is asked.
    pub request: WebRequest,
}

/// Reads the arguments of `program.ask`.
pub fn arguments(argument: &[u8]) -> Result<Asked, CodecError> {
    let mut reader = Reader::new(argument);
    let program = reader.text()?.to_owned();
    let method = reader.text()?.as_bytes().to_vec();
    let target = reader.text()?.as_bytes().to_vec();
    let mut headers = Vec::new();
    for _ in 0..reader.bounded_count()? {
        let (name, value) = (reader.text()?, reader.text()?);
        headers.push((name.as_bytes().to_vec(), value.as_bytes().to_vec()));
    }
    let body = bytes::Bytes::copy_from_slice(reader.bytes()?);
    reader.end()?;
    Ok(Asked {
        program,
        request: WebRequest {
            method,
            target,
            headers,
            body,
            ..WebRequest::get("/")
        },
    })
}

/// Program and target of a question, as tests name it; `None` if the argument is none.
pub fn described(argument: &[u8]) -> Option<String> {
    let mut reader = Reader::new(argument);
    let program = reader.text().ok()?.to_owned();
    reader.text().ok()?;
    Some(format!("{program} {}", reader.text().ok()?))
}

/// Why a question is not asked at all; `None` if nothing speaks against it.
pub fn refusal(argument: &[u8]) -> Option<String> {
    if argument.len() > QUESTION_BYTES {
        return Some(format!(
            "a question to a program has at most {QUESTION_BYTES} bytes, this one has {}",
            argument.len()
        ));
    }
    arguments(argument)
        .err()
        .map(|error| format!("the question is malformed: {error}"))
}

/// The answer that carries what the program answered.
pub fn answered(answer: &WebAnswer) -> Vec<u8> {
    let reply = Reply {
        status: answer.status,
        headers: answer.headers.clone(),
        cookies: answer.cookies.clone(),
        body: answer.body.to_vec(),
    };
    reply.to_answer()
}

/// The answer to a program that asks too deeply.
pub fn too_deep() -> Vec<u8> {
    vec![TOO_DEEP]
}

/// Whether that is the answer.
pub fn is_too_deep(answer: &[u8]) -> bool {
    answer == [TOO_DEEP]
}

/// The program of that name, as seen from a program of `own`: `prices` of the same publisher, `cop1…/prices`, `cop1…/prices@3`
/// for a release, or the hash of a bundle.
///
/// # Errors
/// What is wrong with the name.
pub fn reference(text: &str, own: Option<Address>) -> Result<ProgramRef, String> {
    let form = "write `prices`, `cop1…/prices`, `cop1…/prices@3`, or the hash of a bundle";
    if let Ok(hash) = text.parse::<Hash>() {
        return Ok(ProgramRef::Pinned(hash));
    }
    let (address, named) = match text.split_once('/') {
        Some((address, named)) => {
            let address = address.trim_start_matches('~').parse::<Address>();
            let wrong = |error| format!("`{text}` names no program: {error}; {form}");
            (address.map_err(wrong)?, named)
        }
        None => {
            let nobody = || {
                format!(
                    "`{text}` is to be a program of the same publisher, but this one runs by its hash alone; {form}"
                )
            };
            (own.ok_or_else(nobody)?, text)
        }
    };
    let (name, release) = match named.split_once('@') {
        None => (named, None),
        Some((name, number)) => {
            let number = number.parse::<u64>().ok().filter(|number| *number > 0);
            let wrong = || format!("`{text}` has no release number behind the `@`; {form}");
            (name, Some(number.ok_or_else(wrong)?))
        }
    };
    let name = name
        .parse::<ProgramName>()
        .map_err(|error| format!("`{text}` names no program: {error}; {form}"))?;
    Ok(ProgramRef::Named {
        address,
        name,
        release,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Writer;

    #[test]
    fn programs_are_named_as_people_name_them() {
        let address = crate::keys::SecretKey::from_bytes(&[7; 32])
            .expect("a key")
            .public()
            .address();
        let named = |release| ProgramRef::Named {
            address,
            name: "prices".parse().unwrap(),
            release,
        };
        let whole = format!("{address}/prices");
        assert_eq!(reference("prices", Some(address)), Ok(named(None)));
        assert_eq!(reference(&whole, None), Ok(named(None)));
        assert_eq!(reference(&format!("~{whole}@3"), None), Ok(named(Some(3))));
        let hash = Hash([5; 32]);
        assert_eq!(
            reference(&hash.to_string(), None),
            Ok(ProgramRef::Pinned(hash))
        );
        for wrong in ["", "Prices", "cop1x/prices", &format!("{whole}@0"), "a@x"] {
            let why = reference(wrong, Some(address)).unwrap_err();
            assert!(why.contains("write `prices`"), "{why}");
        }
        assert!(
            reference("prices", None)
                .unwrap_err()
                .contains("by its hash")
        );
    }

    #[test]
    fn only_whole_questions_are_asked() {
        let mut writer = Writer::new();
        writer.text("p").text("GET").text("/x").count(1);
        writer.text("accept").text("*/*").bytes(b"body");
        let whole = writer.finish();
        assert_eq!(refusal(&whole), None);
        let asked = arguments(&whole).unwrap();
        assert_eq!(
            (&asked.program[..], &asked.request.body[..]),
            ("p", &b"body"[..])
        );
        assert_eq!(described(&whole).as_deref(), Some("p /x"));
        assert!(refusal(&whole[1..]).unwrap().contains("malformed"));
        assert!(
            refusal(&vec![0; QUESTION_BYTES + 1])
                .unwrap()
                .contains("at most")
        );
    }
}
