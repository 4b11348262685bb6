//! Disks that are full, read-only, gone or broken.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use hookseal::{
    ErrorCode, Event,
    outbox::{DeliveryFilter, Outbox, OutboxOptions},
};
use tempfile::TempDir;

use crate::kit::{Receiver, event, options};

/// A small disk of its own; unmounted when it is dropped.
pub(crate) struct Disk(TempDir);

impl Disk {
    pub(crate) fn mount(megabytes: u32, test: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let size = format!("size={megabytes}m,mode=0755");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder.path()).stderr(Stdio::null());
        if mount.status().is_ok_and(|status| status.success()) {
            return Some(Self(folder));
        }
        println!("skipped: {test} (no disk can be mounted here; that takes root)");
        None
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    fn remount(&self, how: &str) {
        let how = format!("remount,{how}");
        assert!(Command::new("mount").args(["-o", &how]).arg(self.path()).status().unwrap().success());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

/// Publishes until the disk is full, makes room, and delivers everything that was accepted.
pub(crate) async fn fills_up_and_loses_nothing(uri: &str, disk: &Disk) {
    let receiver = Receiver::start().await;
    let outbox = Outbox::open(uri, options()).await.unwrap();
    outbox.subscribe(receiver.subscription()).await.unwrap();
    // No database makes these smaller.
    let mut noise = 1_u64;
    let filling: String = std::iter::repeat_with(|| {
        noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'0' + u8::try_from((noise >> 33) % 75).unwrap()).to_ascii_lowercase()
    })
    .take(100_000)
    .collect();
    let large = |id: &str| {
        let payload = serde_json::json!({ "id": id, "filling": filling });
        Event::json("order.paid", &payload).unwrap().id(id).unwrap()
    };
    let mut accepted = Vec::new();
    let error = loop {
        let id = format!("evt_{}", accepted.len());
        match outbox.publish(large(&id)).await {
            Ok(_) => accepted.push(id),
            Err(error) => break error,
        }
        assert!(accepted.len() < 1000, "the disk holds more than it can");
    };
    assert_eq!((error.code(), error.is_retryable()), (ErrorCode::StorageFull, true), "{error}");
    let refused = format!("evt_{}", accepted.len());
    for _ in 0..3 {
        assert_eq!(outbox.publish(large(&refused)).await.unwrap_err().code(), ErrorCode::StorageFull);
    }
    let waiting = usize::try_from(outbox.status().await.unwrap().events_waiting).unwrap();
    assert_eq!(waiting, accepted.len(), "what was refused is not there, and the rest is");

    disk.remount("size=64m");
    assert!(!outbox.publish(large(&refused)).await.unwrap().duplicate);
    accepted.push(refused);
    outbox.worker(8).unwrap().run_until_idle().await.unwrap();
    let mut arrived: Vec<_> = receiver.seen().await.iter().map(|seen| seen.body.clone()).collect();
    arrived.sort();
    let mut wanted: Vec<_> = accepted.iter().map(|id| large(id).payload().to_vec()).collect();
    wanted.sort();
    assert!(arrived == wanted, "{} of {} arrived", arrived.len(), wanted.len());
}

fn uri(path: &Path) -> String {
    format!("sqlite:{}", path.display())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_loses_nothing() {
    let Some(disk) = Disk::mount(3, "a full disk") else { return };
    fills_up_and_loses_nothing(&uri(&disk.path().join("outbox.db")), &disk).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_turns_read_only_is_told_of() {
    let Some(disk) = Disk::mount(3, "a read-only disk") else { return };
    let file = disk.path().join("outbox.db");
    let outbox = Outbox::open(&uri(&file), options()).await.unwrap();
    outbox.publish(event("order.paid", "evt_1")).await.unwrap();
    drop(outbox);
    // The threads that have the file end a moment later, and it is busy until then.
    while !Command::new("mount")
        .args(["-o", "remount,ro"])
        .arg(disk.path())
        .stderr(Stdio::null())
        .status()
        .unwrap()
        .success()
    {
        tokio::task::yield_now().await;
    }
    let error = Outbox::open(&uri(&file), options()).await.unwrap_err();
    assert_eq!((error.code(), error.is_retryable()), (ErrorCode::StorageUnavailable, true), "{error}");
    assert!(error.message().contains("unable to open"), "{error}");
    let error = Outbox::open(&uri(&disk.path().join("new.db")), options()).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::StorageUnavailable, "{error}");
    disk.remount("rw");
    let outbox = Outbox::open(&uri(&file), options()).await.unwrap();
    assert!(outbox.publish(event("order.paid", "evt_1")).await.unwrap().duplicate);
}

#[tokio::test]
async fn a_place_that_is_none_is_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let inside = |name: &str| folder.path().join(name);
    fs::write(inside("file"), "").unwrap();
    for (path, says) in [
        (inside("no/folder/outbox.db"), "folder"),
        (inside("file/outbox.db"), "unable to open"),
        (folder.path().to_owned(), "unable to open"),
    ] {
        let error = Outbox::open(&uri(&path), options()).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::StorageUnavailable, "{path:?}: {error}");
        assert!(error.message().contains(says), "{path:?}: {error}");
    }
}

