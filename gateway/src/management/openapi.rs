//! The description of the management interface for tools, made of the rows by which its routes are made.

use serde_json::{Map, Value, json};

/// A route as it is described.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) method: &'static str,
    /// The segments as the route has them: texts in quotes, and types of what stands there otherwise.
    pub(super) segments: &'static str,
    /// What stands there, in order.
    pub(super) names: &'static [&'static str],
    pub(super) about: &'static str,
    /// Names of parameters of the query.
    pub(super) query: &'static [&'static str],
    pub(super) answer: Kind,
}

/// What an answer is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// An object of JSON with these fields, each `name type`; a type that ends with `?` may be `null`.
    Fields(&'static [&'static str]),
    /// Something else, of this media type.
    Other(&'static str),
}

impl Row {
    /// The path with its parameters in braces.
    fn path(&self) -> String {
        let mut names = self.names.iter();
        let segments = self.segments.split('/').map(|segment| {
            let segment = segment.trim();
            match segment
                .strip_prefix('"')
                .and_then(|text| text.strip_suffix('"'))
            {
                Some(text) => format!("/{text}"),
                None => format!("/{{{}}}", names.next().copied().unwrap_or("?")),
            }
        });
        segments.collect()
    }

    fn operation(&self) -> Value {
        let parameter = |place: &str, name: &str| json!({ "name": name, "in": place, "required": place == "path", "schema": { "type": "string" } });
        let mut parameters: Vec<_> = self
            .names
            .iter()
            .map(|name| parameter("path", name))
            .collect();
        parameters.extend(self.query.iter().map(|name| parameter("query", name)));
        let content = match self.answer {
            Kind::Fields(fields) => json!({ "application/json": { "schema": schema(fields) } }),
            Kind::Other(media) => json!({ media: {} }),
        };
        json!({
            "summary": self.about,
            "parameters": parameters,
            "responses": {
                "200": { "description": self.about, "content": content },
                "default": { "$ref": "#/components/responses/failure" },
            },
        })
    }
}

fn schema(fields: &[&str]) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for field in fields {
        let (name, kind) = field.split_once(' ').unwrap_or((field, "object"));
        let kind = match kind.strip_suffix('?') {
            Some(kind) => json!([kind, "null"]),
            None => json!(kind),
        };
        properties.insert(name.to_owned(), json!({ "type": kind }));
        required.push(name.to_owned());
    }
    json!({ "type": "object", "properties": properties, "required": required })
}

/// The whole description, in OpenAPI 3.1.
pub(super) fn document(rows: &[Row], node: &str) -> Value {
    let mut paths = Map::new();
    for row in rows {
        let path = paths.entry(row.path()).or_insert_with(|| json!({}));
        path[row.method] = row.operation();
    }
    let failure = [
        "title string",
        "detail string",
        "code string",
        "status integer",
    ];
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Management of a Coputer node",
            "version": "1",
            "description": format!("Of {node}. Only additions are made. What a field holds: docs/http.md"),
        },
        "security": [{ "token": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
            "responses": {
                "failure": {
                    "description": "A failure with its code",
                    "content": { "application/problem+json": { "schema": schema(&failure) } },
                },
            },
        },
    })
}
