//! Tells which files were written and where files came or went, by one inotify descriptor for all folders.
//!
//! It is a hint that makes things fast; the truth is the reconciliation. So nothing here is an error: when the kernel's queue
//! overflowed, the caller is told to reconcile, and when a folder can't be watched, [`Watch::is_complete`] says that
//! reconciliations have to be more frequent.
//!
//! Known limitation: a folder that is reached by two paths is watched under the last of them.

use std::{
    collections::HashMap,
    os::fd::{AsFd, BorrowedFd},
    path::{Path, PathBuf},
};

use nix::{
    errno::Errno,
    sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor},
};

/// Watches folders.
#[derive(Debug)]
pub struct Watch {
    /// None where the kernel gave none.
    inotify: Option<Inotify>,
    folders: HashMap<WatchDescriptor, PathBuf>,
    watched: HashMap<PathBuf, WatchDescriptor>,
    /// The first half of a rename, with what joins it to the second one.
    renamed: Option<(u32, PathBuf)>,
    is_complete: bool,
    has_warned: bool,
    /// What the kernel answers in a test.
    #[cfg(test)]
    pub(super) refusal: Option<Errno>,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A file was written.
    Written(PathBuf),
    /// A file or folder of this name came or went.
    Moved {
        /// Where.
        path: PathBuf,
        /// Whether it is a folder.
        is_folder: bool,
    },
    /// A file got another name; comes after the two [`Event::Moved`] of it.
    Renamed {
        /// Where it was.
        from: PathBuf,
        /// Where it is.
        to: PathBuf,
    },
    /// Events were lost.
    Overflow,
}

impl Watch {
    /// Watches nothing yet.
    pub fn new() -> Self {
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)
            .inspect_err(|error| {
                tracing::warn!(
                    %error,
                    "no inotify: files are looked at every few seconds only; raise fs.inotify.max_user_instances",
                );
            })
            .ok();
        Self {
            is_complete: inotify.is_some(),
            inotify,
            folders: HashMap::new(),
            watched: HashMap::new(),
            renamed: None,
            has_warned: false,
            #[cfg(test)]
            refusal: None,
        }
    }

    /// Before all folders are [added](Self::add) again: those that could not be watched may be by now.
    pub fn begin(&mut self) {
        self.is_complete = self.inotify.is_some();
    }

    /// Becomes readable when there are events.
    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.inotify.as_ref().map(AsFd::as_fd)
    }

    /// Whether all folders it was asked to watch are watched.
    pub fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// Watches a folder, if it does not already.
    pub fn add(&mut self, folder: &Path) {
        let Some(inotify) = &self.inotify else {
            return;
        };
        if self.watched.contains_key(folder) {
            return;
        }
        let mask = AddWatchFlags::IN_MODIFY
            | AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_DELETE
            | AddWatchFlags::IN_MOVED_FROM
            | AddWatchFlags::IN_MOVED_TO
            | AddWatchFlags::IN_MOVE_SELF
            | AddWatchFlags::IN_ONLYDIR;
        let added = inotify.add_watch(folder, mask);
        #[cfg(test)]
        let added = self.refusal.map_or(added, Err);
        match added {
            Ok(descriptor) => {
                self.watched.insert(folder.to_owned(), descriptor);
                if let Some(before) = self.folders.insert(descriptor, folder.to_owned()) {
                    self.watched.remove(&before);
                }
            }
            // It went away since it was found; its parent tells when it comes back.
            Err(Errno::ENOENT | Errno::ENOTDIR) => {}
            Err(error) => {
                if !std::mem::replace(&mut self.has_warned, true) {
                    tracing::warn!(
                        folder = %folder.display(),
                        %error,
                        "a folder can't be watched: files are looked at every few seconds only; raise fs.inotify.max_user_watches",
                    );
                }
                self.is_complete = false;
            }
        }
    }

    /// Takes the events that wait now.
    pub fn events(&mut self, each: &mut dyn FnMut(Event)) {
        // The kernel's error means that nothing waits, or that the next reconciliation has to do.
        while let Some(events) = self
            .inotify
            .as_ref()
            .and_then(|inotify| inotify.read_events().ok())
        {
            for event in events {
                self.event(&event, each);
            }
        }
    }

    fn event(&mut self, event: &InotifyEvent, each: &mut dyn FnMut(Event)) {
        let (descriptor, mask) = (event.wd, event.mask);
        if mask.contains(AddWatchFlags::IN_Q_OVERFLOW) {
            return each(Event::Overflow);
        }
        let is_gone = mask.intersects(AddWatchFlags::IN_IGNORED | AddWatchFlags::IN_MOVE_SELF);
        if is_gone {
            if let (Some(inotify), false) =
                (&self.inotify, mask.contains(AddWatchFlags::IN_IGNORED))
            {
                // The folder lives on under a name that is not ours; what it would tell would be told under a wrong path.
                let _ = inotify.rm_watch(descriptor);
            }
            if let Some(folder) = self.folders.remove(&descriptor) {
                self.watched.remove(&folder);
                each(Event::Moved {
                    path: folder,
                    is_folder: true,
                });
            }
            return;
        }
        let (Some(folder), Some(name)) = (self.folders.get(&descriptor), &event.name) else {
            return;
        };
        let path = folder.join(name);
        if mask.contains(AddWatchFlags::IN_MODIFY) {
            return each(Event::Written(path));
        }
        each(Event::Moved {
            path: path.clone(),
            is_folder: mask.contains(AddWatchFlags::IN_ISDIR),
        });
        if mask.contains(AddWatchFlags::IN_MOVED_FROM) {
            self.renamed = Some((event.cookie, path));
        } else if mask.contains(AddWatchFlags::IN_MOVED_TO)
            && let Some((_, from)) = self.renamed.take_if(|(cookie, _)| *cookie == event.cookie)
        {
            each(Event::Renamed { from, to: path });
        }
    }
}

impl Default for Watch {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn events(watch: &mut Watch) -> Vec<Event> {
        let mut events = Vec::new();
        watch.events(&mut |event| events.push(event));
        events.dedup();
        events
    }

    #[test]
    fn writes_and_moves_are_told_with_their_path() {
        let root = tempfile::tempdir().unwrap();
        let (a, b) = (root.path().join("a"), root.path().join("b"));
        let mut watch = Watch::new();
        watch.add(root.path());
        watch.add(root.path());
        fs::write(&a, "x").unwrap();
        fs::rename(&a, &b).unwrap();
        fs::remove_file(&b).unwrap();
        let moved = |path: &Path| Event::Moved {
            path: path.to_owned(),
            is_folder: false,
        };
        assert_eq!(
            events(&mut watch),
            [
                moved(&a),
                Event::Written(a.clone()),
                moved(&a),
                moved(&b),
                Event::Renamed {
                    from: a,
                    to: b.clone()
                },
                moved(&b),
            ]
        );
        assert!(watch.is_complete());
    }

    #[test]
    fn a_folder_that_came_back_is_watched_again() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("logs");
        let mut watch = Watch::new();
        fs::create_dir(&folder).unwrap();
        watch.add(&folder);
        fs::remove_dir(&folder).unwrap();
        watch.add(&folder);
        assert_eq!(
            events(&mut watch),
            [Event::Moved {
                path: folder.clone(),
                is_folder: true
            }]
        );
        fs::create_dir(&folder).unwrap();
        watch.add(&folder);
        fs::write(folder.join("a"), "").unwrap();
        assert_eq!(events(&mut watch).len(), 1);
        assert!(watch.is_complete());
    }
}
