//! The client: keeps some connections busy, and counts what is answered.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Requests of one kind.
pub struct Load {
    pub at: SocketAddr,
    pub request: Vec<u8>,
}

/// An answer: its status, and the bytes of head and body.
#[derive(Clone, Copy, Debug)]
pub struct Answer {
    pub is_ok: bool,
    head: usize,
    body: usize,
}

impl Answer {
    /// The answer that these bytes begin with, once its head is whole.
    fn read(bytes: &[u8]) -> Result<Option<Answer>, String> {
        let Some(head) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
            return Ok(None);
        };
        let text = std::str::from_utf8(&bytes[..head]).map_err(|_| "a head that is no text")?;
        let length = text.lines().find_map(|line| {
            line.strip_prefix("content-length: ")
                .or_else(|| line.strip_prefix("Content-Length: "))
        });
        let body = length
            .and_then(|length| length.parse().ok())
            .ok_or("an answer without a length")?;
        Ok(Some(Answer {
            is_ok: text.starts_with("HTTP/1.1 200"),
            head: head + 4,
            body,
        }))
    }
}

impl Load {
    pub fn new(at: SocketAddr, host: &str, path: &str) -> Result<Load, String> {
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: {host}\r\nuser-agent: bench\r\naccept: */*\r\n\r\n"
        );
        Ok(Load {
            at,
            request: request.into_bytes(),
        })
    }

    /// The body of one answer, which must be a good one.
    pub fn body(&self) -> Result<Vec<u8>, String> {
        let asked = || -> io::Result<Vec<u8>> {
            let mut stream = TcpStream::connect(self.at)?;
            stream.write_all(&self.request)?;
            let (mut bytes, mut piece) = (Vec::new(), [0; 65_536]);
            loop {
                let count = stream.read(&mut piece)?;
                bytes.extend_from_slice(&piece[..count]);
                match Answer::read(&bytes).map_err(io::Error::other)? {
                    Some(answer) if bytes.len() >= answer.head + answer.body => {
                        return match answer.is_ok {
                            true => Ok(bytes.split_off(answer.head)),
                            false => Err(io::Error::other(String::from_utf8_lossy(&bytes))),
                        };
                    }
                    _ if count == 0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                    _ => {}
                }
            }
        };
        asked().map_err(|error| error.to_string())
    }

    /// Asks on so many connections for a while, each time as soon as the answer is there; how many good answers came.
    pub fn run(&self, connections: usize, time: Duration) -> Result<u64, String> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let runtime = runtime.map_err(|error| error.to_string())?;
        let done = Arc::new(AtomicU64::new(0));
        let end = Instant::now() + time;
        runtime.block_on(async {
            let mut tasks = tokio::task::JoinSet::new();
            for _ in 0..connections {
                let (at, request, done) = (self.at, self.request.clone(), done.clone());
                tasks.spawn(async move {
                    let mut client = Client::connect(at).await?;
                    while Instant::now() < end {
                        if !client.ask(&request).await?.is_ok {
                            return Err("a refusal".to_owned());
                        }
                        done.fetch_add(1, Ordering::Relaxed);
                    }
                    Ok(())
                });
            }
            while let Some(ended) = tasks.join_next().await {
                ended.map_err(|error| error.to_string())??;
            }
            Ok(done.load(Ordering::Relaxed))
        })
    }
}

/// A connection that is kept.
pub struct Client {
    stream: tokio::net::TcpStream,
    bytes: Vec<u8>,
}

impl Client {
    pub async fn connect(at: SocketAddr) -> Result<Client, String> {
        let stream = tokio::net::TcpStream::connect(at)
            .await
            .map_err(|error| error.to_string())?;
        Client::over(stream)
    }

    pub fn over(stream: tokio::net::TcpStream) -> Result<Client, String> {
        stream
            .set_nodelay(true)
            .map_err(|error| error.to_string())?;
        Ok(Client {
            stream,
            bytes: vec![0; 128 * 1024],
        })
    }

    /// Sends a request and reads its answer to the end.
    pub async fn ask(&mut self, request: &[u8]) -> Result<Answer, String> {
        let failed = |error: io::Error| error.to_string();
        self.stream.write_all(request).await.map_err(failed)?;
        let (mut read, mut answer) = (0, None);
        loop {
            let count = self
                .stream
                .read(&mut self.bytes[read..])
                .await
                .map_err(failed)?;
            if count == 0 {
                return Err("the server closed the connection".to_owned());
            }
            read += count;
            if answer.is_none() {
                answer = Answer::read(&self.bytes[..read])?;
            }
            if let Some(answer) = answer {
                if read >= answer.head + answer.body {
                    return Ok(answer);
                }
                if answer.head + answer.body > self.bytes.len() {
                    self.bytes.resize(answer.head + answer.body, 0);
                }
            }
        }
    }
}
