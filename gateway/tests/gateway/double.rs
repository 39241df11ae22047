//! An execution system for tests: its one program answers what the test's closure says.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use cop_gateway::{Gateway, GatewayConfig, Limits, Observer, Server};
use cop_net::{Communication, Executor, Pending};
use cop_runtime::{
    Address, Asset, Cache, Dependence, Failure, FailureCode, Hash, Health, KeptRun, Namespace,
    ProgramKind, ProgramListing, ProgramName, ProgramRef, Published, RecordedRun, ReleaseInfo,
    RunId, RunInfo, ShownCommit, ShownMessage, ShownState, WebAnswer, WebRequest,
};

pub fn address() -> Address {
    Address::from_bytes([9; 20])
}

pub fn name() -> ProgramName {
    "hello".parse().expect("a name")
}

/// The files that the program's bundle has: path below `assets/`, and content.
pub const ASSETS: [(&str, &str); 2] = [
    ("style sheets/a.css", "p { color: green }"),
    ("page.html", "<p>a page"),
];

pub const BUNDLE: Hash = Hash([5; 32]);
pub const PROGRAM: Hash = Hash([6; 32]);
pub const RUN: RunId = RunId([7; 16]);

pub fn info() -> RunInfo {
    RunInfo {
        run: RUN,
        address: Some(address()),
        name: Some(name()),
        release: Some(3),
        bundle: BUNDLE,
        program: PROGRAM,
        fuel_used: 1234,
        fuel_limit: 1_000_000,
        peak_memory_bytes: 4096,
        memory_limit_bytes: 64 << 20,
        cache: Cache::Miss,
        depends: Dependence::default(),
        wrote: false,
        time_us: 42,
        engine: "interpreter",
        receipt: None,
    }
}

pub fn answer(body: &str) -> WebAnswer {
    WebAnswer {
        status: 200,
        headers: vec![(
            "content-type".to_owned(),
            "text/html; charset=utf-8".to_owned(),
        )],
        cookies: Vec::new(),
        body: Bytes::from(body.to_owned()),
        info: info(),
    }
}

type Handler = dyn Fn(&ProgramRef, WebRequest) -> Result<WebAnswer, Failure> + Send + Sync;

/// Stores one program; what it is asked is kept for the test to look at.
pub struct Double {
    handler: Box<Handler>,
    asked: Arc<Mutex<Vec<WebRequest>>>,
}

impl Executor for Double {
    fn run_web<'a>(
        &'a self,
        program: &'a ProgramRef,
        request: WebRequest,
    ) -> Pending<'a, WebAnswer> {
        Box::pin(async move {
            let known = match program {
                ProgramRef::Pinned(hash) => *hash == BUNDLE,
                ProgramRef::Named {
                    address: by,
                    name: called,
                    release,
                } => *by == address() && *called == name() && matches!(release, None | Some(3)),
            };
            if !known {
                return Err(Failure::new(
                    FailureCode::NoSuchProgram,
                    "no program of this name is known",
                    "it is not stored here",
                ));
            }
            self.asked
                .lock()
                .expect("no test panics inside")
                .push(request.clone());
            if request.target == b"/slow" {
                tokio::time::sleep(std::time::Duration::from_millis(400)).await;
            }
            (self.handler)(program, request)
        })
    }

    fn asset<'a>(&'a self, _: &'a ProgramRef, path: &'a str) -> Pending<'a, Option<Asset>> {
        let known = ASSETS.iter().find(|(known, _)| *known == path);
        let asset = known.map(|(_, content)| Asset {
            hash: cop_runtime::bundle::file_hash(content.as_bytes()),
            content: Bytes::from_static(content.as_bytes()),
        });
        Box::pin(async move { Ok(asset) })
    }

    fn publish<'a>(&'a self, release: &'a [u8], bundle: &'a [u8]) -> Pending<'a, Published> {
        Box::pin(async move {
            if release != b"signed" {
                return Err(Failure::new(
                    FailureCode::BadSignature,
                    "the signature is wrong",
                    "it is not by this key",
                ));
            }
            Ok(Published {
                address: address(),
                name: name(),
                number: 4,
                release_hash: Hash([8; 32]),
                bundle_hash: Hash([bundle.len() as u8; 32]),
                package_hash: PROGRAM,
                already: false,
            })
        })
    }

    fn state(
        &self,
        _: &Namespace,
        _: &str,
        _: Option<&str>,
        _: usize,
    ) -> Result<ShownState, Failure> {
        Err(Failure::new(
            FailureCode::Internal,
            "a test's failure",
            "nothing is kept",
        ))
    }

    fn history(&self, _: &Namespace, _: u64, _: usize) -> Result<Vec<ShownCommit>, Failure> {
        Ok(Vec::new())
    }

    fn undo<'a>(&'a self, _: &'a Namespace, _: u64) -> Pending<'a, u64> {
        Box::pin(async {
            Err(Failure::new(
                FailureCode::Internal,
                "a test's failure",
                "nothing is kept",
            ))
        })
    }

    fn messages(&self, _: &Namespace) -> Result<Vec<ShownMessage>, Failure> {
        Ok(vec![ShownMessage {
            id: "r-0".to_owned(),
            to: "https://a.example/".to_owned(),
            target: String::new(),
            body_bytes: 2,
            is_dead: true,
            attempts: 20,
            next_ms: 0,
            trouble: "it was answered 500".to_owned(),
        }])
    }

    fn retry_message<'a>(&'a self, _: &'a Namespace, id: &'a str) -> Pending<'a, bool> {
        Box::pin(async move { Ok(id == "r-0") })
    }

    fn newest_runs(&self, _: usize) -> Vec<KeptRun> {
        Vec::new()
    }

    fn recorded_run(&self, _: &RunId, _: bool) -> Option<RecordedRun> {
        None
    }

    fn health(&self) -> Health {
        Health {
            writable: true,
            programs: 1,
            ..Health::default()
        }
    }

    fn programs(&self, by: Option<&Address>) -> Result<Vec<ProgramListing>, Failure> {
        if by.is_some_and(|by| *by != address()) {
            return Ok(Vec::new());
        }
        Ok(vec![ProgramListing {
            newest: release_info(),
            releases: 3,
            state_bytes: 0,
        }])
    }

    fn release(
        &self,
        by: &Address,
        called: &ProgramName,
        number: Option<u64>,
    ) -> Result<Option<ReleaseInfo>, Failure> {
        let known = *by == address() && *called == name() && matches!(number, None | Some(3));
        Ok(known.then(release_info))
    }

    fn signed_release(
        &self,
        by: &Address,
        called: &ProgramName,
        number: Option<u64>,
    ) -> Result<Option<Bytes>, Failure> {
        let known = self.release(by, called, number)?;
        Ok(known.map(|_| Bytes::from_static(b"signed")))
    }

    fn bundle<'a>(&'a self, hash: &'a Hash) -> Pending<'a, Option<Bytes>> {
        let known = *hash == BUNDLE;
        Box::pin(async move { Ok(known.then(|| Bytes::from_static(b"archive"))) })
    }
}

