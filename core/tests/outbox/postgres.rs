//! A PostgreSQL server that stops, starts, fills up, and whose answers get lost.

use std::{
    io::{BufRead as _, BufReader},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};

use hookseal::{
    ErrorCode, SenderOptions, Status,
    outbox::{DeliveryFilter, Outbox, OutboxOptions, Published},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, UnixStream},
    task::JoinSet,
};
use tokio_postgres::{NoTls, SimpleQueryMessage, error::SqlState};

use crate::{
    disk::Disk,
    kit::{Receiver, Running, event, options},
};

/// A server of this test's own, which it can stop; gone when it is dropped.
struct Server {
    with: Child,
    home: PathBuf,
    bin: PathBuf,
}

impl Server {
    fn start(test: &str) -> Option<Self> {
        if std::env::var("HOOKSEAL_TEST_POSTGRES").is_err() {
            println!("skipped: {test} (HOOKSEAL_TEST_POSTGRES names no server)");
            return None;
        }
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/postgres/with");
        let mut with = Command::new(script)
            .args(["sh", "-c", "echo $HOOKSEAL_TEST_POSTGRES_HOME; echo $HOOKSEAL_TEST_POSTGRES_BIN; exec cat"])
            .env_remove("HOOKSEAL_TEST_POSTGRES")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(with.stdout.take().unwrap()).lines();
        let (Some(Ok(home)), Some(Ok(bin))) = (lines.next(), lines.next()) else {
            with.wait().unwrap();
            println!("skipped: {test} (no PostgreSQL is installed here)");
            return None;
        };
        Some(Self { with, home: home.into(), bin: bin.into() })
    }

    fn socket(&self) -> PathBuf {
        self.home.join(".s.PGSQL.5432")
    }

    fn uri(&self, user: &str, parameters: &str) -> String {
        format!("postgres://{user}@/postgres?host={}{parameters}", self.home.display())
    }

    fn control(&self, words: &[&str]) {
        let is_root = std::fs::metadata("/proc/self").unwrap().uid() == 0;
        let pg_ctl = self.bin.join("pg_ctl");
        let mut command = if is_root {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(pg_ctl);
            command
        } else {
            Command::new(pg_ctl)
        };
        command.args(["-s", "-w", "-D"]).arg(self.home.join("data")).arg("-l").arg(self.home.join("log")).args(words);
        assert!(command.stdout(Stdio::null()).status().unwrap().success(), "pg_ctl {words:?}");
    }

    async fn run(&self, sql: &str) -> Vec<SimpleQueryMessage> {
        let (client, connection) = tokio_postgres::connect(&self.uri("postgres", ""), NoTls).await.unwrap();
        tokio::spawn(connection);
        client.simple_query(sql).await.unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.with.stdin.take());
        let _ = self.with.wait();
    }
}

const PASS: u8 = 0;
/// Cut once, before a COMMIT goes to the server.
const BEFORE_COMMIT: u8 = 1;
/// Cut once, when the server has committed and says so.
const AFTER_COMMIT: u8 = 2;

/// Stands between an outbox and its server.
struct Proxy {
    uri: String,
    mode: Arc<AtomicU8>,
    dials: Arc<AtomicU32>,
}

impl Proxy {
    async fn start(server: &Server) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("postgres://postgres@{}/postgres", listener.local_addr().unwrap());
        let (mode, dials) = (Arc::new(AtomicU8::new(PASS)), Arc::new(AtomicU32::new(0)));
        let (socket, chosen, count) = (server.socket(), Arc::clone(&mode), Arc::clone(&dials));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                count.fetch_add(1, SeqCst);
                let (socket, mode) = (socket.clone(), Arc::clone(&chosen));
                tokio::spawn(async move {
                    let Ok(server) = UnixStream::connect(socket).await else { return };
                    let (mut from_client, mut to_client) = client.into_split();
                    let (mut from_server, mut to_server) = server.into_split();
                    tokio::select! {
                        _ = pass_on(&mut from_client, &mut to_server, &mode, BEFORE_COMMIT, b"Q\0\0\0\x0bCOMMIT\0") => {}
                        _ = pass_on(&mut from_server, &mut to_client, &mode, AFTER_COMMIT, b"C\0\0\0\x0bCOMMIT\0") => {}
                    }
                });
            }
        });
        Self { uri, mode, dials }
    }

    fn cut(&self, mode: u8) {
        self.mode.store(mode, SeqCst);
    }
}

