//! The management interface of a node, as the tools of its owner use it.

use std::fmt;
use std::path::Path;

use cop_gateway::management::{Token, publication};
use cop_runtime::export::EXPORT_BYTES_MAX;
use cop_runtime::receipt::opened::OPENED_BYTES_MAX;
use cop_runtime::recorded::RECORDED_BYTES_MAX;
use cop_runtime::{Address, Namespace, ProgramName, RunId};
use hyper::body::Bytes;
use hyper::{Method, StatusCode};
use serde::{Deserialize, Serialize};

use crate::http::{Ask, HttpClient};
use crate::node_file::{NodeFile, TOKEN_FILE};

/// Longest answer that is read, in bytes.
const ANSWER_BYTES: usize = 16 << 20;

/// A node's management interface.
pub struct NodeClient {
    pub(crate) base: String,
    pub(crate) token: Token,
    pub(crate) client: HttpClient,
}

/// Why the node could not be asked, or what it refused.
#[derive(Debug)]
pub enum ClientError {
    /// No node runs on this data folder.
    NotRunning(String),
    /// The node could not be reached, or did not speak as a node does.
    Unreachable {
        /// The URL that was asked.
        url: String,
        /// What went wrong.
        why: String,
    },
    /// The node refused.
    Refused(Problem),
}

impl fmt::Display for ClientError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClientError::NotRunning(why) => write!(out, "{why}"),
            ClientError::Unreachable { url, why } => write!(
                out,
                "cannot ask the node at {url}: {why}; is it running? (copd start)"
            ),
            ClientError::Refused(problem) => write!(
                out,
                "the node refused: {}: {}",
                problem.title, problem.detail
            ),
        }
    }
}

impl std::error::Error for ClientError {}

/// What a node says of a failure.
#[derive(Clone, Debug, Deserialize)]
pub struct Problem {
    /// The stable code, such as `bad_signature`.
    pub code: String,
    /// What happened.
    pub title: String,
    /// What exactly.
    pub detail: String,
    /// What to do.
    pub hint: Option<String>,
    /// The HTTP status.
    pub status: u16,
}

/// What the next release of a name must say.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct NextRelease {
    /// Its number.
    pub next: u64,
    /// The hash of the release before it, as text.
    pub previous: Option<String>,
    /// The release before it.
    #[serde(default)]
    pub published: Option<Publication>,
}

/// A publication that the node stored.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Publication {
    /// The publisher.
    pub address: String,
    /// The name.
    pub name: String,
    /// The release number.
    pub release: u64,
    /// Hash of the release.
    pub release_hash: String,
    /// Hash of the bundle.
    pub bundle: String,
    /// Hash of the program.
    pub program: String,
    /// Exactly this release was stored before.
    pub already: bool,
    /// Where it is served.
    pub urls: Urls,
}

/// The three URL forms.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Urls {
    /// At a host of its own.
    pub host: String,
    /// By publisher and name in the path.
    pub path: String,
    /// By bundle hash in the path.
    pub pinned: String,
}

/// A run that the node remembers, in few words.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct ListedRun {
    /// The run's id.
    pub run: String,
    /// When it began, in milliseconds since 1970.
    pub at_ms: i64,
    /// The method and path that it answered.
    pub request: String,
    /// The name of the program.
    pub name: Option<String>,
    /// The release of it.
    pub release: Option<u64>,
    /// The bundle.
    pub bundle: String,
    /// `hit` or `miss`.
    pub cache: String,
    /// Fuel that it used.
    pub fuel_used: u64,
    /// The status of its answer.
    pub status: Option<u16>,
    /// The trap that ended it.
    pub trap: Option<String>,
}

/// A part of what a program keeps.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct StatePart {
    /// Number of the last commit; 0 before the first.
    pub commit: u64,
    /// Bytes of all that it keeps.
    pub bytes: u64,
    /// Keys in order.
    pub keys: Vec<StateKey>,
    /// Whether there are more behind the last one.
    pub more: bool,
}

