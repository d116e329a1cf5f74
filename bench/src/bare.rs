//! A server that does nothing but HTTP.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::load::Failure;

#[derive(clap::Args)]
pub struct Arguments {
    #[arg(long)]
    listen: SocketAddr,
    /// File whose bytes are the answer
    #[arg(long)]
    answer: PathBuf,
}

pub async fn run(arguments: Arguments) -> Result<(), Failure> {
    let answer = Bytes::from(std::fs::read(&arguments.answer)?);
    let listener = TcpListener::bind(arguments.listen).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let answer = answer.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
                let answer = answer.clone();
                async move {
                    // The body is read, as every server must.
                    let read = request.into_body().collect().await;
                    drop(read);
                    Ok::<_, Infallible>(http::Response::new(Full::new(answer)))
                }
            });
            let served =
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            if let Err(error) = served.await {
                eprintln!("bench: a connection broke off: {error}");
            }
        });
    }
}
