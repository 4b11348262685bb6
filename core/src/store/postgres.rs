//! PostgreSQL: short transactions over a few connections, without anything that a pooler in transaction mode would lose.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use bytes::BytesMut;
use tokio::sync::{Mutex, Semaphore, SemaphorePermit, mpsc, oneshot};
use tokio_postgres::{
    AsyncMessage, Client, Config, Row as PgRow,
    error::SqlState,
    types::{IsNull, ToSql, Type, to_sql_checked},
};

use super::{Answer, Batch, Database, Dialect, Row, Statement, Told, Value, crash_point, invalid, rows};
use crate::{Error, ErrorCode, Result, transport};

/// Locks lanes; what is read after it is as whoever had them before left it.
const HOLD: &str = "SELECT id FROM {p}lanes WHERE id IN (SELECT value ->> 0 FROM {items}($1)) ORDER BY id {hold}";
const CONNECTIONS: usize = 8;
/// How long a free connection is waited for.
const WAIT: Duration = Duration::from_secs(5);
/// At least so much time lies between two tellings.
const BETWEEN_NEWS: Duration = Duration::from_millis(5);
const CONNECT: Duration = Duration::from_secs(5);
/// How often a transaction that others got in the way of is run.
const TRIES: usize = 3;

/// How many batches share one transaction.
/// How many of them wait for the disk at once.
const WRITERS: usize = 2;
const GROUP: usize = 64;

pub(super) struct Postgres {
    pool: Arc<Pool>,
    /// What has to reach the disk, and what need not wait for it.
    durable: mpsc::UnboundedSender<Job>,
    brief: mpsc::UnboundedSender<Job>,
    /// There is something to tell others.
    news: mpsc::Sender<()>,
}

struct Job {
    batch: Batch,
    answer: oneshot::Sender<Result<Vec<Vec<Row>>>>,
}

struct Pool {
    /// What others listen to, and whose word it is.
    channel: String,
    name: String,
    /// Waits for lanes, in the order of their names.
    hold: String,
    config: Config,
    tls: tokio_postgres_rustls::MakeRustlsConnect,
    free: Semaphore,
    idle: Mutex<Vec<Client>>,
}

/// A transaction that was not answered with its rows.
struct Failed {
    error: Error,
    /// The server answered, so nothing of it is there.
    was_refused: bool,
}

impl From<Failed> for Error {
    fn from(failed: Failed) -> Self {
        failed.error
    }
}

/// A connection in use; one that is not given back is closed, and with it the transaction that it may be in.
struct Lease<'a> {
    client: Client,
    _place: SemaphorePermit<'a>,
}

impl Postgres {
    pub(super) async fn connect(url: &str, prefix: &str) -> Result<Self> {
        let mut config: Config =
            url.parse().map_err(|error| invalid(format!("the PostgreSQL URI: {}", with_causes(&error))))?;
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT);
        }
        if config.get_application_name().is_none() {
            config.application_name("hookseal");
        }
        let tls = tokio_postgres_rustls::MakeRustlsConnect::new(transport::plain_config()?);
        let hold = Dialect::Postgres.render(HOLD, prefix, 1);
        let (channel, name) =
            (format!("{prefix}work"), uuid::Uuid::new_v7(uuid::Timestamp::now(uuid::NoContext)).to_string());
        let pool = Arc::new(Pool {
            channel,
            name,
            hold,
            config,
            tls,
            free: Semaphore::new(CONNECTIONS),
            idle: Mutex::default(),
        });
        let commits = pool.read(&super::sql!("SHOW synchronous_commit")).await?;
        if let Some([Value::Text(setting)]) = commits.first().map(Vec::as_slice) {
            if setting == "off" {
                return Err(invalid(
                    "synchronous_commit is off, so a commit may be lost; add options=-csynchronous_commit%3Don to the URI",
                ));
            }
        }
        let start = |writers| {
            let (writes, jobs) = mpsc::unbounded_channel();
            let jobs = Arc::new(Mutex::new(jobs));
            for _ in 0..writers {
                tokio::spawn(write_all(Arc::clone(&pool), Arc::clone(&jobs)));
            }
            writes
        };
        let (durable, brief) = (start(WRITERS), start(1));
        let (news, told) = mpsc::channel(1);
        tokio::spawn(tell_all(Arc::clone(&pool), told));
        Ok(Self { pool, durable, brief, news })
    }
}

