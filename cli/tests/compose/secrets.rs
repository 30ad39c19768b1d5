//! `make secrets`: what it makes, and that it leaves what is there.

use std::{collections::BTreeMap, fs, os::unix::fs::PermissionsExt as _, path::Path};

use crate::make_secrets;

const FILES: [&str; 8] = [
    "app/jwt_keys",
    "grafana/admin_password",
    "grafana/secret_key",
    "lens/token",
    "otelcol/server.key",
    "otelcol/server.pem",
    "otlp/ca.pem",
    "otlp/token",
];

fn read(folder: &Path) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let part = entry.unwrap();
        for file in fs::read_dir(part.path()).unwrap() {
            let file = file.unwrap();
            let name = Path::new(&part.file_name()).join(file.file_name());
            let text = fs::read_to_string(file.path()).unwrap();
            files.insert(name.to_str().unwrap().to_owned(), text);
        }
    }
    files
}

#[test]
fn each_secret_is_made_once_and_only_its_owner_gets_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secrets");
    make_secrets(&path);
    let made = read(&path);
    assert_eq!(made.keys().map(String::as_str).collect::<Vec<_>>(), FILES);
    assert_eq!(made["otlp/token"].len(), 64, "256 bits, and no line end");
    assert_eq!(made["lens/token"].len(), 64);
    let (id, key) = made["app/jwt_keys"].split_once(':').unwrap();
    assert!(id.starts_with('k') && key.len() == 64, "{id}");
    assert!(made["grafana/admin_password"].len() >= 24);
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(
        mode & 0o777,
        0o700,
        "the files themselves are for users of containers too"
    );

    fs::remove_file(path.join("app/jwt_keys")).unwrap();
    make_secrets(&path);
    let again = read(&path);
    for name in FILES {
        assert_eq!(again[name] == made[name], name != "app/jwt_keys", "{name}");
    }
}
