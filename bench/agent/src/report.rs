//! Medians as tables in Markdown: what was measured, and where the agent stands against its bars.

use std::{fmt::Write as _, fs};

use clap::ValueEnum as _;
use trivium_bench_agent::lines::Kind;

use crate::{
    Failure, Measured, Options,
    scenario::{Figures, Scenario},
    subject::Subject,
};

const README: &str = "bench/agent/README.md";
const START: &str = "<!-- measured: start -->";
const END: &str = "<!-- measured: end -->";
const NONE: &str = "–";

/// The machine, looked at before the first measurement.
pub(crate) struct Machine {
    model: String,
    cores: usize,
    load: f64,
}

impl Machine {
    pub(crate) fn look() -> Result<Self, Failure> {
        let cpu = fs::read_to_string("/proc/cpuinfo")?;
        let model = cpu
            .lines()
            .find_map(|line| line.strip_prefix("model name"))
            .map_or("unknown processor", |line| {
                line.trim_start_matches([':', ' ', '\t'])
            });
        Ok(Self {
            model: model.to_owned(),
            cores: cpu
                .lines()
                .filter(|line| line.starts_with("processor"))
                .count(),
            load: load_average()?,
        })
    }
}

/// All tables, with the machine and the day.
pub(crate) fn tables(
    machine: &Machine,
    measured: &[Measured],
    options: &Options,
) -> Result<String, Failure> {
    let mut text = format!(
        "### {}, {} cores, {}\n\nLoad average of the minute before: {:.1}, at the end: {:.1}. Rounds: {}.\n\n",
        jiff::Timestamp::now().strftime("%Y-%m-%d"),
        machine.cores,
        machine.model,
        machine.load,
        load_average()?,
        options.rounds,
    );
    text.push_str(
        "| what | program | CPU | cores | lines per CPU second | resident (peak) | descriptors | on the wire | missing | twice | out of order |\n\
         |---|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for scenario in Scenario::value_variants() {
        for subject in Subject::ALL {
            if let Some(row) = Row::of(measured, *scenario, subject) {
                write_row(&mut text, *scenario, subject, &row, options)?;
            }
        }
    }
    write_outages(&mut text, measured)?;
    write_bars(&mut text, measured, options)?;
    Ok(text)
}

/// Replaces what stands between the markers of the README.
pub(crate) fn write(tables: &str) -> Result<(), Failure> {
    let readme = fs::read_to_string(README)?;
    let (before, rest) = readme.split_once(START).ok_or("no start marker")?;
    let (_, after) = rest.split_once(END).ok_or("no end marker")?;
    fs::write(README, format!("{before}{START}\n\n{tables}\n{END}{after}"))?;
    Ok(())
}

/// All rounds of one program in one scenario.
struct Row<'a>(Vec<&'a Figures>);

impl<'a> Row<'a> {
    fn of(measured: &'a [Measured], scenario: Scenario, subject: Subject) -> Option<Self> {
        let rounds: Vec<_> = measured
            .iter()
            .filter(|one| one.scenario == scenario && one.subject == subject)
            .map(|one| &one.figures)
            .collect();
        (!rounds.is_empty()).then_some(Self(rounds))
    }

    fn median(&self, value: impl Fn(&Figures) -> f64) -> f64 {
        let mut values: Vec<_> = self.0.iter().map(|figures| value(figures)).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    }

    fn sum(&self, value: impl Fn(&Figures) -> u64) -> u64 {
        self.0.iter().map(|figures| value(figures)).sum()
    }
}

fn write_row(
    text: &mut String,
    scenario: Scenario,
    subject: Subject,
    row: &Row<'_>,
    options: &Options,
) -> Result<(), Failure> {
    let rate = match scenario {
        Scenario::Idle => NONE.to_owned(),
        _ => format!("{:.0}", row.median(|f| f.lines as f64 / f.cpu_seconds)),
    };
    writeln!(
        text,
        "| {} | {} | {:.2} s | {} | {rate} | {:.1} MiB ({:.1}) | {:.0} | {:.1} MiB | {} | {} | {} |",
        what(scenario, options),
        subject.name(),
        row.median(|f| f.cpu_seconds),
        decimals(row.median(Figures::cores)),
        row.median(|f| f.resident_mib),
        row.median(|f| f.peak_resident_mib),
        row.median(|f| f.descriptors as f64),
        row.median(|f| f.wire_bytes as f64 / 1024.0 / 1024.0),
        row.sum(|f| f.missing),
        row.sum(|f| f.duplicates),
        row.sum(|f| f.out_of_order),
    )?;
    Ok(())
}

fn what(scenario: Scenario, options: &Options) -> String {
    let lines = options.lines;
    let seconds = options.seconds;
    match scenario {
        Scenario::Docker => format!("{lines} container lines"),
        Scenario::DockerZstd => format!("{lines} container lines, zstd"),
        Scenario::Plain => format!("{lines} plain lines"),
        Scenario::Steady => format!("10,000 container lines/s, {seconds} s"),
        Scenario::Idle => format!(
            "idle, {} files, {} s",
            options.idle_files, options.idle_seconds
        ),
        Scenario::Relay => format!("OTLP relay, 10,000 records/s, {seconds} s"),
        Scenario::RelayOutage => format!("the same, receiver away for {} s", seconds / 4 * 2),
        Scenario::Outage => format!(
            "receiver away for {} s, {} MiB of backlog",
            options.outage_length(),
            options.backlog_bytes() >> 20
        ),
    }
}

