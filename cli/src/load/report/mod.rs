//! Writes a summary into files: as JSON, or as a page with charts that needs nothing else, neither files nor network.

mod chart;
mod charts;
mod page;
mod scale;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{options::OptionError, summary::Summary};

/// A file to write, in the format that its name ends in.
#[derive(Debug)]
pub(super) struct ReportFile {
    path: PathBuf,
    format: Format,
}

#[derive(Debug, Clone, Copy)]
enum Format {
    Html,
    Json,
}

/// A report that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the report {}: {source}; its folder must exist and be writable", path.display())]
pub(crate) struct ReportError {
    path: PathBuf,
    source: io::Error,
}

impl ReportFile {
    pub(super) fn all(paths: &[PathBuf]) -> Result<Vec<Self>, OptionError> {
        let of = |path: &PathBuf| {
            let extension = path.extension().unwrap_or_default();
            let format = match extension.to_str() {
                Some("html") => Format::Html,
                Some("json") => Format::Json,
                _ => return Err(OptionError::Report(path.clone())),
            };
            Ok(Self {
                path: path.clone(),
                format,
            })
        };
        paths.iter().map(of).collect()
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Before the load, which may take long.
    pub(super) fn check_folder(&self) -> Result<(), ReportError> {
        let folder = self.path.parent().filter(|path| *path != Path::new(""));
        let found = fs::metadata(folder.unwrap_or(Path::new(".")));
        let result = found.and_then(|found| match found.is_dir() {
            true => Ok(()),
            false => Err(io::ErrorKind::NotADirectory.into()),
        });
        result.map_err(|source| ReportError {
            path: self.path.clone(),
            source,
        })
    }

    pub(super) fn write(&self, summary: &Summary) -> Result<(), ReportError> {
        let error = |source| ReportError {
            path: self.path.clone(),
            source,
        };
        let content = match self.format {
            Format::Html => page::of(summary).into_string().into_bytes(),
            Format::Json => {
                let mut json = Vec::new();
                summary.write_json(&mut json).map_err(error)?;
                json
            }
        };
        fs::write(&self.path, content).map_err(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_has_the_format_that_its_name_ends_in() {
        let files = ReportFile::all(&["a/b.html".into(), "c.json".into()]).unwrap();
        assert!(matches!(files[0].format, Format::Html));
        assert!(matches!(files[1].format, Format::Json));
        for wrong in ["report", "report.txt", "html"] {
            let error = ReportFile::all(&[wrong.into()]).unwrap_err().to_string();
            assert_eq!(
                error,
                format!("--report {wrong}: the name must end in .html or .json")
            );
        }
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let file = &ReportFile::all(&["/no/such/folder/a.html".into()]).unwrap()[0];
        let error = file.write(&crate::load::summary::fixture::summary(None));
        let error = error.unwrap_err().to_string();
        assert!(
            error.starts_with("cannot write the report /no/such/folder/a.html: "),
            "{error}"
        );
    }
}
