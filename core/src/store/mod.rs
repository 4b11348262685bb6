//! Where the outbox keeps its rows.
//!
//! A store runs batches of SQL statements, each batch in one transaction, and knows nothing of
//! webhooks. The statements are the same for every store; [`Dialect`] has the few words that differ.

#[cfg(feature = "crash-points")]
pub(crate) mod crash;
mod dialect;
#[cfg(feature = "postgres")]
mod postgres;
mod schema;
#[cfg(feature = "sqlite")]
mod sqlite;
mod uri;

use std::{borrow::Cow, future::Future, pin::Pin, sync::Arc};

use bytes::Bytes;

pub(crate) use self::dialect::Dialect;
use crate::{Error, ErrorCode, Result};

pub(crate) type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// A database that keeps its promises: a batch whose answer is `Ok` survives whatever happens to this process and,
/// but for `memory:` and batches that need not, to the machine.
pub(crate) trait Database: Send + Sync {
    /// Runs the statements in one transaction, all or none, and answers with the rows of each.
    fn write(&self, batch: Batch) -> Answer<'_, Vec<Vec<Row>>>;

    /// Runs one statement that changes nothing.
    fn read(&self, statement: Statement) -> Answer<'_, Vec<Row>>;

    fn dialect(&self) -> Dialect;

    /// Tells whoever listens in another process that there is work, soon and at most once for much of it. Nothing depends on
    /// it but how soon that is done.
    fn tell(&self);

    /// Calls when another process may have told of work, for as long as the future is polled.
    fn listen(&self, told: Told) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

pub(crate) type Told = Box<dyn Fn() + Send + Sync>;

/// One column of a row, or one parameter.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Integer(i64),
    Text(String),
    Blob(Bytes),
    /// A table as JSON, an array of arrays: `SELECT value ->> 0 FROM {items}($1)` has its first column.
    Rows(String),
}

pub(crate) type Row = Vec<Value>;

/// SQL in the words of every dialect, with its parameters `$1` to `$n`, which come in this order.
#[derive(Debug, Clone)]
pub(crate) struct Statement {
    pub(crate) sql: Cow<'static, str>,
    pub(crate) params: Vec<Value>,
    /// For each of these it is run: `{0}` and `{1i}` are a row's first column, a text, and its second, a number. `{rows}` is its
    /// `FROM` or, where that goes on, `{rows,}`.
    pub(crate) table: Option<Vec<Row>>,
}

impl Statement {
    pub(crate) fn new(sql: impl Into<Cow<'static, str>>, params: Vec<Value>) -> Self {
        Self { sql: sql.into(), params, table: None }
    }

    pub(crate) fn for_each(self, table: Vec<Row>) -> Self {
        Self { table: Some(table), ..self }
    }
}

/// What one transaction does.
#[derive(Debug, Clone)]
pub(crate) struct Batch {
    pub(crate) statements: Vec<Statement>,
    /// The lanes that the transaction waits for. It does so before anything else and in one order everywhere, so that no two
    /// wait for each other, and its statements see what whoever had them before has done.
    pub(crate) lanes: Vec<String>,
    /// Whether it has to survive the machine. One that need not is lost, if at all, with everything that came after it.
    pub(crate) is_durable: bool,
}

impl Batch {
    /// A batch that may be lost with the machine: nothing has been promised of it.
    pub(crate) fn brief(statements: Vec<Statement>) -> Self {
        Self { is_durable: false, ..statements.into() }
    }

    /// Lets it wait for these lanes.
    pub(crate) fn holding(mut self, lanes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.lanes.extend(lanes.into_iter().map(Into::into));
        self
    }
}

impl From<Vec<Statement>> for Batch {
    fn from(statements: Vec<Statement>) -> Self {
        Self { statements, lanes: Vec::new(), is_durable: true }
    }
}

/// A store that is ready for use: its schema is there.
#[derive(Clone)]
pub(crate) struct Store {
    database: Arc<dyn Database>,
    prefix: Arc<str>,
    /// A file's path, beside which its key may lie.
    pub(crate) file: Option<std::path::PathBuf>,
    pub(crate) is_durable: bool,
}

impl Store {
    /// Opens what a URI names: `sqlite:PATH`, `postgres://…`, `memory:`.
    pub(crate) async fn open(uri: &str) -> Result<Self> {
        let place = uri::parse(uri)?;
        let prefix: Arc<str> = place.prefix.as_str().into();
        let (database, file, is_durable): (Arc<dyn Database>, _, _) = match place.kind {
            #[cfg(feature = "sqlite")]
            uri::Kind::Memory => (Arc::new(sqlite::Sqlite::memory()?), None, false),
            #[cfg(feature = "sqlite")]
            uri::Kind::Sqlite(path) => (Arc::new(sqlite::Sqlite::open(&path)?), Some(path), true),
            #[cfg(feature = "postgres")]
            uri::Kind::Postgres(url) => (Arc::new(postgres::Postgres::connect(&url, &prefix).await?), None, true),
            #[cfg(not(all(feature = "sqlite", feature = "postgres")))]
            _ => return Err(no_such_store()),
        };
        let store = Self { database, prefix, file, is_durable };
        schema::prepare(&store).await?;
        Ok(store)
    }

