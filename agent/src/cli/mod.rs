//! The command line: one module for each command.

pub mod spool;
