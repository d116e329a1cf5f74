//! A closed loop of signed calls over a fixed number of connections.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use aws::credentials::Secret;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::report;
use crate::signing::Signer;

pub type Failure = Box<dyn std::error::Error + Send + Sync>;

#[derive(clap::Args)]
pub struct Arguments {
    #[arg(long)]
    address: SocketAddr,
    #[arg(long)]
    access_key_id: String,
    #[arg(long)]
    secret_access_key: String,
    #[arg(long, default_value = "us-east-1")]
    region: String,
    /// Signing name
    #[arg(long)]
    service: String,
    /// `X-Amz-Target` and body of each step, in turn: `Target=body`; `{n}` in a body is the round's number
    #[arg(long = "step", required = true)]
    steps: Vec<String>,
    /// Rounds of all steps, over all connections together
    #[arg(long, default_value_t = 1000)]
    rounds: u64,
    #[arg(long, default_value_t = 16)]
    connections: usize,
}

struct Plan {
    signer: Signer,
    steps: Vec<(String, String)>,
    next: AtomicU64,
    rounds: u64,
}

/// Sends all rounds. Errors: a step without `=`, a connection that breaks, any answer but 200.
pub async fn run(arguments: Arguments) -> Result<(), Failure> {
    let mut steps = Vec::new();
    for step in &arguments.steps {
        let (target, body) = step.split_once('=').ok_or("a step is Target=body")?;
        steps.push((target.to_owned(), body.to_owned()));
    }
    let plan = Arc::new(Plan {
        signer: Signer {
            access_key_id: arguments.access_key_id,
            secret: Secret::new(arguments.secret_access_key),
            region: arguments.region,
            service: arguments.service,
            host: arguments.address.to_string(),
        },
        steps,
        next: AtomicU64::new(0),
        rounds: arguments.rounds,
    });
    let started = Instant::now();
    let mut workers = Vec::new();
    for _ in 0..arguments.connections {
        workers.push(tokio::spawn(worker(plan.clone(), arguments.address)));
    }
    let mut latencies = Vec::new();
    for worker in workers {
        latencies.extend(worker.await??);
    }
    let seconds = started.elapsed().as_secs_f64();
    println!("{}", report::of(seconds, latencies)?);
    Ok(())
}

async fn worker(plan: Arc<Plan>, address: SocketAddr) -> Result<Vec<Duration>, Failure> {
    let mut sender = connect(address).await?;
    let mut latencies = Vec::new();
    loop {
        let round = plan.next.fetch_add(1, Ordering::Relaxed);
        if round >= plan.rounds {
            return Ok(latencies);
        }
        let started = Instant::now();
        for (target, body) in &plan.steps {
            let body = body.replace("{n}", &round.to_string());
            // A server without keep-alive closes after each answer.
            if sender.is_closed() || sender.ready().await.is_err() {
                sender = connect(address).await?;
            }
            call(&mut sender, &plan.signer, target, body).await?;
        }
        latencies.push(started.elapsed());
    }
}

/// A connection over which requests go one after the other.
pub async fn connect(address: SocketAddr) -> Result<SendRequest<Full<Bytes>>, Failure> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

async fn call(
    sender: &mut SendRequest<Full<Bytes>>,
    signer: &Signer,
    target: &str,
    body: String,
) -> Result<(), Failure> {
    let (time, authorization) = signer.sign(target, &body);
    let request = http::Request::post("/")
        .header("host", &signer.host)
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-date", time)
        .header("x-amz-target", target)
        .header("authorization", authorization)
        .body(Full::new(Bytes::from(body)))?;
    let response = sender.send_request(request).await?;
    let status = response.status();
    let answer = response.into_body().collect().await?.to_bytes();
    if status.is_success() {
        Ok(())
    } else {
        Err(format!("{target}: {status}: {}", String::from_utf8_lossy(&answer)).into())
    }
}
