//! Charts as SVG without scripts: the horizontal position of everything is a percentage and the vertical one a pixel, so a
//! chart fills any width and its text keeps its size. What a percentage cannot place (paths) lies in an inner SVG that is
//! stretched, with strokes that are not.

pub(super) mod lines;
pub(super) mod plot;
pub(super) mod scale;

mod latency;
mod readings;

pub(super) use latency::{Latency, latency};
pub(super) use readings::{label_of, readings};
