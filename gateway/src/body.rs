//! Reading a request's body within its limits.

use std::time::Instant;

use bytes::{Buf, Bytes, BytesMut};
use cop_runtime::Failure;
use futures_util::{Stream, StreamExt};
use warp::http::header;

use crate::asked::Asked;
use crate::limits::Limits;
use crate::refusal;
use crate::serve::Hold;

/// A body that was read; while it lives, it has its room in memory.
pub(crate) struct Received {
    pub(crate) bytes: Bytes,
    _room: Vec<Hold>,
}

/// Bytes for which room is taken at once.
const STEP: usize = 128 * 1024;

/// Reads the body of a request to its end.
///
/// A body whose announced length is over the limit is refused before a byte of it is read, so a client that waits for
/// `100 Continue` never sends it.
///
/// # Errors
/// `too_large`, `timeout` below the least rate, `bad_request` for a broken or encoded body, `overloaded` or `too_many` where
/// there is no room for it.
pub(crate) async fn read<B: Buf>(
    asked: &Asked,
    limits: &Limits,
    body: impl Stream<Item = Result<B, warp::Error>>,
) -> Result<Received, Failure> {
    if let Some(encoding) = asked.headers.get(header::CONTENT_ENCODING)
        && !encoding.as_bytes().eq_ignore_ascii_case(b"identity")
    {
        return Err(refusal::encoded_body(&String::from_utf8_lossy(
            encoding.as_bytes(),
        )));
    }
    let announced = asked
        .headers
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > limits.body_bytes as u64) {
        return Err(refusal::large_body(limits));
    }
    let mut body = std::pin::pin!(body);
    let begun = Instant::now();
    let mut read = BytesMut::new();
    let (mut room, mut roomy) = (Vec::new(), STEP / 2);
    loop {
        // What has come has bought this much time.
        let earned = std::time::Duration::from_secs_f64(
            read.len() as f64 / limits.body_bytes_per_second.max(1) as f64,
        );
        let deadline = begun + (limits.body_grace + earned).min(limits.request_time);
        let mut data = match tokio::time::timeout_at(deadline.into(), body.next()).await {
            Err(_) => return Err(refusal::slow_body(limits)),
            Ok(None) => {
                return Ok(Received {
                    bytes: read.freeze(),
                    _room: room,
                });
            }
            Ok(Some(Err(_))) => return Err(refusal::broken_body()),
            Ok(Some(Ok(data))) => data,
        };
        if read.len() + data.remaining() > limits.body_bytes {
            return Err(refusal::large_body(limits));
        }
        while read.len() + data.remaining() > roomy {
            // Twice as much each time, so that a long body asks a few times only.
            let more = roomy.max(STEP).min(limits.body_bytes.max(STEP));
            room.extend(asked.seat.room(more)?);
            roomy += more;
        }
        read.extend_from_slice(&data.copy_to_bytes(data.remaining()));
    }
}
