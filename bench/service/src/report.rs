//! Medians as a table in Markdown.

use std::{fmt::Write as _, fs, path::Path, time::Duration};

use crate::{Failure, Figures, logins::Logins, service::Kind};

const README: &str = "bench/service/README.md";
const START: &str = "<!-- measured: start -->";
const END: &str = "<!-- measured: end -->";

/// The table, with the machine and the day.
pub(crate) fn table(
    figures: &[Figures],
    logins: &Logins,
    programs: &Path,
) -> Result<String, Failure> {
    let mut text = String::new();
    writeln!(text, "{}\n", heading()?)?;
    writeln!(
        text,
        "| `GET /users/me/`, service on one core | requests/s | p99 | service's core busy | clients' core busy | peak memory | ready after | server spans received |"
    )?;
    writeln!(text, "|---|---|---|---|---|---|---|---|")?;
    for (kind, name) in [
        (Kind::Trivium, "trivium-app, three signals"),
        (Kind::TriviumSilent, "trivium-app, `OTEL_SDK_DISABLED=true`"),
        (Kind::Fastapi, "FastAPI, its own instrumentation"),
        (Kind::FastapiSilent, "FastAPI, without"),
    ] {
        let of_kind: Vec<_> = figures.iter().filter(|f| f.kind == kind).collect();
        if of_kind.is_empty() {
            continue;
        }
        let median_of = |value: &dyn Fn(&Figures) -> f64| median(&of_kind, value);
        writeln!(
            text,
            "| {name} | {:.0} | {:.2} ms | {:.0} % | {:.0} %{} | {:.0} MiB | {:.0} ms | {} |",
            median_of(&|f| f.outcome.rate()),
            median_of(&|f| f.outcome.p99_ms()),
            median_of(&|f| f.service_core_busy * 100.0),
            median_of(&|f| f.clients_core_busy * 100.0),
            limited(&of_kind),
            median_of(&|f| f.peak_memory_mib),
            median_of(&|f| milliseconds(f.ready)),
            spans(&of_kind),
        )?;
    }
    writeln!(text, "\n| ratio | measured | bar |\n|---|---|---|")?;
    ratios(&mut text, figures)?;
    writeln!(
        text,
        "| logins of what bcrypt allows: {:.1}/s of {:.1}/s | {:.2} | ≥ 0.95 |",
        logins.rate,
        logins.possible,
        logins.rate / logins.possible
    )?;
    writeln!(
        text,
        "| both cores busy meanwhile (with the service) | {:.0} % ({:.0} %) |  |",
        logins.cores_busy * 100.0,
        logins.service_busy * 100.0
    )?;
    writeln!(
        text,
        "| health meanwhile: p99 (max) | {:.1} ms ({:.1} ms) | ≤ 20 ms |",
        logins.health_p99_ms, logins.health_max_ms
    )?;
    let binary = fs::metadata(programs.join("trivium-app"))?.len() as f64 / 1024.0 / 1024.0;
    writeln!(text, "| binary | {binary:.1} MiB | ≤ 20 MiB |")?;
    Ok(text)
}

/// Replaces what stands between the markers of the README.
pub(crate) fn write(table: &str) -> Result<(), Failure> {
    let readme = fs::read_to_string(README)?;
    let (before, rest) = readme.split_once(START).ok_or("no start marker")?;
    let (_, after) = rest.split_once(END).ok_or("no end marker")?;
    fs::write(README, format!("{before}{START}\n\n{table}\n{END}{after}"))?;
    Ok(())
}

fn ratios(text: &mut String, figures: &[Figures]) -> Result<(), Failure> {
    let rate = |kind| of(figures, kind, &|f| f.outcome.rate());
    let p99 = |kind| of(figures, kind, &|f| f.outcome.p99_ms());
    let pairs = [
        (
            "throughput, three signals : silent",
            rate(Kind::Trivium).zip(rate(Kind::TriviumSilent)),
            "≥ 0.90",
        ),
        (
            "p99, three signals : silent",
            p99(Kind::Trivium).zip(p99(Kind::TriviumSilent)),
            "≤ 1.25",
        ),
        (
            "requests, ours : FastAPI, both instrumented",
            rate(Kind::Trivium).zip(rate(Kind::Fastapi)),
            "≥ 30",
        ),
        (
            "p99, ours : FastAPI, both instrumented",
            p99(Kind::Trivium).zip(p99(Kind::Fastapi)),
            "≤ 0.10",
        ),
        (
            "throughput, FastAPI instrumented : without",
            rate(Kind::Fastapi).zip(rate(Kind::FastapiSilent)),
            "",
        ),
    ];
    for (name, pair, bar) in pairs {
        if let Some((one, other)) = pair {
            writeln!(text, "| {name} | {:.2} | {bar} |", one / other)?;
        }
    }
    Ok(())
}

fn of(figures: &[Figures], kind: Kind, value: &dyn Fn(&Figures) -> f64) -> Option<f64> {
    let of_kind: Vec<_> = figures.iter().filter(|f| f.kind == kind).collect();
    (!of_kind.is_empty()).then(|| median(&of_kind, value))
}

fn median(figures: &[&Figures], value: &dyn Fn(&Figures) -> f64) -> f64 {
    let mut values: Vec<_> = figures.iter().map(|figures| value(figures)).collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Says of how many rounds the figures are those of the clients.
fn limited(figures: &[&Figures]) -> String {
    let limited = figures.iter().filter(|f| f.is_limited_by_clients()).count();
    match limited {
        0 => String::new(),
        limited => format!(", limited by them in {limited} of {}", figures.len()),
    }
}

/// Over all rounds: every request's server span must have arrived, and the few of signing up, logging in and health.
fn spans(figures: &[&Figures]) -> String {
    let totals = figures
        .iter()
        .filter_map(|figures| figures.spans)
        .reduce(|sum, next| (sum.0 + next.0, sum.1 + next.1));
    match totals {
        Some((received, sent)) if received >= sent => format!("all of {sent}"),
        Some((received, sent)) => format!("{received} of {sent}"),
        None => "–".to_owned(),
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

fn heading() -> Result<String, Failure> {
    let cpu = fs::read_to_string("/proc/cpuinfo")?;
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or("unknown processor", |line| {
            line.trim_start_matches([':', ' ', '\t'])
        });
    let cores = cpu
        .lines()
        .filter(|line| line.starts_with("processor"))
        .count();
    let now = jiff::Timestamp::now();
    Ok(format!(
        "### {}, {cores} cores, {model}",
        now.strftime("%Y-%m-%d")
    ))
}