/// What differs between the states behind two commits.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct StateDifference {
    /// The number of the one commit.
    pub from: u64,
    /// The number of the other.
    pub to: u64,
    /// The keys that differ, in order.
    pub keys: Vec<PastChange>,
}

/// What a node remembers of a program.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Remembered {
    /// The number of the release.
    pub release: u64,
    /// Outcomes in memory.
    pub outcomes: usize,
    /// Their memory, in bytes, roughly.
    pub bytes: u64,
    /// Questions with what was answered to them.
    pub places: usize,
    /// Walks that found an outcome, since the node was started.
    pub hits: u64,
    /// Walks that found none.
    pub misses: u64,
    /// Outcomes on disk.
    pub stored_outcomes: u64,
    /// Their size, in bytes.
    pub stored_bytes: u64,
    /// Questions below which nothing is remembered.
    pub closed: Vec<ClosedQuestion>,
}

/// A question below which nothing is remembered.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct ClosedQuestion {
    /// As the source asks it.
    pub question: String,
    /// `never`: it is answered anew each time; `hardly`: its answers turned out not to repeat.
    pub repeats: String,
    /// How many walks and runs came by.
    pub visits: u64,
}

/// The name of a state.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct StateRoot {
    /// The line of the commit; `0` for the first.
    pub line: String,
    /// The number of the commit.
    pub commit: u64,
    /// The root of the state behind it.
    pub root: String,
}

/// A state that was imported.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct ImportedState {
    /// The line that begins with it.
    pub line: String,
    /// The number of the commit.
    pub commit: u64,
    /// How many keys it changed.
    pub keys: usize,
}

/// A key and what it holds.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct StateKey {
    /// The key.
    pub key: String,
    /// Its value as source would write it.
    pub value: String,
    /// When it is gone, in milliseconds since 1970.
    pub due_ms: Option<i64>,
}

/// A commit of the past.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct PastCommit {
    /// Its number.
    pub number: u64,
    /// When it was made, in milliseconds since 1970.
    pub time_ms: i64,
    /// The run that made it; none for the removal of keys whose time was over.
    pub run: Option<String>,
    /// What it changed.
    pub keys: Vec<PastChange>,
}

/// What a commit did to a key.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct PastChange {
    /// The key.
    pub key: String,
    /// What it held.
    pub before: Option<String>,
    /// What it holds.
    pub after: Option<String>,
}

#[derive(Deserialize)]
struct Commits {
    commits: Vec<PastCommit>,
}

#[derive(Deserialize)]
struct Undone {
    commit: u64,
}

#[derive(Deserialize)]
struct Programs {
    programs: Vec<ListedProgram>,
}

/// A published name.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct ListedProgram {
    /// The publisher.
    pub address: String,
    /// The name.
    pub name: String,
    /// The newest release.
    pub release: u64,
    /// `web`, `command` or `library`.
    pub kind: String,
    /// How many releases there are.
    pub releases: u64,
    /// What it stores, in bytes.
    pub state_bytes: u64,
}

/// A release that the node has.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct ListedRelease {
    /// Its number.
    pub release: u64,
    /// Its hash.
    pub release_hash: String,
    /// The bundle.
    pub bundle: String,
    /// The program.
    pub program: String,
    /// `web`, `command` or `library`.
    pub kind: String,
    /// When it was signed, by the publisher's word, in milliseconds since 1970.
    pub time_ms: u64,
    /// What its entry point asks for.
    pub capabilities: Vec<String>,
    /// Fuel that a run may use.
    pub fuel: u64,
    /// Memory that a run may use, in bytes.
    pub memory_bytes: u64,
    /// Size of the bundle, in bytes.
    pub bundle_bytes: u64,
}

#[derive(Deserialize)]
struct Releases {
    releases: Vec<ListedRelease>,
}

#[derive(Deserialize)]
struct ListedRuns {
    runs: Vec<ListedRun>,
}

