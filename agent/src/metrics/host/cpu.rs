//! CPU time, utilization and count, and the processes created, of `/proc/stat`.
//!
//! The kernel's idle and iowait times can step back by a tick, and those of a CPU that was off by more. A sum that falls looks
//! like a restart, so a value lower than the one before is held until it is passed.

use nix::unistd::{SysconfVar, sysconf};
use opentelemetry_semantic_conventions::{
    attribute::{CPU_LOGICAL_NUMBER, CPU_MODE},
    metric::{
        SYSTEM_CPU_LOGICAL_COUNT, SYSTEM_CPU_TIME, SYSTEM_CPU_UTILIZATION, SYSTEM_PROCESS_CREATED,
    },
};

use super::stat::{MODES, Stat, Ticks};
use crate::wire::metrics::{
    Metric, Metrics, Points,
    Value::{Int, Text},
};

const TIME: Metric = Metric::counter(SYSTEM_CPU_TIME, "s");
const UTILIZATION: Metric = Metric::gauge(SYSTEM_CPU_UTILIZATION, "1");
const LOGICAL_COUNT: Metric = Metric::up_down_counter(SYSTEM_CPU_LOGICAL_COUNT, "{cpu}");
const PROCESS_CREATED: Metric = Metric::counter(SYSTEM_PROCESS_CREATED, "{process}");

/// Clock ticks of user space in a second.
pub(in crate::metrics) fn ticks_per_second() -> f64 {
    let ticks = sysconf(SysconfVar::CLK_TCK).ok().flatten();
    // 100 on every architecture of Linux.
    ticks.map_or(100.0, |ticks| ticks as f64)
}

/// The time of a CPU, or of all of them, at the last two samples.
#[derive(Debug, Default)]
pub(super) struct Track {
    /// `None` for all of them.
    number: Option<u32>,
    ticks: Ticks,
    /// By how much each mode has grown; `None` after the first sample.
    grown: Option<Ticks>,
}

/// What must be known from sample to sample.
#[derive(Debug)]
pub(super) struct Cpu {
    is_per_cpu: bool,
    ticks_per_second: f64,
    pub(super) tracks: Vec<Track>,
}

impl Cpu {
    pub(super) fn new(is_per_cpu: bool) -> Self {
        Self {
            is_per_cpu,
            ticks_per_second: ticks_per_second(),
            tracks: Vec::new(),
        }
    }

    /// Writes the CPU metrics; utilization only from the second sample on.
    pub(super) fn write(&mut self, metrics: &mut Metrics<'_>, stat: &Stat) {
        metrics.int(&LOGICAL_COUNT, Some(stat.cpus.len() as u64));
        metrics.int(&PROCESS_CREATED, stat.created);
        if self.is_per_cpu {
            for (number, ticks) in &stat.cpus {
                self.follow(Some(*number), ticks);
            }
            self.tracks.retain(|track| {
                stat.cpus
                    .iter()
                    .any(|(number, _)| track.number == Some(*number))
            });
        } else {
            self.follow(None, &stat.all);
        }
        metrics.metric(&TIME, |points| {
            for track in &self.tracks {
                for (mode, ticks) in MODES.iter().zip(track.ticks) {
                    point(
                        points,
                        ticks as f64 / self.ticks_per_second,
                        mode,
                        track.number,
                    );
                }
            }
        });
        metrics.metric(&UTILIZATION, |points| {
            for track in &self.tracks {
                let Some(grown) = track.grown else { continue };
                let elapsed = grown.iter().sum::<u64>();
                if elapsed == 0 {
                    continue;
                }
                for (mode, grown) in MODES.iter().zip(grown) {
                    point(points, grown as f64 / elapsed as f64, mode, track.number);
                }
            }
        });
    }

    fn follow(&mut self, number: Option<u32>, ticks: &Ticks) {
        let known = self.tracks.iter_mut().find(|track| track.number == number);
        let Some(track) = known else {
            self.tracks.push(Track {
                number,
                ticks: *ticks,
                grown: None,
            });
            return;
        };
        let mut grown = Ticks::default();
        for ((held, now), grown) in track.ticks.iter_mut().zip(ticks).zip(&mut grown) {
            *grown = now.saturating_sub(*held);
            *held = (*held).max(*now);
        }
        track.grown = Some(grown);
    }
}

fn point(points: &mut Points<'_>, value: f64, mode: &str, number: Option<u32>) {
    match number {
        Some(number) => points.double(
            value,
            &[
                (CPU_MODE, Text(mode)),
                (CPU_LOGICAL_NUMBER, Int(i64::from(number))),
            ],
        ),
        None => points.double(value, &[(CPU_MODE, Text(mode))]),
    }
}
