//! Ten times as many requests as a node can answer: how many it still answers, how soon it is itself again, and what that takes.
//!
//! The page works for some milliseconds, and no answer is remembered. First its peak is measured, by clients that wait for each
//! answer. Then requests are sent at ten times that rate, whether the earlier ones are answered or not, over connections from ten
//! networks.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::net::TcpSocket;
use tokio::sync::Semaphore;

use crate::client::{Client, Load};
use crate::servers::Copd;

/// Connections over which is asked.
const CONNECTIONS: usize = 2000;
/// Networks that they come from, as the node counts clients.
const NETWORKS: usize = 10;
/// How long the storm lasts.
const STORM: Duration = Duration::from_secs(8);

pub fn measure(copd: &Copd) -> Result<(), String> {
    let load = Load::new(copd.server.at, &copd.host("primes"), "/")?;
    let calm = |time| Ok::<f64, String>(load.run(32, time)? as f64 / time.as_secs_f64());
    calm(Duration::from_secs(2))?;
    let peak = calm(Duration::from_secs(3))?;
    let before_kib = copd.server.peak_kib();
    let stormy = storm(&load, peak * 10.0)?;
    let after_kib = copd.server.peak_kib();
    // Each tenth of a second, until it answers again what it did before.
    let begun = Instant::now();
    // A refusal then ends that try: the node is not itself yet.
    while calm(Duration::from_millis(500)).unwrap_or(0.0) < peak * 0.9 {
        if begun.elapsed() > Duration::from_secs(20) {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    println!(
        "a page that works, {peak:.0} requests/s at its peak; {:.0}/s sent for {STORM:?}:",
        stormy.sent
    );
    println!(
        "  answered {:.0}/s, {:.2} of the peak (at least 0.9); refused {:.0}/s",
        stormy.good,
        stormy.good / peak,
        stormy.refused
    );
    println!(
        "  itself again after {:.1} s (at most 2)",
        begun.elapsed().as_secs_f64()
    );
    println!(
        "  memory {} MiB, before {} MiB, {:.2} × (at most 1.2)",
        after_kib >> 10,
        before_kib >> 10,
        after_kib as f64 / before_kib as f64
    );
    Ok(())
}

/// What a second of the storm was like.
struct Stormy {
    sent: f64,
    good: f64,
    refused: f64,
}

fn storm(load: &Load, rate: f64) -> Result<Stormy, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let [sent, good, refused] = [(); 3].map(|()| Arc::new(AtomicU64::new(0)));
    runtime.block_on(async {
        // Requests that are due and that no connection has taken yet.
        let due = Arc::new(Semaphore::new(0));
        let begun = Instant::now();
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..CONNECTIONS {
            let (at, request, due) = (load.at, load.request.clone(), due.clone());
            let (sent, good, refused) = (sent.clone(), good.clone(), refused.clone());
            tasks.spawn(async move {
                let mut client = connect(at, number % NETWORKS).await;
                loop {
                    let Ok(permit) = due.acquire().await else {
                        return;
                    };
                    permit.forget();
                    sent.fetch_add(1, Ordering::Relaxed);
                    let answer = match &mut client {
                        Ok(client) => client.ask(&request).await,
                        Err(why) => Err(why.clone()),
                    };
                    match answer {
                        Ok(answer) if answer.is_ok => good.fetch_add(1, Ordering::Relaxed),
                        Ok(_) => refused.fetch_add(1, Ordering::Relaxed),
                        Err(_) => {
                            client = connect(at, number % NETWORKS).await;
                            refused.fetch_add(1, Ordering::Relaxed)
                        }
                    };
                }
            });
        }
        let mut given = 0.0;
        while begun.elapsed() < STORM {
            tokio::time::sleep(Duration::from_millis(5)).await;
            let wanted = begun.elapsed().as_secs_f64() * rate;
            // What all connections together have not sent is not sent later.
            let room = (CONNECTIONS - due.available_permits().min(CONNECTIONS)) as f64;
            due.add_permits((wanted - given).min(room).max(0.0) as usize);
            given = wanted.floor();
        }
        tasks.abort_all();
    });
    let each = |count: &AtomicU64| count.load(Ordering::Relaxed) as f64 / STORM.as_secs_f64();
    Ok(Stormy {
        sent: each(&sent),
        good: each(&good),
        refused: each(&refused),
    })
}

async fn connect(at: SocketAddr, network: usize) -> Result<Client, String> {
    let failed = |error: std::io::Error| error.to_string();
    let socket = TcpSocket::new_v4().map_err(failed)?;
    let from = SocketAddr::from(([127, 0, network as u8, 1], 0));
    socket.bind(from).map_err(failed)?;
    Client::over(socket.connect(at).await.map_err(failed)?)
}
