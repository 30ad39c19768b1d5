use std::{fmt::Write as _, path::PathBuf};

use proptest::prelude::*;

use super::*;
use crate::config::{Config, Warning};

fn load(yaml: &str) -> Config {
    let config = Config::parse(yaml, "agent.yaml", |_| Some("x".to_owned()));
    config.unwrap_or_else(|error| panic!("{error}\n{yaml}"))
}

/// The configuration and the account, as a user sees them.
fn shown(name: &str) -> String {
    let file = folder().join(format!("{name}.yaml"));
    let text = fs::read_to_string(file).unwrap();
    let import = promtail(&text, &format!("{name}.yaml")).unwrap();
    let mut report = Vec::new();
    write_notes(&format!("{name}.yaml"), &import.notes, &mut report).unwrap();
    format!(
        "{}--- stderr\n{}",
        import.yaml,
        String::from_utf8(report).unwrap()
    )
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cli/import/examples")
}

#[test]
fn the_examples_become_what_was_reviewed_and_load() {
    for name in ["static", "docker", "kubernetes"] {
        let shown = shown(name);
        let config = load(shown.split_once("--- stderr").unwrap().0);
        assert_eq!(config.warnings(), [] as [Warning; 0], "{name}");
        let path = folder().join(format!("{name}.expected"));
        if std::env::var("TRIVIUM_UPDATE").is_ok_and(|value| value == "1") {
            fs::write(&path, &shown).unwrap();
        } else {
            let expected = fs::read_to_string(&path).unwrap_or_default();
            assert!(
                shown == expected,
                "{name}: TRIVIUM_UPDATE=1 cargo test -p trivium-agent rewrites the file, which was\n{expected}\nand is\n{shown}"
            );
        }
    }
}

fn import_stages(stages: &str) -> (Config, Vec<String>) {
    let text = format!(
        "scrape_configs:\n- job_name: a\n  static_configs: [{{labels: {{job: a, __path__: /a}}}}]\n  pipeline_stages: [{stages}]\n"
    );
    let import = promtail(&text, "promtail.yaml").unwrap();
    let notes = import.notes.iter().map(ToString::to_string).collect();
    (load(&import.yaml), notes)
}

#[test]
fn what_does_not_lose_a_line_is_carried_over_exactly() {
    let (config, notes) = import_stages(
        r#"{multiline: {firstline: '^\[[${x}]'}}, {drop: {expression: 'a[${b}]$'}}, {replace: {expression: 'key (\w+)', replace: '${K}$1'}}, {limit: {rate: 0.2, burst: 3, drop: true}}, {sampling: {rate: 0.5}}, {sampling: {rate: 0.5}}, {static_labels: {team: a}}"#,
    );
    assert_eq!(
        notes,
        ["the label job: it is the attribute service.name now, in Loki service_name"]
    );
    let source = &config.logs.files[0];
    let multiline = source.multiline.as_ref().unwrap();
    assert_eq!(multiline.start.regex().as_str(), r"^\[[${x}]");
    assert_eq!(multiline.timeout.as_secs(), 3);
    assert_eq!(source.drop[0].regex().as_str(), "a[${b}]$");
    let redact = &source.redact.as_ref().unwrap().patterns[0];
    let replaced = redact
        .pattern
        .regex()
        .replace("my key abc", redact.replacement.as_deref().unwrap());
    assert_eq!(replaced, "my key ${K}$1");
    let limit = source.rate_limit.as_ref().unwrap();
    assert_eq!((limit.lines_per_second, limit.burst), (1, Some(3)));
    assert_eq!(source.sample, Some(0.25));
    assert_eq!(source.resource["team"], "a");
    assert_eq!(source.resource["service.name"], "a");
}

#[test]
fn a_limit_that_only_waited_never_becomes_one_that_drops() {
    let (config, notes) = import_stages("{limit: {rate: 10, burst: 10}}");
    assert_eq!(config.logs.files[0].rate_limit, None);
    assert!(
        notes[1].starts_with("limit: without drop: true it made Promtail wait"),
        "{notes:?}"
    );
}

