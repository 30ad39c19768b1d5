//! What libFuzzer drives: the target that the variable `FUZZ_TARGET` names, on the inputs that libFuzzer makes up.

#![no_main]

use std::sync::LazyLock;

use trivium_fuzz::{TARGETS, Target, named};

static TARGET: LazyLock<&Target> = LazyLock::new(|| {
    let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
    named(&name).unwrap_or_else(|| {
        let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
        eprintln!("set FUZZ_TARGET to one of: {}", names.join(", "));
        std::process::exit(2)
    })
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| (TARGET.check)(data));