/// Until one side ends, or the message goes by in the mode that it is cut in.
async fn pass_on(
    from: &mut (impl tokio::io::AsyncRead + Unpin),
    to: &mut (impl tokio::io::AsyncWrite + Unpin),
    mode: &AtomicU8,
    cut_in: u8,
    message: &[u8],
) -> std::io::Result<()> {
    let mut buffer = vec![0; 65_536];
    // A message may come in two pieces.
    let mut recent = Vec::new();
    loop {
        let count = from.read(&mut buffer).await?;
        let before = recent.len();
        recent.extend_from_slice(&buffer[..count]);
        let found = recent.windows(message.len()).position(|window| window == message);
        if let (Some(at), true) = (found, mode.load(SeqCst) == cut_in) {
            mode.store(PASS, SeqCst);
            return to.write_all(&buffer[..at.saturating_sub(before)]).await;
        }
        if count == 0 {
            return Ok(());
        }
        to.write_all(&buffer[..count]).await?;
        recent.drain(..recent.len().saturating_sub(message.len() - 1));
    }
}

/// As a program would that was told to try again.
async fn publish_at_last(outbox: &Outbox, id: &str) -> Published {
    loop {
        match outbox.publish(event("order.paid", id)).await {
            Ok(published) => return published,
            Err(error) => assert!(error.is_retryable(), "{error}"),
        }
    }
}

