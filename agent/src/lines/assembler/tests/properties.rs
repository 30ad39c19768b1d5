use proptest::prelude::*;

use super::*;

/// What a container writes: its streams and texts, with how many parts each was cut in.
fn writes() -> impl Strategy<Value = Vec<(bool, String, usize)>> {
    prop::collection::vec((any::<bool>(), "[a-z\"\\\\é\t]{1,30}", 1..4_usize), 1..20)
}

proptest! {
    #[test]
    fn whatever_the_parts_and_rotations_each_stream_is_as_it_was_written(
        writes in writes(), rotate_every in 1..6_usize, is_cri: bool, seed: u64
    ) {
        let mut log = Log::of(if is_cri { Format::Cri } else { Format::Docker });
        // The parts of each stream in order, then the streams interleaved.
        let mut queues: [Vec<(String, bool)>; 2] = Default::default();
        for (is_error, text, parts) in &writes {
            let characters: Vec<char> = text.chars().collect();
            let size = characters.len().div_ceil(*parts);
            let pieces = characters.chunks(size).map(String::from_iter).collect::<Vec<_>>();
            for (at, piece) in pieces.iter().enumerate() {
                queues[usize::from(*is_error)].push((piece.clone(), at + 1 < pieces.len()));
            }
        }
        let mut queues = queues.map(Vec::into_iter);
        let (mut turn, mut offered) = (seed, 0);
        let mut covered = 0;
        while queues.iter().any(|queue| queue.len() > 0) {
            turn = turn.rotate_left(7).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x55;
            let is_error = usize::from(turn.is_multiple_of(2));
            let Some((piece, is_part)) = queues[is_error].next() else { continue };
            let stream = ["stdout", "stderr"][is_error];
            let (file, start) = (log.file, log.offset);
            if is_cri {
                log.offer(format!("{TIME} {stream} {} {piece}", if is_part { "P" } else { "F" }));
            } else {
                log.docker(stream, &if is_part { piece } else { piece + "\n" });
            }
            covered += usize::from(!is_part);
            prop_assert_eq!(log.batch.records(), covered as u64);
            if is_part {
                prop_assert!(log.held().unwrap() <= (file, start));
            }
            offered += 1;
            if offered % rotate_every == 0 {
                log.rotate();
            }
        }
        prop_assert_eq!(log.held(), None);
        let records = log.records();
        for (is_error, stream) in [(false, "log.iostream=stdout"), (true, "log.iostream=stderr")] {
            let read: Vec<String> = records
                .iter()
                .filter(|record| shown(&record.attributes) == [stream])
                .map(body)
                .collect();
            let written: Vec<String> = writes.iter().filter(|write| write.0 == is_error).map(|write| write.1.clone()).collect();
            prop_assert_eq!(read, written);
        }
    }

    #[test]
    fn arbitrary_bytes_become_records_that_prost_reads(lines: Vec<Vec<u8>>, multiline: bool) {
        let start = multiline.then(|| bytes::Regex::new("^[a-m]").unwrap());
        for format in [Format::Plain, Format::Json, Format::Logfmt, Format::Docker, Format::Cri] {
            let mut log = Log::new(Settings {
                format,
                parse: Parse::Auto,
                multiline: start.clone(),
                redactor: Some(redactor()),
                ..Settings::default()
            });
            for line in &lines {
                log.offer(line);
            }
            log.flush(u64::MAX);
            let records = log.records().len();
            prop_assert!(records == lines.len() || multiline && records < lines.len());
            prop_assert_eq!(log.held(), None);
        }
    }
}
