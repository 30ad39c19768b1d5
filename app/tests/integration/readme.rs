//! The README's table of settings is the one that `--help` prints.

use std::path::Path;

use clap::CommandFactory;
use trivium_app::Settings;

const HEADING: &str = "`trivium-app`:\n\n";

/// One line per setting, in the order of `--help`.
fn table() -> String {
    let command = Settings::command();
    let settings = command.get_arguments().filter_map(|argument| {
        let variable = argument.get_env()?.to_str().unwrap();
        let defaults = argument.get_default_values();
        let default = match defaults.first().filter(|default| !default.is_empty()) {
            Some(default) => format!("`{}`", default.to_str().unwrap()),
            None => "–".to_owned(),
        };
        let help = argument.get_help().unwrap().to_string();
        Some(format!("| `{variable}` | {default} | {help} |\n"))
    });
    let lines: String = settings.collect();
    format!("| variable | default | |\n|---|---|---|\n{lines}")
}

#[test]
fn the_readme_lists_the_settings_of_help() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = readme.split_once(HEADING).unwrap();
    let (_, after) = rest.split_once("\n\n").unwrap();
    let expected = format!("{before}{HEADING}{}\n{after}", table());
    if std::env::var("TRIVIUM_UPDATE").is_ok_and(|value| value == "1") {
        std::fs::write(&path, &expected).unwrap();
    } else {
        assert!(
            readme == expected,
            "the README's settings are not those of --help; TRIVIUM_UPDATE=1 cargo test -p trivium-app rewrites them"
        );
    }
}

#[test]
fn help_has_a_variable_and_a_text_for_each_setting() {
    for argument in Settings::command().get_arguments() {
        let flag = argument.get_long().unwrap();
        let variable = argument.get_env().unwrap().to_str().unwrap();
        let name = variable.strip_prefix("APP_").unwrap_or(variable);
        assert_eq!(name.to_lowercase().replace('_', "-"), flag);
        assert!(argument.get_help().is_some(), "--{flag}");
    }
}