#[test]
fn every_stage_is_carried_over_or_named_with_what_to_do_instead() {
    for stage in [
        "{regex: {expression: a}}",
        "{template: {source: a, template: b}}",
        "{timestamp: {source: x, format: RFC3339}}",
        "{output: {source: x}}",
        "{labels: {a: }}",
        "{structured_metadata: {a: }}",
        "{labelallow: [a]}",
        "{labeldrop: [a]}",
        "{pack: {labels: [a]}}",
        "{tenant: {value: a}}",
        "{metrics: {a: {type: Counter}}}",
        "{geoip: {db: /a}}",
        "{eventlogmessage: {source: a}}",
        "{unknown: {}}",
        "{multiline: {firstline: '('}}",
        "{replace: {expression: '(a)(b)', replace: c}}",
        "{replace: {expression: '(a)', source: b}}",
        "{drop: {older_than: 24h}}",
        "{drop: {expression: a, longer_than: 1kb}}",
        "{drop: {source: level, value: a}}",
        "{drop: {expression: '('}}",
        "{match: {selector: '{a=b}'}}",
        "{match: {selector: '{level=\"a\"}', action: drop}}",
        "{match: {selector: '{job=\"a\"} != \"b\"', action: drop}}",
        "{limit: {rate: 1, burst: 1, drop: true, by_label_name: a}}",
        "{limit: {rate: 0, drop: true}}",
        "{sampling: {rate: 7}}",
        "{json: {expressions: {a: }, source: b}}",
        "{a: 1, b: 2}",
    ] {
        let (config, notes) = import_stages(stage);
        assert_eq!(notes.len(), 2, "{stage}: {notes:?}");
        let bare = import_stages("").0;
        assert_eq!(config, bare, "{stage} changes nothing");
    }
}

#[test]
fn sources_that_the_agent_has_not_are_named() {
    let kinds = [
        "journal",
        "syslog",
        "loki_push_api",
        "file_sd_configs",
        "windows_events",
        "kafka",
        "gelf",
        "heroku_drain",
        "cloudflare",
        "gcplog",
        "azure_event_hubs",
        "consul_sd_configs",
    ];
    for kind in kinds {
        let text = format!("scrape_configs:\n- job_name: a\n  {kind}: {{}}\n");
        let import = promtail(&text, "promtail.yaml").unwrap();
        load(&import.yaml);
        assert_eq!(import.notes.len(), 1, "{kind}");
        assert_eq!(import.notes[0].line, 3);
        assert!(
            import.notes[0]
                .to_string()
                .starts_with(&format!("{kind} of job a: "))
        );
    }
}

#[test]
fn a_label_made_of_a_part_of_a_name_is_not_called_that_name() {
    let notes = |rule: &str| {
        let text = format!(
            "scrape_configs:\n- job_name: a\n  docker_sd_configs: [{{host: 'unix:///s'}}]\n  relabel_configs: [{rule}]\n"
        );
        let import = promtail(&text, "promtail.yaml").unwrap();
        load(&import.yaml);
        import
            .notes
            .iter()
            .map(|note| note.outcome.clone())
            .collect::<Vec<_>>()
    };
    let name = "source_labels: [__meta_docker_container_name], target_label: x";
    assert!(matches!(
        notes(&format!("{{{name}, regex: '/(.*)'}}"))[1],
        Outcome::Changed(_)
    ));
    assert!(matches!(
        notes(&format!("{{{name}, regex: '/(.*)-[0-9]+'}}"))[1],
        Outcome::Lost(_)
    ));
    assert!(matches!(
        notes(&format!("{{{name}, replacement: 'a-$1'}}"))[1],
        Outcome::Lost(_)
    ));
}

#[test]
fn a_job_that_finds_nothing_is_named() {
    let import = promtail("scrape_configs: [{job_name: a, pipeline_stages: []}]", "p").unwrap();
    assert_eq!(
        import.notes[0].to_string(),
        "job a: it names no file; write its paths to logs.files[].include"
    );
}

#[test]
fn positions_become_offsets_and_cursors_are_named() {
    let text = "positions:\n  /var/log/a.log: \"1234\"\n  /var/log/b.log: 0\n  cursor-job: \"1700000000\"\n  journal-x: s=abc\n  /c: \"-1\"\n";
    let (found, notes) = positions(text, "positions.yaml").unwrap();
    let offset = |path: &str, offset| ImportedPosition {
        path: path.into(),
        offset,
    };
    assert_eq!(
        found,
        [offset("/var/log/a.log", 1234), offset("/var/log/b.log", 0)]
    );
    let lines: Vec<_> = notes.iter().map(|note| note.line).collect();
    assert_eq!(lines, [4, 5, 6]);
    assert_eq!(positions("positions: {}", "p").unwrap().0, []);
}

