//! Writes what is stored of a range to a file, from the database file. It reads like any reader of the page, in short reads,
//! so a lens that runs on the database goes on.

use std::path::Path;

use super::write::{Exported, Lines};
use super::{FileError, export_metrics, logs, spans};
use crate::query::time::Range;
use crate::store;

/// Writes the file, which must not exist; one that was not finished is removed.
pub async fn export(database: &Path, range: Range, file: &Path) -> Result<Exported, FileError> {
    let pool = store::read(database).await?;
    let mut lines = Lines::create(file)?;
    spans::export(&pool, range, &mut lines).await?;
    logs::export(&pool, range, &mut lines).await?;
    export_metrics::export(&pool, range, &mut lines).await?;
    pool.close().await;
    lines.finish()
}