fn write_outages(text: &mut String, measured: &[Measured]) -> Result<(), Failure> {
    let rows: Vec<_> = Subject::ALL
        .into_iter()
        .filter_map(|subject| Some((subject, Row::of(measured, Scenario::Outage, subject)?)))
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    text.push_str(
        "\n| resident during the outage | at its start | a quarter | half | three quarters | its end | backlog delivered | peak |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    for (subject, row) in rows {
        write!(text, "| {} |", subject.name())?;
        for place in 0..6 {
            let value = row.median(|f| f.outage.get(place).copied().unwrap_or(f64::NAN));
            write!(text, " {value:.1} MiB |")?;
        }
        writeln!(text, " {:.1} MiB |", row.median(|f| f.peak_resident_mib))?;
    }
    Ok(())
}

/// What is to be reached.
struct Bar {
    name: &'static str,
    scenario: Scenario,
    value: fn(&Figures) -> f64,
    unit: &'static str,
    at_most: f64,
}

const CPU: fn(&Figures) -> f64 = |figures| figures.cpu_seconds * 1_000_000.0 / figures.lines as f64;
const PEAK: fn(&Figures) -> f64 = |figures| figures.peak_resident_mib;

#[rustfmt::skip]
const BARS: [Bar; 10] = [
    Bar { name: "CPU for 1,000,000 container lines", scenario: Scenario::Docker, value: CPU, unit: "s", at_most: 1.4 },
    Bar { name: "the same with zstd", scenario: Scenario::DockerZstd, value: CPU, unit: "s", at_most: 2.8 },
    Bar { name: "CPU at 10,000 lines/s", scenario: Scenario::Steady, value: Figures::cores, unit: "core", at_most: 0.015 },
    Bar { name: "resident at 10,000 lines/s", scenario: Scenario::Steady, value: PEAK, unit: "MiB", at_most: 12.0 },
    Bar { name: "CPU when idle", scenario: Scenario::Idle, value: Figures::cores, unit: "core", at_most: 0.001 },
    Bar { name: "resident when idle", scenario: Scenario::Idle, value: PEAK, unit: "MiB", at_most: 12.0 },
    Bar { name: "CPU of the relay", scenario: Scenario::Relay, value: Figures::cores, unit: "core", at_most: 0.03 },
    Bar { name: "resident of the relay", scenario: Scenario::Relay, value: PEAK, unit: "MiB", at_most: 15.0 },
    Bar { name: "resident of the relay, receiver away", scenario: Scenario::RelayOutage, value: PEAK, unit: "MiB", at_most: 30.0 },
    Bar { name: "resident in the outage", scenario: Scenario::Outage, value: PEAK, unit: "MiB", at_most: 30.0 },
];

fn write_bars(text: &mut String, measured: &[Measured], options: &Options) -> Result<(), Failure> {
    text.push_str("\n| peak, or median of CPU | trivium-agent | bar | the others : trivium-agent |\n|---|---|---|---|\n");
    for bar in &BARS {
        let ours = Row::of(measured, bar.scenario, Subject::Agent).map(|row| row.median(bar.value));
        let mut others = Vec::new();
        for subject in Subject::ALL {
            if subject == Subject::Agent {
                continue;
            }
            if let Some(row) = Row::of(measured, bar.scenario, subject) {
                let theirs = row.median(bar.value);
                let ratio = match ours {
                    Some(ours) => format!("{:.1}", theirs / ours),
                    None => format!("{} {}", decimals(theirs), bar.unit),
                };
                others.push(format!("{} {ratio}", subject.name()));
            }
        }
        if ours.is_none() && others.is_empty() {
            continue;
        }
        let ours = ours.map_or(NONE.to_owned(), |ours| {
            format!("{} {}", decimals(ours), bar.unit)
        });
        writeln!(
            text,
            "| {} | {ours} | ≤ {} {} | {} |",
            bar.name,
            bar.at_most,
            bar.unit,
            others.join("; ")
        )?;
    }
    let mut sizes = Vec::new();
    for subject in [Subject::Collector, Subject::FluentBit, Subject::Rotel] {
        if let Some(size) = size_mib(subject, options)? {
            sizes.push(format!("{} {size:.1} MiB", subject.name()));
        }
    }
    let ours = size_mib(Subject::Agent, options)?;
    writeln!(
        text,
        "| executable | {} | ≤ 12 MiB | {} |",
        ours.map_or(NONE.to_owned(), |size| format!("{size:.1} MiB")),
        sizes.join("; ")
    )?;
    writeln!(
        text,
        "\nA container line has {} bytes, a plain line {}.",
        Kind::Docker.line_length(),
        Kind::Plain.line_length()
    )?;
    Ok(())
}

fn size_mib(subject: Subject, options: &Options) -> Result<Option<f64>, Failure> {
    let Some(executable) = subject.executable(options) else {
        return Ok(None);
    };
    Ok(Some(
        fs::metadata(executable)?.len() as f64 / 1024.0 / 1024.0,
    ))
}

/// As many decimals as count, for numbers from thousandths to hundreds.
fn decimals(value: f64) -> String {
    match value {
        value if value < 0.1 => format!("{value:.4}"),
        value if value < 10.0 => format!("{value:.2}"),
        value => format!("{value:.1}"),
    }
}

fn load_average() -> Result<f64, Failure> {
    let text = fs::read_to_string("/proc/loadavg")?;
    let minute = text.split(' ').next().unwrap_or_default();
    Ok(minute.parse()?)
}
