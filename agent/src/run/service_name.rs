//! The `service.name` of a log file for which the configuration has none.

use std::path::Path;

/// The file's name up to its first dot, without a number or a date at its end; where nothing is left, its folder's name.
///
/// So `app.log`, `app-2026-11-24.log` and `app.log.1` are of `app`, and there are never more names than programs for long.
pub(super) fn service_name(path: &Path) -> Option<&str> {
    let name = path.file_name()?.to_str()?;
    let stem = name.split_once('.').map_or(name, |(stem, _)| stem);
    match without_number(stem) {
        "" => path.parent()?.file_name()?.to_str(),
        name => Some(name),
    }
}

fn without_number(mut name: &str) -> &str {
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    while let Some((before, last)) = name.rsplit_once(['-', '_'])
        && is_number(last)
    {
        name = before;
    }
    if is_number(name) { "" } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_file_is_that_of_its_program_else_its_folder_is() {
        for (path, expected) in [
            ("/var/log/app.log", Some("app")),
            ("/var/log/syslog", Some("syslog")),
            ("/var/log/app.log.1", Some("app")),
            ("/var/log/app-2026-11-24.log", Some("app")),
            ("/var/log/app_20261124-7.json.log", Some("app")),
            ("/var/log/auth2.log", Some("auth2")),
            ("/var/log/auth2-1.log", Some("auth2")),
            ("/var/log/order-events.log", Some("order-events")),
            ("/var/log/shop/2026-11-24.log", Some("shop")),
            ("/var/log/shop/0001.log", Some("shop")),
            ("/var/log/shop/.log", Some("shop")),
            ("/1.log", None),
        ] {
            assert_eq!(service_name(Path::new(path)), expected, "{path}");
        }
    }
}
