//! Objects that JavaScript holds by number.
//!
//! Every JavaScript environment has a thread of its own, and so every thread has a table of its own.
//! `ts/handle.ts` calls [`free`] when an object's owner is collected.

use std::{any::Any, cell::RefCell};

use napi::{Error, Result, Status};
use napi_derive::napi;

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

/// Lends the object behind a handle.
pub(crate) fn with<T: Any, R>(handle: u32, borrow: impl FnOnce(&T) -> R) -> Result<R> {
    TABLE.with_borrow(|table| {
        let object = table.slots.get(handle as usize).and_then(Option::as_ref);
        match object.and_then(|object| object.downcast_ref()) {
            Some(object) => Ok(borrow(object)),
            None => Err(Error::new(Status::InvalidArg, format!("{handle} is no handle of this kind"))),
        }
    })
}

/// Clones the object behind a handle.
pub(crate) fn get<T: Any + Clone>(handle: u32) -> Result<T> {
    with(handle, T::clone)
}

/// Drops the object behind a handle.
#[napi]
pub fn free(handle: u32) {
    let object = TABLE.with_borrow_mut(|table| {
        let object = table.slots.get_mut(handle as usize).and_then(Option::take);
        if object.is_some() {
            table.vacant.push(handle);
        }
        object
    });
    drop(object); // outside the table, which its destructor may want to use
}
