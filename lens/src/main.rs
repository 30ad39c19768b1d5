//! The program `trivium-lens`: configuration → store → serve → signal → drain.

fn main() {}
