//! What has to be done now and then: giving up what is too old, and forgetting what is long finished.

use super::{Outbox, deliveries::PORTION, milliseconds};
use crate::{Result, store::sql};

impl Outbox {
    /// Does all of it once, a portion at a time; several workers may.
    ///
    /// # Errors
    /// Every code of kind `store`.
    pub async fn clean_up(&self) -> Result<()> {
        let portion = format!("LIMIT {PORTION}");
        loop {
            let expired = self.store.change(sql!(format!(
                "UPDATE {{p}}deliveries SET status = 'dead', reason = 'max_age', finished_at = {{now}} WHERE seq IN (\
                 SELECT seq FROM {{p}}deliveries WHERE status = 'pending' AND claim IS NULL AND expires_at <= {{now}} \
                 {portion} {{skip}}) RETURNING seq"
            )));
            if expired.await?.is_empty() {
                break;
            }
        }
        self.forget("status IN ('delivered', 'cancelled')", self.options.retention).await?;
        self.forget("status = 'dead'", self.options.dead_retention).await?;
        loop {
            let gone = self.store.change(sql!(
                format!(
                    "DELETE FROM {{p}}events WHERE seq IN (SELECT v.seq FROM {{p}}events v WHERE v.fanned = 1 \
                     AND v.accepted_at <= {{now}} - $1 AND NOT EXISTS (SELECT 1 FROM {{p}}deliveries d \
                     WHERE d.event_seq = v.seq) {portion}) RETURNING seq"
                ),
                milliseconds(self.options.retention.max(self.options.idempotency_ttl)),
            ));
            if gone.await?.is_empty() {
                return Ok(());
            }
        }
    }
}
