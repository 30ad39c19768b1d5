//! The configured sources as the files' thread needs them: what to read, and what makes records of it.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use regex::{Regex, bytes};

use super::host::Attributes;
use crate::{
    batch::{FileKey, LogBatch},
    config::{self, Config},
    containers::{self, ContainerDirectory},
    files::{self, Assembler, Assemblers},
    lines,
};

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

/// All that is read.
#[derive(Debug)]
pub struct Sources {
    list: Vec<Source>,
    containers: Arc<ContainerDirectory>,
    /// The shortest wait of all for the next line of a record.
    shortest_wait: Duration,
    longest_line: usize,
}

/// One entry of the configuration.
#[derive(Debug)]
struct Source {
    /// `containers`, or `files[0]`.
    name: String,
    files: files::Source,
    kind: Kind,
    wait: Duration,
    counts: Arc<lines::Counts>,
    redactor: Option<Arc<lines::Redactor>>,
}

#[derive(Debug)]
enum Kind {
    /// A line source for each format there may be.
    Containers {
        docker: Arc<lines::Source>,
        cri: Arc<lines::Source>,
        takes: config::Containers,
    },
    Files {
        lines: Arc<lines::Source>,
        origin: Arc<lines::Origin>,
    },
}

/// What every kind of source can be told.
struct Rules<'a> {
    parse: config::Parse,
    multiline: &'a Option<config::Multiline>,
    redact: &'a Option<config::Redact>,
    drop: &'a [config::Pattern],
    sample: Option<f64>,
    rate_limit: Option<&'a config::RateLimit>,
    max_line: u64,
}

macro_rules! rules {
    ($source:expr) => {
        Rules {
            parse: $source.parse,
            multiline: &$source.multiline,
            redact: &$source.redact,
            drop: &$source.drop,
            sample: $source.sample,
            rate_limit: $source.rate_limit.as_ref(),
            max_line: $source.max_line,
        }
    };
}

impl Sources {
    /// # Errors
    /// When a source can't be used.
    pub fn new(config: &Config, host: &Attributes) -> Result<Self, SourceError> {
        let mut list = Vec::new();
        let mut settings = containers::Settings::default();
        let mut of_containers = BTreeMap::new();
        if let Some(containers) = &config.logs.containers {
            let on_host = |folder: &Option<PathBuf>| folder.as_deref().map(|folder| config.on_host(folder));
            settings.docker = on_host(&containers.docker);
            settings.kubernetes = on_host(&containers.kubernetes);
            of_containers.clone_from(&containers.resource);
            list.push(containers_source(config, containers, &settings)?);
        }
        for (index, source) in config.logs.files.iter().enumerate() {
            list.push(files_source(config, index, source, host)?);
        }
        Ok(Self {
            shortest_wait: list.iter().map(|source| source.wait).min().unwrap_or(DEFAULT_WAIT),
            longest_line: longest_line(config),
            list,
            containers: Arc::new(ContainerDirectory::new(
                settings,
                host.with(&of_containers).encoded(),
            )),
        })
    }

    /// What is known of the containers.
    pub fn containers(&self) -> &Arc<ContainerDirectory> {
        &self.containers
    }

    /// For the files' thread.
    pub fn files_settings(&self) -> files::Settings {
        files::Settings {
            sources: self.list.iter().map(|source| source.files.clone()).collect(),
            record_wait: self.shortest_wait,
            longest_line: self.longest_line,
            ..files::Settings::default()
        }
    }

    /// The name and the counters of each source.
    pub fn counts(&self) -> impl Iterator<Item = (&str, &Arc<lines::Counts>)> {
        self.list.iter().map(|source| (source.name.as_str(), &source.counts))
    }

    /// The name of a source, and how often each of its patterns has redacted.
    pub fn redactors(&self) -> impl Iterator<Item = (&str, &lines::Redactor)> {
        let redactors = self.list.iter();
        redactors.filter_map(|source| Some((source.name.as_str(), source.redactor.as_deref()?)))
    }