/// A file with one subscription and some events, whole and closed.
async fn made(path: &Path) {
    let (receiver, first) = (Receiver::start().await, path.with_extension("first"));
    let outbox = Outbox::open(&uri(&first), options()).await.unwrap();
    outbox.subscribe(receiver.subscription()).await.unwrap();
    for number in 0..50 {
        outbox.publish(event("order.paid", &format!("evt_{number}"))).await.unwrap();
    }
    let other = rusqlite::Connection::open(&first).unwrap();
    other.execute("VACUUM INTO ?1", [path.to_str().unwrap()]).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_file_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole.db");
    made(&whole).await;
    let bytes = fs::read(&whole).unwrap();
    let broken = |name: &str, change: &dyn Fn(&mut Vec<u8>)| -> (PathBuf, Vec<u8>) {
        let (path, mut bytes) = (folder.path().join(name), bytes.clone());
        change(&mut bytes);
        fs::write(&path, &bytes).unwrap();
        (path, bytes)
    };
    for (path, before) in [
        broken("text.db", &|bytes| *bytes = b"this is no database at all, but somebody's text".to_vec()),
        broken("first.db", &|bytes| bytes[0] ^= 0xff),
        broken("header.db", &|bytes| bytes[..100].fill(0xff)),
        broken("schema.db", &|bytes| bytes[100..4096].fill(0xff)),
        broken("cut.db", &|bytes| bytes.truncate(3000)),
    ] {
        let error = Outbox::open(&uri(&path), options()).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::StorageUnavailable, "{path:?}: {error}");
        assert!(fs::read(&path).unwrap() == before, "{path:?} was changed");
    }
    // Broken where it is not read at once: whatever is asked answers with a code.
    for at in (4096..bytes.len()).step_by(4096) {
        let (path, _) = broken("page.db", &|bytes| bytes[at..at + 4096].fill(0xff));
        if let Ok(outbox) = Outbox::open(&uri(&path), options()).await {
            let asked = [
                outbox.deliveries(&DeliveryFilter::default(), 10, None).await.map(drop),
                outbox.subscriptions(None, None).await.map(drop),
                outbox.publish(event("order.paid", "evt_new")).await.map(drop),
                outbox.status().await.map(drop),
                outbox.clean_up().await.map(drop),
            ];
            for error in asked.into_iter().filter_map(Result::err) {
                assert_eq!(error.code(), ErrorCode::StorageUnavailable, "page at {at}: {error}");
            }
        }
        fs::remove_file(&path).unwrap();
        let _ = fs::remove_file(path.with_extension("db-wal"));
        let _ = fs::remove_file(path.with_extension("db-shm"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_goes_away_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox.db");
    let outbox = Outbox::open(&uri(&path), options()).await.unwrap();
    outbox.publish(event("order.paid", "evt_1")).await.unwrap();
    let aside = folder.path().join("aside.db");
    fs::rename(&path, &aside).unwrap();
    let error = outbox.publish(event("order.paid", "evt_2")).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::StorageUnavailable, "{error}");
    assert!(error.message().contains("moved"), "{error}");
    fs::rename(&aside, &path).unwrap();
    assert!(!outbox.publish(event("order.paid", "evt_2")).await.unwrap().duplicate);
    assert_eq!(outbox.status().await.unwrap().events_waiting, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_of_another_program_is_waited_for_and_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox.db");
    let outbox = Outbox::open(&uri(&path), options()).await.unwrap();
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = outbox.publish(event("order.paid", "evt_1")).await.unwrap_err();
    assert_eq!((error.code(), error.is_retryable()), (ErrorCode::StorageBusy, true), "{error}");
    other.execute_batch("COMMIT").unwrap();
    assert!(!outbox.publish(event("order.paid", "evt_1")).await.unwrap().duplicate);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_reader_holds_up_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox.db");
    let (outbox, receiver) = (Outbox::open(&uri(&path), options()).await.unwrap(), Receiver::start().await);
    outbox.subscribe(receiver.subscription()).await.unwrap();
    let other = rusqlite::Connection::open(&path).unwrap();
    let count = || other.query_row("SELECT count(*) FROM hookseal_events", [], |row| row.get::<_, i64>(0)).unwrap();
    other.execute_batch("BEGIN").unwrap();
    assert_eq!(count(), 0);
    for number in 0..200 {
        outbox.publish(event("order.paid", &format!("evt_{number}"))).await.unwrap();
    }
    assert_eq!(outbox.worker(8).unwrap().run_until_idle().await.unwrap().delivered, 200);
    outbox.clean_up().await.unwrap();
    assert_eq!(count(), 0, "it reads what was there when it began");
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(count(), 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newer_schema_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox.db");
    made(&path).await;
    let other = rusqlite::Connection::open(&path).unwrap();
    for version in ["99", "no number"] {
        other.execute("UPDATE hookseal_meta SET value = ?1 WHERE key = 'schema'", [version]).unwrap();
        let error = Outbox::open(&uri(&path), options()).await.unwrap_err();
        assert_eq!((error.code(), error.is_retryable()), (ErrorCode::UnsupportedSchema, false), "{error}");
    }
    let events: i64 = other.query_row("SELECT count(*) FROM hookseal_events", [], |row| row.get(0)).unwrap();
    assert_eq!(events, 50);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_none_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox.db");
    let with = |key: Option<&str>| OutboxOptions { encryption_key: key.map(Into::into), ..options() };
    for key in ["", "short", "zz"] {
        let error = Outbox::open(&uri(&path), with(Some(key))).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidConfig, "{error}");
    }
    Outbox::open(&uri(&path), with(None)).await.unwrap();
    let beside = path.with_extension("db.key");
    fs::write(&beside, "CANARY is no key").unwrap();
    let error = Outbox::open(&uri(&path), with(None)).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidConfig, "{error}");
    assert!(!error.message().contains("CANARY"), "{error}");
    assert_eq!(fs::read_to_string(&beside).unwrap(), "CANARY is no key");
}
