//! The same answers by hyper alone: what a server in Rust costs that does nothing else.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::net::SocketAddr;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use tokio::net::TcpListener;

use crate::ASSET_BYTES;

#[derive(Serialize)]
struct Greeting {
    message: String,
    number: i64,
    ok: bool,
}

/// The asset: bytes that nobody would compress.
pub fn asset() -> Vec<u8> {
    (0..ASSET_BYTES as u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect()
}

fn rows() -> String {
    let mut page = String::from("<!doctype html><title>Rows</title><table>\n");
    for n in 0..200_i64 {
        page.push_str("<tr><td>");
        // Writing into a text cannot fail.
        let _ = write!(page, "{n}");
        page.push_str("</td><td>");
        escape(&mut page, &format!("name <{n}>"));
        let _ = writeln!(page, "</td><td>{}</td></tr>", n * n);
    }
    page.push_str("</table>\n");
    page
}

fn escape(page: &mut String, text: &str) {
    for letter in text.chars() {
        match letter {
            '<' => page.push_str("&lt;"),
            '>' => page.push_str("&gt;"),
            '&' => page.push_str("&amp;"),
            '"' => page.push_str("&quot;"),
            '\'' => page.push_str("&#39;"),
            letter => page.push(letter),
        }
    }
}

/// Serves one page on a free port, which it prints, until it is killed.
pub fn serve(page: &str) -> Result<(), String> {
    let page = page.to_owned();
    let failed = |error: std::io::Error| error.to_string();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(failed)?;
    runtime.block_on(async {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))
            .await
            .map_err(failed)?;
        println!("{}", listener.local_addr().map_err(failed)?);
        let asset = Bytes::from(asset());
        loop {
            let (stream, _) = listener.accept().await.map_err(failed)?;
            stream.set_nodelay(true).map_err(failed)?;
            let (page, asset) = (page.clone(), asset.clone());
            tokio::spawn(async move {
                let answer = service_fn(move |_: Request<Incoming>| {
                    let (kind, body) = match page.as_str() {
                        "json" => {
                            let greeting = Greeting {
                                message: "hello, world".to_owned(),
                                number: 42,
                                ok: true,
                            };
                            (
                                "application/json",
                                Bytes::from(serde_json::to_vec(&greeting).expect("plain data")),
                            )
                        }
                        "rows" => ("text/html; charset=utf-8", Bytes::from(rows())),
                        _ => ("application/octet-stream", asset.clone()),
                    };
                    let mut response = Response::new(Full::new(body));
                    response.headers_mut().insert(
                        "content-type",
                        hyper::header::HeaderValue::from_static(kind),
                    );
                    async move { Ok::<_, Infallible>(response) }
                });
                // A client that goes away ends its connection only.
                let _ = http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), answer)
                    .await;
            });
        }
    })
}
