//! From one version of a program to the next: built, published on the node of `copc dev`, shown.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use cop_gateway::{Live, Stage};
use cop_runtime::{Address, Bundle, Execution, ProgramKind, ProgramName, SecretKey};
use coputer::packages;
use coputer::project::{Project, ProjectError};
use coputer::publish::{BuildError, Built, Place, build, sign};
use coputer::report::Report;

use super::done;
use crate::arguments::DevOptions;
use crate::say;
use crate::tell;
use crate::watch::Watch;

/// How often files are looked at.
const EVERY: Duration = Duration::from_millis(25);

/// What a look at the program came to.
enum Looked {
    /// A new release is served.
    Published {
        number: u64,
        report: Report,
        time: Duration,
    },
    /// It is what was served before.
    Unchanged,
    /// It cannot be built: the source has errors.
    Errors(Report),
    /// It cannot be served for another reason.
    Failed(String),
}

/// The versions of a program, one after the other.
pub struct Stages {
    options: DevOptions,
    program: (Address, ProgramName),
    key: SecretKey,
    execution: Execution,
    live: Arc<Live>,
    number: u64,
    /// The bundle that is served, and its sources.
    served: Option<(cop_runtime::Hash, BTreeMap<String, String>)>,
    watch: Watch,
    looked: Looked,
}

impl Stages {
    pub fn new(
        options: &DevOptions,
        program: (Address, ProgramName),
        key: SecretKey,
        execution: &Execution,
        live: Arc<Live>,
    ) -> Stages {
        // Pages of an earlier start of this tool should see that this is another.
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Stages {
            options: options.clone(),
            program,
            key,
            execution: execution.clone(),
            live,
            number: u64::try_from(now.as_millis()).unwrap_or_default(),
            served: None,
            watch: Watch::default(),
            looked: Looked::Unchanged,
        }
    }

    /// Looks at the program for the first time.
    pub async fn first(mut self) -> Stages {
        self.look().await;
        self
    }

    /// Waits for the next change, and shows what came of it.
    pub async fn next(&mut self, is_over: &AtomicBool) {
        self.watch.wait_for_change(EVERY, is_over);
        if is_over.load(std::sync::atomic::Ordering::Relaxed) {
            return;
        }
        self.look().await;
        self.tell();
    }

    /// Tells in the terminal what came of the last look.
    pub fn tell(&self) {
        match &self.looked {
            Looked::Published {
                number,
                report,
                time,
            } => {
                tell::warnings(report);
                let milliseconds = time.as_secs_f64() * 1000.0;
                let built = done(true, "built");
                say::out(&format!(
                    "{built}  release {number} in {milliseconds:.0} ms\n"
                ));
            }
            Looked::Unchanged => say::out("unchanged\n"),
            Looked::Errors(report) => say::err(&report.text(say::look())),
            Looked::Failed(why) => say::error(why),
        }
        if matches!(self.looked, Looked::Errors(_) | Looked::Failed(_)) {
            say::out(match &self.served {
                Some(_) => "the release before it is still served; waiting for changes …\n",
                None => "waiting for changes …\n",
            });
        }
    }

    async fn look(&mut self) {
        self.watch = Watch::default();
        self.looked = self.looked_at().await;
        let complaint = match &self.looked {
            Looked::Published { .. } | Looked::Unchanged => None,
            Looked::Errors(report) => Some(report.text(false)),
            Looked::Failed(why) => Some(why.clone()),
        };
        self.number += 1;
        self.live.show(Stage {
            number: self.number,
            is_served: self.served.is_some(),
            complaint,
            sources: match &self.served {
                Some((_, sources)) => sources.clone(),
                None => BTreeMap::new(),
            },
        });
    }

    async fn looked_at(&mut self) -> Looked {
        let start = Instant::now();
        self.watch.note_project(&self.options.path);
        let from = self
            .options
            .packages
            .with(self.options.node.url.as_deref(), None);
        let Built { bundle, report } = match self.built(&from) {
            Ok(built) => built,
            Err(looked) => return looked,
        };
        if bundle.manifest().kind != ProgramKind::Web {
            return Looked::Failed(format!(
                "this is a {} program, and `copc dev` serves web programs, which have `fn handle(request: Request) -> Response`; \
                 `copc run --watch` runs a command again on each change",
                bundle.manifest().kind.as_str()
            ));
        }
        if self
            .served
            .as_ref()
            .is_some_and(|(served, _)| *served == bundle.hash())
        {
            return Looked::Unchanged;
        }
        match self.published(&bundle).await {
            Ok(number) => {
                let mut sources = BTreeMap::new();
                for (path, text) in bundle.sources() {
                    sources.insert(path.to_owned(), String::from_utf8_lossy(text).into_owned());
                }
                self.served = Some((bundle.hash(), sources));
                let time = start.elapsed();
                Looked::Published {
                    number,
                    report,
                    time,
                }
            }
            Err(why) => Looked::Failed(why),
        }
    }

    fn built(&self, from: &packages::Options) -> Result<Built, Looked> {
        let project = Project::at(&self.options.path).map_err(|error| match error {
            ProjectError::Settings(report) => Looked::Errors(report),
            other => Looked::Failed(other.to_string()),
        })?;
        let built = build(&project, from);
        self.watch.note_files(&project);
        built.map_err(|error| match error {
            BuildError::Source(report) => Looked::Errors(report),
            other => Looked::Failed(other.to_string()),
        })
    }

    /// Publishes a bundle as the next release; its number, or why that is refused.
    async fn published(&self, bundle: &Bundle) -> Result<u64, String> {
        let (address, name) = &self.program;
        let told = |failure: cop_runtime::Failure| failure.to_string();
        let newest = self.execution.release(address, name, None).map_err(told)?;
        let place = Place {
            network: self.execution.config().network,
            number: newest.as_ref().map_or(1, |newest| newest.number + 1),
            previous: newest.map(|newest| newest.release_hash),
        };
        let release = sign(bundle, name, place, &self.key)
            .map_err(|error| format!("cannot sign the release: {error}"))?;
        let (release, bundle) = (release.encode(), bundle.encode());
        let published = self.execution.publish(&release, &bundle).await;
        Ok(published.map_err(told)?.number)
    }
}
