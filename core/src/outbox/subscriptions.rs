//! Who gets which events, and where.

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;

use super::{
    LAST_EVENT, Outbox, from_json, internal,
    matching::Metadata,
    milliseconds, new_id, not_found,
    options::{KeySetting, Settings, SubscriptionOptions, check_name, metadata_json},
    seconds, with,
};
use crate::{
    Error, ErrorCode, Event, Result, Secret, Timestamp,
    store::{Batch, Columns, Row, Statement, Value, sql, unreadable},
};

const COLUMNS: &str = "id, tenant, url, patterns, filters, description, status, reason, created_at, settings, version";
/// How many live secrets a subscription can have.
const MAX_SECRETS: usize = 16;

/// Where a subscription stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubscriptionStatus {
    /// Gets its events.
    Enabled,
    /// Its deliveries are made and wait.
    Paused,
    /// Gets nothing; what was made for it before waits until it is enabled or too old.
    Disabled,
}

impl SubscriptionStatus {
    /// The stable name, the same in every language.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Paused => "paused",
            Self::Disabled => "disabled",
        }
    }
}

/// A subscription as the store has it, without its secrets.
#[derive(Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Subscription {
    /// Its id.
    pub id: String,
    /// Whose it is.
    pub tenant: Option<String>,
    /// Where its deliveries go.
    pub url: String,
    /// The patterns of its event types.
    pub events: Vec<String>,
    /// The metadata that its events have.
    pub filters: BTreeMap<String, String>,
    /// The note for people.
    pub description: Option<String>,
    /// How it stands.
    pub status: SubscriptionStatus,
    /// Why it is disabled: `gone`, `failing` or what you gave.
    pub reason: Option<String>,
    /// When it was made, in Unix seconds.
    pub created_at: f64,
}

/// The path of the URL is confidential.
impl std::fmt::Debug for Subscription {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Subscription")
            .field("id", &self.id)
            .field("events", &self.events)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

impl Outbox {
    /// Makes a subscription, for the events that are published from now on.
    ///
    /// # Errors
    /// What the URL, secrets, scheme, headers and options are refused for; `blocked_address`; every code of kind `store`.
    pub async fn subscribe(&self, mut options: SubscriptionOptions) -> Result<Subscription> {
        if options.secrets.is_empty() {
            options.secrets.push(Secret::generate()?.expose().to_owned()); // EXPOSE: the store keeps it, encrypted
        }
        let id = new_id("sub");
        let checked = self.check(&id, &options)?;
        let tenant = options.tenant.as_deref().unwrap_or_default();
        self.store
            .write(vec![
                sql!(
                    format!(
                        "INSERT INTO {{p}}subscriptions (id, tenant, url, patterns, filters, description, settings, max_age, \
                         status, enabled_after, absences, created_at, version) \
                         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'enabled', {LAST_EVENT}, '', {{now}}, 1)"
                    ),
                    &id,
                    tenant,
                    checked.url,
                    checked.patterns,
                    metadata_json(&options.filters),
                    options.description,
                    checked.settings,
                    checked.max_age,
                ),
                checked.lane,
            ])
            .await?;
        self.subscription(&id).await
    }

    /// A subscription.
    ///
    /// # Errors
    /// `not_found`; every code of kind `store`.
    pub async fn subscription(&self, id: &str) -> Result<Subscription> {
        let sql = format!("SELECT {COLUMNS} FROM {{p}}subscriptions WHERE id = $1");
        let row = self.store.read(sql!(sql, id)).await?.pop().ok_or_else(|| not_found("subscription", id))?;
        read(row)
    }

