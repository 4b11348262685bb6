//! Objects that JavaScript holds by number, for the addon and for the edge module alike.
//!
//! Every JavaScript environment has a thread of its own, and so every thread has a table of its own.

use std::{any::Any, cell::RefCell};

thread_local! {
    static TABLE: RefCell<Table> = const { RefCell::new(Table { slots: Vec::new(), vacant: Vec::new() }) };
}

struct Table {
    slots: Vec<Option<Box<dyn Any>>>,
    vacant: Vec<u32>,
}

/// Puts an object into the table.
pub(crate) fn keep<T: Any>(object: T) -> u32 {
    TABLE.with_borrow_mut(|table| {
        let object: Box<dyn Any> = Box::new(object);
        if let Some(handle) = table.vacant.pop() {
            table.slots[handle as usize] = Some(object);
            return handle;
        }
        table.slots.push(Some(object));
        u32::try_from(table.slots.len() - 1).unwrap_or(u32::MAX)
    })
}

/// Lends the object behind a handle; nothing where the handle is of another kind.
#[inline]
pub(crate) fn with<T: Any, R>(handle: u32, borrow: impl FnOnce(&T) -> R) -> Option<R> {
    TABLE.with_borrow(|table| {
        let object = table.slots.get(handle as usize).and_then(Option::as_ref);
        object.and_then(|object| object.downcast_ref()).map(borrow)
    })
}

/// Drops the object behind a handle.
pub(crate) fn free(handle: u32) {
    let object = TABLE.with_borrow_mut(|table| {
        let object = table.slots.get_mut(handle as usize).and_then(Option::take);
        if object.is_some() {
            table.vacant.push(handle);
        }
        object
    });
    drop(object); // outside the table, which its destructor may want to use
}
