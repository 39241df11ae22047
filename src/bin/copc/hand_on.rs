//! The packages that a program is made of, handed on to the node that it is published on. The node runs the program without
//! them; but who gets the program's sources from there, to build or to use them, asks it for these too.

use cop_compiler::package::{Published, Which};
use cop_runtime::{Address, ProgramName};
use coputer::client::{ClientError, NodeClient};
use coputer::packages::cache::PackageCache;
use coputer::packages::lock::Locked;
use coputer::publish::Built;

/// What came of it, by the names of the packages.
#[derive(Default)]
pub struct HandedOn {
    /// The node lacked them, and has them now.
    pub given: Vec<String>,
    /// The node lacks them, and why.
    pub lacking: Vec<(String, String)>,
}

/// Gives a node the published packages of a program that it lacks, as far as this machine has them. That some are lacking is
/// no failure: the program works without.
pub async fn hand_on(node: &NodeClient, cache: &PackageCache, built: &Built) -> HandedOn {
    let mut done = HandedOn::default();
    for (name, locked) in built.packages().entries {
        let Some(locked) = locked else { continue };
        match give(node, cache, &name, locked).await {
            Ok(false) => {}
            Ok(true) => done.given.push(name),
            Err(why) => done.lacking.push((name, why)),
        }
    }
    done
}

/// Gives one package, and its earlier releases, without which a node takes none. `false` if the node has it.
async fn give(
    node: &NodeClient,
    cache: &PackageCache,
    package: &str,
    locked: Locked,
) -> Result<bool, String> {
    let unreadable = || "its entry in cop.lock names no package".to_owned();
    let (published, _) = Published::read(package).map_err(|_| unreadable())?;
    let address: Address = published.address.parse().map_err(|_| unreadable())?;
    let name: ProgramName = published.name.parse().map_err(|_| unreadable())?;
    let number = match published.which {
        Which::Release(number) => number,
        Which::Bundle(_) => cache
            .release_of(&address, &name, &locked.bundle)
            .ok_or("this machine has not seen the release that it belongs to")?,
    };
    let told = |error: ClientError| error.to_string();
    let first = node.next_release(&address, &name).await.map_err(told)?.next;
    for number in first..=number {
        let release = cache.release(&address, &name, number);
        let bundle = release
            .as_ref()
            .and_then(|release| cache.bundle(&release.release().bundle));
        let (Some(release), Some(bundle)) = (release, bundle) else {
            return Err(format!(
                "this machine has not seen release {number} of it whole"
            ));
        };
        let given = node.publish(&release.encode(), &bundle.encode()).await;
        given.map_err(told)?;
    }
    Ok(first <= number)
}