impl Pool {
    async fn lease(&self) -> Result<Lease<'_>> {
        let place = tokio::time::timeout(WAIT, self.free.acquire()).await;
        let Ok(Ok(place)) = place else {
            return Err(Error::new(ErrorCode::StorageBusy, "every connection to PostgreSQL is in use"));
        };
        let idle = loop {
            match self.idle.lock().await.pop() {
                Some(client) if client.is_closed() => {}
                found => break found,
            }
        };
        let client = match idle {
            Some(client) => client,
            None => {
                let (client, connection) =
                    self.config.connect(self.tls.clone()).await.map_err(|error| failure(&error))?;
                tokio::spawn(async move {
                    if let Err(error) = connection.await {
                        tracing::warn!(%error, "a connection to PostgreSQL broke");
                    }
                });
                client
            }
        };
        Ok(Lease { client, _place: place })
    }

    async fn give_back(&self, lease: Lease<'_>) {
        self.idle.lock().await.push(lease.client);
    }

    async fn read(&self, statement: &Statement) -> Result<Vec<Row>> {
        let lease = self.lease().await?;
        let found = query(&lease.client, statement).await.map_err(|error| failure(&error))?;
        self.give_back(lease).await;
        Ok(found)
    }

    /// Runs a batch, again where others got in its way.
    async fn transact(&self, batch: &Batch) -> Result<Vec<Vec<Row>>> {
        for _ in 1..TRIES {
            match self.transact_once(batch).await {
                Err(Failed { error, .. }) if error.code() == ErrorCode::StorageBusy => {}
                result => return Ok(result?),
            }
        }
        Ok(self.transact_once(batch).await?)
    }

    /// Sends everything at once, and reads the answers after that: a transaction costs one journey.
    async fn transact_once(&self, batch: &Batch) -> std::result::Result<Vec<Vec<Row>>, Failed> {
        let held = (!batch.lanes.is_empty()).then(|| {
            let lanes = rows(batch.lanes.iter().map(|lane| serde_json::json!([lane])));
            Statement::new(self.hold.clone(), vec![lanes])
        });
        let lease = self.lease().await.map_err(|error| Failed { error, was_refused: false })?;
        let client = &lease.client;
        let plain = |sql: &'static str| -> Pin<Box<dyn Future<Output = PgResult<Vec<Row>>> + Send + '_>> {
            Box::pin(async move { client.batch_execute(sql).await.map(|()| Vec::new()) })
        };
        let begin = if batch.is_durable { "BEGIN" } else { "BEGIN; SET LOCAL synchronous_commit = off" };
        let mut answers = vec![plain(begin)];
        for statement in held.iter().chain(&batch.statements) {
            answers.push(Box::pin(query(client, statement)));
        }
        answers.push(plain("COMMIT"));
        crash_point!("commit.before");
        // The first poll of each sends it, in this order.
        let mut early: Vec<Option<PgResult<Vec<Row>>>> = poll_fn(|context| {
            let polled = answers.iter_mut().map(|answer| match answer.as_mut().poll(context) {
                Poll::Ready(result) => Some(result),
                Poll::Pending => None,
            });
            Poll::Ready(polled.collect())
        })
        .await;
        crash_point!("commit.sent");
        let mut found = Vec::with_capacity(answers.len());
        let mut failed = None;
        for (answer, early) in answers.into_iter().zip(&mut early) {
            let result = match early.take() {
                Some(result) => result,
                None => answer.await,
            };
            match result {
                Ok(rows) => found.push(rows),
                // What comes after the first failure fails because of it; COMMIT is a rollback then.
                Err(error) if failed.is_none() => failed = Some(error),
                Err(_) => {}
            }
        }
        if let Some(error) = failed {
            let was_refused = error.code().is_some();
            if !lease.client.is_closed() {
                self.give_back(lease).await;
            }
            return Err(Failed { error: failure(&error), was_refused });
        }
        crash_point!("commit.after");
        self.give_back(lease).await;
        found.pop();
        Ok(found.split_off(1 + usize::from(held.is_some())))
    }
}

/// Writes what has come in together, until the store is dropped.
async fn write_all(pool: Arc<Pool>, jobs: Arc<Mutex<mpsc::UnboundedReceiver<Job>>>) {
    loop {
        let mut group = Vec::new();
        if jobs.lock().await.recv_many(&mut group, GROUP).await == 0 {
            return;
        }
        let together = Batch {
            statements: group.iter().flat_map(|job| job.batch.statements.iter().cloned()).collect(),
            lanes: group.iter().flat_map(|job| job.batch.lanes.iter().cloned()).collect(),
            is_durable: group.iter().any(|job| job.batch.is_durable),
        };
        let mut result = if group.len() > 1 { Some(pool.transact_once(&together).await) } else { None };
        for job in group {
            let own = match &mut result {
                Some(Ok(rows)) => {
                    let rest = rows.split_off(job.batch.statements.len());
                    Ok(std::mem::replace(rows, rest))
                }
                // It may be committed: who ran it again would take what it wrote for another's.
                Some(Err(Failed { error, was_refused: false })) => Err(error.clone()),
                // One of them failed, or there is only one.
                _ => pool.transact(&job.batch).await,
            };
            // Whoever asked may have stopped waiting.
            let _ = job.answer.send(own);
        }
    }
}

/// Tells of work, until the store is dropped.
async fn tell_all(pool: Arc<Pool>, mut news: mpsc::Receiver<()>) {
    while news.recv().await.is_some() {
        let told = super::sql!("SELECT pg_notify($1, $2)", &pool.channel, &pool.name);
        // They look for work now and then, whatever they are told.
        let _ = pool.transact_once(&Batch::brief(vec![told])).await;
        tokio::time::sleep(BETWEEN_NEWS).await;
    }
}

