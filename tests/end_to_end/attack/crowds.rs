//! Crowds: clients that send slowly, read slowly, or only sit there.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::target::{PATIENCE, Target, from_elsewhere};

/// Connections from networks of 127.0.0.0/8, so many from each. What the machine cannot open is left out.
fn crowd(target: &Target, networks: u8, each: usize) -> Vec<(u8, TcpStream)> {
    let places = (0..networks).flat_map(|network| (0..each).map(move |_| network));
    places
        .map_while(|network| Some((network, from_elsewhere(target.at, network).ok()?)))
        .collect()
}

/// The status of the next answer; nothing if the connection ends or nothing comes in time.
fn status(stream: &mut TcpStream) -> Option<String> {
    let mut line = [0; 12];
    stream.read_exact(&mut line).ok()?;
    Some(String::from_utf8_lossy(&line[9..]).into_owned())
}

/// Sends a piece on each of these from time to time, until all are ended or nothing more is there; their statuses.
fn drip(
    mut clients: Vec<(u8, TcpStream)>,
    pieces: impl Iterator<Item = Vec<u8>>,
) -> Vec<Option<String>> {
    let begun = Instant::now();
    for piece in pieces {
        let mut open = 0;
        for (_, stream) in &mut clients {
            // Of those that were ended already this fails.
            open += usize::from(stream.write_all(&piece).is_ok());
        }
        if open == 0 || begun.elapsed() > PATIENCE {
            break;
        }
        std::thread::sleep(Duration::from_millis(300));
    }
    clients
        .iter_mut()
        .map(|(_, stream)| status(stream))
        .collect()
}

#[test]
fn slow_heads_and_slow_bodies_are_ended() {
    let target = Target::new();
    let watch = target.watch();
    let heads = crowd(&target, 2, 150);
    let count = heads.len();
    let head = format!("GET / HTTP/1.1\r\nhost: {}\r\nx-slow: ", target.own);
    let pieces = std::iter::once(head.into_bytes()).chain(std::iter::repeat_n(b"x".to_vec(), 1000));
    let told = drip(heads, pieces);
    assert!(
        told.iter().all(|status| status.as_deref() == Some("408")),
        "{told:?}"
    );
    watch.print(
        &format!("slow heads, {count} connections"),
        "3 s for a head",
        false,
    );

    let watch = target.watch();
    let bodies = crowd(&target, 2, 150);
    let count = bodies.len();
    let head = format!(
        "POST / HTTP/1.1\r\nhost: {}\r\ncontent-length: 1000000\r\n\r\n",
        target.own
    );
    let pieces = std::iter::once(head.into_bytes()).chain(std::iter::repeat_n(b"x".to_vec(), 1000));
    let told = drip(bodies, pieces);
    assert!(
        told.iter().all(|status| status.as_deref() == Some("408")),
        "{told:?}"
    );
    watch.print(
        &format!("slow bodies, {count} connections"),
        "1 KiB/s after 3 s",
        false,
    );
    assert_eq!(target.node.interrupt().0, Some(0));
}

#[test]
fn answers_that_nobody_reads_take_their_share_of_memory_and_no_more() {
    let target = Target::new();
    let watch = target.watch();
    let request = format!("GET /large HTTP/1.1\r\nhost: {}\r\n\r\n", target.own);
    let mut readers = Vec::new();
    let mut answered = [0; 8];
    for number in 0..160 {
        let network = number / 20;
        let mut stream = from_elsewhere(target.at, network).expect("a connection");
        stream.write_all(request.as_bytes()).expect("sent");
        let status = status(&mut stream);
        readers.push(stream);
        match status.as_deref() {
            Some("200") => answered[usize::from(network)] += 1,
            Some("429" | "503") => {}
            other => panic!("{other:?} on {network}, after {answered:?}"),
        }
    }
    // 8 MB each: eight of one network, 33 of all.
    assert!(answered.iter().all(|count| *count <= 8), "{answered:?}");
    assert_eq!(answered.iter().sum::<i32>(), 33, "{answered:?}");
    let what = format!("slow readers, {} connections", readers.len());
    watch.print(
        &what,
        "256 MiB of large bodies, 64 MiB of one network",
        false,
    );
    drop(readers);
    // What they held is given back.
    let begun = Instant::now();
    loop {
        let mut stream = target.connect();
        stream.write_all(request.as_bytes()).expect("sent");
        if status(&mut stream).as_deref() == Some("200") {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "it is never given back");
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(target.node.interrupt().0, Some(0));
}

#[test]
fn ten_thousand_idle_connections_keep_nobody_out() {
    let target = Target::new();
    // Both this process and the node have one for each, and other tests have some too.
    let most = std::fs::read_to_string("/proc/self/limits")
        .ok()
        .and_then(|limits| {
            let line = limits
                .lines()
                .find(|line| line.starts_with("Max open files"))?;
            line.split_ascii_whitespace().nth(3)?.parse::<usize>().ok()
        });
    let count = most.unwrap_or(1024).saturating_sub(500).min(10_000);
    let request = format!("GET / HTTP/1.1\r\nhost: {}\r\n\r\n", target.own);
    let watch = target.watch();
    let mut idle = Vec::new();
    let mut refused = 0;
    for number in 0..count {
        let Ok(mut stream) = from_elsewhere(target.at, (number / 200) as u8) else {
            break;
        };
        if stream.write_all(request.as_bytes()).is_ok()
            && status(&mut stream).as_deref() == Some("200")
        {
            idle.push(stream);
        } else {
            refused += 1;
        }
    }
    let what = format!("{} idle connections, {refused} turned away", idle.len());
    // While those that were told make room there may be none for a moment.
    watch.print(
        &what,
        "4,096 connections, of which idle ones make room",
        true,
    );
    assert!(idle.len() + refused >= count.min(1000), "{what}");
    assert!(refused <= count / 20, "{what}");
    let mut stream = target.connect();
    stream.write_all(request.as_bytes()).expect("sent");
    assert_eq!(status(&mut stream).as_deref(), Some("200"));
    assert_eq!(target.node.interrupt().0, Some(0));
}