impl NodeClient {
    /// A client of the node at `url`, such as `http://127.0.0.1:2508`.
    pub fn new(url: &str, token: Token) -> NodeClient {
        NodeClient {
            base: url.trim_end_matches('/').to_owned(),
            token,
            client: HttpClient::default(),
        }
    }

    /// A client of the node that runs on this data folder; `url` says otherwise where it listens.
    ///
    /// # Errors
    /// No node runs there, or its token cannot be read.
    pub fn of_folder(data_dir: &Path, url: Option<&str>) -> Result<NodeClient, ClientError> {
        let path = data_dir.join(TOKEN_FILE);
        let token = std::fs::read_to_string(&path)
            .and_then(|text| Token::parse(&text))
            .map_err(|error| {
                ClientError::NotRunning(format!(
                    "cannot read the node's token {}: {error}; start a node with copd start",
                    path.display()
                ))
            })?;
        let url = match url {
            Some(url) => url.to_owned(),
            None => {
                NodeFile::read(data_dir)
                    .map_err(|_| {
                        ClientError::NotRunning(format!(
                            "no node runs on {}; start one with copd start",
                            data_dir.display()
                        ))
                    })?
                    .management
            }
        };
        Ok(NodeClient::new(&url, token))
    }

    /// What the next release of a name must say.
    ///
    /// # Errors
    /// The node cannot be reached or refuses.
    pub async fn next_release(
        &self,
        address: &Address,
        name: &ProgramName,
    ) -> Result<NextRelease, ClientError> {
        self.ask(
            Method::GET,
            &format!("/v1/releases/{address}/{name}"),
            Vec::new(),
        )
        .await
    }

    /// The newest runs of a program that the node remembers, at most `count`, newest first.
    ///
    /// # Errors
    /// The node cannot be reached or refuses.
    pub async fn runs_of(
        &self,
        program: &Namespace,
        count: u32,
    ) -> Result<Vec<ListedRun>, ClientError> {
        let Namespace { address, name } = program;
        let path = format!("/v1/runs?program={address}/{name}&count={count}");
        let runs: ListedRuns = self.ask(Method::GET, &path, Vec::new()).await?;
        Ok(runs.runs)
    }

    /// The releases of a program before this number, newest first, up to fifty.
    ///
    /// # Errors
    /// The node cannot be reached or refuses.
    pub async fn releases(
        &self,
        program: &Namespace,
        before: u64,
    ) -> Result<Vec<ListedRelease>, ClientError> {
        let Namespace { address, name } = program;
        let path = format!("/v1/releases/{address}/{name}/list?before={before}");
        let releases: Releases = self.ask(Method::GET, &path, Vec::new()).await?;
        Ok(releases.releases)
    }

    /// Stores a signed release and its bundle on the node.
    ///
    /// # Errors
    /// The node cannot be reached or refuses.
    pub async fn publish(&self, release: &[u8], bundle: &[u8]) -> Result<Publication, ClientError> {
        self.ask(Method::POST, "/v1/publish", publication(release, bundle))
            .await
    }

    /// Whether the node works, and its figures, as it tells them.
    ///
    /// # Errors
    /// The node cannot be reached or refuses.
    pub async fn health(&self) -> Result<serde_json::Value, ClientError> {
        self.ask(Method::GET, "/v1/health", Vec::new()).await
    }

    /// Every published name.
    ///
    /// # Errors
    /// The node cannot be reached or refuses.
    pub async fn programs(&self) -> Result<Vec<ListedProgram>, ClientError> {
        let programs: Programs = self.ask(Method::GET, "/v1/programs", Vec::new()).await?;
        Ok(programs.programs)
    }

    /// What a program keeps, up to a hundred keys that begin with `prefix` and come after `after`.
    ///
    /// # Errors
    /// The node cannot be reached or refuses.
    pub async fn state(
        &self,
        program: &Namespace,
        prefix: &str,
        after: Option<&str>,
    ) -> Result<StatePart, ClientError> {
        let path = format!("{}?{}", state_path(program), part_query(prefix, after));
        self.ask(Method::GET, &path, Vec::new()).await
    }

