use super::*;

#[test]
fn the_ticks_of_time_end_with_the_run() {
    let ticks = |end| {
        let labels = Time { end }.ticks();
        labels
            .into_iter()
            .map(|(place, label)| (format!("{place:.2}"), label))
            .collect::<Vec<_>>()
    };
    let of = |place: &str, label: &str| (place.to_owned(), label.to_owned());
    assert_eq!(
        ticks(50.0),
        [
            of("0.00", "0 s"),
            of("0.20", "10 s"),
            of("0.40", "20 s"),
            of("0.60", "30 s"),
            of("0.80", "40 s"),
            of("1.00", "50 s")
        ]
    );
    assert_eq!(ticks(1800.0).last(), Some(&of("1.00", "30 min")));
    assert_eq!(ticks(45.0).last(), Some(&of("0.89", "40 s")));
}

#[test]
fn the_labels_of_latencies_are_short() {
    assert_eq!(
        [0.0005, 0.001, 0.02, 0.5, 1.0, 20.0].map(latency_label),
        ["500 µs", "1 ms", "20 ms", "500 ms", "1 s", "20 s"]
    );
}
