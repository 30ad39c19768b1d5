//! Compares what is known with what is in the folders: the truth, of which events are only hints.
//!
//! A known file is found again by its inode, at a path that a pattern names or else in the folder where it was, so that a
//! rotated file is read to its end under whatever name. A file that two reconciliations did not find is gone: what was not
//! read of it is declared, unless it is still open; then it is read to its end first.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fs,
    os::unix::fs::DirEntryExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use super::{
    Outlet, StartAt,
    checkpoint::Entry,
    discovery::Met,
    engine::Engine,
    identity::{Fingerprint, Inode, Verdict, has_compressed_name},
    log::Seen,
    tail::Tail,
};
use crate::{batch::FileKey, state_dir::StateDir};

/// Reconciliations that events ask for take at most one part in this many of the time.
const SHARE: u32 = 20;
const SHORTEST_PAUSE: Duration = Duration::from_millis(10);
/// When a missing file is looked for again.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// So many reconciliations in a row prove that a file is gone, if they are [`LOOK_AGAIN`] apart: one may have come in the
/// middle of a rotation.
pub(super) const PROOF: u32 = 2;

/// Where a file is.
struct Place {
    path: PathBuf,
    /// Where it was written, if not there.
    log: Option<PathBuf>,
    /// None outside the patterns.
    source: Option<usize>,
    size: u64,
    seen: Seen,
}

impl<D: StateDir, O: Outlet> Engine<D, O> {
    /// Something came or went: does not wait for the next regular reconciliation.
    pub(super) fn reconcile_soon(&mut self) {
        let pause = (self.reconciliation_took * SHARE).max(SHORTEST_PAUSE);
        self.reconcile_at = self.reconcile_at.min(self.reconciled_at + pause);
    }

    /// Looks at all folders and files.
    pub(super) fn reconcile(&mut self, now: Instant) {
        self.refused.clear();
        let mut places = self.walk();
        // What was renamed before the walk met its successor is older than that, so it has to be known first.
        let told = self.take_events();
        self.revive(&places, now);
        let missing = self.find_known(&mut places, now);
        self.find_rotated(missing, now);
        self.find_renamed(&mut places, now);
        let mut new: Vec<_> = places.into_iter().collect();
        new.sort_by(|(_, one), (_, other)| one.path.cmp(&other.path));
        for (inode, place) in new {
            self.found(inode, place, now);
        }
        // Without it, a crash before the first acknowledgement would make the next start the first one again, and skip what
        // was written in between where files are to be read from their end.
        if std::mem::take(&mut self.is_first_start) {
            self.is_changed = true;
        }
        if self.saved_at.is_none() {
            self.save(now);
        }
        self.flush_abandoned(now);
        self.sweep(now);
        self.reconciled_at = Instant::now().max(now);
        self.reconciliation_took = self.reconciled_at - now;
        let every = if self.watch.is_complete() {
            self.settings.reconcile_every
        } else {
            self.settings.poll_every
        };
        let is_missing = |missing: u32| missing > 0 && missing < PROOF;
        let looks_again = self
            .table
            .files
            .values()
            .any(|known| is_missing(known.missing));
        let pause = if looks_again {
            LOOK_AGAIN.min(every)
        } else {
            every
        };
        self.reconcile_at = now + pause;
        if told.is_structural {
            self.reconcile_soon();
        }
    }

    /// All files that the patterns name.
    fn walk(&mut self) -> HashMap<Inode, Place> {
        let (discovery, watch, table) = (&self.discovery, &mut self.watch, &self.table);
        let mut places: HashMap<Inode, Place> = HashMap::new();
        watch.begin();
        discovery.walk(&mut |met| match met {
            Met::Folder(folder) => watch.add(folder),
            Met::File {
                path,
                source,
                metadata,
            } => {
                let inode = Inode::of(&metadata);
                // Of several links to a file, the one under which it is known counts.
                let is_known = || {
                    table
                        .file_of(inode)
                        .is_some_and(|key| table.file_at(&path) == Some(key))
                };
                if !places.contains_key(&inode) || is_known() {
                    places.insert(
                        inode,
                        Place {
                            path,
                            log: None,
                            source: Some(source),
                            size: metadata.len(),
                            seen: Seen::of(&metadata),
                        },
                    );
                }
            }
        });
        places
    }

