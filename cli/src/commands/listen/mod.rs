//! `hookseal listen`: a receiver for development, which shows what arrives.

mod entry;
mod forward;
mod receiver;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use clap::Args;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::json;
use tokio::{
    net::{TcpListener, TcpStream, lookup_host},
    sync::watch,
    task::JoinSet,
    time::timeout,
};

use self::{entry::Entries, forward::Forward, receiver::Receiver};
use crate::{
    commands::{runtime, verify::Rules},
    failure::{Failure, Outcome, Verdict},
    output::Output,
    secrets::SecretArgs,
};

const MOST_CONNECTIONS: usize = 256;
const HEAD_PATIENCE: Duration = Duration::from_secs(30);
const LAST_ANSWERS: Duration = Duration::from_secs(5);

/// Receive webhooks on this machine and print each, verified or not
///
/// Answers 200 to what is authentic, or to everything when there is no secret, and 400 to what is not. It is a tool for
/// development: Ctrl-C ends it.
#[derive(Args)]
pub(crate) struct ListenArgs {
    /// The port; any free one unless given
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// The address to listen on; every other than the default may be reachable from outside
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// POST each request that is not refused to this http URL, and answer with its status
    #[arg(long, value_name = "URL")]
    forward: Option<String>,
    /// Exit after this many requests
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    #[command(flatten)]
    rules: Rules,
    #[command(flatten)]
    secrets: SecretArgs,
}

impl ListenArgs {
    pub(crate) fn run(self, output: &mut Output) -> Outcome {
        let verifier = self.secrets.optional_ring()?.map(|ring| self.rules.verifier(ring)).transpose()?;
        let forward = self.forward.as_deref().map(Forward::parse).transpose()?;
        let runtime = runtime()?;
        let outcome = runtime.block_on(async {
            let listener = bind(&self.host, self.port).await?;
            let address = listener.local_addr().map_err(|error| not_listening(&self.host, self.port, &error))?;
            if let Some(forward) = &forward {
                refuse_loop(forward, address).await?;
            }
            if output.is_json() {
                output.json(&json!({ "listening": format!("http://{address}") }))?;
            } else {
                output.line(format_args!("listening on http://{address}"))?;
            }
            let (receiver, entries) = Receiver::new(verifier, self.rules, forward);
            serve(&listener, &Arc::new(receiver), entries, self.count, output).await
        });
        runtime.shutdown_background();
        outcome
    }
}

async fn bind(host: &str, port: u16) -> Result<TcpListener, Failure> {
    TcpListener::bind((host, port)).await.map_err(|error| not_listening(host, port, &error))
}

fn not_listening(host: &str, port: u16, error: &std::io::Error) -> Failure {
    Failure::misuse(format!("{host} port {port} can not be listened on: {error}"))
}

/// A receiver that forwards to itself would never stop.
async fn refuse_loop(forward: &Forward, own: SocketAddr) -> Result<(), Failure> {
    let Ok(mut targets) = lookup_host(forward.authority()).await else { return Ok(()) };
    let is_own = |target: SocketAddr| {
        target.port() == own.port()
            && (target.ip() == own.ip() || own.ip().is_unspecified() && target.ip().is_loopback())
    };
    if targets.any(is_own) {
        return Err(Failure::misuse("--forward leads back to this receiver"));
    }
    Ok(())
}

/// Accepts, prints and counts, until enough came or nobody reads any more.
async fn serve(
    listener: &TcpListener,
    receiver: &Arc<Receiver>,
    mut entries: Entries,
    count: Option<u64>,
    output: &mut Output,
) -> Outcome {
    let (closing, is_closing) = watch::channel(());
    let mut connections = JoinSet::new();
    let mut left = count;
    while left != Some(0) && !output.is_closed() {
        tokio::select! {
            Some(entry) = entries.recv() => {
                entry.print(output)?;
                left = left.map(|left| left - 1);
            }
            Ok((stream, _)) = listener.accept(), if connections.len() < MOST_CONNECTIONS => {
                connections.spawn(answer_all(stream, Arc::clone(receiver), is_closing.clone()));
            }
            Some(_) = connections.join_next() => {}
        }
    }
    drop(closing);
    drop(timeout(LAST_ANSWERS, async { while connections.join_next().await.is_some() {} }).await);
    Ok(Verdict::Passed)
}

/// Answers the requests of one connection; after `closing`, the present one is the last.
async fn answer_all(stream: TcpStream, receiver: Arc<Receiver>, mut closing: watch::Receiver<()>) {
    let service = hyper::service::service_fn(move |request| {
        let receiver = Arc::clone(&receiver);
        async move { receiver.answer(request).await }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_PATIENCE)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        _ = closing.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    drop(ended); // The peer's fault, and its own connection only.
}
