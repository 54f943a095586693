//! An interval log, as the tools of `HdrHistogram` read it.

use std::io;
use std::time::{Duration, UNIX_EPOCH};

use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};

use crate::{Document, Error};

/// The latencies of all runs that have a distribution of them, as an interval log of nanoseconds: an interval for each run,
/// tagged by its cell (blanks and commas as `_`), and another, `CELL:uncorrected`, of the latency from sending, where that is
/// known. Of clients that come and go it is how long opening took. Intervals follow one another from the document's beginning
/// on: when exactly a run began isn't known. Maxima are in milliseconds.
///
/// # Errors
/// None that a distribution of a report can cause.
pub fn hlog(document: &Document) -> Result<Vec<u8>, Error> {
    write(document).map_err(|source| Error::Io { doing: "write the interval log", source })
}

fn write(document: &Document) -> io::Result<Vec<u8>> {
    let (mut bytes, mut serializer) = (Vec::new(), V2DeflateSerializer::new());
    let began = UNIX_EPOCH + Duration::from_secs(document.started);
    let mut builder = IntervalLogWriterBuilder::new();
    builder.add_comment(&document.tool).add_comment(&document.command.join(" ")).add_comment("Latency in nanoseconds");
    builder.with_start_time(began).with_base_time(began).with_max_value_divisor(1e6);
    let mut log = builder.begin_log_with(&mut bytes, &mut serializer)?;
    let mut at = Duration::ZERO;
    for (cell, run) in document.runs() {
        let Some(run) = run.timed() else { continue };
        let length = Duration::try_from_secs_f64(run.seconds).unwrap_or_default();
        let uncorrected = run.uncorrected.map(|times| (":uncorrected", times));
        for (name, times) in [("", run.latency)].into_iter().chain(uncorrected) {
            let tag = format!("{}{name}", cell.name).replace([' ', ',', '\r', '\n'], "_");
            log.write_histogram(times.histogram(), at, length, Tag::new(&tag))
                .map_err(|error| io::Error::other(error.to_string()))?;
        }
        at += length;
    }
    drop(log);
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use hdrhistogram::Histogram;
    use hdrhistogram::serialization::Deserializer;
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

    use super::*;
    use crate::{Report, samples};

    /// Tags, and what they are of, as the tools' own reader reads them.
    fn read(document: &Document) -> Vec<(String, Histogram<u64>)> {
        let bytes = hlog(document).unwrap();
        let mut read = Vec::new();
        for entry in IntervalLogIterator::new(&bytes) {
            if let LogEntry::Interval(interval) = entry.unwrap() {
                let histogram = STANDARD.decode(interval.encoded_histogram()).unwrap();
                let times = Deserializer::new().deserialize(&mut histogram.as_slice()).unwrap();
                read.push((interval.tag().unwrap().as_str().to_owned(), times));
            }
        }
        read
    }

    #[test]
    fn clients_that_talk_or_come_and_go_are_in_it() {
        let tags: Vec<_> = read(&samples::flows()).into_iter().map(|(tag, _)| tag).collect();
        assert_eq!(tags, ["chat", "resume", "churn", "churn:uncorrected"]);
    }

    #[test]
    fn its_own_reader_reads_it() {
        let mut document = samples::compared();
        document.cells[1].name = "long polling, 25 s".into();
        let read = read(&document);
        assert_eq!(read.len(), 2 * document.runs().count());
        assert_eq!(read[0].0, "websocket");
        let Report::Load(first) = &document.cells[0].runs[0] else { panic!("a load") };
        assert_eq!(read[0].1.value_at_quantile(0.99), first.latency.histogram().value_at_quantile(0.99));
        let tags: Vec<_> = read.iter().map(|(tag, _)| tag.as_str()).collect();
        assert!(tags.contains(&"long_polling__25_s") && tags.contains(&"websocket:uncorrected"), "{tags:?}");
    }
}