    /// The subscriptions of a tenant, or those without one, oldest first; at most 1,000, after the one with the id `after`.
    ///
    /// # Errors
    /// `not_found` for an unknown `after`; every code of kind `store`.
    pub async fn subscriptions(&self, tenant: Option<&str>, after: Option<&str>) -> Result<Vec<Subscription>> {
        if let Some(id) = after {
            self.subscription(id).await?;
        }
        let sql = format!(
            "SELECT {COLUMNS} FROM {{p}}subscriptions WHERE tenant = $1 AND \
             seq > COALESCE((SELECT seq FROM {{p}}subscriptions WHERE id = $2), 0) ORDER BY seq LIMIT 1000"
        );
        let rows = self.store.read(sql!(sql, tenant.unwrap_or_default(), after)).await?;
        rows.into_iter().map(read).collect()
    }

    /// Puts other options in the place of all that the subscription had; without `secrets` it keeps its own.
    ///
    /// # Errors
    /// As [`subscribe`](Self::subscribe), and `not_found`.
    pub async fn update_subscription(&self, id: &str, mut options: SubscriptionOptions) -> Result<Subscription> {
        let kept = if options.secrets.is_empty() { self.settings(id).await?.keys } else { Vec::new() };
        options.secrets.extend(kept.iter().filter(|key| key.not_after.is_none()).map(|key| key.secret.clone()));
        let checked = self.check(id, &options)?;
        let changed = sql!(
            "UPDATE {p}subscriptions SET url = $2, patterns = $3, filters = $4, description = $5, settings = $6, \
             tenant = $7, max_age = $8, version = version + 1 WHERE id = $1 RETURNING id",
            id,
            checked.url,
            checked.patterns,
            metadata_json(&options.filters),
            options.description,
            checked.settings,
            options.tenant.as_deref().unwrap_or_default(),
            checked.max_age,
        );
        self.changed(id, vec![changed, checked.lane]).await
    }

    /// Deletes a subscription; its unfinished deliveries are cancelled.
    ///
    /// # Errors
    /// `not_found`; every code of kind `store`.
    pub async fn unsubscribe(&self, id: &str) -> Result<()> {
        let batch = vec![
            sql!("DELETE FROM {p}subscriptions WHERE id = $1 RETURNING id", id),
            sql!(
                "UPDATE {p}deliveries SET status = 'cancelled', claim = NULL, finished_at = {now} \
                 WHERE lane = $1 AND status = 'pending'",
                id
            ),
            sql!("DELETE FROM {p}lanes WHERE id = $1", id),
        ];
        let answers = self.store.write(Batch::from(batch).holding([id])).await?;
        if answers[0].is_empty() { Err(not_found("subscription", id)) } else { Ok(()) }
    }

    /// Lets its deliveries wait until it is [resumed](Self::resume).
    ///
    /// # Errors
    /// `not_found`; every code of kind `store`.
    pub async fn pause(&self, id: &str) -> Result<Subscription> {
        let changed = present(id, "paused");
        self.changed(id, vec![changed, active(id, false)]).await
    }

    /// Goes on after [`pause`](Self::pause) or [`disable`](Self::disable). Events of the time in which it was disabled
    /// are not made up for.
    ///
    /// # Errors
    /// `not_found`; every code of kind `store`.
    pub async fn resume(&self, id: &str) -> Result<Subscription> {
        let changed = present(id, "enabled");
        let lane = sql!("UPDATE {p}lanes SET active = 1, failing_since = NULL, paused_until = 0 WHERE id = $1", id);
        let changed = self.changed(id, vec![changed, lane]).await;
        self.tell(&self.due);
        changed
    }

    /// Stops it: events from now on are not for it.
    ///
    /// # Errors
    /// `not_found`; every code of kind `store`.
    pub async fn disable(&self, id: &str, reason: &str) -> Result<Subscription> {
        self.changed(id, disable_where(id, reason, "1 = 1", Vec::new()).into()).await
    }

