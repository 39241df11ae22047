//! An HTTP client that sends exactly the bytes it is given.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A response, read to its end.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    /// Names in lower case, in order.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.headers
            .iter()
            .filter(|(other, _)| other == name)
            .map(|(_, value)| value.as_str())
            .collect()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.all(name).first().copied()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The `code` of problem JSON.
    pub fn code(&self) -> String {
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{self:?}"
        );
        let problem: serde_json::Value = serde_json::from_slice(&self.body).expect("problem JSON");
        assert_eq!(problem["status"], self.status);
        problem["code"].as_str().expect("a code").to_owned()
    }
}

/// One connection.
pub struct Client {
    stream: TcpStream,
    unread: Vec<u8>,
}

impl Client {
    pub async fn connect(address: SocketAddr) -> Client {
        Client {
            stream: TcpStream::connect(address)
                .await
                .expect("the gateway listens"),
            unread: Vec::new(),
        }
    }

    /// Sends bytes; the other side may have closed, which the reply will tell.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref()).await;
    }

    /// Reads the next reply. `head` says that it has no body whatever its length says.
    pub async fn reply(&mut self, head: bool) -> Option<Reply> {
        tokio::time::timeout(Duration::from_secs(10), self.read_reply(head))
            .await
            .expect("a reply or a close in time")
    }

    async fn more(&mut self) -> bool {
        let mut buffer = [0; 16 * 1024];
        match self.stream.read(&mut buffer).await {
            Ok(count) if count > 0 => {
                self.unread.extend_from_slice(&buffer[..count]);
                true
            }
            _ => false,
        }
    }

    async fn read_reply(&mut self, head: bool) -> Option<Reply> {
        let end = loop {
            if let Some(end) = self
                .unread
                .windows(4)
                .position(|window| window == b"\r\n\r\n")
            {
                break end + 4;
            }
            if !self.more().await {
                assert!(
                    self.unread.is_empty(),
                    "cut off: {:?}",
                    String::from_utf8_lossy(&self.unread)
                );
                return None;
            }
        };
        let head_text =
            String::from_utf8(self.unread.drain(..end).collect()).expect("a head is text");
        let mut lines = head_text.trim_end().split("\r\n");
        let status: u16 = lines
            .next()
            .expect("a status line")
            .split(' ')
            .nth(1)
            .expect("a status")
            .parse()
            .expect("a number");
        let headers: Vec<(String, String)> = lines
            .map(|line| {
                line.split_once(": ")
                    .unwrap_or_else(|| panic!("no header: {line:?}"))
            })
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        assert!(
            headers
                .iter()
                .all(|(name, _)| *name == name.to_ascii_lowercase()),
            "{headers:?}"
        );
        let mut reply = Reply {
            status,
            headers,
            body: Vec::new(),
        };
        if status == 100 {
            return Some(reply);
        }
        let length = reply
            .header("content-length")
            .map(|length| length.parse::<usize>().expect("a length"));
        if reply.header("transfer-encoding") == Some("chunked") {
            reply.body = self.chunks().await;
            return Some(reply);
        }
        let length = if head || status == 204 || status == 304 {
            0
        } else {
            length.expect("a length")
        };
        while self.unread.len() < length {
            assert!(self.more().await, "the body is cut off");
        }
        reply.body = self.unread.drain(..length).collect();
        Some(reply)
    }

    /// A body in chunks, to its end.
    async fn chunks(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let line = loop {
                match self.unread.windows(2).position(|two| two == b"\r\n") {
                    Some(end) => break self.unread.drain(..end + 2).collect::<Vec<u8>>(),
                    None => assert!(self.more().await, "a chunk is cut off"),
                }
            };
            let digits = std::str::from_utf8(&line).expect("digits").trim_end();
            let length = usize::from_str_radix(digits, 16).expect("a length");
            while self.unread.len() < length + 2 {
                assert!(self.more().await, "a chunk is cut off");
            }
            body.extend(self.unread.drain(..length));
            self.unread.drain(..2);
            if length == 0 {
                return body;
            }
        }
    }

    /// Reads away what comes until the other side closes.
    pub async fn ends(&mut self) {
        while self.more().await {}
    }

    /// True if the other side closes without another byte within the time.
    pub async fn closes_within(&mut self, time: Duration) -> bool {
        let mut byte = [0; 1];
        matches!(
            tokio::time::timeout(time, self.stream.read(&mut byte)).await,
            Ok(Ok(0) | Err(_))
        )
    }
}

/// Sends one raw request on its own connection.
pub async fn exchange(address: SocketAddr, bytes: impl AsRef<[u8]>) -> Reply {
    let mut client = Client::connect(address).await;
    client.send(&bytes).await;
    client
        .reply(bytes.as_ref().starts_with(b"HEAD "))
        .await
        .expect("a reply")
}

/// Sends a request without a body; `lines` are further header lines.
pub async fn request(
    address: SocketAddr,
    method: &str,
    host: &str,
    target: &str,
    lines: &[&str],
) -> Reply {
    let mut text = format!("{method} {target} HTTP/1.1\r\nhost: {host}\r\n");
    for line in lines {
        text.push_str(line);
        text.push_str("\r\n");
    }
    text.push_str("\r\n");
    exchange(address, text).await
}

/// A `GET`, see [`request`].
pub async fn get(address: SocketAddr, host: &str, target: &str, lines: &[&str]) -> Reply {
    request(address, "GET", host, target, lines).await
}

/// What browsers send when a person opens a page.
pub const NAVIGATION: &[&str] = &[
    "accept: text/html,application/xhtml+xml,*/*;q=0.8",
    "sec-fetch-mode: navigate",
];
