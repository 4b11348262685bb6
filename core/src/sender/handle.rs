//! The caller's end of an accepted delivery.

use std::{fmt, sync::Arc};

use super::{
    Sender,
    delivery::{Delivery, Job},
};

/// An accepted delivery. It keeps its sender open; dropping it changes nothing for the delivery.
#[derive(Clone)]
pub struct Handle {
    job: Arc<Job>,
    sender: Sender,
}

impl Handle {
    pub(super) fn new(job: Arc<Job>, sender: Sender) -> Self {
        Self { job, sender }
    }

    /// The delivery's id.
    pub fn id(&self) -> &str {
        &self.job.shipment.id
    }

    /// Waits for the end: delivered, dead or cancelled, or pending where [`Sender::close`] handed it back.
    pub async fn wait(&self) -> Delivery {
        self.wait_quietly().await;
        self.job.delivery()
    }

    pub(super) async fn wait_quietly(&self) {
        self.job.wait().await;
    }

    /// How it stands now.
    pub fn delivery(&self) -> Delivery {
        self.job.delivery()
    }

    /// Makes no further attempt. One that is in flight is finished and recorded, and may still deliver.
    /// `false` when the delivery was finished already.
    pub fn cancel(&self) -> bool {
        self.sender.shared().cancel(&self.job)
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("id", &self.id()).finish_non_exhaustive()
    }
}
