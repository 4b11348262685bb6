//! `hookseal outbox`: subscriptions, events, workers and dead letters of a durable outbox.

use std::{
    env,
    io::{self, BufRead as _, IsTerminal as _},
    time::Duration,
};

use clap::{Args, Subcommand};
use hookseal::{
    Error, ErrorCode, Event, Secret, SenderOptions, Status,
    outbox::{DeliveryFilter, Outbox, OutboxOptions, Publication, SubscriptionOptions, Worker},
};
use serde::Deserialize;
use serde_json::{json, value::RawValue};

use crate::{
    duration,
    failure::{Failure, Outcome, Verdict},
    input::BodyArgs,
    output::{Output, error_json, note},
    secrets::SecretArgs,
};

const KEY_VARIABLE: &str = "HOOKSEAL_ENCRYPTION_KEY";
/// How often a worker says how far it is.
const PROGRESS: Duration = Duration::from_secs(1);

/// Publish to, work on and look into a durable outbox
///
/// A store is sqlite:PATH, postgres://… or memory:, each with an optional ?prefix=NAME. Its encryption key, where it needs
/// one, is read from HOOKSEAL_ENCRYPTION_KEY.
#[derive(Subcommand)]
pub(crate) enum OutboxCommand {
    Subscribe(SubscribeArgs),
    Publish(PublishArgs),
    Work(WorkArgs),
    Status(StatusArgs),
    Deliveries(DeliveriesArgs),
    RetryDead(RetryDeadArgs),
}

#[derive(Args)]
struct StoreArgs {
    /// The store
    #[arg(value_name = "STORE")]
    store: String,
    /// Deliver to private and loopback addresses too, for development
    #[arg(long)]
    allow_private: bool,
}

impl StoreArgs {
    async fn open(&self, change: impl FnOnce(&mut OutboxOptions)) -> Result<Outbox, Failure> {
        let mut options = OutboxOptions {
            encryption_key: env::var(KEY_VARIABLE).ok().filter(|key| !key.is_empty()),
            delivery: SenderOptions { allow_private: self.allow_private, ..SenderOptions::default() },
            ..OutboxOptions::default()
        };
        change(&mut options);
        Ok(Outbox::open(&self.store, options).await?)
    }
}

/// Subscribe a URL to event types
#[derive(Args)]
pub(crate) struct SubscribeArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// Where to POST
    url: String,
    /// A pattern of event types, such as order.paid or order.*; repeat it for more. All types unless given
    #[arg(long = "events", value_name = "PATTERN")]
    events: Vec<String>,
    /// Whose it is
    #[arg(long)]
    tenant: Option<String>,
    /// The scheme's name
    #[arg(long)]
    scheme: Option<String>,
    #[command(flatten)]
    secrets: SecretArgs,
}

/// Publish an event, or one for each line of standard input
///
/// It is durable when its line is printed.
#[derive(Args)]
pub(crate) struct PublishArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// The event type, such as order.paid
    #[arg(long = "type", value_name = "TYPE", required_unless_present = "lines")]
    event_type: Option<String>,
    /// The event's id; one is made when none is given
    #[arg(long)]
    id: Option<String>,
    /// Whose it is
    #[arg(long)]
    tenant: Option<String>,
    /// Read events from standard input, one JSON object a line: type, payload, and optional id, tenant,
    /// idempotency_key and ordering_key
    #[arg(long, conflicts_with_all = ["event_type", "id", "tenant"])]
    lines: bool,
    #[command(flatten)]
    body: BodyArgs,
    #[command(flatten)]
    secrets: SecretArgs,
}

/// Deliver what is due, until Ctrl-C or SIGTERM
///
/// Takes nothing more then, waits for the attempts under way, and gives the rest back. A second signal ends it at once.
#[derive(Args)]
pub(crate) struct WorkArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// How many attempts to make at once
    #[arg(long, default_value_t = 64)]
    concurrency: usize,
    /// How long a worker that was lost keeps what it had taken
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    lease: Option<Duration>,
    /// How often to look for work
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    poll: Option<Duration>,
    /// The deadline of one attempt, at most 60s
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    timeout: Option<Duration>,
    /// End when nothing is due any more
    #[arg(long)]
    until_idle: bool,
}

/// Count what is there
#[derive(Args)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    store: StoreArgs,
}

