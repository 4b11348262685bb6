//! SQLite: one writer with group commit, readers beside it.

use std::{
    fs,
    future::{self, Future},
    path::{Path, PathBuf},
    pin::Pin,
    process,
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rusqlite::{
    Connection, OpenFlags, TransactionBehavior,
    config::DbConfig,
    types::{ToSql, ToSqlOutput, ValueRef},
};
use tokio::sync::oneshot;

use super::{Answer, Batch, Database, Dialect, Row, Statement, Told, Value, crash_point, dialect::VALUES, invalid};
use crate::{Error, ErrorCode, Result};

/// How long a lock of another process is waited for.
const BUSY: Duration = Duration::from_secs(5);
/// How many batches share one commit.
const GROUP: usize = 256;
const READERS: usize = 2;
/// How many rows of a table one statement is run with.
const AT_ONCE: [usize; 4] = [64, 16, 4, 1];
/// How many KiB of pages a connection keeps at most.
const CACHE: i64 = 16 * 1024;
/// Kept prepared on each connection.
const PREPARED: usize = 128;
/// File systems on which SQLite's locks do not hold, as `/proc/mounts` names them.
const NETWORKED: [&str; 6] = ["nfs", "nfs4", "cifs", "smb3", "9p", "afs"];

/// How often it is looked whether another process has written.
const GLANCE: Duration = Duration::from_millis(10);

pub(super) struct Sqlite {
    /// What grows when anyone writes.
    log: Option<PathBuf>,
    /// None where only the writer's connection sees the tables. They go first: two that close at once leave the log behind.
    readers: Option<Crew>,
    writer: Crew,
}

/// Threads that take jobs. When this is dropped they have ended, and let go of the file.
struct Crew {
    jobs: Option<mpsc::Sender<Job>>,
    threads: Vec<thread::JoinHandle<()>>,
    /// Where they are; a child of this process has none of them.
    process: u32,
}

struct Job {
    batch: Batch,
    answer: oneshot::Sender<Result<Vec<Vec<Row>>>>,
}

impl Sqlite {
    /// Opens the file, or makes it where there is none.
    pub(super) fn open(path: &Path) -> Result<Self> {
        check_folder(path)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_CREATE)
            .and_then(|connection| configure(connection, true))
            .map_err(|error| failure(&error))?;
        let file = SameFile::new(path);
        let (writer, jobs) = mpsc::channel();
        let mut writer = Crew::new(writer);
        writer.start("hookseal-sqlite", move || write_all(connection, &jobs, file.as_ref()))?;
        let (readers, jobs) = mpsc::channel();
        let mut readers = Crew::new(readers);
        let jobs = Arc::new(Mutex::new(jobs));
        for _ in 0..READERS {
            let connection = Connection::open_with_flags(path, flags)
                .and_then(|connection| configure(connection, true))
                .map_err(|error| failure(&error))?;
            let jobs = Arc::clone(&jobs);
            readers.start("hookseal-reader", move || read_all(&connection, &jobs))?;
        }
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        Ok(Self { log: Some(log.into()), writer, readers: Some(readers) })
    }

    /// A store that ends with this process.
    pub(super) fn memory() -> Result<Self> {
        let connection = Connection::open_in_memory()
            .and_then(|connection| configure(connection, false))
            .map_err(|error| failure(&error))?;
        let (writer, jobs) = mpsc::channel();
        let mut writer = Crew::new(writer);
        writer.start("hookseal-memory", move || write_all(connection, &jobs, None))?;
        Ok(Self { log: None, writer, readers: None })
    }

    fn ask(queue: &Crew, batch: Batch) -> impl Future<Output = Result<Vec<Vec<Row>>>> + use<> {
        let (answer, answered) = oneshot::channel();
        // Where nobody is there to take it, nobody answers.
        let _ = queue.jobs.as_ref().map(|jobs| jobs.send(Job { batch, answer }));
        async { answered.await.map_err(|_| gone())? }
    }
}

impl Database for Sqlite {
    fn write(&self, batch: Batch) -> Answer<'_, Vec<Vec<Row>>> {
        Box::pin(Self::ask(&self.writer, batch))
    }

    fn read(&self, statement: Statement) -> Answer<'_, Vec<Row>> {
        Box::pin(async move {
            let queue = self.readers.as_ref().unwrap_or(&self.writer);
            Ok(Self::ask(queue, vec![statement].into()).await?.pop().unwrap_or_default())
        })
    }

    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    /// They see it.
    fn tell(&self) {}

    fn listen(&self, told: Told) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let log = self.log.clone();
        Box::pin(async move {
            let Some(log) = log else { return future::pending().await };
            let look = || fs::metadata(&log).ok().map(|found| (found.len(), found.modified().ok()));
            let mut seen = look();
            loop {
                tokio::time::sleep(GLANCE).await;
                let now = look();
                if now != seen {
                    seen = now;
                    told();
                }
            }
        })
    }
}

