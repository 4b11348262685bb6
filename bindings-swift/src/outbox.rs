//! The durable outbox, whose calls go, and whose answers come, as JSON.

use std::sync::{Arc, Mutex, PoisonError};

use hookseal::{
    Error, ErrorCode,
    outbox::{self, Outbox, Param, publication_from_json, publish_statement},
    sender::options_from_json,
};
use serde::Serialize;

use crate::{convert::size, error::NativeError, runtime::NativeWait};

/// An outbox until it is closed; what is under way has a share of its own.
#[derive(Debug, uniffi::Object)]
pub struct NativeOutbox(Mutex<Option<Outbox>>);

#[uniffi::export]
impl NativeOutbox {
    /// `Outbox::open`; the options are JSON.
    #[uniffi::constructor]
    pub async fn open(uri: String, options: String, wait: Arc<NativeWait>) -> Result<Self, NativeError> {
        let options = options_from_json(&options)?;
        let outbox = wait.until(async move { Outbox::open(&uri, options).await }).await?;
        Ok(Self(Mutex::new(Some(outbox))))
    }

    /// `Outbox::call`: a method by name, with its parameters as a JSON object.
    pub async fn call(&self, method: String, params: String, wait: Arc<NativeWait>) -> Result<String, NativeError> {
        let outbox = self.outbox()?;
        wait.until(async move { json(&outbox.call(&method, &params).await?) }).await
    }

    /// `Outbox::publish_data`; the options are JSON.
    pub async fn publish(
        &self,
        payload: Vec<u8>,
        options: String,
        wait: Arc<NativeWait>,
    ) -> Result<String, NativeError> {
        let outbox = self.outbox()?;
        wait.until(async move { json(&outbox.publish_data(payload, &options).await?) }).await
    }

    /// `Outbox::worker`.
    pub fn worker(&self, concurrency: u64) -> Result<NativeWorker, NativeError> {
        Ok(NativeWorker(self.outbox()?.worker(size(concurrency))?))
    }

    /// Lets go of the store; what is under way is finished.
    pub fn let_go(&self) {
        drop(self.0.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

impl NativeOutbox {
    fn outbox(&self) -> Result<Outbox, Error> {
        let outbox = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        outbox.ok_or_else(|| Error::new(ErrorCode::Closed, "the outbox is closed"))
    }
}

/// A worker.
#[derive(Debug, uniffi::Object)]
pub struct NativeWorker(outbox::Worker);

#[uniffi::export]
impl NativeWorker {
    /// `Worker::run`; it ends only when it is told to stop, also where nobody waits for it any more.
    pub async fn run(&self) -> Result<(), NativeError> {
        Arc::new(NativeWait::new()).until(self.0.run()).await
    }

    /// `Worker::run_until_idle`.
    pub async fn run_until_idle(&self, wait: Arc<NativeWait>) -> Result<String, NativeError> {
        let worker = self.0.clone();
        wait.until(async move { json(&worker.run_until_idle().await?) }).await
    }

    /// `Worker::stop`.
    pub fn stop(&self) {
        self.0.stop();
    }

    /// `Worker::counts`.
    pub fn counts(&self) -> Result<String, NativeError> {
        Ok(json(&self.0.counts())?)
    }
}

/// A worker does not outlive its owner.
impl Drop for NativeWorker {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// A statement for another program's connection.
#[derive(Debug, uniffi::Record)]
pub struct NativeStatement {
    /// Its text.
    pub sql: String,
    /// Its parameters, in order.
    pub params: Vec<NativeParam>,
}

/// A parameter of a statement.
#[derive(Debug, uniffi::Enum)]
pub enum NativeParam {
    /// NULL.
    Null,
    /// A whole number.
    Integer {
        /// The number.
        value: i64,
    },
    /// Text.
    Text {
        /// The text.
        value: String,
    },
    /// Bytes.
    Blob {
        /// The bytes.
        value: Vec<u8>,
    },
}

impl From<Param> for NativeParam {
    fn from(param: Param) -> Self {
        match param {
            Param::Null => Self::Null,
            Param::Integer(value) => Self::Integer { value },
            Param::Text(value) => Self::Text { value },
            Param::Blob(value) => Self::Blob { value: value.to_vec() },
        }
    }
}

/// `outbox::publish_statement`; the options are JSON.
#[uniffi::export]
pub fn outbox_statement(
    uri: &str,
    payload: Vec<u8>,
    options: &str,
    style: Option<String>,
) -> Result<NativeStatement, NativeError> {
    let publication = publication_from_json(payload, options)?;
    let style = style.as_deref().map(str::parse).transpose()?;
    let (sql, params) = publish_statement(uri, &publication, style)?;
    Ok(NativeStatement { sql, params: params.into_iter().map(NativeParam::from).collect() })
}

fn json(answer: &impl Serialize) -> Result<String, Error> {
    serde_json::to_string(answer).map_err(|error| Error::new(ErrorCode::Internal, error.to_string()))
}
