//! The database alone: rows inserted and then updated, in transactions that are as durable as the outbox's.

use std::{path::Path, time::Instant};

use crate::{Failure, PAYLOAD};

/// Rows in one transaction, about as many as the outbox's own groups hold under load.
pub(crate) const BATCH: usize = 64;
const BATCHES: usize = 50;

#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn rate(started: Instant) -> f64 {
    (BATCH * BATCHES) as f64 / started.elapsed().as_secs_f64()
}

pub(crate) fn sqlite(file: &Path) -> Result<f64, Failure> {
    let mut connection = rusqlite::Connection::open(file)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
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

pub(crate) async fn postgres(url: &str) -> Result<f64, Failure> {
    let (mut client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
    tokio::spawn(connection);
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
