//! The database alone, with transactions of [`BATCH`] rows that are as durable as the outbox's: rows of 1 KiB as an event has
//! them, inserted and then updated; and a delivery's rows in the outbox's own tables, made, and then recorded.

use std::{path::Path, time::Instant};

use crate::{Failure, PAYLOAD};

/// Rows in one transaction, about as many as the outbox's own groups hold under load.
pub(crate) const BATCH: usize = 64;
const BATCHES: usize = 50;

/// A delivery that is made and taken at once; `$1` to `$4` are its id, event, endpoint and claim.
const MADE: &str = "INSERT INTO {p}deliveries (id, event_seq, event_type, lane, subscription, status, attempts, tries, crashes, \
    claim, due_at, accepted_at, aged_from, expires_at) \
    VALUES ($1, $2, 'second.one', $3, $3, 'pending', 0, 0, 0, $4, 1764547230000, 1764547200000, 1764547200000, 1764806400000) \
    RETURNING seq";
const ATTEMPTED: &str = "INSERT INTO {p}attempts (delivery, claim, number, record) VALUES ($1, $2, 1, $3)";
const DONE: &str = "UPDATE {p}deliveries SET status = 'delivered', due_at = 1764547200000, attempts = 1, tries = 1, claim = NULL, \
    finished_at = 1764547200000 WHERE seq = $1 AND claim = $2";
const RECORD: &str = r#"{"number":1,"started_at":1764547200,"outcome":"succeeded","error":null,"status_code":204,"phase":"body","duration":0.000412345,"retry_after":null,"response_headers":[],"response_body":""}"#;

#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn rate(started: Instant) -> f64 {
    (BATCH * BATCHES) as f64 / started.elapsed().as_secs_f64()
}

/// The claim of a batch, and the ids and endpoints of its deliveries.
fn names(batch: usize) -> (String, Vec<(String, String)>) {
    let rows = (0..BATCH).map(|at| (format!("msg_{:032x}", batch * BATCH + at), format!("sub_{at:032x}"))).collect();
    (format!("claim_{batch:032x}"), rows)
}

fn sqlite(file: &Path) -> Result<rusqlite::Connection, Failure> {
    let connection = rusqlite::Connection::open(file)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    Ok(connection)
}

pub(crate) fn sqlite_events(file: &Path) -> Result<f64, Failure> {
    let mut connection = sqlite(file)?;
    connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, payload BLOB NOT NULL, status TEXT NOT NULL)", [])?;
    let payload = vec![b'x'; PAYLOAD];
    let started = Instant::now();
    for batch in 0..BATCHES {
        let ids = batch * BATCH..(batch + 1) * BATCH;
        for sql in
            ["INSERT INTO t VALUES (?1, ?2, 'pending')", "UPDATE t SET status = 'delivered' WHERE id = ?1 AND ?2 > ''"]
        {
            let transaction = connection.transaction()?;
            {
                let mut prepared = transaction.prepare_cached(sql)?;
                for id in ids.clone() {
                    prepared.execute(rusqlite::params![i64::try_from(id)?, payload])?;
                }
            }
            transaction.commit()?;
        }
    }
    Ok(rate(started))
}

/// `file` is a new outbox.
pub(crate) fn sqlite_deliveries(file: &Path) -> Result<f64, Failure> {
    let mut connection = sqlite(file)?;
    let [made, attempted, done] = [MADE, ATTEMPTED, DONE].map(|sql| sql.replace("{p}", "hookseal_").replace('$', "?"));
    let started = Instant::now();
    for batch in 0..BATCHES {
        let (claim, rows) = names(batch);
        let mut numbers = Vec::with_capacity(BATCH);
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        let transaction = connection.transaction()?;
        {
            let mut made = transaction.prepare_cached(&made)?;
            for (id, lane) in &rows {
                let row = rusqlite::params![id, i64::try_from(batch)?, lane, claim];
                numbers.push(made.query_row(row, |row| row.get::<_, i64>(0))?);
            }
        }
        transaction.commit()?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        let transaction = connection.transaction()?;
        {
            let mut attempted = transaction.prepare_cached(&attempted)?;
            let mut done = transaction.prepare_cached(&done)?;
            for number in numbers {
                attempted.execute(rusqlite::params![number, claim, RECORD])?;
                done.execute(rusqlite::params![number, claim])?;
            }
        }
        transaction.commit()?;
    }
    Ok(rate(started))
}

async fn postgres(url: &str) -> Result<tokio_postgres::Client, Failure> {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

pub(crate) async fn postgres_events(url: &str) -> Result<f64, Failure> {
    let mut client = postgres(url).await?;
    client
        .batch_execute("DROP TABLE IF EXISTS bare; CREATE TABLE bare (id BIGINT PRIMARY KEY, payload BYTEA NOT NULL, status TEXT NOT NULL)")
        .await?;
    let insert = client.prepare("INSERT INTO bare VALUES ($1, $2, 'pending')").await?;
    let update = client.prepare("UPDATE bare SET status = 'delivered' WHERE id = $1 AND $2 > ''::bytea").await?;
    let payload = vec![b'x'; PAYLOAD];
    let started = Instant::now();
    for batch in 0..BATCHES {
        let ids = batch * BATCH..(batch + 1) * BATCH;
        for statement in [&insert, &update] {
            let transaction = client.transaction().await?;
            for id in ids.clone() {
                transaction.execute(statement, &[&i64::try_from(id)?, &payload]).await?;
            }
            transaction.commit().await?;
        }
    }
    Ok(rate(started))
}

/// The tables with this prefix are those of a new outbox.
pub(crate) async fn postgres_deliveries(url: &str, prefix: &str) -> Result<f64, Failure> {
    let mut client = postgres(url).await?;
    let [made, attempted, done] = [MADE, ATTEMPTED, DONE].map(|sql| sql.replace("{p}", prefix));
    let made = client.prepare(&made).await?;
    let attempted = client.prepare(&attempted).await?;
    let done = client.prepare(&done).await?;
    let started = Instant::now();
    for batch in 0..BATCHES {
        let (claim, rows) = names(batch);
        let mut numbers = Vec::with_capacity(BATCH);
        let transaction = client.transaction().await?;
        transaction.batch_execute("SET LOCAL synchronous_commit = off").await?;
        for (id, lane) in &rows {
            let row = transaction.query_one(&made, &[id, &i64::try_from(batch)?, lane, &claim]).await?;
            numbers.push(row.get::<_, i64>(0));
        }
        transaction.commit().await?;
        let transaction = client.transaction().await?;
        for number in numbers {
            transaction.execute(&attempted, &[&number, &claim, &RECORD]).await?;
            transaction.execute(&done, &[&number, &claim]).await?;
        }
        transaction.commit().await?;
    }
    Ok(rate(started))
}
