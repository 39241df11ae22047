//! Receipts: the headers that ask for one and bring it, and the page on which its run is opened for whoever was given it.
//!
//! ```text
//!  Cop-Verify: receipt                 asks for one; with `receipt, root` it names the root of the state that was read
//!  Cop-Nonce, Cop-Salt: base64url      what the asker wants in it; a salt that he does not send is drawn
//!  Cop-Receipt, Cop-Salt: base64url    the answer's receipt, and what opens it
//! ```

use bytes::Bytes;
use cop_net::Communication;
use cop_runtime::receipt::asked::{BadWish, ReceiptWanted, base64url, salt_of};
use cop_runtime::receipt::opened::OpenedReceipt;
use cop_runtime::{Failure, FailureCode, Opener, RunInfo};
use warp::http::{HeaderMap, HeaderValue, Response, header};

use crate::asked::Asked;
use crate::{answer, refusal};

const VERIFY: &str = "cop-verify";
const NONCE: &str = "cop-nonce";
const SALT: &str = "cop-salt";
const RECEIPT: &str = "cop-receipt";

/// Whether a request asks for a receipt, and what is to be in it.
///
/// # Errors
/// It asks for something else, or its nonce or salt is malformed.
pub(crate) fn wanted(asked: &Asked) -> Result<Option<ReceiptWanted>, Failure> {
    let mut wishes = asked.headers.get_all(VERIFY).iter();
    let with_root = match (wishes.next(), wishes.next()) {
        (None, _) => return Ok(None),
        (Some(wish), None) if wish.as_bytes().trim_ascii() == b"receipt" => false,
        (Some(wish), None) if wish.as_bytes().trim_ascii() == b"receipt, root" => true,
        (Some(wish), _) => {
            return Err(refusal::unknown_wish(&String::from_utf8_lossy(
                wish.as_bytes(),
            )));
        }
    };
    let wanted = ReceiptWanted::from_headers(text(asked, NONCE)?, text(asked, SALT)?);
    let wanted = wanted.map_err(bad_wish)?;
    Ok(Some(ReceiptWanted {
        with_root,
        ..wanted
    }))
}

/// The one value of a header, if it is there.
fn text<'a>(asked: &'a Asked, name: &str) -> Result<Option<&'a str>, Failure> {
    let mut values = asked.headers.get_all(name).iter();
    let wrong = || match name {
        NONCE => bad_wish(BadWish::Nonce),
        _ => bad_wish(BadWish::Salt),
    };
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| wrong()),
        (Some(_), Some(_)) => Err(wrong()),
    }
}

fn bad_wish(wish: BadWish) -> Failure {
    let code = match wish {
        BadWish::Nonce | BadWish::Salt => FailureCode::BadRequest,
        BadWish::NoRandomness => FailureCode::Internal,
    };
    Failure::new(
        code,
        "no receipt can be made for this request",
        wish.to_string(),
    )
    .hint("leave `Cop-Nonce` and `Cop-Salt` out, or send them as bytes in base64url")
}

/// Sets the headers that bring a receipt. Such an answer is one asker's, so nobody is to keep it for others.
pub(crate) fn set_headers(headers: &mut HeaderMap, info: &RunInfo) {
    let Some(given) = &info.receipt else {
        return;
    };
    for (name, bytes) in [
        (RECEIPT, given.signed.encode()),
        (SALT, given.salt.0.to_vec()),
    ] {
        if let Ok(value) = HeaderValue::from_str(&base64url(&bytes)) {
            headers.insert(name, value);
        }
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
}

/// What whoever was given the receipt of a run may see of it: he shows by the salt that it is he.
///
/// # Errors
/// There is no such receipt, or it was not given to him.
pub(crate) fn opened(
    communication: &Communication,
    asked: &Asked,
    run: &str,
) -> Result<Response<Bytes>, Failure> {
    let salt = text(asked, SALT)?.ok_or_else(refusal::no_salt)?;
    let salt = salt_of(salt).map_err(bad_wish)?;
    let id = run.parse().ok();
    let found = id.and_then(|id| communication.opened_receipt(&id, Opener::Asker(salt)));
    let found = found.ok_or_else(|| refusal::no_receipt(run))?;
    let mut response = handed_out(&found);
    answer::open_to_all(response.headers_mut());
    Ok(response)
}

/// An opened receipt as a file, for one reader alone.
pub(crate) fn handed_out(opened: &OpenedReceipt) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(opened.encode()));
    for (name, value) in [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        let headers = response.headers_mut();
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