#[test]
fn a_file_of_another_kind_is_an_error_with_the_fix() {
    let error = |result: ImportError| result.to_string();
    assert_eq!(
        error(positions("scrape_configs: []", "p.yaml").unwrap_err()),
        "p.yaml: there is no `positions` in it; name the file of Promtail that has it"
    );
    assert_eq!(
        error(promtail("a: 1", "p.yaml").unwrap_err()),
        "p.yaml: there is no `scrape_configs` in it; name the file of Promtail that has it"
    );
    assert!(
        error(promtail("a: [", "p.yaml").unwrap_err()).starts_with("p.yaml:1: this is no YAML: ")
    );
}

#[test]
fn the_command_writes_the_configuration_the_account_and_the_offsets() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let args = PromtailArgs {
        file: write(
            "promtail.yaml",
            "scrape_configs: [{job_name: a, static_configs: [{labels: {__path__: /a.log}}]}]",
        ),
        positions: Some(write("positions.yaml", "positions: {/a.log: '7', x: y}")),
        state_dir: "/var/lib/a ${b}".into(),
    };
    let (mut out, mut report, mut kept) = (Vec::new(), Vec::new(), Vec::new());
    run(&args, &mut out, &mut report, &mut |positions| {
        kept = positions;
        Ok(kept.len())
    })
    .unwrap();
    let config = load(std::str::from_utf8(&out).unwrap());
    assert!(config.logs.files[0].takes("/a.log"));
    assert_eq!(config.state_dir, args.state_dir);
    assert_eq!(
        kept,
        [ImportedPosition {
            path: "/a.log".into(),
            offset: 7
        }]
    );
    let report = String::from_utf8(report).unwrap();
    assert!(report.ends_with("1 offsets carried over\n"), "{report}");
    assert!(
        report.contains("positions.yaml:1: `x`: this is no offset"),
        "{report}"
    );
}

/// Values that a Promtail configuration may have, and some that it should not.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~]{0,12}",
        ".{0,6}",
        prop::sample::select(vec![
            "/var/log/*.log",
            "${HOME:x}/a",
            "$${a}",
            "${",
            "(a)",
            "(?i)x(",
            "a|b",
            "3s",
            "0",
            "1e9",
            "true",
            "{job=\"a\"}",
            "{job=\"a\"} |= \"x\"",
            "8kb",
            "http://l/loki/api/v1/push",
            "https://u:p@l/loki/api/v1/push",
            "unix:///x",
            "pod",
            "drop",
            "keep",
            "__meta_docker_container_name",
            "__path__",
            "msg",
            "level",
            "a\nb",
            "'",
            "#x",
            ": ",
            "*",
            "&a",
        ])
        .prop_map(str::to_owned),
    ]
}

/// A whole configuration in which every text is any text.
fn configuration() -> impl Strategy<Value = String> {
    prop::collection::vec(value(), 24).prop_map(|values| {
        let mut values = values.iter().map(|value| serde_json::to_string(value).unwrap());
        let mut next = || values.next().unwrap_or_default();
        let mut text = String::new();
        writeln!(text, "clients: [{{url: {}, tenant_id: {}, external_labels: {{{}: {}}}, bearer_token_file: {}, tls_config: {{ca_file: {}}}, headers: {{{}: {}}}}}]", next(), next(), next(), next(), next(), next(), next(), next()).unwrap();
        writeln!(text, "scrape_configs: [{{job_name: {}, static_configs: [{{labels: {{job: {}, __path__: {}, __path_exclude__: {}}}}}],", next(), next(), next(), next()).unwrap();
        writeln!(text, " relabel_configs: [{{source_labels: [{}], action: {}, regex: {}, target_label: {}, replacement: {}}}],", next(), next(), next(), next(), next()).unwrap();
        writeln!(text, " pipeline_stages: [{{multiline: {{firstline: {}, max_wait_time: {}}}}}, {{replace: {{expression: {}, replace: {}}}}}, {{drop: {{expression: {}}}}}, {{match: {{selector: {}, action: drop}}}}]}}]", next(), next(), next(), next(), next(), next()).unwrap();
        text
    })
}

proptest! {
    #[test]
    fn any_text_is_imported_or_an_error(text in ".{0,200}") {
        let _ = promtail(&text, "a");
        let _ = positions(&text, "a");
    }

    #[test]
    fn whatever_a_configuration_says_the_result_loads(text in configuration()) {
        if let Ok(import) = promtail(&text, "a\nb") {
            let config = Config::parse(&import.yaml, "agent.yaml", |_| Some("x".to_owned()));
            prop_assert!(config.is_ok(), "{}\n{text}\n{}", config.unwrap_err(), import.yaml);
        }
    }

}
