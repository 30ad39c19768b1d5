//! The program `trivium-agent`.

fn main() {}