/// List deliveries, newest first
#[derive(Args)]
pub(crate) struct DeliveriesArgs {
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    filter: FilterArgs,
    /// Only those that are pending, delivered, dead or cancelled
    #[arg(long)]
    status: Option<String>,
    /// How many, at most 1000
    #[arg(long, default_value_t = 100)]
    limit: u32,
    /// Go on where a list ended
    #[arg(long)]
    cursor: Option<String>,
}

/// Attempt dead letters again
#[derive(Args)]
pub(crate) struct RetryDeadArgs {
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    filter: FilterArgs,
    /// Only count them
    #[arg(long)]
    dry_run: bool,
}

#[derive(Args)]
struct FilterArgs {
    /// Only those whose event type fits this pattern
    #[arg(long, value_name = "PATTERN")]
    events: Option<String>,
    /// Only those of this subscription
    #[arg(long, value_name = "ID")]
    subscription: Option<String>,
}

impl FilterArgs {
    fn filter(&self) -> DeliveryFilter {
        DeliveryFilter {
            event_type: self.events.clone(),
            subscription: self.subscription.clone(),
            ..DeliveryFilter::default()
        }
    }
}

impl OutboxCommand {
    pub(crate) fn run(self, output: &mut Output) -> Outcome {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|error| Error::new(ErrorCode::Internal, format!("the runtime can not be started: {error}")))?;
        let outcome = runtime.block_on(async {
            match self {
                Self::Subscribe(args) => args.run(output).await,
                Self::Publish(args) => args.run(output).await,
                Self::Work(args) => args.run(output).await,
                Self::Status(args) => {
                    let status = args.store.open(|_| {}).await?.status().await?;
                    output.json(&json!(status))?;
                    Ok(Verdict::Passed)
                }
                Self::Deliveries(args) => args.run(output).await,
                Self::RetryDead(args) => {
                    let outbox = args.store.open(|_| {}).await?;
                    let count = outbox.retry_dead(&args.filter.filter(), args.dry_run).await?;
                    output.json(&json!({ "count": count }))?;
                    Ok(Verdict::Passed)
                }
            }
        });
        runtime.shutdown_background();
        outcome
    }
}

impl SubscribeArgs {
    async fn run(self, output: &mut Output) -> Outcome {
        let secrets = self.secrets.optional_ring()?.map(|_| self.secrets.secrets()).transpose()?.unwrap_or_default();
        let is_given = !secrets.is_empty();
        let outbox = self.store.open(|_| {}).await?;
        let subscription = outbox
            .subscribe(SubscriptionOptions {
                url: self.url,
                events: self.events,
                tenant: self.tenant,
                scheme: self.scheme.map(Into::into),
                secrets: secrets.iter().map(|secret| secret.expose().to_owned()).collect(), // EXPOSE: stored encrypted
                ..SubscriptionOptions::default()
            })
            .await?;
        let mut shown = json!(subscription);
        if !is_given {
            // Nobody else knows it.
            let made = outbox.secrets(&subscription.id).await?;
            shown["secret"] = made.first().map(Secret::expose).into(); // EXPOSE: it was just made
        }
        output.json(&shown)?;
        Ok(Verdict::Passed)
    }
}

/// A line of `publish --lines`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    #[serde(rename = "type")]
    event_type: String,
    payload: Box<RawValue>,
    id: Option<String>,
    tenant: Option<String>,
    idempotency_key: Option<String>,
    ordering_key: Option<String>,
}

impl Line {
    fn publication(&self) -> hookseal::Result<Publication> {
        let mut event = Event::bytes(&self.event_type, self.payload.get().to_owned())?;
        if let Some(id) = &self.id {
            event = event.id(id)?;
        }
        let mut publication = Publication::new(event);
        if let Some(tenant) = &self.tenant {
            publication = publication.tenant(tenant);
        }
        if let Some(key) = &self.idempotency_key {
            publication = publication.idempotency_key(key);
        }
        if let Some(key) = &self.ordering_key {
            publication = publication.ordering_key(key);
        }
        Ok(publication)
    }
}

impl PublishArgs {
    async fn run(self, output: &mut Output) -> Outcome {
        let outbox = self.store.open(|_| {}).await?;
        let Some(event_type) = &self.event_type else { return publish_lines(&outbox, output).await };
        let mut event = Event::bytes(event_type, self.body.read(&self.secrets, None)?)?;
        if let Some(id) = &self.id {
            event = event.id(id)?;
        }
        let mut publication = Publication::new(event);
        if let Some(tenant) = &self.tenant {
            publication = publication.tenant(tenant);
        }
        output.json(&json!(outbox.publish(publication).await?))?;
        Ok(Verdict::Passed)
    }
}

