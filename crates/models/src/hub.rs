//! stub
use crate::{
    error::ModelError,
    progress::ProgressSink,
    store::{Found, ResolvedModel},
};
use infercost_schema::manifest::SourceFile;

/// settings
#[derive(Debug, Clone, Default)]
pub struct HubSettings {}

pub(crate) struct Request<'a> {
    pub(crate) repo: &'a str,
    pub(crate) revision: &'a str,
    pub(crate) file: Option<&'a str>,
    pub(crate) offline: bool,
}

pub(crate) fn files(
    _: &HubSettings,
    _: &str,
    _: &str,
    _: &[SourceFile],
    _: bool,
    _: &mut ProgressSink<'_>,
) -> Result<Found, ModelError> {
    Err(ModelError::Hub { url: "hub".into(), reason: "not built yet".into() })
}
pub(crate) fn resolve(
    _: &HubSettings,
    r: &Request<'_>,
    _: &mut ProgressSink<'_>,
) -> Result<ResolvedModel, ModelError> {
    Err(ModelError::Hub {
        url: format!("{} {} {:?} {}", r.repo, r.revision, r.file, r.offline),
        reason: "not built yet".into(),
    })
}
