//! A clock of its own for a program, which can be set while it runs: a library that is loaded before the system's.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::here::is_installed;

/// Adds the seconds that stand in the file `CLOCK` to the time of day, and leaves the monotonic clock alone.
const SOURCE: &str = r#"
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
int clock_gettime(clockid_t clock, struct timespec *time) {
    int result = syscall(SYS_clock_gettime, clock, time);
    char text[32] = {0};
    int file = clock == CLOCK_REALTIME ? open(getenv("CLOCK"), O_RDONLY) : -1;
    if (file >= 0) {
        if (read(file, text, sizeof text - 1) > 0) time->tv_sec += atol(text);
        close(file);
    }
    return result;
}
"#;

pub(crate) struct Clock {
    library: PathBuf,
    ahead: PathBuf,
}

impl Clock {
    /// In `folder`; `None` without a C compiler.
    pub(crate) fn make(folder: &Path) -> Option<Self> {
        if !is_installed("cc", "gcc") {
            return None;
        }
        let (source, library) = (folder.join("clock.c"), folder.join("clock.so"));
        std::fs::write(&source, SOURCE).unwrap();
        let mut compiler = Command::new("cc");
        let compiled = compiler
            .args(["-shared", "-fPIC", "-o"])
            .args([&library, &source])
            .status();
        assert!(compiled.unwrap().success());
        let ahead = folder.join("ahead");
        Some(Self { library, ahead })
    }

    pub(crate) fn set_ahead(&self, seconds: i64) {
        std::fs::write(&self.ahead, seconds.to_string()).unwrap();
    }

    pub(crate) fn give(&self, command: &mut Command) {
        command
            .env("LD_PRELOAD", &self.library)
            .env("CLOCK", &self.ahead);
    }
}
