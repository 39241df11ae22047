//! `copc dev`: a web program served while it is being written.
//!
//! A whole node runs in this process, with the engine and the limits of any other. Whenever a file of the program changes, it is
//! built and published there as the next release, and pages that are open load themselves again; what cannot be built is told in
//! the terminal and over the pages, and the release before goes on being served.

mod folder;
mod stages;
mod told;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cop_gateway::{Domains, GatewayConfig, Live, OnAnswer, Stage};
use cop_runtime::{Execution, ExecutionConfig};
use coputer::listen::{HTTP_PORT, Listen};
use coputer::node::Node;
use coputer::project::Project;
use coputer::stop::asked_to_stop;

use crate::arguments::DevOptions;
use crate::ended::{Complaint, Ended};
use crate::say;
use folder::Folder;
use stages::Stages;
use told::Told;

/// Hosts that show the program as their own: all that a browser on this machine may be given.
const HOSTS: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// Serves a program until it is asked to stop.
pub fn dev(options: &DevOptions) -> Result<Ended, Complaint> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|cause| Complaint::Failed(format!("cannot start the node's threads: {cause}")))?;
    let ended = runtime.block_on(serve(options));
    runtime.shutdown_background();
    ended
}

async fn serve(options: &DevOptions) -> Result<Ended, Complaint> {
    // A path that is no program at all is told at once; all else can be mended while this runs.
    let name = Project::at(&options.path)?.name;
    let folder = Folder::new(options)?;
    let key = folder.key()?;
    let execution = Node::open(
        folder.path(),
        ExecutionConfig::default(),
        &options.outside.reach,
    )
    .map_err(Complaint::Failed)?;
    let live = Arc::new(Live::new(Stage::default()));
    let told = Arc::new(Told::new(execution.clone(), live.clone(), options));
    let program = (key.public().address(), name);
    let stages = Stages::new(options, program.clone(), key, &execution, live.clone());
    // The first page should not find an empty node.
    let mut stages = stages.first().await;

    let config = GatewayConfig {
        domains: Domains::from(HOSTS.map(|host| (host.to_owned(), program.clone()))),
        live: Some(live.clone()),
        on_answer: Some(OnAnswer::new({
            let told = told.clone();
            move |answered| told.answered(answered)
        })),
        ..GatewayConfig::default()
    };
    let node = start(options, &folder, execution, config).await?;
    told.introduce(&node, &folder, &program);
    stages.tell();

    let is_over = Arc::new(AtomicBool::new(false));
    let watching = tokio::task::spawn_blocking({
        let (is_over, handle) = (is_over.clone(), tokio::runtime::Handle::current());
        move || {
            while !is_over.load(Ordering::Relaxed) {
                handle.block_on(stages.next(&is_over));
            }
        }
    });
    let stopped = asked_to_stop().await;
    is_over.store(true, Ordering::Relaxed);
    // Pages that wait for the next stage are let go, so that nothing holds up the end.
    live.show(Stage::default());
    tokio::select! {
        () = node.stop() => {}
        _ = asked_to_stop() => {}
    }
    let _ = watching.await;
    match stopped {
        Ok(()) => Ok(Ended::Well),
        Err(cause) => Err(Complaint::Failed(format!(
            "cannot receive signals: {cause}"
        ))),
    }
}

async fn start(
    options: &DevOptions,
    folder: &Folder,
    execution: Execution,
    config: GatewayConfig,
) -> Result<Node, Complaint> {
    let http = options
        .http
        .unwrap_or_else(|| Listen::free_or_any(HTTP_PORT));
    let management = Listen::port(0).or_loopback();
    Node::start(
        folder.path(),
        execution,
        http.or_loopback(),
        management,
        config,
    )
    .await
    .map_err(Complaint::Failed)
}

/// A line of its own colour for what went well or not.
fn done(is_well: bool, text: &str) -> String {
    match is_well {
        true => say::green(text),
        false => say::bold_red(text),
    }
}
