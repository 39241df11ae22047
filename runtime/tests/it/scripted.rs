//! An engine whose programs are Rust functions: what they ask their host is written in the test.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use cop_bytecode::source_map::SourceMap;
use cop_bytecode::{TrapKind, encode};
use cop_runtime::bundle::source_hash;
use cop_runtime::codec::{Reader, Writer};
use cop_runtime::engine::{Answer, End, Engine, Host, Limits, Loaded, Outcome, Position, Trap};
use cop_runtime::{
    Bundle, BundleParts, Execution, ExecutionConfig, Hash, Manifest, ProgramKind, ProgramRef,
    Release, SignedRelease,
};

use crate::samples;

/// What a scripted program does. `Err` ends the run early.
pub type Script = Arc<dyn Fn(&mut Ask<'_>) -> Result<Vec<u8>, End> + Send + Sync>;

/// The host as a script sees it.
pub struct Ask<'a> {
    host: &'a mut dyn Host,
    fuel: u64,
}

impl Ask<'_> {
    pub fn call(
        &mut self,
        interface: &str,
        function: &str,
        argument: &[u8],
    ) -> Result<Vec<u8>, End> {
        self.fuel += 100;
        match self.host.call(interface, function, argument) {
            Answer::Bytes(bytes) => Ok(bytes),
            Answer::Trap(kind, operands) => Err(trap(kind, operands)),
            Answer::Stop => Err(End::Stopped),
            Answer::Refuse(reason) => Err(End::Refused(reason)),
        }
    }

    pub fn text_call(
        &mut self,
        interface: &str,
        function: &str,
        argument: &str,
    ) -> Result<Vec<u8>, End> {
        let mut writer = Writer::new();
        writer.text(argument);
        self.call(interface, function, &writer.finish())
    }

    pub fn path(&mut self) -> Result<String, End> {
        let answer = self.call("request", "start", b"")?;
        let mut reader = Reader::new(&answer);
        reader.text().unwrap();
        Ok(reader.text().unwrap().to_owned())
    }

    pub fn query(&mut self, name: &str) -> Result<Option<String>, End> {
        let answer = self.text_call("request", "query", name)?;
        Ok(Reader::new(&answer)
            .optional_text()
            .unwrap()
            .map(str::to_owned))
    }

    pub fn get(&mut self, key: &str) -> Result<Option<Vec<u8>>, End> {
        let answer = self.text_call("kv", "get", key)?;
        let mut reader = Reader::new(&answer);
        let is_there = reader.flag().unwrap();
        Ok(is_there.then(|| reader.bytes().unwrap().to_vec()))
    }

    pub fn set(&mut self, key: &str, value: &[u8]) -> Result<Option<String>, End> {
        let mut writer = Writer::new();
        writer.text(key).bytes(value).text("");
        let answer = self.call("kv", "set", &writer.finish())?;
        Ok(Reader::new(&answer)
            .optional_text()
            .unwrap()
            .map(str::to_owned))
    }

    pub fn set_for(&mut self, key: &str, value: &[u8], seconds: i64) -> Result<(), End> {
        let mut writer = Writer::new();
        writer.text(key).bytes(value).text("").int(seconds);
        self.call("kv", "set_for", &writer.finish())?;
        Ok(())
    }

    pub fn add(&mut self, key: &str, delta: i64) -> Result<(), End> {
        let mut writer = Writer::new();
        writer.text(key).int(delta);
        self.call("kv", "add", &writer.finish())?;
        Ok(())
    }

    pub fn keys(&mut self, prefix: &str, limit: i64) -> Result<Vec<String>, End> {
        let mut writer = Writer::new();
        writer.text(prefix).optional_text(None).int(limit);
        let answer = self.call("kv", "keys", &writer.finish())?;
        Ok(Reader::new(&answer).texts().unwrap())
    }
}

pub fn trap(kind: TrapKind, operands: [i64; 2]) -> End {
    End::Trapped(Trap {
        kind,
        position: Position {
            function: 1,
            instruction: 2,
        },
        operands,
        message: None,
        backtrace: Vec::new(),
    })
}

