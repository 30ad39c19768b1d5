//! Fuzz targets: each gives one reader of the app or the agent any bytes, and checks what that reader promises for them.
//!
//! A target is a function that panics when a promise is broken; an input that is none of its business is passed over. The
//! program `trivium-fuzz` runs one under libFuzzer, `.ci/fuzz` runs all of them. The tests run each on its seeds alone, which
//! are also where the input of a fixed bug goes.
//!
//! Not promised: that what the readers are built on (YAML, JSON, HTTP) is searched as well. Only this workspace's crates are
//! compiled so that libFuzzer sees their branches (`rustc` beside this folder).

mod checkpoint;
mod configuration;
mod folder;
mod input;
mod lines;
mod requests;
pub mod service;
mod spool;

/// A reader, and how it is checked.
pub struct Target {
    /// Also of the folder with its seeds.
    pub name: &'static str,
    /// Panics when a promise is broken.
    pub check: fn(&[u8]),
}

/// Each of them.
pub static TARGETS: [Target; 10] = [
    target("docker", lines::docker),
    target("cri", lines::cri),
    target("frame", spool::frames),
    target("checkpoint", checkpoint::checkpoints),
    target("configuration", configuration::configuration),
    target("bodies", requests::bodies),
    target("forms", requests::forms),
    target("tokens", requests::tokens),
    target("headers", requests::headers),
    target("queries", requests::queries),
];

const fn target(name: &'static str, check: fn(&[u8])) -> Target {
    Target { name, check }
}

/// The target of that name.
pub fn named(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
