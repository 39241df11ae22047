//! Answers that have to be waited for: who is asked, and what a program is told of it.

use std::sync::Arc;

use cop_bytecode::limits::PROGRAM_DEPTH;

use super::Shared;
use super::web::{Asker, Request, run_for};
use crate::failure::{Failure, FailureCode};
use crate::host::reply::refused;
use crate::host::{HostCall, http, program};
use crate::transcript::Question;

/// The answer to a question that a run waits for.
///
/// # Errors
/// The run is refused: what keeps the answer away is no answer of the world, and may be otherwise in a moment.
pub(super) async fn answer(
    shared: &Arc<Shared>,
    request: &Request,
    question: &Question,
) -> Result<Vec<u8>, Failure> {
    match question.kind {
        HostCall::ProgramAsk => ask_program(shared, request, &question.argument).await,
        HostCall::HttpSend if request.asker.depth > 0 => Ok(refused(
            "a program that is asked by another one only reads, and sends nothing",
        )),
        HostCall::HttpGet | HostCall::HttpSend => {
            let outbound = shared.outbound.get().map(|outbound| &**outbound);
            http::answer(outbound, request.origins(), question).await
        }
        _ => Err(Failure::new(
            FailureCode::Internal,
            "the node has a defect",
            format!("nobody answers `{question}`"),
        )),
    }
}

async fn ask_program(
    shared: &Arc<Shared>,
    request: &Request,
    argument: &[u8],
) -> Result<Vec<u8>, Failure> {
    if request.asker.depth >= PROGRAM_DEPTH {
        return Ok(program::too_deep());
    }
    let asked = match program::arguments(argument) {
        Ok(asked) => asked,
        Err(error) => return Ok(refused(&error.to_string())),
    };
    let own = request.publisher();
    let reference = match program::reference(&asked.program, own) {
        Ok(reference) => reference,
        Err(why) => return Ok(refused(&why)),
    };
    let mut web = asked.request;
    web.deadline = request.deadline;
    let asker = Asker {
        depth: request.asker.depth + 1,
        budget: Some(request.budget.clone()),
    };
    match Box::pin(run_for(shared, &reference, web, asker)).await {
        Ok(answer) => Ok(program::answered(&answer)),
        Err(failure) => match failure.code {
            // So it is, until somebody changes one of the two programs.
            FailureCode::BadRequest
            | FailureCode::NoSuchProgram
            | FailureCode::BadBundle
            | FailureCode::LimitsTooHigh
            | FailureCode::Trapped
            | FailureCode::Denied => Ok(refused(&format!("{}: {}", failure.title, failure.detail))),
            _ => Err(failure.tried(format!("the program {}", asked.program))),
        },
    }
}
