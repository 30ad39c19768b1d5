//! The configured sources as the files' thread needs them: what to read, and what makes records of it.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use super::{
    host::Attributes,
    rules::{DEFAULT_WAIT, Rules, SourceError, folders},
    service_name::service_name,
};
use crate::{
    batch::{FileKey, LogBatch},
    config::{self, Config},
    containers::{self, ContainerDirectory},
    files::{self, Assembler, Assemblers},
    lines,
};

/// All that is read.
#[derive(Debug)]
pub struct Sources {
    list: Vec<Source>,
    containers: Arc<ContainerDirectory>,
    /// The shortest wait of all for the next line of a record.
    shortest_wait: Duration,
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
        takes: Box<config::Containers>,
    },
    Files {
        lines: Arc<lines::Source>,
        resource: Attributes,
    },
}

impl Sources {
    /// # Errors
    /// When a source can't be used.
    pub fn new(config: &Config, host: &Attributes) -> Result<Self, SourceError> {
        let mut list = Vec::new();
        let folders = folders(config);
        let mut of_containers = host.clone();
        if let Some(source) = &config.logs.containers {
            of_containers = host.with(&source.resource);
            list.push(containers_source(config, source, &folders)?);
        }
        for (index, source) in config.logs.files.iter().enumerate() {
            list.push(files_source(config, index, source, host)?);
        }
        Ok(Self {
            shortest_wait: list
                .iter()
                .map(|source| source.wait)
                .min()
                .unwrap_or(DEFAULT_WAIT),
            list,
            containers: Arc::new(ContainerDirectory::new(folders, of_containers.encoded())),
        })
    }

    /// What is known of the containers.
    pub fn containers(&self) -> &Arc<ContainerDirectory> {
        &self.containers
    }

    /// For the files' thread.
    pub fn files_settings(&self) -> files::Settings {
        files::Settings {
            sources: self
                .list
                .iter()
                .map(|source| source.files.clone())
                .collect(),
            record_wait: self.shortest_wait,
            ..files::Settings::default()
        }
    }

    /// The name and the counters of each source.
    pub fn counts(&self) -> impl Iterator<Item = (&str, &Arc<lines::Counts>)> {
        self.list
            .iter()
            .map(|source| (source.name.as_str(), &source.counts))
    }

    /// The name of a source, and how often each of its patterns has redacted.
    pub fn redactors(&self) -> impl Iterator<Item = (&str, &lines::Redactor)> {
        let redactors = self.list.iter();
        redactors.filter_map(|source| Some((source.name.as_str(), source.redactor.as_deref()?)))
    }

    /// The name of a source by its index.
    pub fn name(&self, index: usize) -> &str {
        self.list
            .get(index)
            .map_or("", |source| source.name.as_str())
    }
}

/// The longest line that is read of a source whose records may have `max_line` bytes. A container engine writes at most
/// 16 KiB of a program's line into one of its own, each byte as up to six in JSON: these are cut once they are joined.
fn longest_line(format: lines::Format, max_line: u64) -> usize {
    let wrapped = match format {
        lines::Format::Docker | lines::Format::Cri => 128 * 1024,
        _ => 0,
    };
    usize::try_from(max_line.max(wrapped)).unwrap_or(usize::MAX)
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
    let counts = Arc::new(lines::Counts::default());
    let rules = Rules::of_containers(config, source);
    let redactor = rules.redactor()?;
    let of_format = |format| {
        let settings = rules.settings(format, redactor.clone())?;
        Ok(lines::Source::new(settings, Arc::clone(&counts)))
    };
    Ok(Source {
        name: "containers".to_owned(),
        files: files::Source {
            include: include.into_iter().flatten().collect(),
            exclude: Vec::new(),
            start_at: start_at(source.start_at),
            longest_line: longest_line(lines::Format::Docker, source.max_line),
        },
        kind: Kind::Containers {
            docker: of_format(lines::Format::Docker)?,
            cri: of_format(lines::Format::Cri)?,
            takes: Box::new(source.clone()),
        },
        wait: rules.wait(),
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
    let globs =
        |globs: &[config::Glob]| globs.iter().map(|glob| glob.as_str().to_owned()).collect();
    let counts = Arc::new(lines::Counts::default());
    let rules = Rules::of_files(config, index, source);
    let redactor = rules.redactor()?;
    let settings = rules.settings(source.format, redactor.clone())?;
    Ok(Source {
        name: format!("files[{index}]"),
        files: files::Source {
            include: globs(&source.include),
            exclude: globs(&source.exclude),
            start_at: start_at(source.start_at),
            longest_line: longest_line(source.format, source.max_line),
        },
        kind: Kind::Files {
            lines: lines::Source::new(settings, Arc::clone(&counts)),
            resource: host.with(&source.resource),
        },
        wait: rules.wait(),
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

/// Makes the assembler of each log, in the files' thread.
#[derive(Debug)]
pub(super) struct LogAssemblers {
    sources: Arc<Sources>,
    /// Of the files, by source and `service.name`: files of one program follow each other in one run of a batch.
    origins: BTreeMap<(usize, Option<String>), Arc<lines::Origin>>,
}

impl LogAssemblers {
    pub(super) fn new(sources: Arc<Sources>) -> Self {
        Self {
            sources,
            origins: BTreeMap::new(),
        }
    }
}

impl Assemblers for LogAssemblers {
    fn assembler(&mut self, path: &Path, index: usize) -> Option<Box<dyn Assembler>> {
        let sources = &self.sources;
        let source = sources.list.get(index)?;
        let inner = match &source.kind {
            Kind::Containers { docker, cri, takes } => {
                let log = sources.containers.log(path)?;
                if !takes.takes(&log.name) {
                    return None;
                }
                let lines = match log.format {
                    lines::Format::Docker => docker,
                    _ => cri,
                };
                lines.assembler(log.origin, None)
            }
            Kind::Files { lines, resource } => {
                let service = (!resource.has("service.name"))
                    .then(|| service_name(path).map(str::to_owned))
                    .flatten();
                let origin = self.origins.entry((index, service.clone()));
                let origin = origin.or_insert_with(|| {
                    let mut resource = resource.clone();
                    if let Some(service) = service {
                        resource.set("service.name", &service);
                    }
                    lines::Origin::new(resource.encoded().into())
                });
                lines.assembler(Arc::clone(origin), Some(path))
            }
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