/// The leaves of a response with this status and body.
pub fn response(status: i64, body: &str) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.int(status).count(0).count(0).text(body);
    writer.finish()
}

/// Programs by the content of their code blob.
#[derive(Default)]
pub struct ScriptedEngine {
    scripts: Mutex<BTreeMap<Vec<u8>, Script>>,
    /// What the other engine makes of the same packages.
    others: Arc<Mutex<BTreeMap<Vec<u8>, Script>>>,
    /// Code blobs of the programs that were told to use no machine code.
    distrusted: Arc<Mutex<Vec<String>>>,
}

impl ScriptedEngine {
    /// Lets packages with this code blob run the script.
    pub fn know(
        &self,
        code: &str,
        script: impl Fn(&mut Ask<'_>) -> Result<Vec<u8>, End> + Send + Sync + 'static,
    ) {
        let mut scripts = self.scripts.lock().unwrap();
        scripts.insert(code.as_bytes().to_vec(), Arc::new(script));
    }

    /// Lets the other engine run this script for them.
    pub fn know_other(
        &self,
        code: &str,
        script: impl Fn(&mut Ask<'_>) -> Result<Vec<u8>, End> + Send + Sync + 'static,
    ) {
        let mut others = self.others.lock().unwrap();
        others.insert(code.as_bytes().to_vec(), Arc::new(script));
    }

    /// The programs that were told to use no machine code, each time that they were.
    pub fn distrusted(&self) -> Vec<String> {
        self.distrusted.lock().unwrap().clone()
    }
}

impl Engine for ScriptedEngine {
    fn name(&self) -> &'static str {
        "scripted"
    }

    fn load(&self, interface: &[u8], code: &[u8]) -> Result<Arc<dyn Loaded>, String> {
        let script = self.scripts.lock().unwrap().get(code).cloned();
        Ok(Arc::new(ScriptedProgram {
            hash: encode::package_hash(interface, code),
            capabilities: String::from_utf8(interface.to_vec())
                .map_err(|error| error.to_string())?
                .split_terminator(',')
                .map(str::to_owned)
                .collect(),
            script: script.ok_or("there is no such script")?,
            code: code.to_vec(),
            others: self.others.clone(),
            distrusted: self.distrusted.clone(),
        }))
    }
}

#[derive(Clone)]
struct ScriptedProgram {
    hash: Hash,
    capabilities: Vec<String>,
    script: Script,
    code: Vec<u8>,
    others: Arc<Mutex<BTreeMap<Vec<u8>, Script>>>,
    distrusted: Arc<Mutex<Vec<String>>>,
}

impl Loaded for ScriptedProgram {
    fn hash(&self) -> Hash {
        self.hash
    }

    fn capabilities(&self, entry: &str) -> Option<Vec<String>> {
        ["handle", "main"]
            .contains(&entry)
            .then(|| self.capabilities.clone())
    }

    fn other(&self) -> Option<Arc<dyn Loaded>> {
        let script = self.others.lock().unwrap().get(&self.code).cloned()?;
        Some(Arc::new(ScriptedProgram {
            script,
            ..self.clone()
        }))
    }

    fn distrust_machine_code(&self) {
        let code = String::from_utf8(self.code.clone()).unwrap();
        self.distrusted.lock().unwrap().push(code);
    }

    fn run(&self, _entry: &str, _limits: Limits, host: &mut dyn Host) -> Outcome {
        let mut ask = Ask { host, fuel: 0 };
        let result = (self.script)(&mut ask);
        Outcome {
            fuel_used: ask.fuel,
            peak_memory_bytes: 4_096,
            end: match result {
                Ok(bytes) => End::Returned(bytes),
                Err(end) => end,
            },
        }
    }
}

/// A node in a folder of its own, and a publisher.
pub struct Node {
    pub folder: tempfile::TempDir,
    pub engine: Arc<ScriptedEngine>,
    pub execution: Execution,
    config: ExecutionConfig,
}

/// A small configuration for tests.
pub fn config() -> ExecutionConfig {
    ExecutionConfig {
        network: samples::hash("network"),
        workers: 6,
        cache_bytes: 8 << 20,
        ..ExecutionConfig::default()
    }
}

impl Node {
    pub fn new() -> Node {
        Node::with_config(config())
    }

