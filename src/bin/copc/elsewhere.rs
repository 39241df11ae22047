//! What a program meets beyond itself in `copc run`: servers outside, as its `cop.toml` lists them. Other programs it meets on a
//! node.

use std::net::SocketAddr;

use cop_gateway::outbound::Client;
use cop_runtime::host::{HostCall, http};
use cop_runtime::local::Elsewhere;
use cop_runtime::transcript::Question;
use cop_runtime::{Failure, FailureCode};

use crate::node::block_on;

/// Asks servers outside.
pub struct Outside {
    origins: Vec<String>,
    reach: Vec<SocketAddr>,
}

impl Outside {
    /// For a program whose manifest lists these origins; at these private addresses it may ask, too.
    pub fn new(origins: &[String], reach: &[SocketAddr]) -> Outside {
        Outside {
            origins: origins.to_vec(),
            reach: reach.to_vec(),
        }
    }
}

impl Elsewhere for Outside {
    fn answer(&mut self, question: &Question) -> Result<Vec<u8>, Failure> {
        if !matches!(question.kind, HostCall::HttpGet | HostCall::HttpSend) {
            return Err(Failure::new(
                FailureCode::Denied,
                "there are no other programs here",
                format!("it asks `{question}`, and `copc run` runs one program alone"),
            )
            .hint("publish both to a node (`copd demo` is one at once); in tests, `answer_program` of `std/test` says what it answers"));
        }
        let failed =
            |why: String| Failure::new(FailureCode::Internal, "nobody outside can be asked", why);
        let client = Client::new(self.reach.clone()).map_err(failed)?;
        let answer = async { Ok(http::answer(Some(&client), &self.origins, question).await) };
        match block_on(answer) {
            Ok(answer) => answer,
            Err(_) => Err(failed("the system gives no means to wait".to_owned())),
        }
    }
}