impl Crew {
    fn new(jobs: mpsc::Sender<Job>) -> Self {
        Self { jobs: Some(jobs), threads: Vec::new(), process: process::id() }
    }

    fn start(&mut self, name: &str, work: impl FnOnce() + Send + 'static) -> Result<()> {
        let started = thread::Builder::new().name(name.to_owned()).spawn(work);
        self.threads.push(started.map_err(|error| unavailable(format!("no thread could be started: {error}")))?);
        Ok(())
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        self.jobs = None;
        if process::id() == self.process {
            for thread in self.threads.drain(..) {
                // One that panicked has let go, too.
                let _ = thread.join();
            }
        }
    }
}

fn configure(connection: Connection, is_file: bool) -> rusqlite::Result<Connection> {
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(PREPARED);
    // What a savepoint would undo is kept in memory too.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "cache_size", -CACHE)?;
    // Plans do not depend on parameters; otherwise they are made anew for each of their values.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    if is_file {
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "fullfsync", true)?;
    }
    Ok(connection)
}

/// Runs what has come in since the last commit in one transaction, and before it in another what need not wait for the
/// disk, until every sender of jobs is gone.
fn write_all(mut connection: Connection, jobs: &mpsc::Receiver<Job>, file: Option<&SameFile>) {
    while let Ok(first) = jobs.recv() {
        let mut group = vec![first];
        group.extend(jobs.try_iter().take(GROUP - 1));
        let (durable, brief) = group.into_iter().partition::<Vec<_>, _>(|job| job.batch.is_durable);
        for (group, synchronous) in [(brief, "NORMAL"), (durable, "FULL")] {
            if !group.is_empty() {
                let results = file
                    .map_or(Ok(()), SameFile::check)
                    .and_then(|()| write_group(&mut connection, &group, synchronous));
                answer(group, results);
            }
        }
    }
}

fn answer(group: Vec<Job>, results: Result<Vec<Result<Vec<Vec<Row>>>>>) {
    let results = results.unwrap_or_else(|error| vec![Err(error); group.len()]);
    for (job, result) in group.into_iter().zip(results) {
        // Whoever asked may have stopped waiting.
        let _ = job.answer.send(result);
    }
}

/// Each batch has a savepoint, so that one that fails takes no other with it. A lane needs no lock: there is one writer.
fn write_group(connection: &mut Connection, group: &[Job], synchronous: &str) -> Result<Vec<Result<Vec<Vec<Row>>>>> {
    connection.pragma_update(None, "synchronous", synchronous).map_err(|error| failure(&error))?;
    let transaction =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(|error| failure(&error))?;
    let mut results = Vec::with_capacity(group.len());
    for job in group {
        // One that is alone is undone with the transaction.
        let step =
            |sql| if group.len() > 1 { transaction.prepare_cached(sql)?.execute([]).map(|_| ()) } else { Ok(()) };
        step("SAVEPOINT batch").map_err(|error| failure(&error))?;
        let result = run(&transaction, &job.batch.statements).map_err(|error| failure(&error));
        if result.is_err() {
            if group.len() == 1 {
                return Ok(vec![result]);
            }
            step("ROLLBACK TO batch").map_err(|error| failure(&error))?;
        }
        step("RELEASE batch").map_err(|error| failure(&error))?;
        results.push(result);
    }
    crash_point!("commit.before");
    transaction.commit().map_err(|error| failure(&error))?;
    crash_point!("commit.after");
    Ok(results)
}

fn read_all(connection: &Connection, jobs: &Mutex<mpsc::Receiver<Job>>) {
    loop {
        let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = next else { return };
        let _ = job.answer.send(run(connection, &job.batch.statements).map_err(|error| failure(&error)));
    }
}

fn run(connection: &Connection, batch: &[Statement]) -> rusqlite::Result<Vec<Vec<Row>>> {
    batch
        .iter()
        .map(|statement| {
            let mut found = Vec::new();
            match &statement.table {
                None => collect(connection, &statement.sql, &statement.params, &[], &mut found)?,
                Some(table) => {
                    let mut left = &table[..];
                    while let Some(first) = left.first() {
                        let count = AT_ONCE.into_iter().find(|count| *count <= left.len()).unwrap_or(1);
                        let (rows, rest) = left.split_at(count);
                        let sql =
                            statement.sql.replace(VALUES, &values(count, first.len(), statement.params.len() + 2));
                        collect(connection, &sql, &statement.params, rows, &mut found)?;
                        left = rest;
                    }
                }
            }
            Ok(found)
        })
        .collect()
}