fn quick() -> OutboxOptions {
    OutboxOptions {
        lease: Duration::from_millis(1500),
        poll: Duration::from_millis(50),
        delivery: SenderOptions { timeout: Duration::from_secs(1), ..options().delivery },
        ..options()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_publication_whose_commit_was_cut_is_published_again() {
    let Some(server) = Server::start("a commit that is cut") else { return };
    let proxy = Proxy::start(&server).await;
    let outbox = Outbox::open(&proxy.uri, options()).await.unwrap();
    // A cut may hit the notice to other processes instead, which nobody waits for.
    let (mut hits, mut stored) = (0, 0);
    for (round, mode) in [AFTER_COMMIT, BEFORE_COMMIT].into_iter().cycle().enumerate() {
        if hits >= 10 {
            break;
        }
        assert!(round < 1000, "no commit was cut");
        proxy.cut(mode);
        // One by one, or many that share a commit.
        let publishing: JoinSet<_> = (0..if round % 4 < 2 { 1 } else { 16 })
            .map(|number| {
                let (outbox, id) = (outbox.clone(), format!("evt_{round}_{number}"));
                async move { (outbox.publish(event("order.paid", &id)).await, id) }
            })
            .collect();
        let mut was_cut = false;
        for (published, id) in publishing.join_all().await {
            stored += 1;
            match published {
                Ok(published) => assert!(!published.duplicate, "{id} is told to be there already"),
                Err(error) => {
                    assert_eq!((error.code(), error.is_retryable()), (ErrorCode::StorageUnavailable, true), "{error}");
                    was_cut = true;
                    let again = publish_at_last(&outbox, &id).await;
                    assert_eq!(again.duplicate, mode == AFTER_COMMIT, "{id}");
                }
            }
        }
        hits += i32::from(was_cut);
    }
    assert_eq!(outbox.status().await.unwrap().events_waiting, stored);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_whose_commits_are_cut_delivers_everything() {
    let Some(server) = Server::start("a worker whose commits are cut") else { return };
    let (proxy, receiver) = (Proxy::start(&server).await, Receiver::start().await);
    let direct = Outbox::open(&server.uri("postgres", ""), options()).await.unwrap();
    direct.subscribe(receiver.subscription()).await.unwrap();
    let running = Running::start(&Outbox::open(&proxy.uri, quick()).await.unwrap(), 8);
    for (round, mode) in [AFTER_COMMIT, BEFORE_COMMIT].into_iter().cycle().take(12).enumerate() {
        proxy.cut(mode);
        for number in 0..5 {
            direct.publish(event("order.paid", &format!("evt_{round}_{number}"))).await.unwrap();
        }
        while proxy.mode.load(SeqCst) != PASS {
            tokio::task::yield_now().await;
        }
    }
    let delivered = DeliveryFilter { status: Some(Status::Delivered), ..DeliveryFilter::default() };
    while direct.deliveries(&delivered, 100, None).await.unwrap().items.len() < 60 {
        tokio::task::yield_now().await;
    }
    running.stop().await;
    let status = direct.status().await.unwrap();
    assert_eq!((status.events_waiting, status.pending, status.dead), (0, 0, 0));
    let mut bodies: Vec<_> = receiver.seen().await.into_iter().map(|seen| seen.body).collect();
    bodies.sort();
    bodies.dedup();
    assert_eq!(bodies.len(), 60);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_was_stopped_is_waited_for() {
    let Some(server) = Server::start("a server that is stopped") else { return };
    let (proxy, receiver) = (Proxy::start(&server).await, Receiver::start().await);
    let outbox = Outbox::open(&proxy.uri, quick()).await.unwrap();
    outbox.subscribe(receiver.subscription()).await.unwrap();
    let running = Running::start(&outbox, 4);
    let mut accepted = 0;
    for (round, how) in ["fast", "immediate", "fast"].into_iter().enumerate() {
        let first = format!("evt_{round}_1");
        outbox.publish(event("order.paid", &first)).await.unwrap();
        server.control(&["-m", how, "stop"]);
        let dials = proxy.dials.load(SeqCst);
        let second = format!("evt_{round}_2");
        for _ in 0..3 {
            let error = outbox.publish(event("order.paid", &second)).await.unwrap_err();
            assert_eq!((error.code(), error.is_retryable()), (ErrorCode::StorageUnavailable, true), "{error}");
        }
        assert_eq!(outbox.status().await.unwrap_err().code(), ErrorCode::StorageUnavailable);
        server.control(&["restart"]);
        let dials = proxy.dials.load(SeqCst) - dials;
        assert!(dials < 100, "{dials} connections were tried: the worker does not rest");
        assert!(publish_at_last(&outbox, &first).await.duplicate, "what was accepted is there");
        publish_at_last(&outbox, &second).await;
        accepted += 2;
        let delivered = DeliveryFilter { status: Some(Status::Delivered), ..DeliveryFilter::default() };
        while outbox.deliveries(&delivered, 100, None).await.unwrap().items.len() < accepted {
            tokio::task::yield_now().await;
        }
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_can_not_be_used_says_why() {
    let Some(server) = Server::start("refusals of a server") else { return };
    let hba = server.home.join("data/pg_hba.conf");
    let rules = std::fs::read_to_string(&hba).unwrap();
    std::fs::write(&hba, format!("local all guest scram-sha-256\n{rules}")).unwrap();
    server.control(&["reload"]);
    server.run("CREATE ROLE guest LOGIN PASSWORD 'right'").await;
    Outbox::open(&server.uri("postgres", ""), options()).await.unwrap();

    let nowhere = "postgres://postgres@/postgres?host=/nowhere".to_owned();
    for (uri, code, says) in [
        (server.uri("guest:CANARY", ""), ErrorCode::InvalidConfig, "password authentication failed"),
        (server.uri("guest", ""), ErrorCode::StorageUnavailable, "password missing"),
        (server.uri("guest:right", ""), ErrorCode::StorageUnavailable, "permission denied"),
        (server.uri("postgres", "&options=-csynchronous_commit%3Doff"), ErrorCode::InvalidConfig, "synchronous_commit"),
        (
            server.uri("postgres", "&options=-cdefault_transaction_read_only%3Don"),
            ErrorCode::StorageUnavailable,
            "read-only transaction",
        ),
        (server.uri("postgres", "&dbname=nothing"), ErrorCode::StorageUnavailable, "does not exist"),
        (server.uri("postgres", "&prefix=Bad"), ErrorCode::InvalidConfig, "prefix"),
        (server.uri("postgres", "&no_such_parameter=1"), ErrorCode::InvalidConfig, "no_such_parameter"),
        (nowhere, ErrorCode::StorageUnavailable, "No such file"),
    ] {
        let error = Outbox::open(&uri, options()).await.unwrap_err();
        assert_eq!(error.code(), code, "{uri}: {error}");
        assert!(error.message().contains(says), "{uri}: {error}");
        assert!(!error.message().contains("CANARY"), "{error}");
    }
    let without_key = OutboxOptions { encryption_key: None, ..options() };
    let error = Outbox::open(&server.uri("postgres", ""), without_key).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidConfig);

    server.run("UPDATE hookseal_meta SET value = '99' WHERE key = 'schema'").await;
    let error = Outbox::open(&server.uri("postgres", ""), options()).await.unwrap_err();
    assert_eq!((error.code(), error.is_retryable()), (ErrorCode::UnsupportedSchema, false), "{error}");
    assert!(error.message().contains("schema 99") && error.message().contains("upgrade"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_a_free_connection_says_so() {
    let Some(server) = Server::start("a server without a free connection") else { return };
    let uri = server.uri("postgres", "");
    let outbox = Outbox::open(&uri, options()).await.unwrap();
    outbox.publish(event("order.paid", "evt_1")).await.unwrap();
    let mut others = Vec::new();
    let refused = loop {
        match tokio_postgres::connect(&uri, NoTls).await {
            Ok((client, connection)) => others.push((client, tokio::spawn(connection))),
            Err(error) => break error,
        }
    };
    assert_eq!(refused.code(), Some(&SqlState::TOO_MANY_CONNECTIONS));
    let error = Outbox::open(&uri, options()).await.unwrap_err();
    assert_eq!((error.code(), error.is_retryable()), (ErrorCode::StorageBusy, true), "{error}");
    assert!(outbox.publish(event("order.paid", "evt_1")).await.unwrap().duplicate, "it has its connection");
    drop(others);
    while Outbox::open(&uri, options()).await.is_err() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_and_a_long_transaction_do_not_wait_for_each_other() {
    let Some(server) = Server::start("deadlocks and a long transaction") else { return };
    let uri = server.uri("postgres", "");
    let (outbox, receiver) = (Outbox::open(&uri, quick()).await.unwrap(), Receiver::start().await);
    let mut ids = Vec::new();
    for _ in 0..8 {
        ids.push(outbox.subscribe(receiver.subscription()).await.unwrap().id);
    }
    let (other, connection) = tokio_postgres::connect(&uri, NoTls).await.unwrap();
    tokio::spawn(connection);
    let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM hookseal_deliveries";
    other.simple_query(begin).await.unwrap();

    let second = Outbox::open(&uri, quick()).await.unwrap();
    let workers = [Running::start(&outbox, 8), Running::start(&second, 8)];
    let mut tasks = JoinSet::new();
    for (round, id) in ids.into_iter().enumerate() {
        let outbox = if round % 2 == 0 { outbox.clone() } else { second.clone() };
        tasks.spawn(async move {
            for number in 0..25 {
                outbox.publish(event("order.paid", &format!("evt_{round}_{number}"))).await.unwrap();
                outbox.pause(&id).await.unwrap();
                outbox.resume(&id).await.unwrap();
            }
        });
    }
    tasks.join_all().await;
    let delivered = || workers.iter().map(|it| it.worker.counts().delivered).sum::<u64>();
    while delivered() < 8 * 200 {
        tokio::task::yield_now().await;
    }
    for worker in workers {
        assert_eq!(worker.stop().await.stale, 0);
    }
    other.simple_query("COMMIT").await.unwrap();
    let log = std::fs::read_to_string(server.home.join("log")).unwrap();
    assert!(!log.contains("deadlock"), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_tablespace_loses_nothing() {
    let Some(server) = Server::start("a full tablespace") else { return };
    let Some(disk) = Disk::mount(8, "a full tablespace") else { return };
    let owner = std::fs::metadata(server.home.join("data")).unwrap();
    let folder = disk.path().join("space");
    std::fs::create_dir(&folder).unwrap();
    std::os::unix::fs::chown(&folder, Some(owner.uid()), Some(owner.gid())).unwrap();
    server.run(&format!("CREATE TABLESPACE small LOCATION '{}'", folder.display())).await;
    let uri = server.uri("postgres", "&options=-cdefault_tablespace%3Dsmall");
    crate::disk::fills_up_and_loses_nothing(&uri, &disk).await;
    server.run("DROP TABLE hookseal_meta, hookseal_subscriptions, hookseal_events, hookseal_deliveries, hookseal_attempts, hookseal_lanes").await;
    server.control(&["stop"]);
}