    /// Puts a new secret first and lets the others sign too for `overlap`, so that the receiver can change over.
    /// Without a secret one is generated. Answers with the new secret.
    ///
    /// # Errors
    /// `not_found`, `malformed_secret`, `invalid_config` for a seventeenth live secret.
    pub async fn rotate_secret(&self, id: &str, secret: Option<&str>, overlap: Duration) -> Result<Secret> {
        let secret = secret.map_or_else(Secret::generate, Secret::parse)?;
        let mut settings = self.settings(id).await?;
        let now = Timestamp::now()?;
        let end = now.plus_seconds(overlap.as_secs()).as_unix();
        settings.keys.retain(|key| key.not_after.is_none_or(|last| now.as_unix() <= last));
        for key in &mut settings.keys {
            key.not_after = Some(key.not_after.map_or(end, |last| last.min(end)));
        }
        settings.keys.insert(0, KeySetting::new(secret.expose())); // EXPOSE: the store keeps it, encrypted
        if settings.keys.len() > MAX_SECRETS {
            return Err(Error::new(ErrorCode::InvalidConfig, "a subscription has at most 16 live secrets"));
        }
        settings.endpoint(id)?;
        let sealed = self.seal(&settings)?;
        let changed = sql!(
            "UPDATE {p}subscriptions SET settings = $2, version = version + 1 WHERE id = $1 RETURNING id",
            id,
            sealed
        );
        self.changed(id, vec![changed]).await?;
        Ok(secret)
    }

    /// Its live secrets, newest first.
    ///
    /// # Errors
    /// `not_found`; every code of kind `store`.
    pub async fn secrets(&self, id: &str) -> Result<Vec<Secret>> {
        let now = Timestamp::now()?.as_unix();
        let live = self.settings(id).await?.keys.into_iter().filter(|key| key.not_after.is_none_or(|last| now <= last));
        live.map(|key| Secret::parse(key.secret)).collect()
    }

    /// Publishes `hookseal.test`, with an empty object, to this subscription alone.
    ///
    /// # Errors
    /// `not_found`; every code of kind `store`.
    pub async fn send_test(&self, id: &str) -> Result<super::Published> {
        self.subscription(id).await?;
        let event = Event::bytes("hookseal.test", "{}")?;
        self.publish_to(id, event).await
    }

    /// Encrypts every row anew that is not encrypted with the present key; answers with how many there were.
    ///
    /// # Errors
    /// `invalid_config` for a row whose key was not given; every code of kind `store`.
    pub async fn reencrypt(&self) -> Result<u64> {
        let mut count = 0;
        for table in ["subscriptions", "deliveries"] {
            let sql = format!("SELECT id, settings FROM {{p}}{table} WHERE settings IS NOT NULL");
            for row in self.store.read(sql!(sql)).await? {
                let mut row = Columns::of(row);
                let (id, sealed) = (row.text()?, row.blob()?);
                if self.vault.is_current(&sealed) {
                    continue;
                }
                let fresh = self.vault.seal(&self.vault.open(&sealed)?)?;
                // One that was changed meanwhile is encrypted with the present key already.
                let sql = format!("UPDATE {{p}}{table} SET settings = $2 WHERE id = $1 AND settings = $3");
                self.store.change(sql!(sql, id, fresh, sealed)).await?;
                count += 1;
            }
        }
        Ok(count)
    }

    async fn settings(&self, id: &str) -> Result<Settings> {
        let found = self.store.read(sql!("SELECT settings FROM {p}subscriptions WHERE id = $1", id)).await?.pop();
        let sealed = Columns::of(found.ok_or_else(|| not_found("subscription", id))?).blob()?;
        self.unseal(&sealed)
    }

    pub(super) fn seal(&self, settings: &Settings) -> Result<bytes::Bytes> {
        self.vault.seal(&serde_json::to_vec(settings).map_err(internal)?)
    }

    pub(super) fn unseal(&self, sealed: &[u8]) -> Result<Settings> {
        serde_json::from_slice(&self.vault.open(sealed)?).map_err(|_| unreadable())
    }

