//! Finds files, reads them, and moves their checkpoints when what was read is safe.