    /// The name of a source by its index.
    pub fn name(&self, index: usize) -> &str {
        self.list.get(index).map_or("", |source| source.name.as_str())
    }
}

const DEFAULT_WAIT: Duration = Duration::from_secs(1);

fn longest_line(config: &Config) -> usize {
    let of_containers = config.logs.containers.iter().map(|source| source.max_line);
    let of_files = config.logs.files.iter().map(|source| source.max_line);
    let longest = of_containers.chain(of_files).max().unwrap_or(1 << 20);
    usize::try_from(longest).unwrap_or(usize::MAX)
}

fn containers_source(
    config: &Config,
    source: &config::Containers,
    folders: &containers::Settings,
) -> Result<Source, SourceError> {
    let pattern = |folder: &Option<PathBuf>, below: &str| {
        Some(format!("{}/{below}", folder.as_ref()?.display()))
    };
    let include = [
        pattern(&folders.docker, "*/*-json.log"),
        pattern(&folders.kubernetes, "*/*/*.log"),
    ];
    let name = "containers";
    let counts = Arc::new(lines::Counts::default());
    let rules = rules!(source);
    let redactor = redactor(config, rules.redact, "logs.containers")?;
    let of_format = |format| {
        let settings = settings(format, &rules, redactor.clone(), "logs.containers")?;
        Ok(lines::Source::new(settings, Arc::clone(&counts)))
    };
    Ok(Source {
        name: name.to_owned(),
        files: files::Source {
            include: include.into_iter().flatten().collect(),
            exclude: Vec::new(),
            start_at: start_at(source.start_at),
        },
        kind: Kind::Containers {
            docker: of_format(lines::Format::Docker)?,
            cri: of_format(lines::Format::Cri)?,
            takes: source.clone(),
        },
        wait: wait(rules.multiline),
        redactor,
        counts,
    })
}

fn files_source(
    config: &Config,
    index: usize,
    source: &config::FileSource,
    host: &Attributes,
) -> Result<Source, SourceError> {
    let setting = format!("logs.files[{index}]");
    let globs = |globs: &[config::Glob]| globs.iter().map(|glob| glob.as_str().to_owned()).collect();
    let counts = Arc::new(lines::Counts::default());
    let rules = rules!(source);
    let redactor = redactor(config, rules.redact, &setting)?;
    let format = match source.format {
        config::Format::Plain => lines::Format::Plain,
        config::Format::Json => lines::Format::Json,
        config::Format::Logfmt => lines::Format::Logfmt,
        config::Format::Docker => lines::Format::Docker,
        config::Format::Cri => lines::Format::Cri,
    };
    let settings = settings(format, &rules, redactor.clone(), &setting)?;
    Ok(Source {
        name: format!("files[{index}]"),
        files: files::Source {
            include: globs(&source.include),
            exclude: globs(&source.exclude),
            start_at: start_at(source.start_at),
        },
        kind: Kind::Files {
            lines: lines::Source::new(settings, Arc::clone(&counts)),
            origin: lines::Origin::new(host.with(&source.resource).encoded().into()),
        },
        wait: wait(rules.multiline),
        redactor,
        counts,
    })
}

fn start_at(start_at: config::StartAt) -> files::StartAt {
    match start_at {
        config::StartAt::Beginning => files::StartAt::Beginning,
        config::StartAt::End => files::StartAt::End,
    }
}

fn wait(multiline: &Option<config::Multiline>) -> Duration {
    multiline.as_ref().map_or(DEFAULT_WAIT, |multiline| multiline.timeout)
}

