//! What a line costs from the read buffer to the bytes of the request, by format.
//! `cargo bench -p trivium-agent --bench lines`; a word after `--` picks the cases that contain it.

use std::{
    env,
    io::{self, Write as _},
    sync::Arc,
    time::Instant,
};

use trivium_agent::{
    batch::{FileKey, LogBatch},
    lines::{Counts, Format, Origin, Parse, Redactor, Settings, Source},
};

/// As large as the agent lets a batch become.
const BATCH_BYTES: usize = 1024 * 1024;
const LINES: u64 = 1000;
const PASSES: usize = 3000;

/// The message of the comparison with peers: JSON-like, so that its quotes are escaped.
fn docker_line(number: u64) -> String {
    format!(
        r#"{{"log":"{{\"level\":\"info\",\"seq\":{number:09},\"msg\":\"GET /api/v1/items served to a client of the shop in North York\",\"status\":200,\"duration_ms\":12}}\n","stream":"stdout","time":"2026-11-24T11:42:48.{number:09}Z"}}"#
    )
}

fn docker_text_line(number: u64) -> String {
    let text = "the quick brown fox jumps over the lazy dog and ".repeat(3);
    format!(
        r#"{{"log":"{text:.126} {number:09}\n","stream":"stdout","time":"2026-11-24T11:42:48.{number:09}Z"}}"#
    )
}

fn cri_line(number: u64) -> String {
    let text = "the quick brown fox jumps over the lazy dog and ".repeat(4);
    format!("2026-11-24T11:42:48.{number:09}Z stdout F {text:.160} {number:09}")
}

fn plain_line(number: u64) -> String {
    let text = "the quick brown fox jumps over the lazy dog and ".repeat(5);
    format!("{text:.190} {number:09}")
}

/// Has the word that makes a pattern worth running, and nothing to replace.
fn alarming_line(number: u64) -> String {
    plain_line(number).replace("brown fox", "token of")
}

fn secret_line(number: u64) -> String {
    plain_line(number).replacen("brown fox", "password=hunter2", 1)
}

fn json_line(number: u64) -> String {
    format!(
        r#"{{"time":"2026-11-24T11:42:48.{number:09}Z","level":"info","msg":"served","trace_id":"0af7651916cd43dd8448eb211c80319c","span_id":"b7ad6b7169203331","path":"/api/v1/items","status":200,"duration_ms":12.5}}"#
    )
}

fn logfmt_line(number: u64) -> String {
    format!(
        r#"time=2026-11-24T11:42:48.{number:09}Z level=info msg="GET served" trace_id=0af7651916cd43dd8448eb211c80319c span_id=b7ad6b7169203331 path=/api/v1/items status=200 duration_ms=12.5"#
    )
}

fn main() -> io::Result<()> {
    let picked = env::args().nth(1).filter(|argument| argument != "--bench");
    let redactor = Arc::new(Redactor::new(true, Vec::new()).expect("the built-in patterns alone"));
    let settings = |format, parse, is_redacting: bool| Settings {
        format,
        parse,
        redactor: is_redacting.then(|| Arc::clone(&redactor)),
        ..Settings::default()
    };
    for (name, settings, line) in [
        (
            "docker, redacting",
            settings(Format::Docker, Parse::None, true),
            docker_line as fn(u64) -> String,
        ),
        (
            "docker, not redacting",
            settings(Format::Docker, Parse::None, false),
            docker_line,
        ),
        (
            "docker text, redacting",
            settings(Format::Docker, Parse::None, true),
            docker_text_line,
        ),
        (
            "docker, parsing",
            settings(Format::Docker, Parse::Auto, true),
            docker_line,
        ),
        (
            "cri, redacting",
            settings(Format::Cri, Parse::None, true),
            cri_line,
        ),
        (
            "plain, redacting",
            settings(Format::Plain, Parse::None, true),
            plain_line,
        ),
        (
            "plain, like a secret",
            settings(Format::Plain, Parse::None, true),
            alarming_line,
        ),
        (
            "plain, with a secret",
            settings(Format::Plain, Parse::None, true),
            secret_line,
        ),
        (
            "json, redacting",
            settings(Format::Json, Parse::None, true),
            json_line,
        ),
        (
            "logfmt, redacting",
            settings(Format::Logfmt, Parse::None, true),
            logfmt_line,
        ),
    ] {
        if picked
            .as_ref()
            .is_none_or(|picked| name.contains(picked.as_str()))
        {
            measure(name, settings, line)?;
        }
    }
    Ok(())
}

/// What a line costs when nothing else wants the processor: of many passes, each far shorter than a turn of the scheduler,
/// the slowest of the fastest tenth.
fn measure(name: &str, settings: Settings, line: fn(u64) -> String) -> io::Result<()> {
    let source = Source::new(settings, Arc::new(Counts::default()));
    let mut assembler = source.assembler(Origin::new(Arc::from([0_u8; 200])), None);
    let lines: Vec<String> = (0..LINES).map(line).collect();
    let bytes = lines.iter().map(|line| line.len() as u64 + 1).sum::<u64>() / LINES;
    let mut batch = LogBatch::default();
    let mut offset = 0;
    let mut passes: Vec<f64> = (0..PASSES)
        .map(|_| {
            let start = Instant::now();
            for line in &lines {
                let end = offset + line.len() as u64 + 1;
                assembler.offer(FileKey(1), offset..end, line.as_bytes(), 1, &mut batch);
                offset = end;
                if batch.len() >= BATCH_BYTES {
                    batch.finish();
                    batch.clear();
                }
            }
            start.elapsed().as_nanos() as f64 / LINES as f64
        })
        .collect();
    passes.sort_by(f64::total_cmp);
    let nanos = passes[PASSES / 10];
    writeln!(
        io::stdout(),
        "{name:<24} {nanos:6.0} ns/line {:10.0} lines/s {:6.0} MB/s ({bytes} bytes a line)",
        1e9 / nanos,
        bytes as f64 * 1000.0 / nanos,
    )
}
