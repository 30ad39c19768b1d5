//! The table of settings, the README and the deployment files say what the code does.

use std::collections::BTreeSet;

use super::*;

/// Where each section of the table is in a configuration; `{}` takes the keys.
const PLACES: &[(&str, &[&str])] = &[
    ("", &["{}"]),
    ("tls.", &["tls: {}"]),
    ("logs.", &["logs: {}"]),
    ("logs.containers.", &["logs: {containers: {}}"]),
    ("logs.files[].", &["logs: {files: [{}]}"]),
    (
        "multiline.",
        &[
            "logs: {containers: {multiline: {}}}",
            "logs: {files: [{multiline: {}}]}",
        ],
    ),
    (
        "rate_limit.",
        &[
            "logs: {containers: {rate_limit: {}}}",
            "logs: {files: [{rate_limit: {}}]}",
        ],
    ),
    (
        "redact.",
        &[
            "logs: {redact: {}}",
            "logs: {containers: {redact: {}}}",
            "logs: {files: [{redact: {}}]}",
        ],
    ),
    ("redact.patterns[].", &["logs: {redact: {patterns: [{}]}}"]),
    ("metrics.", &["metrics: {}"]),
    ("metrics.host.", &["metrics: {host: {}}"]),
    ("metrics.containers.", &["metrics: {containers: {}}"]),
    ("otlp.", &["otlp: {}"]),
    ("spool.", &["spool: {}"]),
];

#[test]
fn the_table_has_exactly_the_keys_that_can_be_written() {
    assert_eq!(PLACES.len(), reference::SECTIONS.len());
    for ((name, places), (section, settings)) in PLACES.iter().zip(reference::SECTIONS) {
        assert_eq!(name, section);
        let listed: BTreeSet<_> = settings.iter().map(|setting| setting.key).collect();
        for place in *places {
            let text = place.replace("{}", "{zzz: 1}");
            let Err(ConfigError::Setting { invalid, .. }) =
                Config::parse(&text, "agent.yaml", no_variables)
            else {
                panic!("{text} has an unknown key");
            };
            let Problem::UnknownKey { known, .. } = invalid.problem else {
                panic!("{text}: {invalid}");
            };
            assert_eq!(listed, known.iter().copied().collect(), "{section}");
        }
    }
}

#[test]
fn the_defaults_of_the_table_are_those_of_the_code() {
    // What has no default, as in the smallest section.
    let needed = |section: &str| match section {
        "logs.files[]." => "include: [/a], ",
        "multiline." => "start: a, ",
        "rate_limit." => "lines_per_second: 1, ",
        "redact.patterns[]." => "name: a, pattern: b, ",
        _ => "",
    };
    let mut tried = 0;
    for ((section, places), (_, settings)) in PLACES.iter().zip(reference::SECTIONS) {
        for setting in *settings {
            if matches!(setting.default, "" | "the section's defaults") {
                continue;
            }
            for place in *places {
                let (outer, needs) = (
                    place.replace("[{multiline", "[{include: [/a], multiline"),
                    needed(section),
                );
                let outer = outer
                    .replace("[{rate_limit", "[{include: [/a], rate_limit")
                    .replace("[{redact", "[{include: [/a], redact");
                let without = outer.replace("{}", &format!("{{{needs}}}"));
                let with = outer.replace(
                    "{}",
                    &format!("{{{needs}{}: {}}}", setting.key, quoted(setting.default)),
                );
                assert_eq!(parse(&with), parse(&without), "{with}");
                tried += 1;
            }
        }
    }
    assert!(tried > 30, "{tried} defaults were compared");
}

/// A default as a YAML value within braces.
fn quoted(default: &str) -> String {
    match default.as_bytes().first() {
        Some(b'*') => format!("'{default}'"),
        _ => default.to_owned(),
    }
}

#[test]
fn every_setting_has_a_text_that_is_a_sentence() {
    for (section, settings) in reference::SECTIONS {
        for setting in *settings {
            let name = format!("{section}{}", setting.key);
            assert!(setting.help.starts_with(' '), "{name}");
            assert!(setting.help.ends_with('.'), "{name}");
            assert!(for_help().contains(&name));
        }
    }
}

#[test]
fn the_readme_lists_the_settings() {
    const BEGIN: &str = "<!-- settings: begin -->\n";
    const END: &str = "<!-- settings: end -->";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(&path).unwrap();
    let (before, rest) = readme.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let expected = format!("{before}{BEGIN}{}{END}{after}", for_readme());
    if std::env::var("TRIVIUM_UPDATE").is_ok_and(|value| value == "1") {
        fs::write(&path, &expected).unwrap();
    } else {
        assert!(
            readme == expected,
            "the README's settings are not those of the code; TRIVIUM_UPDATE=1 cargo test -p trivium-agent rewrites them"
        );
    }
}

#[test]
fn the_examples_of_the_readme_and_of_the_deployment_files_are_configurations() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(folder.join("README.md")).unwrap();
    let examples: Vec<_> = readme
        .split("```yaml\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    assert!(examples.len() >= 2, "{} examples", examples.len());
    for example in examples {
        parse(example);
    }
    let env = |name: &str| {
        let value = match name {
            "OTLP_ENDPOINT" => "http://collector:4317",
            "NODE_NAME" => "node-1",
            _ => return None,
        };
        Some(value.to_owned())
    };
    let parse_env =
        |text: &str| Config::parse(text, "example", env).unwrap_or_else(|e| panic!("{e}"));
    parse_env(&fs::read_to_string(folder.join("deploy/trivium-agent.yaml")).unwrap());
    let manifest = fs::read_to_string(folder.join("deploy/kubernetes.yaml")).unwrap();
    let (_, rest) = manifest.split_once("  trivium-agent.yaml: |\n").unwrap();
    let (embedded, _) = rest.split_once("---\n").unwrap();
    let config = parse_env(embedded);
    assert_eq!(config.root, Path::new("/host"));
}