fn redactor(
    config: &Config,
    own: &Option<config::Redact>,
    setting: &str,
) -> Result<Option<Arc<lines::Redactor>>, SourceError> {
    let redact = config.redaction(own);
    if !redact.defaults && redact.patterns.is_empty() {
        return Ok(None);
    }
    let patterns = redact.patterns.iter().map(|pattern| lines::Pattern {
        name: pattern.name.clone(),
        regex: pattern.pattern.regex().clone(),
        replacement: Some(pattern.replacement.clone()),
    });
    let redactor = lines::Redactor::new(redact.defaults, patterns.collect());
    match redactor {
        Ok(redactor) => Ok(Some(Arc::new(redactor))),
        Err(source) => Err(SourceError::Redact {
            setting: setting.to_owned(),
            source,
        }),
    }
}

fn settings(
    format: lines::Format,
    rules: &Rules<'_>,
    redactor: Option<Arc<lines::Redactor>>,
    setting: &str,
) -> Result<lines::Settings, SourceError> {
    let multiline = rules.multiline.as_ref().map(|multiline| {
        bytes::Regex::new(multiline.start.regex().as_str()).map_err(|source| {
            SourceError::Multiline {
                setting: setting.to_owned(),
                source,
            }
        })
    });
    Ok(lines::Settings {
        format,
        parse: match rules.parse {
            config::Parse::None => lines::Parse::None,
            config::Parse::Auto => lines::Parse::Auto,
            config::Parse::Json => lines::Parse::Json,
            config::Parse::Logfmt => lines::Parse::Logfmt,
        },
        multiline: multiline.transpose()?,
        max_record_bytes: usize::try_from(rules.max_line).unwrap_or(usize::MAX),
        drop: rules.drop.iter().map(config::Pattern::regex).map(Regex::clone).collect(),
        sample: rules.sample.unwrap_or(1.0),
        rate_limit: rules.rate_limit.map(|limit| lines::RateLimit {
            records_per_second: f64::from(limit.lines_per_second),
            burst: limit.burst.unwrap_or(limit.lines_per_second),
        }),
        redactor,
    })
}

/// Makes the assembler of each log, in the files' thread.
#[derive(Debug)]
pub struct LogAssemblers(pub Arc<Sources>);

impl Assemblers for LogAssemblers {
    fn assembler(&mut self, path: &Path, source: usize) -> Option<Box<dyn Assembler>> {
        let sources = &self.0;
        let source = sources.list.get(source)?;
        let inner = match &source.kind {
            Kind::Containers { docker, cri, takes } => {
                let log = sources.containers.log(path)?;
                if log.name.as_deref().is_some_and(|name| !takes.takes(name)) {
                    return None;
                }
                let lines = match log.format {
                    lines::Format::Docker => docker,
                    _ => cri,
                };
                lines.assembler(log.origin, None)
            }
            Kind::Files { lines, origin } => lines.assembler(Arc::clone(origin), Some(path)),
        };
        let longer = source.wait.saturating_sub(sources.shortest_wait);
        Some(Box::new(LogAssembler {
            inner,
            longer_wait_nanos: u64::try_from(longer.as_nanos()).unwrap_or(u64::MAX),
        }))
    }
}

struct LogAssembler {
    inner: lines::Assembler,
    /// How much longer than the shortest wait of all sources a record of this log waits for its next line.
    longer_wait_nanos: u64,
}

impl Assembler for LogAssembler {
    #[inline]
    fn offer(
        &mut self,
        file: FileKey,
        at: std::ops::Range<u64>,
        line: &[u8],
        observed_unix_nano: u64,
        batch: &mut LogBatch,
    ) {
        self.inner.offer(file, at, line, observed_unix_nano, batch);
    }

    fn held(&self) -> Option<(FileKey, u64)> {
        self.inner.held()
    }

    fn flush(&mut self, older_than_unix_nano: u64, batch: &mut LogBatch) {
        let older_than = match older_than_unix_nano {
            u64::MAX => u64::MAX,
            time => time.saturating_sub(self.longer_wait_nanos),
        };
        self.inner.flush(older_than, batch);
    }
}
