//! What a queued delivery weighs.

use std::{fs, time::Duration};

use hookseal::{
    Endpoint, Event, Sender,
    transport::{Request, Scripted, Step},
};

use crate::Failure;

const QUEUED: usize = 100_000;
const ENDPOINTS: usize = 1_000;
const MIB: f64 = 1024.0 * 1024.0;

/// Queues deliveries of one shared 1 KiB payload, and holds their handles.
pub(crate) fn run() -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let _context = runtime.enter();
    let endpoints: Vec<_> = (0..ENDPOINTS)
        .map(|index| Endpoint::new(&format!("https://h{index}.example.com/"), ["whsec_bench"]))
        .collect::<Result<_, _>>()?;
    let event = Event::bytes("order.paid", vec![b'x'; 1024])?;
    let never = Scripted(|_: &Request<'_>| Step::answer(200).after(Duration::from_secs(3_600)));
    let sender = Sender::builder().transport(never).max_in_flight(1).build()?;
    let idle = resident()?;
    let handles: Vec<_> = (0..QUEUED)
        .map(|index| sender.enqueue(&endpoints[index % ENDPOINTS], event.clone()))
        .collect::<Result<_, _>>()?;
    let used = resident()? - idle;
    println!("| | MiB above idle | bytes each | target |");
    println!("|---|--:|--:|--:|");
    #[expect(clippy::cast_precision_loss, reason = "a few hundred MiB")]
    let (mib, each) = (used as f64 / MIB, used / handles.len());
    println!(
        "| {QUEUED} queued deliveries of one 1 KiB payload to {ENDPOINTS} endpoints, handles held | {mib:.0} | {each} | < 100 MiB |"
    );
    Ok(())
}

/// The resident set; Linux only.
fn resident() -> Result<usize, Failure> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.split_whitespace().next().ok_or("no size")?.parse::<usize>()? * 1024)
}
