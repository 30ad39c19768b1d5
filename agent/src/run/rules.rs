//! What the configuration says about the lines of a source, as the stages take it.

use std::{path::Path, sync::Arc, time::Duration};

use regex::{Regex, bytes};

use crate::{
    config::{self, Config},
    containers::{self, ContainerDirectory},
    lines,
};

/// How long a record waits for its next line where that is not configured.
pub(super) const DEFAULT_WAIT: Duration = Duration::from_secs(1);

/// Why a source can't be used.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Its redaction.
    #[error("{setting}: {source}")]
    Redact {
        /// Whose.
        setting: String,
        /// Why.
        source: lines::RedactError,
    },
    /// Its pattern of a record's start, which is run on bytes.
    #[error("{setting}.multiline.start: {source}")]
    Multiline {
        /// Whose.
        setting: String,
        /// Why.
        source: regex::Error,
    },
}

/// What every kind of source can be told.
pub(super) struct Rules<'a> {
    setting: String,
    parse: config::Parse,
    multiline: Option<&'a config::Multiline>,
    redact: &'a config::Redact,
    drop: &'a [config::Pattern],
    sample: Option<f64>,
    rate_limit: Option<&'a config::RateLimit>,
    max_line: u64,
}

/// The kinds have the same fields and no type in common.
macro_rules! rules {
    ($config:expr, $source:expr, $setting:expr) => {
        Rules {
            setting: $setting,
            parse: $source.parse,
            multiline: $source.multiline.as_ref(),
            redact: $config.redaction(&$source.redact),
            drop: &$source.drop,
            sample: $source.sample,
            rate_limit: $source.rate_limit.as_ref(),
            max_line: $source.max_line,
        }
    };
}

impl<'a> Rules<'a> {
    pub(super) fn of_containers(config: &'a Config, source: &'a config::Containers) -> Self {
        rules!(config, source, "logs.containers".to_owned())
    }

    pub(super) fn of_files(
        config: &'a Config,
        index: usize,
        source: &'a config::FileSource,
    ) -> Self {
        rules!(config, source, format!("logs.files[{index}]"))
    }

    /// How long a record waits for its next line.
    pub(super) fn wait(&self) -> Duration {
        self.multiline
            .map_or(DEFAULT_WAIT, |multiline| multiline.timeout)
    }

    /// None when nothing is to be redacted.
    pub(super) fn redactor(&self) -> Result<Option<Arc<lines::Redactor>>, SourceError> {
        if !self.redact.defaults && self.redact.patterns.is_empty() {
            return Ok(None);
        }
        let patterns = self.redact.patterns.iter().map(|pattern| lines::Pattern {
            name: pattern.name.clone(),
            regex: pattern.pattern.regex().clone(),
            replacement: pattern.replacement.clone(),
        });
        match lines::Redactor::new(self.redact.defaults, patterns.collect()) {
            Ok(redactor) => Ok(Some(Arc::new(redactor))),
            Err(source) => Err(SourceError::Redact {
                setting: self.setting.clone(),
                source,
            }),
        }
    }

    pub(super) fn settings(
        &self,
        format: lines::Format,
        redactor: Option<Arc<lines::Redactor>>,
    ) -> Result<lines::Settings, SourceError> {
        let multiline = self.multiline.map(|multiline| {
            bytes::Regex::new(multiline.start.regex().as_str()).map_err(|source| {
                SourceError::Multiline {
                    setting: self.setting.clone(),
                    source,
                }
            })
        });
        Ok(lines::Settings {
            format,
            parse: self.parse,
            multiline: multiline.transpose()?,
            max_record_bytes: usize::try_from(self.max_line).unwrap_or(usize::MAX),
            drop: self
                .drop
                .iter()
                .map(config::Pattern::regex)
                .map(Regex::clone)
                .collect(),
            sample: self.sample.unwrap_or(1.0),
            rate_limit: self.rate_limit.map(|limit| lines::RateLimit {
                records_per_second: f64::from(limit.lines_per_second),
                burst: limit.burst.unwrap_or(limit.lines_per_second),
            }),
            redactor,
        })
    }
}

/// Where the folders of the containers are seen from here.
pub(super) fn folders(config: &Config) -> containers::Settings {
    let on_host = |folder: &Option<std::path::PathBuf>| {
        folder.as_deref().map(|folder| config.on_host(folder))
    };
    let containers = config.logs.containers.as_ref();
    containers.map_or_else(containers::Settings::default, |containers| {
        containers::Settings {
            docker: on_host(&containers.docker),
            kubernetes: on_host(&containers.kubernetes),
        }
    })
}

/// How the lines of a file become records: as the source of this index of `logs.files` says, else as the one that reads the
/// file; none when none does.
///
/// # Errors
/// When that source can't be used.
pub fn settings_of(
    config: &Config,
    path: Option<&Path>,
    source: Option<usize>,
) -> Result<Option<lines::Settings>, SourceError> {
    if let (None, Some(path), Some(containers)) = (source, path, &config.logs.containers)
        && let Some(log) = ContainerDirectory::new(folders(config), Vec::new()).log(path)
    {
        let rules = Rules::of_containers(config, containers);
        return rules.settings(log.format, rules.redactor()?).map(Some);
    }
    let files = &config.logs.files;
    let takes = |source: &config::FileSource| {
        path.and_then(Path::to_str)
            .is_some_and(|path| source.takes(path))
    };
    let index = source.or_else(|| files.iter().position(takes));
    let Some((index, source)) = index.and_then(|index| Some((index, files.get(index)?))) else {
        return Ok(None);
    };
    let rules = Rules::of_files(config, index, source);
    rules.settings(source.format, rules.redactor()?).map(Some)
}
