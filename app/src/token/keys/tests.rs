//! What a file of keys may hold, and when it is read again.

use super::*;

const SECRET: &str = "hunter2-hunter2-hunter2-hunter2-";

#[test]
fn a_file_has_a_key_per_line_and_the_first_signs() {
    let text = format!("# made in November\r\n\n 2026-11:{SECRET}\r\n2026-10:{SECRET}:with:colons");
    let keys = Keys::parse(&text).unwrap();
    assert_eq!(keys.ids(), "2026-11,2026-10");
    assert_eq!(keys.active().header.kid.as_deref(), Some("2026-11"));
    assert!(keys.find(Some("2026-10")).is_some());
    assert!(keys.find(Some("2026-09")).is_none());
    assert!(keys.find(None).is_none());
}

#[test]
fn a_wrong_line_is_named_and_not_repeated() {
    for (line, problem) in [
        ("hunter2", LineError::Colon),
        (&*format!(":{SECRET}"), LineError::Id),
        (&*format!("a b:{SECRET}"), LineError::Id),
        (&*format!("{}:{SECRET}", "x".repeat(65)), LineError::Id),
        (&*format!("one:{SECRET}"), LineError::Duplicate),
        ("two:hunter2", LineError::Short(7)),
    ] {
        let error = Keys::parse(&format!("one:{SECRET}\n{line}\n")).err();
        assert_eq!(error, Some((2, problem)), "{line}");
        assert!(!problem.to_string().contains("hunter2"));
    }
}

#[tokio::test]
async fn a_file_is_read_again_when_it_changes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys");
    let file = KeysFile::new(path.clone());
    let outcome = async || {
        file.read_if_changed().await.map(|result| {
            result
                .map(|keys| keys.ids())
                .map_err(|error| error.to_string())
        })
    };
    let missing = outcome().await.unwrap().unwrap_err();
    assert!(missing.contains("check APP_JWT_KEYS_FILE"), "{missing}");
    assert_eq!(outcome().await, None, "still missing");
    for (content, expected) in [
        (format!("one:{SECRET}"), Ok("one")),
        (format!("two:{SECRET}\none:{SECRET}"), Ok("two,one")),
        ("# nothing".to_owned(), Err("there is no key in ")),
        ("two:short".to_owned(), Err("line 1 of ")),
    ] {
        std::fs::write(&path, content).unwrap();
        match (outcome().await.unwrap(), expected) {
            (Ok(ids), Ok(expected)) => assert_eq!(ids, expected),
            (Err(error), Err(part)) => assert!(error.contains(part), "{error}"),
            (outcome, _) => panic!("{outcome:?}"),
        }
        assert_eq!(outcome().await, None, "unchanged");
    }
}