    /// The commits of a program before this one, newest first, up to fifty.
    ///
    /// # Errors
    /// The node cannot be reached or refuses.
    pub async fn history(
        &self,
        program: &Namespace,
        before: u64,
    ) -> Result<Vec<PastCommit>, ClientError> {
        let path = format!("{}/history?before={before}", state_path(program));
        let commits: Commits = self.ask(Method::GET, &path, Vec::new()).await?;
        Ok(commits.commits)
    }

    /// Undoes a commit; the number of the commit that does so.
    ///
    /// # Errors
    /// The node cannot be reached or refuses.
    pub async fn undo(&self, program: &Namespace, number: u64) -> Result<u64, ClientError> {
        let path = format!("{}/undo/{number}", state_path(program));
        let undone: Undone = self.ask(Method::POST, &path, Vec::new()).await?;
        Ok(undone.commit)
    }

    /// What a program kept behind a commit, up to a hundred keys that begin with `prefix` and come after `after`.
    ///
    /// # Errors
    /// The node cannot be reached or refuses.
    pub async fn state_at(
        &self,
        program: &Namespace,
        number: u64,
        prefix: &str,
        after: Option<&str>,
    ) -> Result<StatePart, ClientError> {
        let query = part_query(prefix, after);
        let path = format!("{}/at/{number}?{query}", state_path(program));
        self.ask(Method::GET, &path, Vec::new()).await
    }

    /// What differs between two commits (`from=A&to=B`), or what the commit of a run changed (`run=ID`).
    ///
    /// # Errors
    /// The node cannot be reached or refuses.
    pub async fn state_difference(
        &self,
        program: &Namespace,
        span: &str,
    ) -> Result<StateDifference, ClientError> {
        let path = format!("{}/diff?{span}", state_path(program));
        let (url, status, body) = self
            .send(Method::GET, &path, Vec::new(), RECORDED_BYTES_MAX)
            .await?;
        if status != StatusCode::OK {
            return Err(refused(&url, status, &body));
        }
        serde_json::from_slice(&body).map_err(|error| unreadable(&url, status, &error))
    }

    /// What the node remembers of the newest release of a program.
    ///
    /// # Errors
    /// The node cannot be reached or refuses.
    pub async fn remembered(&self, program: &Namespace) -> Result<Remembered, ClientError> {
        let path = format!("/v1/cache/{}/{}", program.address, program.name);
        self.ask(Method::GET, &path, Vec::new()).await
    }

    /// The root of a program's state behind a commit, or behind the last.
    ///
    /// # Errors
    /// The node cannot be reached or refuses.
    pub async fn state_root(
        &self,
        program: &Namespace,
        at: Option<u64>,
    ) -> Result<StateRoot, ClientError> {
        let path = format!("{}/root{}", state_path(program), at_query(at));
        self.ask(Method::GET, &path, Vec::new()).await
    }

    /// A program's state behind a commit, or behind the last, as a file.
    ///
    /// # Errors
    /// The node cannot be reached or refuses.
    pub async fn export_state(
        &self,
        program: &Namespace,
        at: Option<u64>,
    ) -> Result<Bytes, ClientError> {
        let path = format!("{}/export{}", state_path(program), at_query(at));
        let (url, status, body) = self
            .send(Method::GET, &path, Vec::new(), EXPORT_BYTES_MAX)
            .await?;
        match status {
            StatusCode::OK => Ok(body),
            _ => Err(refused(&url, status, &body)),
        }
    }

    /// Makes a program's state what such a file holds; what was there before goes only if `replaces`.
    ///
    /// # Errors
    /// The node cannot be reached or refuses.
    pub async fn import_state(
        &self,
        program: &Namespace,
        file: Vec<u8>,
        replaces: bool,
    ) -> Result<ImportedState, ClientError> {
        let replace = if replaces { "?replace=1" } else { "" };
        let path = format!("{}/import{replace}", state_path(program));
        self.ask(Method::POST, &path, file).await
    }

