//! One step, acted out.

use std::io;

use crate::{
    http::{Connection, head},
    scenario::{Close, Step},
};

/// Answers as the step says; says whether the connection stays open.
pub(crate) async fn play(step: &Step, connection: &mut Connection) -> io::Result<bool> {
    tokio::time::sleep(step.delay()).await;
    if step.hold {
        connection.wait_for_end().await;
        return Ok(false);
    }
    match step.raw() {
        Some(raw) => connection.write(&raw).await?,
        None if step.close == Some(Close::BeforeHead) => {}
        None => write_answer(step, connection).await?,
    }
    if step.reset {
        connection.close_by_reset()?;
        return Ok(false);
    }
    if step.keep_alive && step.close.is_none() {
        return Ok(true);
    }
    connection.close().await?;
    Ok(false)
}

async fn write_answer(step: &Step, connection: &mut Connection) -> io::Result<()> {
    for _ in 0..step.informational_repeat {
        for &status in &step.informational {
            connection.write(head(status, &[], None, true).as_bytes()).await?;
        }
    }
    let body = step.body();
    let has_length = !step.endless && !matches!(step.status, 204 | 304);
    let length = has_length.then(|| body.len() * step.repeat);
    let head = head(step.status, &step.headers(), length, step.keep_alive);
    match step.slow_head() {
        Some(pause) => connection.drip(head.as_bytes(), pause).await?,
        None if step.close == Some(Close::MidHead) => {
            return connection.write(&head.as_bytes()[..head.len() / 2]).await;
        }
        None => connection.write(head.as_bytes()).await?,
    }
    if step.close == Some(Close::MidBody) {
        return connection.write(&body[..body.len() / 2]).await;
    }
    if step.endless {
        loop {
            connection.write(&body).await?;
        }
    }
    for _ in 0..step.repeat {
        match step.slow_body() {
            Some(pause) => connection.drip(&body, pause).await?,
            None => connection.write(&body).await?,
        }
    }
    Ok(())
}
