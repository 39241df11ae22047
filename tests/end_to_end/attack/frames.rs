//! Frames of HTTP/2 as bytes, and back.
//!
//! Written by hand, since no client library sends what must not be sent. Header blocks have literals only, without Huffman.

/// What a frame is called in the probes, by its number.
const KINDS: [&str; 10] = [
    "data",
    "headers",
    "priority",
    "rst",
    "settings",
    "push",
    "ping",
    "goaway",
    "window",
    "continuation",
];

pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The number of a kind of frame; `kind99` is one that nobody knows.
pub fn kind(name: &str) -> u8 {
    let known = KINDS.iter().position(|kind| *kind == name);
    let number = known.map(|kind| kind as u8);
    number
        .or_else(|| name.strip_prefix("kind")?.parse().ok())
        .unwrap_or_else(|| panic!("`{name}` is no frame"))
}

pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// A header as a literal that is not indexed.
pub fn header(name: &str, value: &[u8]) -> Vec<u8> {
    let mut header = vec![0];
    for text in [name.as_bytes(), value] {
        integer(&mut header, text.len());
        header.extend(text);
    }
    header
}

/// An integer with a prefix of seven bits.
fn integer(out: &mut Vec<u8>, number: usize) {
    if number < 127 {
        out.push(number as u8);
        return;
    }
    out.push(127);
    let mut rest = number - 127;
    while rest >= 128 {
        out.push((rest % 128 + 128) as u8);
        rest /= 128;
    }
    out.push(rest as u8);
}

/// A frame that was read.
#[derive(Debug)]
pub struct Read {
    pub kind: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

impl Read {
    /// The frames that these bytes are; what is cut off at the end is left out.
    pub fn all(mut bytes: &[u8]) -> Vec<Read> {
        let mut frames = Vec::new();
        while bytes.len() >= 9 {
            let length = u32::from_be_bytes([0, bytes[0], bytes[1], bytes[2]]) as usize;
            if bytes.len() < 9 + length {
                break;
            }
            frames.push(Read {
                kind: bytes[3],
                stream: u32::from_be_bytes([bytes[5] & 0x7f, bytes[6], bytes[7], bytes[8]]),
                payload: bytes[9..9 + length].to_vec(),
            });
            bytes = &bytes[9 + length..];
        }
        frames
    }

    /// What it says, in the words of the probes; nothing for what is no answer.
    pub fn word(&self) -> Option<String> {
        let code = |place: usize| {
            let bytes = self.payload.get(place..place + 4).expect("a code");
            u32::from_be_bytes(bytes.try_into().expect("four bytes"))
        };
        match KINDS.get(usize::from(self.kind)).copied() {
            Some("headers") => Some(format!("{}={}", self.stream, status(&self.payload))),
            Some("rst") => Some(format!("rst:{}={}", self.stream, code(0))),
            Some("goaway") => Some(format!("goaway={}", code(4))),
            _ => None,
        }
    }
}

/// The status with which a header block begins. The client said that it keeps no table, so it is one of the fixed entries, or a
/// literal of three digits.
fn status(block: &[u8]) -> String {
    // The size of the table may be changed first.
    let block = match block {
        [0x20, rest @ ..] => rest,
        _ => block,
    };
    let indexed = ["200", "204", "206", "304", "400", "404", "500"];
    match block {
        [index @ 0x88..=0x8e, ..] => indexed[usize::from(index - 0x88)].to_owned(),
        [_, length, rest @ ..] if length & 0x80 != 0 => {
            huffman(&rest[..usize::from(length & 0x7f)])
        }
        [_, length, rest @ ..] => {
            String::from_utf8_lossy(&rest[..usize::from(*length)]).into_owned()
        }
        _ => panic!("no status in {block:?}"),
    }
}

/// Digits in the code of HPACK: 0 to 2 have five bits, 3 to 9 have six.
fn huffman(bytes: &[u8]) -> String {
    let bits: String = bytes.iter().map(|byte| format!("{byte:08b}")).collect();
    let mut digits = String::new();
    let mut rest = bits.as_str();
    while digits.len() < 3 {
        let number = |count: usize| u8::from_str_radix(&rest[..count], 2).expect("bits");
        let (digit, length) = match number(5) {
            short @ 0..=2 => (short, 5),
            _ => (number(6) - 0b01_1001 + 3, 6),
        };
        digits.push(char::from(b'0' + digit));
        rest = &rest[length..];
    }
    digits
}

#[test]
fn statuses_are_read() {
    assert_eq!(status(&[0x20, 0x88]), "200");
    // As RFC 7541 has it in its examples: 302 is 64 02.
    assert_eq!(status(&[0x08, 0x82, 0x64, 0x02]), "302");
    assert_eq!(status(&[0x08, 3, b'4', b'2', b'9']), "429");
}
