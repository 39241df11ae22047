//! The request that a web program is asked on the command line.

use clap::Args;
use cop_runtime::WebRequest;
use cop_runtime::host::request::RequestView;

use crate::ended::Complaint;

/// What a request has besides its method and path.
#[derive(Clone, Debug, Default, Args)]
pub struct RequestParts {
    /// A header of the request, such as 'accept: text/html'; may stand several times
    #[arg(long, value_name = "NAME: VALUE")]
    pub header: Vec<String>,
    /// The body of the request, or @FILE to read it from a file
    #[arg(long, value_name = "TEXT")]
    pub body: Option<String>,
}

impl RequestParts {
    /// Whether nothing was said of them.
    pub fn is_empty(&self) -> bool {
        self.header.is_empty() && self.body.is_none()
    }

    /// The headers: names and values, without blanks around them.
    pub fn headers(&self) -> Result<Vec<(&str, &str)>, Complaint> {
        let lines = self.header.iter();
        let pairs = lines.map(|line| {
            let (name, value) = line.split_once(':').ok_or_else(|| {
                Complaint::Usage(format!(
                    "--header is `{line}`; write a name and a value, such as 'accept: text/html'"
                ))
            })?;
            Ok((name.trim(), value.trim()))
        });
        pairs.collect()
    }

    /// The body.
    pub fn body(&self) -> Result<Vec<u8>, Complaint> {
        match self.body.as_deref() {
            None => Ok(Vec::new()),
            Some(text) => match text.strip_prefix('@') {
                None => Ok(text.as_bytes().to_vec()),
                Some(path) => std::fs::read(path)
                    .map_err(|cause| Complaint::Failed(format!("cannot read {path}: {cause}"))),
            },
        }
    }
}

/// The request of these parts; `asked` is its method and path, `GET /` if it is not said.
pub fn request(asked: Option<&str>, parts: &RequestParts) -> Result<WebRequest, Complaint> {
    let asked = asked.unwrap_or("GET /");
    let (method, target) = asked
        .split_once(' ')
        .filter(|(_, target)| target.starts_with('/'))
        .ok_or_else(|| {
            Complaint::Usage(format!(
                "--request is `{asked}`; write a method and a path, such as 'POST /entries'"
            ))
        })?;
    let mut headers = vec![(b"host".to_vec(), b"localhost".to_vec())];
    for (name, value) in parts.headers()? {
        let is_host = name.eq_ignore_ascii_case("host");
        headers.retain(|(other, _)| !(is_host && other == b"host"));
        headers.push((name.into(), value.into()));
    }
    let request = WebRequest {
        method: method.as_bytes().to_vec(),
        target: target.as_bytes().to_vec(),
        headers,
        body: parts.body()?.into(),
        ..WebRequest::get("/")
    };
    match RequestView::new(&request) {
        Ok(_) => Ok(request),
        Err(bad) => Err(Complaint::Usage(format!("--request: {}", bad.0))),
    }
}
