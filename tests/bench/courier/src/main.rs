//! What the courier costs beside a bare HTTP client, what it holds in memory, and what bad neighbours cost good ones.
//!
//! ```console
//! hookseal-bench-courier throughput | memory | neighbours
//! hookseal-bench-courier sink        # for the peers in other languages: prints its port, ends with its standard input
//! ```

#![expect(clippy::print_stdout, reason = "a program that prints figures")]

mod measure;
mod memory;
mod neighbours;
mod sink;
mod throughput;

use std::{env, error::Error};

type Failure = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    match env::args().nth(1).as_deref() {
        Some("throughput") => throughput::run(),
        Some("memory") => memory::run(),
        Some("neighbours") => neighbours::run(),
        Some("sink") => sink::serve(),
        _ => Err("usage: hookseal-bench-courier throughput | memory | neighbours | sink".into()),
    }
}
