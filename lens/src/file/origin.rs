//! Who sent a row: a line holds rows of several, each origin with its own resource and scope.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::resource::v1::Resource;

use super::FileError;
use super::values;

/// Resource and scope of a row, as the store has them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, sqlx::FromRow)]
pub(super) struct Origin {
    pub(super) resource: String,
    pub(super) scope: String,
}

impl Origin {
    pub(super) fn resource(&self) -> Result<Option<Resource>, FileError> {
        Ok(Some(Resource {
            attributes: values::attributes("resources.attributes", &self.resource)?,
            ..Resource::default()
        }))
    }

    pub(super) fn scope(&self) -> Option<InstrumentationScope> {
        Some(InstrumentationScope {
            name: self.scope.clone(),
            ..InstrumentationScope::default()
        })
    }
}

/// The rows of each origin, in their order.
pub(super) fn by_origin<T>(rows: Vec<(Origin, T)>) -> BTreeMap<Origin, Vec<T>> {
    let mut groups: BTreeMap<Origin, Vec<T>> = BTreeMap::new();
    for (origin, row) in rows {
        groups.entry(origin).or_default().push(row);
    }
    groups
}