    /// Runs a batch whose first statement answers with the row that it changed.
    async fn changed(&self, id: &str, batch: Vec<Statement>) -> Result<Subscription> {
        if self.store.write(Batch::from(batch).holding([id])).await?[0].is_empty() {
            return Err(not_found("subscription", id));
        }
        self.subscription(id).await
    }

    fn check(&self, id: &str, options: &SubscriptionOptions) -> Result<Checked> {
        if let Some(tenant) = &options.tenant {
            check_name("tenant", tenant)?;
        }
        let settings = Settings::new(options.endpoint());
        let endpoint = settings.endpoint(id)?;
        self.guard.judge(endpoint.target().url())?;
        let (interval, burst) = settings.pace(self.options.delivery.rate_limit);
        Ok(Checked {
            url: endpoint.url().to_owned(),
            patterns: serde_json::to_string(&options.patterns()?).map_err(internal)?,
            settings: self.seal(&settings)?,
            max_age: settings.retry().map(|policy| milliseconds(policy.age_limit())),
            lane: super::lane_statement(id, interval, burst),
        })
    }
}

struct Checked {
    url: String,
    patterns: String,
    settings: bytes::Bytes,
    max_age: Option<i64>,
    lane: Statement,
}

/// The statements that disable a subscription where the condition holds, which has its parameters from `$3` on; the first
/// answers with the row.
pub(super) fn disable_where(id: &str, reason: &str, condition: &str, params: Vec<Value>) -> [Statement; 2] {
    let sql = format!(
        "UPDATE {{p}}subscriptions SET absences = CASE WHEN status = 'disabled' THEN absences \
         ELSE absences || {LAST_EVENT} || '-' END, status = 'disabled', reason = $2 WHERE id = $1 AND {condition} RETURNING id"
    );
    let disabled = Statement::new(sql, with(vec![id.into(), reason.into()], params));
    let lane = sql!(
        "UPDATE {p}lanes SET active = 0 WHERE id = $1 AND EXISTS \
         (SELECT 1 FROM {p}subscriptions s WHERE s.id = $1 AND s.status = 'disabled')",
        id
    );
    [disabled, lane]
}

/// The statement that ends an absence, if there is one. Only events that are not fanned out yet can be from before it.
fn present(id: &str, status: &str) -> Statement {
    let sql = format!(
        "UPDATE {{p}}subscriptions SET enabled_after = CASE WHEN status = 'disabled' AND w.count = 0 \
         THEN {LAST_EVENT} ELSE enabled_after END, absences = CASE WHEN w.count = 0 THEN '' \
         WHEN status = 'disabled' THEN absences || {LAST_EVENT} || ',' ELSE absences END, status = $2, reason = NULL \
         FROM (SELECT count(*) AS count FROM (SELECT 1 FROM {{p}}events WHERE fanned = 0 LIMIT 1) o) w WHERE {{p}}subscriptions.id = $1 \
         RETURNING {{p}}subscriptions.id"
    );
    sql!(sql, id, status)
}

fn active(id: &str, is: bool) -> Statement {
    sql!("UPDATE {p}lanes SET active = $2 WHERE id = $1", id, is)
}

fn read(row: Row) -> Result<Subscription> {
    let mut row = Columns::of(row);
    let id = row.text()?;
    let tenant = Some(row.text()?).filter(|tenant| !tenant.is_empty());
    let url = row.text()?;
    let events = from_json(&row.text()?)?;
    let filters: Metadata = from_json(&row.text()?)?;
    let description = row.optional_text()?;
    let status = match row.text()?.as_str() {
        "enabled" => SubscriptionStatus::Enabled,
        "paused" => SubscriptionStatus::Paused,
        _ => SubscriptionStatus::Disabled,
    };
    let reason = row.optional_text()?;
    let created_at = seconds(row.integer()?);
    Ok(Subscription { id, tenant, url, events, filters, description, status, reason, created_at })
}
