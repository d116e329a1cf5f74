//! Plain HTTP requests from a list over a fixed number of connections: what package managers send.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::SendRequest;

use crate::load::{Failure, connect};
use crate::report;

#[derive(clap::Args)]
pub struct Arguments {
    #[arg(long)]
    address: SocketAddr,
    /// `Name: value`, sent with each request
    #[arg(long = "header")]
    headers: Vec<String>,
    /// File with a request on each line: its method, its path, and the file of its body if it has one
    #[arg(long)]
    list: PathBuf,
    /// Requests in all, from the top of the list again after its end; the length of the list, if not given
    #[arg(long)]
    rounds: Option<usize>,
    #[arg(long, default_value_t = 16)]
    connections: usize,
    /// The status that every answer must have; else any that tells of success
    #[arg(long)]
    status: Option<u16>,
}

struct Entry {
    method: Method,
    uri: Uri,
    body: Bytes,
}

struct Plan {
    address: SocketAddr,
    headers: HeaderMap,
    entries: Vec<Entry>,
    next: AtomicUsize,
    rounds: usize,
    status: Option<u16>,
}

/// Sends all rounds. Errors: a list that cannot be read, a connection that breaks, an answer with another status.
pub async fn run(arguments: Arguments) -> Result<(), Failure> {
    let text = std::fs::read_to_string(&arguments.list)?;
    let entries: Vec<Entry> = text.lines().map(entry).collect::<Result<_, _>>()?;
    if entries.is_empty() {
        return Err("the list is empty".into());
    }
    let mut headers = HeaderMap::new();
    headers.insert(http::header::HOST, HeaderValue::try_from(arguments.address.to_string())?);
    for header in &arguments.headers {
        let (name, value) = header.split_once(": ").ok_or("a header is `Name: value`")?;
        headers.insert(name.parse::<HeaderName>()?, HeaderValue::try_from(value)?);
    }
    let plan = Arc::new(Plan {
        address: arguments.address,
        headers,
        rounds: arguments.rounds.unwrap_or(entries.len()),
        entries,
        next: AtomicUsize::new(0),
        status: arguments.status,
    });
    let started = Instant::now();
    let workers: Vec<_> = (0..arguments.connections).map(|_| tokio::spawn(worker(plan.clone()))).collect();
    let (mut latencies, mut bytes) = (Vec::new(), 0);
    for worker in workers {
        let (took, received) = worker.await??;
        latencies.extend(took);
        bytes += received;
    }
    let seconds = started.elapsed().as_secs_f64();
    let mut report = report::of(seconds, latencies)?;
    report["bytes"] = bytes.into();
    println!("{report}");
    Ok(())
}

fn entry(line: &str) -> Result<Entry, Failure> {
    let mut words = line.split_whitespace();
    let (Some(method), Some(path)) = (words.next(), words.next()) else {
        return Err(format!("a line is METHOD PATH [FILE], not: {line}").into());
    };
    let body = words.next().map(std::fs::read).transpose()?.unwrap_or_default();
    Ok(Entry { method: method.parse()?, uri: path.parse()?, body: body.into() })
}

async fn worker(plan: Arc<Plan>) -> Result<(Vec<Duration>, u64), Failure> {
    let mut sender = connect(plan.address).await?;
    let (mut latencies, mut bytes) = (Vec::new(), 0);
    loop {
        let round = plan.next.fetch_add(1, Ordering::Relaxed);
        if round >= plan.rounds {
            return Ok((latencies, bytes));
        }
        let started = Instant::now();
        if sender.is_closed() || sender.ready().await.is_err() {
            sender = connect(plan.address).await?;
        }
        bytes += send(&mut sender, &plan, &plan.entries[round % plan.entries.len()]).await?;
        latencies.push(started.elapsed());
    }
}

/// The length of the answer, which is read piece by piece.
async fn send(sender: &mut SendRequest<Full<Bytes>>, plan: &Plan, entry: &Entry) -> Result<u64, Failure> {
    let mut request = http::Request::new(Full::new(entry.body.clone()));
    *request.method_mut() = entry.method.clone();
    *request.uri_mut() = entry.uri.clone();
    *request.headers_mut() = plan.headers.clone();
    let mut response = sender.send_request(request).await?;
    let status = response.status();
    if !plan.status.map_or(status.is_success(), |wanted| wanted == status.as_u16()) {
        let answer = response.into_body().collect().await?.to_bytes();
        let answer = String::from_utf8_lossy(&answer);
        return Err(format!("{} {}: {status}: {answer}", entry.method, entry.uri).into());
    }
    let mut bytes = 0;
    while let Some(frame) = response.body_mut().frame().await {
        bytes += frame?.data_ref().map_or(0, |data| data.len() as u64);
    }
    Ok(bytes)
}
