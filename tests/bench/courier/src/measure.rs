//! Time on the wall and on the processor.

use std::{
    fs,
    time::{Duration, Instant},
};

use crate::Failure;

/// What one turn took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    pub(crate) wall: Duration,
    /// User and system time of this process.
    pub(crate) processor: Duration,
}

pub(crate) fn cost(work: impl FnOnce() -> Result<(), Failure>) -> Result<Cost, Failure> {
    let (start, used) = (Instant::now(), processor_time(std::process::id())?);
    work()?;
    Ok(Cost { wall: start.elapsed(), processor: processor_time(std::process::id())?.saturating_sub(used) })
}

/// What the threads of a process have run for, to the nanosecond; Linux only.
pub(crate) fn processor_time(pid: u32) -> Result<Duration, Failure> {
    let mut nanoseconds = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread may have ended meanwhile.
        let Ok(line) = fs::read_to_string(task?.path().join("schedstat")) else { continue };
        nanoseconds += line.split(' ').next().unwrap_or_default().parse::<u64>()?;
    }
    Ok(Duration::from_nanos(nanoseconds))
}

/// The middle one, and those at a quarter and three quarters.
pub(crate) fn quartiles(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    let last = values.len() - 1;
    [last / 2, last / 4, last * 3 / 4].map(|place| values[place])
}
