//! Takes what inotify tells: which files to read, and whether to look at the folders again.

use super::{Outlet, engine::Engine, watch::Event};
use crate::state_dir::StateDir;

/// What inotify told.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Told {
    /// Anything at all.
    pub(super) is_anything: bool,
    /// That files or folders came or went, or may have.
    pub(super) is_structural: bool,
}

impl<D: StateDir, O: Outlet> Engine<D, O> {
    /// Takes the events that wait now.
    pub(super) fn take_events(&mut self) -> Told {
        let mut told = Told::default();
        let (table, discovery) = (&mut self.table, &self.discovery);
        let (refused, renamed) = (&self.refused, &mut self.renamed);
        self.watch.events(&mut |event| {
            told.is_anything = true;
            told.is_structural |= match event {
                Event::Written(path) => match table.file_at(&path) {
                    Some(key) => {
                        table.make_ready(key);
                        false
                    }
                    None => !refused.contains(&path) && discovery.source_of(&path).is_some(),
                },
                Event::Moved { path, is_folder } => {
                    is_folder
                        || table.file_at(&path).is_some()
                        || discovery.source_of(&path).is_some()
                }
                Event::Renamed { from, to } => {
                    // Several renames of one file between two looks lead to where it was written.
                    let log = match renamed.iter().position(|(path, _)| *path == from) {
                        Some(index) => Some(renamed.remove(index).1),
                        None => discovery.source_of(&from).is_some().then_some(from),
                    };
                    renamed.extend(log.map(|log| (to, log)));
                    false
                }
                Event::Overflow => true,
            };
        });
        told
    }
}