impl Pool {
    /// Listens on a connection of its own until that breaks. Behind a pooler in transaction mode it hears nothing.
    async fn listen(&self, told: &Told) -> PgResult<()> {
        let (client, mut connection) = self.config.connect(self.tls.clone()).await?;
        let heard = async {
            while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
                match message? {
                    AsyncMessage::Notification(news) if news.payload() != self.name => told(),
                    _ => {}
                }
            }
            Ok(())
        };
        let text = format!("LISTEN {}", self.channel);
        let listening = async {
            client.batch_execute(&text).await?;
            // What was told of before is not told of again.
            told();
            Ok(())
        };
        tokio::try_join!(heard, listening).map(|_| ())
    }
}

impl Database for Postgres {
    fn write(&self, batch: Batch) -> Answer<'_, Vec<Vec<Row>>> {
        let writes = if batch.is_durable { &self.durable } else { &self.brief };
        let (answer, answered) = oneshot::channel();
        // Where nobody is there to take it, nobody answers.
        let _ = writes.send(Job { batch, answer });
        Box::pin(async {
            let ended = "the runtime that PostgreSQL was opened on has ended";
            answered.await.map_err(|_| Error::new(ErrorCode::StorageUnavailable, ended))?
        })
    }

    fn read(&self, statement: Statement) -> Answer<'_, Vec<Row>> {
        Box::pin(async move { self.pool.read(&statement).await })
    }

    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    fn tell(&self) {
        // Where one waits to be told, it tells of this too.
        let _ = self.news.try_send(());
    }

    fn listen(&self, told: Told) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let pool = Arc::clone(&self.pool);
        Box::pin(async move {
            loop {
                if let Err(error) = pool.listen(&told).await {
                    tracing::debug!(%error, "not listening to PostgreSQL; work of other processes is found a little later");
                }
                tokio::time::sleep(WAIT).await;
            }
        })
    }
}

type PgResult<T> = Result<T, tokio_postgres::Error>;

/// Runs an unnamed statement: poolers lose named ones.
async fn query(client: &Client, statement: &Statement) -> PgResult<Vec<Row>> {
    let params: Vec<(&(dyn ToSql + Sync), Type)> = statement
        .params
        .iter()
        .map(|value| {
            let kind = match value {
                Value::Null => Type::UNKNOWN,
                Value::Integer(_) => Type::INT8,
                Value::Text(_) => Type::TEXT,
                Value::Blob(_) => Type::BYTEA,
                Value::Rows(_) => Type::JSON,
            };
            (value as &(dyn ToSql + Sync), kind)
        })
        .collect();
    let rows = client.query_typed(&statement.sql, &params).await?;
    rows.iter().map(columns).collect()
}

fn columns(row: &PgRow) -> PgResult<Row> {
    let value = |at: usize| {
        Ok(match *row.columns()[at].type_() {
            Type::INT8 => row.try_get::<_, Option<i64>>(at)?.map_or(Value::Null, Value::Integer),
            Type::INT4 => row.try_get::<_, Option<i32>>(at)?.map_or(Value::Null, |it| Value::Integer(it.into())),
            Type::TEXT | Type::VARCHAR => row.try_get::<_, Option<String>>(at)?.map_or(Value::Null, Value::Text),
            Type::BYTEA => row.try_get::<_, Option<Vec<u8>>>(at)?.map_or(Value::Null, |it| Value::Blob(it.into())),
            _ => Value::Null,
        })
    };
    (0..row.len()).map(value).collect()
}

impl ToSql for Value {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Integer(number) => number.to_sql(kind, out),
            Self::Text(text) | Self::Rows(text) => text.to_sql(kind, out),
            Self::Blob(bytes) => (&**bytes).to_sql(kind, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

fn failure(error: &tokio_postgres::Error) -> Error {
    let code = match error.code() {
        Some(state) if [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED].contains(state) => {
            ErrorCode::StorageBusy
        }
        Some(state) if [SqlState::LOCK_NOT_AVAILABLE, SqlState::TOO_MANY_CONNECTIONS].contains(state) => {
            ErrorCode::StorageBusy
        }
        Some(state) if [SqlState::DISK_FULL, SqlState::OUT_OF_MEMORY].contains(state) => ErrorCode::StorageFull,
        Some(state) if *state == SqlState::UNIQUE_VIOLATION => ErrorCode::Conflict,
        Some(state) if [SqlState::INVALID_PASSWORD, SqlState::INVALID_AUTHORIZATION_SPECIFICATION].contains(state) => {
            ErrorCode::InvalidConfig
        }
        _ => ErrorCode::StorageUnavailable,
    };
    Error::new(code, format!("PostgreSQL: {}", with_causes(error)))
}

fn with_causes(error: &tokio_postgres::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
