//! Each target keeps its promises for its seeds, and there is a folder of seeds for each and for nothing else.

use std::{fs, path::Path};

use trivium_fuzz::{TARGETS, named, service};

#[test]
fn every_target_passes_on_its_seeds() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds");
    let mut ran = 0;
    for folder in fs::read_dir(&seeds).unwrap() {
        let folder = folder.unwrap();
        let name = folder.file_name().into_string().unwrap();
        let target = named(&name).unwrap_or_else(|| panic!("{name} is no target"));
        let mut inputs = 0;
        for seed in fs::read_dir(folder.path()).unwrap() {
            let seed = seed.unwrap().path();
            eprintln!("{}", seed.display());
            (target.check)(&fs::read(&seed).unwrap());
            inputs += 1;
        }
        assert!(inputs > 0, "{name} has no seeds");
        ran += 1;
    }
    service::stop();
    assert_eq!(ran, TARGETS.len());
}