    /// Makes files of the checkpoint's entries, older ones first.
    fn revive(&mut self, places: &HashMap<Inode, Place>, now: Instant) {
        if self.loaded.is_empty() {
            return;
        }
        let sources: HashMap<&Path, usize> = places
            .values()
            .filter_map(|place| Some((place.path.as_path(), place.source?)))
            .collect();
        for entry in std::mem::take(&mut self.loaded) {
            let source = sources
                .get(entry.log.as_path())
                .copied()
                .or_else(|| self.discovery.source_of(&entry.log));
            let log = self.table.log_at(&entry.log).or_else(|| {
                let assembler = self.assemblers.assembler(&entry.log, source?)?;
                Some(self.table.add_log(entry.log.clone(), source?, assembler))
            });
            let Some(log) = log else {
                let is_there = fs::metadata(&entry.path)
                    .is_ok_and(|metadata| Inode::of(&metadata) == entry.inode);
                if is_there {
                    self.dormant.push(entry);
                }
                continue;
            };
            let key = self.table.add_file(tail_of(entry), log, now);
            if let Some(known) = self.table.files.get_mut(&key) {
                known.is_saved = true;
            }
            self.table.make_ready(key);
        }
    }

    /// Takes the places of known files out, and returns the files that have none.
    fn find_known(&mut self, places: &mut HashMap<Inode, Place>, now: Instant) -> Vec<FileKey> {
        let known: Vec<_> = self
            .table
            .files
            .iter()
            .filter(|(_, known)| !known.is_over)
            .map(|(key, known)| (*key, known.tail.inode))
            .collect();
        let mut missing = Vec::new();
        for (key, inode) in known {
            match places.get(&inode) {
                Some(place) if self.is_at(key, place, now) => drop(places.remove(&inode)),
                Some(_) => {}
                None => missing.push(key),
            }
        }
        missing
    }

