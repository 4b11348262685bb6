//! What is signed: a body with, optionally, an id and an event type.

use std::fmt;

use crate::{Error, ErrorCode, Result};

/// The longest id or event type.
const MAX_NAME: usize = 256;

/// A message id: 1 to 256 visible ASCII characters without `.`, `:` and `,`.
///
/// ```
/// use hookseal::MessageId;
///
/// assert_eq!(MessageId::new("evt_1").unwrap().as_str(), "evt_1");
/// assert!(MessageId::new("evt.1").is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageId(String);

impl MessageId {
    /// Takes an id that follows the character rule.
    ///
    /// # Errors
    /// `invalid_event` for anything else.
    pub fn new(id: impl Into<String>) -> Result<Self> {
        let id = id.into();
        check_id(&id)?;
        Ok(Self(id))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A body to sign, with what the scheme may sign beside it.
///
/// ```
/// use hookseal::{Message, Secret, Signer, Timestamp};
///
/// let message = Message::new(br#"{"id":42}"#).id("evt_1").event_type("order.paid");
/// let headers = Signer::new(Secret::parse("whsec_demo")?)?.sign_at(&message, Timestamp::from_unix(1_700_000_000))?;
/// assert_eq!(headers.get("X-Webhook-Id"), Some("evt_1"));
/// # Ok::<(), hookseal::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct Message<'a> {
    pub(crate) body: &'a [u8],
    pub(crate) id: Option<&'a str>,
    pub(crate) event_type: Option<&'a str>,
    pub(crate) url: Option<&'a str>,
}

impl<'a> Message<'a> {
    /// A message of these body bytes.
    pub fn new<B: AsRef<[u8]> + ?Sized>(body: &'a B) -> Self {
        Self { body: body.as_ref(), id: None, event_type: None, url: None }
    }

    /// Sets the message's id.
    #[must_use]
    pub fn id(mut self, id: &'a str) -> Self {
        self.id = Some(id);
        self
    }

    /// Sets the event type, such as `order.paid`.
    #[must_use]
    pub fn event_type(mut self, event_type: &'a str) -> Self {
        self.event_type = Some(event_type);
        self
    }

    /// Sets the receiver's public URL, for the schemes that sign it.
    #[must_use]
    pub fn url(mut self, url: &'a str) -> Self {
        self.url = Some(url);
        self
    }
}

impl fmt::Debug for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("id", &self.id)
            .field("event_type", &self.event_type)
            .field("body_length", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// Refuses an event type that breaks the character rule.
pub(crate) fn check_event_type(event_type: &str) -> Result<()> {
    if is_event_type(event_type.as_bytes()) {
        return Ok(());
    }
    Err(Error::new(
        ErrorCode::InvalidEvent,
        "the event type must be 1 to 256 visible ASCII characters without ':' and ','",
    ))
}

pub(crate) fn check_id(id: &str) -> Result<()> {
    if is_id(id.as_bytes()) {
        return Ok(());
    }
    Err(Error::new(
        ErrorCode::InvalidEvent,
        "the id must be 1 to 256 visible ASCII characters without '.', ':' and ','",
    ))
}

pub(crate) fn is_id(text: &[u8]) -> bool {
    is_name(text, ID)
}

pub(crate) fn is_event_type(text: &[u8]) -> bool {
    is_name(text, EVENT_TYPE)
}

const ID: u8 = 1;
const EVENT_TYPE: u8 = 2;

/// What each byte may stand in.
static NAMES: [u8; 256] = {
    let mut names = [0; 256];
    let mut byte = b'!';
    while byte.is_ascii_graphic() {
        names[byte as usize] = match byte {
            b':' | b',' => 0,
            b'.' => EVENT_TYPE,
            _ => ID | EVENT_TYPE,
        };
        byte += 1;
    }
    names
};

fn is_name(text: &[u8], kind: u8) -> bool {
    (1..=MAX_NAME).contains(&text.len()) && text.iter().fold(kind, |kind, byte| kind & NAMES[usize::from(*byte)]) != 0
}
