//! What stands around the spans of a line: in the lines of a run it is the same, line after line.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::checksum::Seal;

/// The text around the spans of a line with one resource and one scope.
#[derive(Debug)]
pub(crate) struct LineFrame {
    /// Up to the bracket that opens the list of spans.
    before: Vec<u8>,
    /// From the bracket that closes it.
    after: Vec<u8>,
    /// Whether a checksum stands behind it: without one, the line's last brace is part of it.
    seal: Seal,
}

impl LineFrame {
    /// The frame of `json`, a line that was read without an error, of which the checksum says `seal` over `body`. `None` where
    /// it has several resources or scopes, or none.
    pub(crate) fn of(json: &[u8], body: &[u8], seal: Seal) -> Option<Self> {
        let outline: TracesOutline<'_> = serde_json::from_slice(json).ok()?;
        let [resource] = outline.resource_spans.as_slice() else { return None };
        let [scope] = resource.scope_spans.as_slice() else { return None };
        let spans = scope.spans.get().as_bytes();

        // the outline borrows from the line, so that its place is the difference of the addresses
        let open = spans.as_ptr().addr().checked_sub(json.as_ptr().addr())?;
        let close = open.checked_add(spans.len())?.checked_sub(1)?;
        if json.get(open) != Some(&b'[') {
            return None;
        }

        Some(Self { before: body.get(..=open)?.to_vec(), after: body.get(close..)?.to_vec(), seal })
    }

    /// The list of spans of a line that has this frame, and of which the checksum says `seal` over `body`. The same bytes
    /// before it leave a parser in the same place, so that only the list itself is left to be read.
    pub(crate) fn spans<'j>(&self, body: &'j [u8], seal: Seal) -> Option<&'j [u8]> {
        let open = self.before.len().checked_sub(1)?;
        let close = body.len().checked_sub(self.after.len())?;
        let around = seal == self.seal && body.starts_with(&self.before) && body.ends_with(&self.after);
        body.get(open..=close).filter(|_| around && close > open)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TracesOutline<'j> {
    #[serde(borrow)]
    resource_spans: Vec<ResourceOutline<'j>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResourceOutline<'j> {
    #[serde(borrow)]
    scope_spans: Vec<ScopeOutline<'j>>,
}

#[derive(Deserialize)]
struct ScopeOutline<'j> {
    #[serde(borrow)]
    spans: &'j RawValue,
}