    /// Looks for files in the folders where they were.
    fn find_rotated(&mut self, missing: Vec<FileKey>, now: Instant) {
        let mut by_folder: BTreeMap<PathBuf, HashMap<u64, FileKey>> = BTreeMap::new();
        for key in &missing {
            if let Some(known) = self.table.files.get(key)
                && let Some(folder) = known.tail.path.parent()
            {
                let folder = by_folder.entry(folder.to_owned()).or_default();
                folder.insert(known.tail.inode.number, *key);
            }
        }
        let mut found = HashSet::new();
        for (folder, wanted) in by_folder {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                let Some(key) = wanted.get(&entry.ino()) else {
                    continue;
                };
                let Ok(metadata) = entry.metadata() else {
                    continue;
                };
                let inode = self.table.files.get(key).map(|known| known.tail.inode);
                if !metadata.is_file() || inode != Some(Inode::of(&metadata)) {
                    continue;
                }
                let place = Place {
                    path: entry.path(),
                    log: None,
                    source: None,
                    size: metadata.len(),
                    seen: Seen::of(&metadata),
                };
                if self.is_at(*key, &place, now) {
                    found.insert(*key);
                }
            }
        }
        for key in missing {
            if !found.contains(&key) {
                self.lost(key, now);
            }
        }
    }

    /// Finds files that were created and rotated between two looks: nothing but the events of it tells whose they are.
    fn find_renamed(&mut self, places: &mut HashMap<Inode, Place>, now: Instant) {
        for (path, log) in std::mem::take(&mut self.renamed) {
            let Ok(metadata) = fs::symlink_metadata(&path) else {
                continue;
            };
            let inode = Inode::of(&metadata);
            if !metadata.is_file()
                || self.table.file_of(inode).is_some()
                || has_compressed_name(&path)
            {
                continue;
            }
            places.remove(&inode);
            let place = Place {
                source: self.discovery.source_of(&log),
                path,
                log: Some(log),
                size: metadata.len(),
                seen: Seen::of(&metadata),
            };
            self.found(inode, place, now);
        }
    }

    /// Whether the known file is at this place; if so, notes where it is and whether it was written.
    fn is_at(&mut self, key: FileKey, place: &Place, now: Instant) -> bool {
        let is_placed = self.table.file_at(&place.path) == Some(key);
        if !is_placed {
            self.table.renamed(key, &place.path);
        }
        let Some(known) = self.table.files.get_mut(&key) else {
            return false;
        };
        known.missing = 0;
        // As long as it is open, its inode is given to no other file.
        let may_be_other = !is_placed && !known.tail.is_open();
        let has_shrunk = place.size < known.tail.size;
        if may_be_other || has_shrunk {
            let verdict = match known.tail.verify() {
                // Not even the guard can tell whether it is still the file whose bytes were not read.
                Ok(Verdict::Same) if has_shrunk && known.tail.offset() == 0 => Verdict::Truncated,
                Ok(verdict) => verdict,
                Err(_) => Verdict::Same,
            };
            if verdict != Verdict::Same {
                self.over(key, verdict.into());
                return false;
            }
        }
        if has_shrunk {
            self.shrunk(key, place.size);
        }
        let Some(known) = self.table.files.get_mut(&key) else {
            return false;
        };
        known.is_vanished = false;
        if place.size > known.tail.size {
            known.tail.size = place.size;
            // What is wrong with it shows in its turn.
            let _ = known.tail.look();
        }
        let tries_again = known.read_error.is_some();
        if known.seen != place.seen {
            known.seen = place.seen;
            known.grown_at = now;
            self.table.make_ready(key);
        }
        if !is_placed || tries_again {
            self.table.make_ready(key);
        }
        if !is_placed {
            self.is_changed = true;
            self.moved.insert(key);
        }
        true
    }

    /// The file is in no folder where it could be.
    fn lost(&mut self, key: FileKey, now: Instant) {
        self.table.unplace(key);
        let Some(known) = self.table.files.get_mut(&key) else {
            return;
        };
        if known.missing == 0 {
            known.missing_since = now;
        }
        if known.missing == 0 || now >= known.missing_since + LOOK_AGAIN {
            known.missing += 1;
        }
        if known.tail.is_open() {
            known.is_vanished = true;
            self.table.make_ready(key);
        }
    }

    /// A file that is not known.
    fn found(&mut self, inode: Inode, place: Place, now: Instant) {
        let Some(source) = place.source else {
            return;
        };
        let path = place.log.as_ref().unwrap_or(&place.path);
        let log = self.table.log_at(path).or_else(|| {
            let assembler = self.assemblers.assembler(path, source)?;
            Some(self.table.add_log(path.clone(), source, assembler))
        });
        let Some(log) = log else {
            self.refused.insert(place.path);
            return;
        };
        let dormant = self.dormant.iter().position(|entry| entry.inode == inode);
        let mut tail = match dormant {
            Some(index) => tail_of(self.dormant.swap_remove(index)),
            None => {
                let none = Fingerprint::default();
                Tail::new(inode, place.path.clone(), none, 0, none)
            }
        };
        tail.path = place.path;
        tail.size = tail.size.max(place.size);
        if dormant.is_none() {
            tail.certain_size = tail.size;
        }
        let starts_at_end = self.settings.sources[source].start_at == StartAt::End;
        if self.is_first_start
            && starts_at_end
            && let Err(error) = tail.skip_to(u64::MAX)
        {
            tracing::warn!(path = %tail.path.display(), %error, "a file can't be read; when it can, it is read from its beginning");
        }
        tail.close();
        self.is_changed = true;
        // Saved before it is read: under a name that no pattern matches it is found again after a crash only by that.
        self.saved_at = None;
        // A last look at what was there before.
        let before = self.table.logs.get(&log).map(|log| log.files.clone());
        for key in before.into_iter().flatten() {
            self.table.make_ready(key);
        }
        let key = self.table.add_file(tail, log, now);
        if let Some(known) = self.table.files.get_mut(&key) {
            known.seen = place.seen;
        }
        self.moved.insert(key);
        // An empty one has its turn when it is written: who writes it has then written the last line of the one before.
        if place.size > 0 {
            self.table.make_ready(key);
        }
    }
}

fn tail_of(entry: Entry) -> Tail {
    let Entry {
        inode,
        position,
        size,
        head,
        path,
        ..
    } = entry;
    let mut tail = Tail::new(inode, path, head, position.offset, position.guard);
    tail.size = tail.size.max(size);
    tail.certain_size = tail.size;
    tail
}
