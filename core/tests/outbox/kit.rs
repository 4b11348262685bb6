//! A receiver, a worker and a store for each test.

use std::{sync::Arc, time::Duration};

use hookseal::{
    Event, RetryPolicy, SenderOptions,
    outbox::{Counts, Outbox, OutboxOptions, SubscriptionOptions, Worker},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    sync::Mutex,
};

pub(crate) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A receiver on loopback that answers as it is told, and remembers what came.
pub(crate) struct Receiver {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    status: Arc<std::sync::atomic::AtomicU16>,
}

#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value)
    }
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/in", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let status = Arc::new(std::sync::atomic::AtomicU16::new(204));
        let (log, answer) = (Arc::clone(&seen), Arc::clone(&status));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&log), Arc::clone(&answer)));
            }
        });
        Self { url, seen, status }
    }

    pub(crate) fn answer(&self, status: u16) {
        self.status.store(status, std::sync::atomic::Ordering::SeqCst);
    }

    pub(crate) async fn seen(&self) -> Vec<Seen> {
        self.seen.lock().await.clone()
    }

    pub(crate) fn subscription(&self) -> SubscriptionOptions {
        SubscriptionOptions {
            url: self.url.clone(),
            secrets: vec![SECRET.to_owned()],
            ..SubscriptionOptions::default()
        }
    }
}

async fn serve(
    mut stream: tokio::net::TcpStream,
    log: Arc<Mutex<Vec<Seen>>>,
    answer: Arc<std::sync::atomic::AtomicU16>,
) -> Option<()> {
    let mut buffer = Vec::new();
    loop {
        let end = loop {
            if let Some(at) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            if stream.read_buf(&mut buffer).await.ok()? == 0 {
                return None;
            }
        };
        let head = String::from_utf8(buffer[..end].to_vec()).ok()?;
        let headers: Vec<_> = head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let length: usize =
            headers.iter().find(|(name, _)| name == "content-length").and_then(|(_, value)| value.parse().ok())?;
        while buffer.len() < end + length {
            stream.read_buf(&mut buffer).await.ok()?;
        }
        let body = buffer[end..end + length].to_vec();
        buffer.drain(..end + length);
        log.lock().await.push(Seen { headers, body });
        let status = answer.load(std::sync::atomic::Ordering::SeqCst);
        stream.write_all(format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n").as_bytes()).await.ok()?;
    }
}

/// A worker at work.
pub(crate) struct Running {
    pub(crate) worker: Worker,
    pub(crate) task: tokio::task::JoinHandle<hookseal::Result<()>>,
}

impl Running {
    pub(crate) fn start(outbox: &Outbox, concurrency: usize) -> Self {
        let worker = outbox.worker(concurrency).unwrap();
        let task = tokio::spawn(worker.run());
        Self { worker, task }
    }

    pub(crate) async fn until(&self, done: impl Fn(Counts) -> bool) {
        while !done(self.worker.counts()) {
            tokio::task::yield_now().await;
        }
    }

    pub(crate) async fn stop(self) -> Counts {
        self.worker.stop();
        self.task.await.unwrap().unwrap();
        self.worker.counts()
    }
}

pub(crate) fn options() -> OutboxOptions {
    OutboxOptions {
        encryption_key: Some("00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff".into()),
        delivery: SenderOptions { allow_private: true, ..SenderOptions::default() },
        ..OutboxOptions::default()
    }
}

/// Every second of a schedule is a millisecond or so: the store's clock can not be told the time.
pub(crate) fn soon(attempts: u32) -> RetryPolicy {
    RetryPolicy::schedule(vec![Duration::from_millis(1); attempts as usize - 1])
}

pub(crate) fn event(kind: &str, id: &str) -> Event {
    Event::json(kind, &serde_json::json!({ "id": id })).unwrap().id(id).unwrap()
}

/// Tells the tables of one test from another's.
#[cfg(feature = "postgres")]
static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);

/// One store for each test.
pub(crate) struct Stores {
    pub(crate) uris: Vec<String>,
    _folder: tempfile::TempDir,
}

pub(crate) fn stores(name: &str) -> Stores {
    let folder = tempfile::tempdir().unwrap();
    let mut uris = vec!["memory:".to_owned(), format!("sqlite:{}", folder.path().join("outbox.db").display())];
    #[cfg(feature = "postgres")]
    match std::env::var("HOOKSEAL_TEST_POSTGRES") {
        Ok(url) => {
            let between = if url.contains('?') { '&' } else { '?' };
            let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            uris.push(format!("{url}{between}prefix=t{}_{number}", std::process::id()));
        }
        Err(_) => println!("skipped: {name} on PostgreSQL (HOOKSEAL_TEST_POSTGRES names no server)"),
    }
    let _ = name;
    Stores { uris, _folder: folder }
}

/// Runs statements on the store as another program would, `{p}` being its prefix; `false` where nobody else reaches it.
pub(crate) async fn change(uri: &str, sql: &str) -> bool {
    if uri == "memory:" {
        return false;
    }
    let (place, prefix) = match uri.split_once("prefix=") {
        Some((place, prefix)) => (place.trim_end_matches(['?', '&']), prefix),
        None => (uri, "hookseal"),
    };
    let sql = sql.replace("{p}", &format!("{prefix}_"));
    if let Some(path) = place.strip_prefix("sqlite:") {
        let other = rusqlite::Connection::open(path).unwrap();
        other.busy_timeout(Duration::from_secs(5)).unwrap();
        other.execute_batch(&sql).unwrap();
        return true;
    }
    #[cfg(feature = "postgres")]
    {
        let (client, connection) = tokio_postgres::connect(place, tokio_postgres::NoTls).await.unwrap();
        let connection = tokio::spawn(connection);
        client.batch_execute(&sql).await.unwrap();
        drop(client);
        connection.await.unwrap().unwrap();
    }
    true
}

/// Makes a test of an async function that runs on every store.
macro_rules! on_every_store {
    ($($name:ident)+) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            for uri in $crate::kit::stores(stringify!($name)).uris {
                println!("{}: {}", stringify!($name), uri.split(':').next().unwrap());
                tests::$name(&uri).await;
            }
        }
    )+};
}
pub(crate) use on_every_store;
