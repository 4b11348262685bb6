//! Ids that sort by time: what they are of, and the 32 hex digits of a UUID of version 7.

use std::time::{SystemTime, UNIX_EPOCH};

use uuid::{Builder, fmt::Simple};

/// Random bytes of one UUID.
const RANDOM: usize = 10;

/// Ids for a number of things, made at one moment of one look at the system's random numbers.
///
/// Nothing is kept between two: a forked child would make its parent's ids, or hang on a lock that nobody will open.
pub(crate) struct Ids {
    milliseconds: u64,
    random: Vec<u8>,
}

impl Ids {
    /// # Panics
    /// Where the system has no random numbers.
    pub(crate) fn new(count: usize) -> Self {
        let mut random = vec![0; RANDOM * count];
        getrandom::fill(&mut random).expect("the system has random numbers");
        // A clock that stands before 1970 makes ids that do not sort, and are one of a kind all the same.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { milliseconds: u64::try_from(since.as_millis()).unwrap_or_default(), random }
    }

    /// The next one.
    ///
    /// # Panics
    /// When all are used up.
    pub(crate) fn next(&mut self, kind: &str) -> String {
        let (rest, random) = self.random.split_last_chunk::<RANDOM>().expect("no more ids than were asked for");
        let uuid = Builder::from_unix_timestamp_millis(self.milliseconds, random).into_uuid();
        self.random.truncate(rest.len());
        let mut digits = [0; Simple::LENGTH];
        [kind, "_", uuid.simple().encode_lower(&mut digits)].concat()
    }
}

/// A single one.
#[cfg(feature = "outbox")]
pub(crate) fn new_id(kind: &str) -> String {
    Ids::new(1).next(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_all_different_and_of_version_7() {
        let mut ids = Ids::new(100);
        let made: std::collections::HashSet<_> = (0..100).map(|_| ids.next("msg")).collect();
        assert_eq!(made.len(), 100);
        for id in made {
            let uuid = uuid::Uuid::try_parse(id.strip_prefix("msg_").unwrap()).unwrap();
            assert_eq!((uuid.get_version_num(), uuid.get_variant()), (7, uuid::Variant::RFC4122));
        }
    }

    #[test]
    fn ids_sort_by_time() {
        let [mut earlier, mut later] = [Ids::new(1), Ids::new(1)];
        later.milliseconds = earlier.milliseconds + 1;
        assert!(earlier.next("msg") < later.next("msg"));
    }
}
