use super::*;
use crate::load::summary::fixture;

#[test]
fn the_text_has_the_table_the_failures_the_slowest_traces_and_the_conditions() {
    let expected = "\
http://127.0.0.1:8000/: normal, 5 users, 10 s

route            requests failures    req/s      p50      p95      p99      max
POST /signup/           1        0      0.1 310.0 ms 310.0 ms 310.0 ms 310.0 ms
GET /users/me/          2        1      0.2   5.0 ms   1.25 s   1.25 s   1.25 s
all                     3        1      0.3 310.0 ms   1.25 s   1.25 s   1.25 s

failures
       1  GET /users/me/   answered 503 Service Unavailable

slowest requests, with their traces
  1.25 s  GET /users/me/   http://127.0.0.1:3000/traces/00000000000000000000000000001250
310.0 ms  POST /signup/    http://127.0.0.1:3000/traces/00000000000000000000000000000310
  5.0 ms  GET /users/me/   http://127.0.0.1:3000/traces/00000000000000000000000000000005

fail if
  failed  p95>200ms: 1.25 s
  passed  rate<0.1: 0.3/s
";
    assert_eq!(of(&fixture::summary(None)), expected);
}

#[test]
fn the_open_model_says_what_was_due_and_what_was_not_sent() {
    let text = of(&fixture::summary(Some(2.5)));
    assert!(
        text.starts_with("http://127.0.0.1:8000/: normal, 5 users, 10 s, 2.5 requests/s due\n"),
        "{text}"
    );
    assert!(
        text.contains(
            "\n22 requests were due before the end and not sent: all users waited for an answer\n"
        ),
        "{text}"
    );
}

#[test]
fn a_sparkline_is_as_high_as_its_greatest_value() {
    assert_eq!(sparkline(&[0.0, 1.0, 2.0, 4.0]), "▁▃▅█");
    assert_eq!(sparkline(&[0.0, 0.0]), "▁▁");
    assert_eq!(sparkline(&[]), "");
}
