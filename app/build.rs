//! Rebuilds the crate when a migration is added: the SQL files are embedded, and Cargo does not watch a folder by itself.

fn main() {
    println!("cargo::rerun-if-changed=migrations");
}