/// Each line is answered before the next is read, so that whoever writes them knows which are safe.
async fn publish_lines(outbox: &Outbox, output: &mut Output) -> Outcome {
    let mut failed = false;
    for line in io::stdin().lock().lines() {
        let line = line.map_err(|error| Failure::misuse(format!("standard input can not be read: {error}")))?;
        let parsed: Result<Line, _> = serde_json::from_str(&line);
        let published = match parsed {
            Ok(line) => match line.publication() {
                Ok(publication) => outbox.publish(publication).await,
                Err(error) => Err(error),
            },
            Err(error) => Err(Error::new(ErrorCode::InvalidEvent, format!("the line is no event: {error}"))),
        };
        match published {
            Ok(published) => output.json(&json!(published))?,
            Err(error) => {
                failed = true;
                output.json(&error_json(&error))?;
            }
        }
    }
    Ok(Verdict::passed_if(!failed))
}

impl WorkArgs {
    async fn run(self, output: &mut Output) -> Outcome {
        let (lease, poll, timeout) = (self.lease, self.poll, self.timeout);
        let outbox = self
            .store
            .open(|options| {
                options.lease = lease.unwrap_or(options.lease);
                options.poll = poll.unwrap_or(options.poll);
                options.delivery.timeout = timeout.unwrap_or(options.delivery.timeout);
            })
            .await?;
        let worker = outbox.worker(self.concurrency)?;
        if self.until_idle {
            worker.run_until_idle().await?;
        } else {
            work(&worker, output).await?;
        }
        let counts = worker.counts();
        if output.is_json() {
            output.json(&json!(counts))?;
        } else {
            output.line(summary(&worker))?;
        }
        Ok(Verdict::Passed)
    }
}

async fn work(worker: &Worker, output: &mut Output) -> Result<(), Failure> {
    let running = worker.run();
    let mut running = std::pin::pin!(running);
    let mut tick = tokio::time::interval(PROGRESS);
    let shows = output.is_json() || io::stderr().is_terminal();
    let mut shown = None;
    loop {
        tokio::select! {
            done = &mut running => return Ok(done?),
            signal = interrupted() => {
                signal?;
                worker.stop();
                note(&format!("stopping: {} in hand", worker.counts().in_hand));
                tokio::select! {
                    done = &mut running => return Ok(done?),
                    signal = interrupted() => return signal,
                }
            }
            _ = tick.tick() => {
                let counts = worker.counts();
                if shows && shown.replace(counts) != Some(counts) {
                    if output.is_json() { output.json(&json!(counts))? } else { note(&summary(worker)) }
                }
            }
        }
    }
}

fn summary(worker: &Worker) -> String {
    let counts = worker.counts();
    format!(
        "{} delivered, {} to be retried, {} dead, {} in hand ({} attempts)",
        counts.delivered, counts.retrying, counts.dead, counts.in_hand, counts.attempts
    )
}

/// Waits for Ctrl-C or SIGTERM.
async fn interrupted() -> Result<(), Failure> {
    let failed = |error: io::Error| Error::new(ErrorCode::Internal, format!("signals can not be awaited: {error}"));
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
        tokio::select! {
            done = tokio::signal::ctrl_c() => Ok(done.map_err(failed)?),
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    Ok(tokio::signal::ctrl_c().await.map_err(failed)?)
}

impl DeliveriesArgs {
    async fn run(self, output: &mut Output) -> Outcome {
        let status = self.status.map(|name| parse_status(&name)).transpose()?;
        let filter = DeliveryFilter { status, ..self.filter.filter() };
        let outbox = self.store.open(|_| {}).await?;
        let page = outbox.deliveries(&filter, self.limit, self.cursor.as_deref()).await?;
        if output.is_json() {
            output.json(&json!(page))?;
            return Ok(Verdict::Passed);
        }
        for item in &page.items {
            let reason = item.reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
            output.line(format!(
                "{} {} {}{reason} {} attempts",
                item.id,
                item.event_type,
                item.status.as_str(),
                item.attempts
            ))?;
        }
        if let Some(cursor) = &page.cursor {
            note(&format!("more with --cursor {cursor}"));
        }
        Ok(Verdict::Passed)
    }
}

fn parse_status(name: &str) -> Result<Status, Failure> {
    let all = [Status::Pending, Status::Delivered, Status::Dead, Status::Cancelled];
    all.into_iter()
        .find(|status| status.as_str() == name)
        .ok_or_else(|| Failure::misuse("--status is one of pending, delivered, dead, cancelled"))
}
