//! Releases that a node keeps, whatever happens to it. What it refuses: `hostile`.

use std::collections::BTreeMap;

use cop_runtime::{Bundle, ExecutionConfig, ProgramName, SecretKey};
use coputer::client::{ClientError, NodeClient, Publication};
use coputer::packages::Options;
use coputer::project::{Project, ROOT};
use coputer::publish::{Place, build, sign};

use crate::daemon::Daemon;
use crate::http::get;

/// A web program whose answer is `body`, an expression of type `Response`.
fn program(body: &str) -> Bundle {
    let text = format!(
        "import {{ Kv }} from \"host/kv\"\nimport {{ Request, Response }} from \"std/web\"\n\
         fn handle(req: Request, mut kv: Kv) -> Response {{\n    kv.set(\"seen\", req.path).expect(\"it is stored\")\n    {body}\n}}\n"
    );
    let files = BTreeMap::from([(ROOT.to_owned(), text.into_bytes())]);
    let project = Project::in_memory("tried", files).expect("a project");
    build(&project, &Options::default())
        .unwrap_or_else(|error| panic!("{body}: {error}"))
        .bundle
}

/// A publisher with a node to publish on.
struct Publisher {
    key: SecretKey,
    client: NodeClient,
    daemon: Daemon,
    folder: tempfile::TempDir,
}

impl Publisher {
    fn start() -> Publisher {
        let folder = tempfile::tempdir().expect("a folder");
        let daemon = Daemon::start(folder.path());
        let client = NodeClient::of_folder(folder.path(), None).expect("the node is found");
        Publisher {
            key: SecretKey::generate().expect("a key"),
            client,
            daemon,
            folder,
        }
    }

    /// The bytes of a release of this bundle under this name and number.
    fn release(&self, bundle: &Bundle, name: &str, number: u64, previous: Option<&str>) -> Vec<u8> {
        let previous = previous.map(|hash| hash.parse().expect("a hash"));
        let place = Place {
            network: ExecutionConfig::default().network,
            number,
            previous,
        };
        let name: ProgramName = name.parse().expect("a name");
        sign(bundle, &name, place, &self.key)
            .expect("signed")
            .encode()
    }

    /// Publishes the next release of a name as the author's tool does.
    async fn publish(&self, bundle: &Bundle, name: &str) -> Publication {
        let address = self.key.public().address();
        let next = self
            .client
            .next_release(&address, &name.parse().expect("a name"))
            .await
            .expect("an answer");
        let release = self.release(bundle, name, next.next, next.previous.as_deref());
        self.client
            .publish(&release, &bundle.encode())
            .await
            .expect("it is stored")
    }

    /// The code with which the node refuses.
    async fn refused(&self, release: &[u8], bundle: &[u8]) -> String {
        match self.client.publish(release, bundle).await {
            Err(ClientError::Refused(problem)) => problem.code,
            other => panic!("not refused: {other:?}"),
        }
    }

    async fn body(&self, url: &str) -> String {
        get(self.daemon.http(), url).await.into_body()
    }
}

#[tokio::test]
async fn what_is_published_is_served_in_three_forms_and_releases_stay() {
    let publisher = Publisher::start();
    let (one, two) = (
        program("Response.text(\"one\")"),
        program("Response.text(\"two\")"),
    );
    let first = publisher.publish(&one, "numbers").await;
    assert_eq!(
        (first.release, first.bundle.as_str()),
        (1, one.hash().to_string().as_str())
    );
    assert_eq!(publisher.body(&first.urls.host).await, "one");
    assert_eq!(publisher.body(&first.urls.path).await, "one");

    let release = publisher.release(&two, "numbers", 2, Some(&first.release_hash));
    let second = publisher
        .client
        .publish(&release, &two.encode())
        .await
        .expect("it is stored");
    assert_eq!((second.release, second.already), (2, false));
    assert_eq!(publisher.body(&second.urls.host).await, "two");
    let pinned = first.urls.path.replace("/numbers/", "/numbers@1/");
    assert_eq!(publisher.body(&pinned).await, "one");
    assert_eq!(
        get(publisher.daemon.http(), &pinned.replace("@1", "@3"))
            .await
            .status()
            .as_u16(),
        404
    );
    // A bundle alone has no store to write to.
    let by_hash = get(publisher.daemon.http(), &first.urls.pinned).await;
    assert_eq!(
        (
            by_hash.status().as_u16(),
            by_hash.body().contains("\"denied\"")
        ),
        (403, true)
    );

    // The same release again changes nothing; another one with its number is refused.
    let again = publisher
        .client
        .publish(&release, &two.encode())
        .await
        .expect("it is known");
    assert_eq!((again.release, again.already), (2, true));
    let other = publisher.release(&one, "numbers", 2, Some(&first.release_hash));
    assert_eq!(
        publisher.refused(&other, &one.encode()).await,
        "stale_release"
    );
    assert_eq!(publisher.body(&second.urls.host).await, "two");
}

#[tokio::test]
async fn a_killed_node_has_what_it_acknowledged() {
    let mut publisher = Publisher::start();
    let bundle = program(
        "Response.text(\"still here, ${kv.keys(\"\", None, 9).expect(\"a store\").len()}\")",
    );
    let published = publisher.publish(&bundle, "numbers").await;
    let path = published
        .urls
        .path
        .split_once("/~")
        .expect("a path")
        .1
        .to_owned();
    assert_eq!(publisher.body(&published.urls.path).await, "still here, 1");
    publisher.daemon.kill();
    publisher.daemon = Daemon::start(publisher.folder.path());
    let url = format!(
        "http://localhost:{}/~{path}",
        publisher.daemon.http().port()
    );
    assert_eq!(publisher.body(&url).await, "still here, 1");
}
