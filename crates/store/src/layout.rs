//! What says of a prefix that infercost keeps something there, and how that is laid out.

use infercost_core::text::printable;
use serde::Deserialize;

use crate::error::RemoteError;
use crate::objects::Objects;

/// More than a marker takes, in bytes.
const MAX_MARKER: u64 = 64 << 10;

/// A layout of a prefix, and the object that says so.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout {
    /// Name of the object.
    pub(crate) marker: &'static str,
    /// What it says.
    pub(crate) schema: &'static str,
}

/// What a marker says.
#[derive(Debug, Deserialize)]
struct Marker {
    schema: String,
}

impl Layout {
    /// Makes sure that the store is reached, that it may be written, and that its layout is known.
    pub(crate) fn prepare(self, objects: &Objects) -> Result<(), RemoteError> {
        let json = format!("{{\"schema\":\"{}\"}}\n", self.schema).into_bytes();
        if objects.put_new(&objects.within(self.marker), json)? {
            return Ok(());
        }
        self.check(objects).map(|_| ())
    }

    /// Makes sure that the layout is the one that is known here; false where nothing says that there is any.
    pub(crate) fn check(self, objects: &Objects) -> Result<bool, RemoteError> {
        let Some(json) = objects.get(&objects.within(self.marker), MAX_MARKER)? else { return Ok(false) };
        let marker = serde_json::from_slice::<Marker>(&json);

        match marker {
            Ok(marker) if marker.schema == self.schema => Ok(true),
            Ok(marker) => Err(RemoteError::Later {
                address: objects.address().to_string(),
                found: printable(&marker.schema).into_owned(),
            }),
            Err(error) => Err(RemoteError::Request {
                address: objects.address().to_string(),
                doing: format!("read {}", self.marker),
                reason: printable(&error.to_string()).into_owned(),
            }),
        }
    }
}