/// `VALUES (?4,?),(?,?)`: so many rows of so many columns, with numbers from the given one on.
fn values(rows: usize, columns: usize, first: usize) -> String {
    let rest = |count| ",?".repeat(count);
    let others = format!(",(?{})", rest(columns - 1)).repeat(rows - 1);
    format!("VALUES (?{first}{}){others}", rest(columns - 1))
}

fn collect(
    connection: &Connection,
    sql: &str,
    params: &[Value],
    table: &[Row],
    found: &mut Vec<Row>,
) -> rusqlite::Result<()> {
    let mut prepared = connection.prepare_cached(sql)?;
    for (at, param) in params.iter().enumerate() {
        prepared.raw_bind_parameter(at + 1, param)?;
    }
    if prepared.parameter_count() > params.len() {
        prepared.raw_bind_parameter(params.len() + 1, now())?;
    }
    for (at, value) in table.iter().flatten().enumerate() {
        prepared.raw_bind_parameter(params.len() + 2 + at, value)?;
    }
    let width = prepared.column_count();
    let mut rows = prepared.raw_query();
    while let Some(row) = rows.next()? {
        found.push((0..width).map(|at| row.get_ref(at).map(value)).collect::<rusqlite::Result<_>>()?);
    }
    Ok(())
}

/// The clock of this process, in milliseconds: a SQLite database has no other.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

fn value(found: ValueRef<'_>) -> Value {
    match found {
        ValueRef::Integer(number) => Value::Integer(number),
        ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(bytes) => Value::Blob(bytes.to_vec().into()),
        ValueRef::Null | ValueRef::Real(_) => Value::Null,
    }
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Integer(number) => ValueRef::Integer(*number),
            Self::Text(text) | Self::Rows(text) => ValueRef::Text(text.as_bytes()),
            Self::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

fn failure(error: &rusqlite::Error) -> Error {
    use rusqlite::ErrorCode as Code;
    let code = match error.sqlite_error_code() {
        Some(Code::DatabaseBusy | Code::DatabaseLocked) => ErrorCode::StorageBusy,
        Some(Code::DiskFull) => ErrorCode::StorageFull,
        Some(Code::ConstraintViolation) => ErrorCode::Conflict,
        _ => ErrorCode::StorageUnavailable,
    };
    Error::new(code, format!("SQLite: {error}"))
}

fn unavailable(message: String) -> Error {
    Error::new(ErrorCode::StorageUnavailable, message)
}

fn gone() -> Error {
    unavailable("the thread that writes to SQLite has ended".to_owned())
}

/// Whether the file that was opened is still the one that the path names: what is written to another is lost.
struct SameFile {
    path: PathBuf,
    id: (u64, u64),
}

impl SameFile {
    #[cfg(unix)]
    fn new(path: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        let found = fs::metadata(path).ok()?;
        Some(Self { path: path.to_owned(), id: (found.dev(), found.ino()) })
    }

    #[cfg(not(unix))]
    fn new(_: &Path) -> Option<Self> {
        None
    }

    fn check(&self) -> Result<()> {
        match Self::new(&self.path) {
            Some(now) if now.id == self.id => Ok(()),
            _ => Err(unavailable("the file was moved, deleted or replaced while it was open".to_owned())),
        }
    }
}

fn check_folder(path: &Path) -> Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = fs::canonicalize(folder)
        .map_err(|error| unavailable(format!("the folder {} can not be used: {error}", folder.display())))?;
    let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
    let kind = mounts
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ');
            let (_, point, kind) = (words.next()?, words.next()?, words.next()?);
            folder.starts_with(point).then_some((point.len(), kind))
        })
        .max_by_key(|(length, _)| *length);
    match kind {
        Some((_, kind)) if NETWORKED.contains(&kind) => {
            Err(invalid(format!("SQLite's locks do not hold on {kind}; keep the file on a disk of this machine")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    fn is_open(path: &Path) -> bool {
        let files = fs::read_dir("/proc/self/fd").unwrap();
        files.filter_map(|file| fs::read_link(file.ok()?.path()).ok()).any(|file| file == path)
    }

    #[test]
    fn what_is_dropped_lets_go_of_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let store = Sqlite::open(&path).unwrap();
        drop(store.write(vec![super::super::sql!("CREATE TABLE t (a INTEGER)")].into()));
        assert!(is_open(&path));
        drop(store);
        assert!(!is_open(&path));
        assert!(!folder.path().join("a.db-wal").exists(), "the last to close it puts all into the file");
    }
}