fn release_info() -> ReleaseInfo {
    ReleaseInfo {
        address: address(),
        name: name(),
        number: 3,
        release_hash: Hash([8; 32]),
        bundle_hash: BUNDLE,
        package_hash: PROGRAM,
        time_ms: 1_795_132_800_000,
        capabilities: vec!["kv".to_owned()],
        fuel: 1_000_000,
        memory_bytes: 64 << 20,
        bundle_bytes: 2048,
        kind: ProgramKind::Web,
    }
}

/// An execution system for tests that manage it.
pub fn double() -> Arc<Double> {
    Arc::new(Double {
        handler: Box::new(|_, _| Ok(answer(""))),
        asked: Arc::default(),
    })
}

/// One that sees nothing yet.
pub fn observer() -> Arc<Observer> {
    Observer::new(Arc::default(), double())
}

/// A gateway over a double, on a free port.
pub struct Running {
    pub server: Server,
    pub asked: Arc<Mutex<Vec<WebRequest>>>,
}

impl Running {
    pub fn at(&self) -> std::net::SocketAddr {
        self.server.address()
    }

    /// The latest request that reached the program.
    pub fn latest(&self) -> WebRequest {
        self.asked
            .lock()
            .expect("no test panics inside")
            .last()
            .expect("the program was asked")
            .clone()
    }

    pub fn times_asked(&self) -> usize {
        self.asked.lock().expect("no test panics inside").len()
    }

    /// The host of the program's own origin.
    pub fn own_host(&self) -> String {
        format!("hello-{}.localhost:{}", address(), self.at().port())
    }

    pub fn bare_host(&self) -> String {
        format!("localhost:{}", self.at().port())
    }
}

pub async fn start_with(
    config: GatewayConfig,
    handler: impl Fn(&ProgramRef, WebRequest) -> Result<WebAnswer, Failure> + Send + Sync + 'static,
) -> Running {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let double = Double {
        handler: Box::new(handler),
        asked: asked.clone(),
    };
    let communication = Communication::with_own(Arc::new(double));
    let any_port = "127.0.0.1:0".parse().expect("an address");
    Running {
        server: Gateway::start(any_port, config, communication)
            .await
            .expect("a free port"),
        asked,
    }
}

/// A gateway whose program answers with one page.
pub async fn start() -> Running {
    start_with(GatewayConfig::default(), |_, _| Ok(answer("<p>hello</p>"))).await
}

/// A gateway whose program answers with one page, with other limits.
pub async fn start_limited(limits: Limits) -> Running {
    start_with(
        GatewayConfig {
            limits,
            ..GatewayConfig::default()
        },
        |_, _| Ok(answer("<p>hello</p>")),
    )
    .await
}