    pub fn with_config(config: ExecutionConfig) -> Node {
        let folder = tempfile::tempdir().unwrap();
        let engine = Arc::new(ScriptedEngine::default());
        let execution =
            Execution::with_engine(folder.path(), config.clone(), engine.clone()).unwrap();
        Node {
            folder,
            engine,
            execution,
            config,
        }
    }

    /// Stops the node and gives its folder.
    pub async fn stop(self) -> tempfile::TempDir {
        self.execution.shut_down().await;
        self.folder
    }

    /// Stops the node and starts it again on the same folder.
    pub async fn restart(self) -> Node {
        self.execution.shut_down().await;
        drop(self.execution);
        let execution =
            Execution::with_engine(self.folder.path(), self.config.clone(), self.engine.clone());
        Node {
            execution: execution.unwrap(),
            ..self
        }
    }

    /// Makes a script known to the engine and gives a bundle with it.
    pub fn bundle(
        &self,
        name: &str,
        capabilities: &[&str],
        script: impl Fn(&mut Ask<'_>) -> Result<Vec<u8>, End> + Send + Sync + 'static,
    ) -> Bundle {
        let code = name.as_bytes().to_vec();
        self.engine.know(name, script);
        let interface: String = capabilities.iter().map(|c| format!("{c},")).collect();
        let interface = interface.into_bytes();
        let sources = BTreeMap::from([("main.cop".to_owned(), name.as_bytes().to_vec())]);
        Bundle::build(BundleParts {
            manifest: Manifest {
                name: "scripted".parse().unwrap(),
                kind: ProgramKind::Web,
                package: encode::package_hash(&interface, &code),
                capabilities: capabilities.iter().map(|c| (*c).to_owned()).collect(),
                records_runs: !name.starts_with("forgetful"),
                origins: match capabilities.contains(&"http") {
                    true => vec!["https://listed.example".to_owned()],
                    false => Vec::new(),
                },
                fuel: 1_000_000,
                memory_bytes: 1 << 20,
                compiler: "by hand".to_owned(),
                sources: source_hash(sources.iter().map(|(p, c)| (p.as_str(), c.as_slice()))),
            },
            interface,
            code,
            source_map: SourceMap::default().encode(),
            sources,
            assets: BTreeMap::new(),
        })
        .unwrap()
    }

    /// The next release of a bundle under this name.
    pub fn sign(&self, name: &str, bundle: &Bundle) -> SignedRelease {
        self.sign_as(1, name, bundle)
    }

    /// The same by the publisher with this number.
    pub fn sign_as(&self, publisher: u8, name: &str, bundle: &Bundle) -> SignedRelease {
        let key = samples::key(publisher);
        let name = name.parse().unwrap();
        let newest = self
            .execution
            .release(&key.public().address(), &name, None)
            .unwrap();
        let newest = newest.map(|newest| (newest.number, newest.release_hash));
        Release::following(newest, bundle, name, key.public(), self.config.network, 1)
            .sign(&key)
            .unwrap()
    }

    /// Publishes a script under a name.
    pub async fn publish(
        &self,
        name: &str,
        capabilities: &[&str],
        script: impl Fn(&mut Ask<'_>) -> Result<Vec<u8>, End> + Send + Sync + 'static,
    ) -> ProgramRef {
        let bundle = self.bundle(name, capabilities, script);
        let signed = self.sign(name, &bundle);
        self.execution
            .publish(&signed.encode(), &bundle.encode())
            .await
            .unwrap();
        program(name)
    }
}

/// The newest release of a name.
pub fn program(name: &str) -> ProgramRef {
    ProgramRef::Named {
        address: samples::key(1).public().address(),
        name: name.parse().unwrap(),
        release: None,
    }
}