    /// Runs the statements in one transaction. A brief batch is written after those that were given before it, whether their
    /// answers have been awaited or not.
    pub(crate) fn write(&self, batch: impl Into<Batch>) -> Answer<'_, Vec<Vec<Row>>> {
        let mut batch = batch.into();
        batch.statements = batch.statements.into_iter().map(|it| self.in_dialect(it)).collect();
        self.database.write(batch)
    }

    /// Runs one statement in a durable transaction of its own.
    pub(crate) async fn change(&self, statement: Statement) -> Result<Vec<Row>> {
        Ok(self.write(vec![statement]).await?.pop().unwrap_or_default())
    }

    pub(crate) async fn read(&self, statement: Statement) -> Result<Vec<Row>> {
        self.database.read(self.in_dialect(statement)).await
    }

    pub(crate) fn tell(&self) {
        self.database.tell();
    }

    pub(crate) fn listen(&self, told: Told) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        self.database.listen(told)
    }

    fn in_dialect(&self, statement: Statement) -> Statement {
        let dialect = self.database.dialect();
        let params = statement.params.len();
        // A parameter after these: SQLite would find out the time anew each time that it is named.
        let now = format!("?{}", params + 1);
        let sql = dialect.render_with(&statement.sql, &self.prefix, params, &now);
        let mut statement = Statement { sql: sql.into(), ..statement };
        if dialect == Dialect::Postgres {
            // One journey for all of them.
            statement.params.extend(statement.table.take().map(as_json));
        }
        statement
    }
}

/// The text of a statement as another program would run it on the store that the URI names, which is not opened.
pub(crate) fn render_for(uri: &str, sql: &str) -> Result<(String, Dialect)> {
    let place = uri::parse(uri)?;
    let dialect = match place.kind {
        uri::Kind::Memory => return Err(invalid("a store in memory has no other connections")),
        #[cfg(feature = "sqlite")]
        uri::Kind::Sqlite(_) => Dialect::Sqlite,
        #[cfg(feature = "postgres")]
        uri::Kind::Postgres(_) => Dialect::Postgres,
        #[cfg(not(all(feature = "sqlite", feature = "postgres")))]
        _ => return Err(no_such_store()),
    };
    Ok((dialect.render(sql, &place.prefix, 0), dialect))
}

pub(crate) fn runs_in_process(uri: &str) -> bool {
    uri::parse(uri).is_ok_and(|place| !matches!(place.kind, uri::Kind::Postgres(_)))
}

#[cfg(not(all(feature = "sqlite", feature = "postgres")))]
fn no_such_store() -> Error {
    invalid("this build of hookseal has no such store; see the features sqlite and postgres")
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

/// Makes a statement: `sql!("SELECT … WHERE id = $1", id)`.
macro_rules! sql {
    ($text:expr $(, $param:expr)* $(,)?) => {
        $crate::store::Statement::new($text, vec![$($crate::store::Value::from($param)),*])
    };
}
pub(crate) use sql;

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Integer(number.into())
    }
}

impl From<usize> for Value {
    fn from(count: usize) -> Self {
        Self::Integer(i64::try_from(count).unwrap_or(i64::MAX))
    }
}

impl From<bool> for Value {
    fn from(is: bool) -> Self {
        Self::Integer(is.into())
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
    }
}

impl From<Bytes> for Value {
    fn from(bytes: Bytes) -> Self {
        Self::Blob(bytes)
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Blob(bytes.into())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// Names a moment at which the tests end the process; nothing in any other build.
macro_rules! crash_point {
    ($name:literal) => {
        #[cfg(feature = "crash-points")]
        $crate::store::crash::pass($name)
    };
}
pub(crate) use crash_point;

/// A table for [`Value::Rows`].
pub(crate) fn rows(rows: impl IntoIterator<Item = serde_json::Value>) -> Value {
    Value::Rows(serde_json::Value::from_iter(rows).to_string())
}

fn as_json(table: Vec<Row>) -> Value {
    let cell = |value| match value {
        Value::Integer(number) => number.into(),
        Value::Text(text) | Value::Rows(text) => text.into(),
        Value::Null | Value::Blob(_) => serde_json::Value::Null,
    };
    rows(table.into_iter().map(|row| row.into_iter().map(cell).collect()))
}

/// Takes a row apart, column by column.
pub(crate) struct Columns(std::vec::IntoIter<Value>);

impl Columns {
    pub(crate) fn of(row: Row) -> Self {
        Self(row.into_iter())
    }

    pub(crate) fn integer(&mut self) -> Result<i64> {
        self.optional_integer()?.ok_or_else(unreadable)
    }

    pub(crate) fn optional_integer(&mut self) -> Result<Option<i64>> {
        match self.0.next() {
            Some(Value::Integer(number)) => Ok(Some(number)),
            Some(Value::Null) => Ok(None),
            _ => Err(unreadable()),
        }
    }

    pub(crate) fn text(&mut self) -> Result<String> {
        self.optional_text()?.ok_or_else(unreadable)
    }

    pub(crate) fn optional_text(&mut self) -> Result<Option<String>> {
        match self.0.next() {
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(Value::Null) => Ok(None),
            _ => Err(unreadable()),
        }
    }

    pub(crate) fn blob(&mut self) -> Result<Bytes> {
        self.optional_blob()?.ok_or_else(unreadable)
    }

    pub(crate) fn optional_blob(&mut self) -> Result<Option<Bytes>> {
        match self.0.next() {
            Some(Value::Blob(bytes)) => Ok(Some(bytes)),
            Some(Value::Null) => Ok(None),
            _ => Err(unreadable()),
        }
    }
}

/// A row that no version of this library wrote.
pub(crate) fn unreadable() -> Error {
    Error::new(ErrorCode::StorageUnavailable, "the store holds a row that can not be read")
}

pub(crate) fn invalid(message: impl Into<Cow<'static, str>>) -> Error {
    Error::new(ErrorCode::InvalidConfig, message)
}
