//! Search, in npm's words. Source: npm's registry documentation, "REGISTRY-API", `GET /-/v1/search`.

use aws::http::Response;
use http::header;
use serde_json::{Value, json};

use super::super::answer::{self, Refusal};
use super::super::documents::Document;
use super::super::search::{self, Hits};
use super::super::{Action, Call};
use super::JSON;
use crate::names::Format;
use crate::records::{Native, Version};

const SIZE: usize = 20;
const LARGEST: usize = 250;

pub async fn search(call: &Call<'_>) -> Result<Response, Refusal> {
    let number = |name: &str, default: usize| {
        call.query(name).and_then(|value| value.parse::<usize>().ok()).unwrap_or(default)
    };
    let (size, from) = (number("size", SIZE).min(LARGEST), number("from", 0));
    let work = Box::pin(search::search(call, Format::Npm, call.query("text"), from, size));
    let Hits { total, page } = call.carried_out(Action::Read, None, None, work).await?;
    let page: Vec<Value> = page.iter().map(hit).collect();
    let found = json!({ "objects": page, "total": total, "time": call.ctx.now().to_http_date() });
    let known = call.header(header::IF_NONE_MATCH);
    Ok(answer::document(JSON, Document::of(found.to_string().into_bytes()), known))
}

fn hit(version: &Version) -> Value {
    let manifest = match &version.contents.native {
        Some(Native::Npm(npm)) => &npm.manifest,
        Some(Native::Cargo(_) | Native::Maven(_) | Native::Nuget(_) | Native::Ruby(_) | Native::Swift(_))
        | None => &Value::Null,
    };
    let member = |name: &str| manifest.get(name).cloned().unwrap_or(Value::Null);
    let keywords = manifest.get("keywords").filter(|value| value.is_array()).cloned().unwrap_or(json!([]));
    let scope = version.coordinates.namespace().unwrap_or_else(|| "unscoped".to_owned());
    json!({
        "package": {
            "name": version.coordinates.shown(),
            "scope": scope,
            "version": version.version,
            "description": version.contents.metadata.summary,
            "keywords": keywords,
            "date": version.published.to_iso8601_millis(),
            "author": member("author"),
            "links": { "homepage": version.contents.metadata.home_page, "repository": version.contents.metadata.source_code },
            "publisher": { "username": "aws" },
            "maintainers": [],
        },
        "score": { "final": 1.0, "detail": { "quality": 1.0, "popularity": 1.0, "maintenance": 1.0 } },
        "searchScore": 1.0,
    })
}
