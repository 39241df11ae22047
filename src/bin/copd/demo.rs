//! `copd demo`: a node with the examples of this repository, in a folder that goes away with it.

use std::path::{Path, PathBuf};

use cop_gateway::GatewayConfig;
use cop_runtime::{Address, Execution, ProgramKind, ProgramName, Published, SecretKey};
use coputer::examples::examples;
use coputer::listen::{HTTP_PORT, Listen};
use coputer::node::{MANAGEMENT_PORT, Node};
use coputer::packages;
use coputer::project::Project;
use coputer::publish::{self, Place};
use coputer::settings::Settings;
use coputer::tls;

use crate::arguments::Options;
use crate::say::say;
use crate::start;

/// The example that a browser sees first.
const FRONT: &str = "system";

/// A published example.
struct Shown {
    kind: ProgramKind,
    /// It needs nothing but its requests, so it runs by its hash alone too.
    is_pure: bool,
    published: Published,
}

/// Runs a node with the examples until it is asked to stop.
///
/// # Errors
/// A message for the operator.
pub async fn demo(options: &Options) -> Result<(), String> {
    let folder = Folder::new(options.data.as_deref())?;
    // The examples run with the settings that everybody has, unless the command line says otherwise.
    let settings = options.over(Settings::default());
    tls::load(&settings, folder.path())?;
    let execution = Node::open(folder.path(), settings.execution, &settings.reach)?;
    let key =
        SecretKey::generate().map_err(|error| format!("cannot make a publisher's key: {error}"))?;
    let mut shown = Vec::new();
    for project in examples().map_err(|error| error.to_string())? {
        match publish_example(&project, &key, &execution).await {
            Ok(example) => shown.push(example),
            // One example that this node cannot take should not hide the others.
            Err(why) => say!("{} is left out: {why}", project.name),
        }
    }
    let address = key.public().address();
    let front = shown
        .iter()
        .map(|example| &example.published.name)
        .find(|name| name.as_str() == FRONT);
    let front = front.map(|name| (address, name.clone()));
    let node = start_node(&folder, execution, options, front.clone()).await?;
    introduce(&node, &folder, &shown, front.is_some());
    start::run(node).await
}

async fn publish_example(
    project: &Project,
    key: &SecretKey,
    execution: &Execution,
) -> Result<Shown, String> {
    let built = publish::build(project, &packages::Options::default())
        .map_err(|error| error.to_string())?;
    let place = Place {
        network: execution.config().network,
        number: 1,
        previous: None,
    };
    let release = publish::sign(&built.bundle, &project.name, place, key)
        .map_err(|error| error.to_string())?;
    let published = execution
        .publish(&release.encode(), &built.bundle.encode())
        .await
        .map_err(|error| error.to_string())?;
    let manifest = built.bundle.manifest();
    Ok(Shown {
        kind: manifest.kind,
        is_pure: manifest.capabilities.is_empty(),
        published,
    })
}

/// Starts the node; where no port was asked for and the usual one is taken, on a free one.
async fn start_node(
    folder: &Folder,
    execution: Execution,
    options: &Options,
    front: Option<(Address, ProgramName)>,
) -> Result<Node, String> {
    let http = options
        .http
        .unwrap_or_else(|| Listen::free_or_any(HTTP_PORT));
    let management = options
        .management
        .unwrap_or_else(|| Listen::free_or_any(MANAGEMENT_PORT));
    Node::start(
        folder.path(),
        execution,
        http.or_loopback(),
        management.or_loopback(),
        GatewayConfig {
            front,
            ..GatewayConfig::default()
        },
    )
    .await
}

fn introduce(node: &Node, folder: &Folder, shown: &[Shown], front: bool) {
    let public = &node.public;
    say!(
        "Coputer demo: one node, {} examples, in {}\n",
        shown.len(),
        folder.describe()
    );
    if front {
        say!("  Open  {}    how this very page came to be\n", node.url());
    } else {
        say!("  Open  {}\n", node.url());
    }
    for Shown {
        kind,
        is_pure,
        published,
    } in shown
    {
        let Published {
            address,
            name,
            bundle_hash,
            ..
        } = published;
        let label = name.as_str();
        match kind {
            ProgramKind::Web => {
                say!("  {label:<10} http://{name}-{address}.{public}/");
                say!("  {:<10} http://{public}/~{address}/{name}/", "");
                if *is_pure {
                    say!("  {:<10} http://{public}/b3/{bundle_hash}/", "");
                }
            }
            ProgramKind::Command => say!("  {label:<10} a command: copc run examples/{name}.cop"),
            ProgramKind::Library => say!("  {label:<10} a library"),
        }
    }
    say!(
        "\nThe same program each time: at an origin of its own, by publisher and name, and, if it keeps nothing, by its hash."
    );
    say!(
        "Management http://{}, data {}",
        node.management(),
        folder.path().display()
    );
    say!("Ctrl-C stops it.");
}

/// The node's folder: of its own and removed at the end, or one that the user named and keeps.
enum Folder {
    Own(tempfile::TempDir),
    Named(PathBuf),
}

impl Folder {
    fn new(named: Option<&Path>) -> Result<Folder, String> {
        match named {
            Some(path) => Ok(Folder::Named(path.to_owned())),
            None => tempfile::Builder::new()
                .prefix("coputer-demo-")
                .tempdir()
                .map(Folder::Own)
                .map_err(|error| {
                    format!(
                        "cannot make a folder in {}: {error}",
                        std::env::temp_dir().display()
                    )
                }),
        }
    }

    fn path(&self) -> &Path {
        match self {
            Folder::Own(folder) => folder.path(),
            Folder::Named(path) => path,
        }
    }

    fn describe(&self) -> String {
        match self {
            Folder::Own(_) => "a throw-away folder that goes away with it".to_owned(),
            Folder::Named(path) => path.display().to_string(),
        }
    }
}