    /// The newest runs that the node remembers, newest first.
    ///
    /// # Errors
    /// The node cannot be reached or refuses.
    pub async fn newest_runs(&self) -> Result<Vec<ListedRun>, ClientError> {
        let listed: ListedRuns = self.ask(Method::GET, "/v1/runs", Vec::new()).await?;
        Ok(listed.runs)
    }

    /// The record of a run that the node remembers, with the answers that are the asker's own if `with_private`.
    ///
    /// # Errors
    /// The node cannot be reached or refuses.
    pub async fn recorded_run(
        &self,
        run: &RunId,
        with_private: bool,
    ) -> Result<Vec<u8>, ClientError> {
        let private = if with_private { "?private=1" } else { "" };
        let path = format!("/v1/runs/{run}{private}");
        let (url, status, body) = self
            .send(Method::GET, &path, Vec::new(), RECORDED_BYTES_MAX)
            .await?;
        if status == StatusCode::OK {
            return Ok(body.to_vec());
        }
        Err(refused(&url, status, &body))
    }

    /// The opened receipt of a run that the node remembers, with all that its owner may see.
    ///
    /// # Errors
    /// The node cannot be reached or refuses.
    pub async fn opened_receipt(&self, run: &str) -> Result<Vec<u8>, ClientError> {
        let path = format!("/v1/runs/{run}/receipt?private=1");
        let (url, status, body) = self
            .send(Method::GET, &path, Vec::new(), OPENED_BYTES_MAX)
            .await?;
        if status == StatusCode::OK {
            return Ok(body.to_vec());
        }
        Err(refused(&url, status, &body))
    }

    /// Asks, and reads the JSON of the answer.
    pub(crate) async fn ask<T: for<'a> Deserialize<'a>>(
        &self,
        method: Method,
        path: &str,
        body: Vec<u8>,
    ) -> Result<T, ClientError> {
        let (url, status, body) = self.send(method, path, body, ANSWER_BYTES).await?;
        if status != StatusCode::OK {
            return Err(refused(&url, status, &body));
        }
        serde_json::from_slice(&body).map_err(|error| unreadable(&url, status, &error))
    }

    /// Sends a request; gives its URL, and status and body of the answer.
    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Vec<u8>,
        answer_bytes: usize,
    ) -> Result<(String, StatusCode, Bytes), ClientError> {
        let url = format!("{}{path}", self.base);
        let ask = Ask {
            method,
            url: &url,
            bearer: Some(self.token.as_str()),
            body,
            answer_bytes,
        };
        match self.client.ask(ask).await {
            Ok((status, body)) => Ok((url, status, body)),
            Err(why) => Err(ClientError::Unreachable { url, why }),
        }
    }
}

fn at_query(at: Option<u64>) -> String {
    at.map_or_else(String::new, |number| format!("?at={number}"))
}

/// Which keys are asked for: those that begin with `prefix` and come after `after`.
fn part_query(prefix: &str, after: Option<&str>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("prefix", prefix);
    if let Some(after) = after {
        query.append_pair("after", after);
    }
    query.finish()
}

fn state_path(program: &Namespace) -> String {
    format!("/v1/state/{}/{}", program.address, program.name)
}

pub(crate) fn refused(url: &str, status: StatusCode, body: &[u8]) -> ClientError {
    match serde_json::from_slice(body) {
        Ok(problem) => ClientError::Refused(problem),
        Err(error) => unreadable(url, status, &error),
    }
}

fn unreadable(url: &str, status: StatusCode, error: &serde_json::Error) -> ClientError {
    ClientError::Unreachable {
        url: url.to_owned(),
        why: format!("it answered {status}, but not as a node does ({error})"),
    }
}
