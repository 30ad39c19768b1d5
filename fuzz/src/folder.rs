//! The agent's state folder in memory: nothing to wait for, nothing left behind. It never fails.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use trivium_agent::state_dir::{StateDir, StateFile};

type Content = Arc<Mutex<Vec<u8>>>;

/// Clones are the same folder.
#[derive(Clone, Default)]
pub(crate) struct Folder(Arc<Mutex<BTreeMap<String, Content>>>);

/// A file of it, also after it was renamed or removed.
pub(crate) struct File(Content);

impl Folder {
    /// What a file has; nothing when there is none.
    pub(crate) fn content(&self, name: &str) -> Vec<u8> {
        self.find(name)
            .map(|content| locked(&content).clone())
            .unwrap_or_default()
    }

    /// Makes a file.
    pub(crate) fn put(&self, name: &str, content: Vec<u8>) {
        locked(&self.0).insert(name.to_owned(), Arc::new(Mutex::new(content)));
    }

    fn find(&self, name: &str) -> io::Result<Content> {
        let names = locked(&self.0);
        names
            .get(name)
            .cloned()
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl StateDir for Folder {
    type File = File;

    fn create(&self, name: &str) -> io::Result<File> {
        self.put(name, Vec::new());
        self.append(name)
    }

    fn append(&self, name: &str) -> io::Result<File> {
        self.find(name).map(File)
    }

    fn read_at(&self, name: &str, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let content = self.find(name)?;
        let content = locked(&content);
        let offset = usize::try_from(offset).map_err(io::Error::other)?;
        let rest = content.get(offset..).unwrap_or_default();
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        Ok(length)
    }

    fn len(&self, name: &str) -> io::Result<u64> {
        Ok(locked(&*self.find(name)?).len() as u64)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let content = self.find(from)?;
        let mut names = locked(&self.0);
        names.remove(from);
        names.insert(to.to_owned(), content);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let removed = locked(&self.0).remove(name);
        removed
            .map(drop)
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(locked(&self.0).keys().cloned().collect())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

impl StateFile for File {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        locked(&self.0).extend_from_slice(bytes);
        Ok(())
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        let length = usize::try_from(length).map_err(io::Error::other)?;
        locked(&self.0).resize(length, 0);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
