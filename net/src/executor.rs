//! What can answer: the part of an execution system that the communication system uses.

use std::future::Future;
use std::pin::Pin;

use cop_runtime::{
    Address, Execution, Failure, ProgramListing, ProgramName, ProgramRef, ReleaseInfo, WebAnswer,
    WebRequest,
};

/// An answer under way.
pub type Pending<'a> = Pin<Box<dyn Future<Output = Result<WebAnswer, Failure>> + Send + 'a>>;

/// An execution system as seen from outside: it runs programs and knows which ones it has.
///
/// [`Execution`] is the one of this process; with split roles there will be one behind a connection, and tests have their own.
pub trait Executor: Send + Sync {
    /// Answers a web request with a program.
    fn run_web<'a>(&'a self, program: &'a ProgramRef, request: WebRequest) -> Pending<'a>;

    /// The published programs, of one publisher or of all, sorted by address and name.
    ///
    /// # Errors
    /// The store cannot be read.
    fn programs(&self, address: Option<&Address>) -> Result<Vec<ProgramListing>, Failure>;

    /// The release with this number, or the newest; `None` if it is not stored.
    ///
    /// # Errors
    /// The store cannot be read.
    fn release(
        &self,
        address: &Address,
        name: &ProgramName,
        number: Option<u64>,
    ) -> Result<Option<ReleaseInfo>, Failure>;
}

impl Executor for Execution {
    fn run_web<'a>(&'a self, program: &'a ProgramRef, request: WebRequest) -> Pending<'a> {
        Box::pin(Execution::run_web(self, program, request))
    }

    fn programs(&self, address: Option<&Address>) -> Result<Vec<ProgramListing>, Failure> {
        Execution::programs(self, address)
    }

    fn release(
        &self,
        address: &Address,
        name: &ProgramName,
        number: Option<u64>,
    ) -> Result<Option<ReleaseInfo>, Failure> {
        Execution::release(self, address, name, number)
    }
}
