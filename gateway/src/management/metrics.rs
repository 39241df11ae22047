//! Figures for Prometheus, in its text format. The number of series is bounded: programs beyond the first hundred that are asked for
//! are counted together.

use std::fmt::{Display, Write as _};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use cop_runtime::Health;

use super::Management;
use super::routes::Answer;
use crate::asked::Asked;
use crate::measures::{BUCKETS_US, Histogram, Measures};
use crate::own;

pub(super) async fn metrics(_: Asked, management: Arc<Management>) -> Answer {
    let text = text(&management.executor.health(), &management.observer.measures);
    Ok(own::content(
        "text/plain; version=0.0.4; charset=utf-8",
        text,
    ))
}

/// Text that grows by one metric after another.
#[derive(Default)]
struct Metrics(String);

impl Metrics {
    fn head(&mut self, kind: &str, name: &str, help: &str) {
        // Writing to a text cannot fail.
        let _ = writeln!(
            self.0,
            "# HELP coputer_{name} {help}\n# TYPE coputer_{name} {kind}"
        );
    }

    fn row(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let labels: Vec<_> = labels
            .iter()
            .map(|(name, value)| format!("{name}=\"{}\"", value.replace(['\\', '"', '\n'], "_")))
            .collect();
        let labels = match labels.is_empty() {
            true => String::new(),
            false => format!("{{{}}}", labels.join(",")),
        };
        let _ = writeln!(self.0, "coputer_{name}{labels} {value}");
    }

    fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        self.head("gauge", name, help);
        self.row(name, &[], value);
    }

    fn counter(&mut self, name: &str, help: &str, value: impl Display) {
        self.head("counter", name, help);
        self.row(name, &[], value);
    }

    fn histogram(&mut self, name: &str, help: &str, histogram: &Histogram) {
        self.head("histogram", name, help);
        let (counts, sum_us) = histogram.read();
        let bucket = format!("{name}_bucket");
        for (bound, count) in BUCKETS_US.iter().zip(&counts) {
            let bound = seconds(*bound);
            self.row(&bucket, &[("le", &bound)], count);
        }
        let all = counts.last().copied().unwrap_or_default();
        self.row(&bucket, &[("le", "+Inf")], all);
        self.row(&format!("{name}_sum"), &[], seconds(sum_us));
        self.row(&format!("{name}_count"), &[], all);
    }
}

fn seconds(us: u64) -> String {
    let text = format!("{}.{:06}", us / 1_000_000, us % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn text(health: &Health, measures: &Measures) -> String {
    let mut out = Metrics::default();
    out.head("gauge", "build_info", "Always 1; the version of the node");
    out.row("build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);

    out.head(
        "counter",
        "http_answers_total",
        "Answers of the gateway, by the class of their status",
    );
    for (class, count) in ["1xx", "2xx", "3xx", "4xx", "5xx"]
        .iter()
        .zip(&measures.statuses)
    {
        out.row(
            "http_answers_total",
            &[("status", class)],
            count.load(Ordering::Relaxed),
        );
    }
    out.head(
        "counter",
        "failures_total",
        "Answers that told a failure, by its code",
    );
    for (code, count) in measures.failures() {
        out.row("failures_total", &[("code", code)], count);
    }
    out.histogram(
        "http_answer_seconds",
        "From the end of a request's head to its answer, the reading of its body included",
        &measures.answer_time,
    );
    out.histogram(
        "run_seconds",
        "Runs that made an answer, in the execution system; hits of the cache are not runs",
        &measures.run_time,
    );
    let sent = measures.sent_bytes.load(Ordering::Relaxed);
    out.counter("http_sent_bytes_total", "Bytes of bodies of answers", sent);

    let programs = measures.programs();
    out.head(
        "counter",
        "program_answers_total",
        "Answers of programs, by whether the cache had them",
    );
    for (program, counts) in &programs {
        out.row(
            "program_answers_total",
            &[("program", program), ("cache", "hit")],
            counts.hits,
        );
        out.row(
            "program_answers_total",
            &[("program", program), ("cache", "miss")],
            counts.runs,
        );
    }
    out.head(
        "counter",
        "program_fuel_total",
        "Fuel that runs of programs used",
    );
    for (program, counts) in &programs {
        out.row("program_fuel_total", &[("program", program)], counts.fuel);
    }
    out.head(
        "counter",
        "program_traps_total",
        "Runs of programs that trapped",
    );
    for (program, counts) in &programs {
        out.row("program_traps_total", &[("program", program)], counts.traps);
    }

    out.counter("runs_total", "Runs of programs", health.runs);
    out.counter("traps_total", "Runs that trapped", health.traps);
    out.counter(
        "refused_total",
        "Requests refused for lack of room",
        health.refused,
    );
    out.gauge("workers", "Threads that run programs", health.workers);
    out.gauge("running", "Runs under way", health.running);
    out.gauge("queued", "Runs that wait for a worker", health.queued);
    out.gauge(
        "waiting",
        "Runs that wait for an answer from elsewhere",
        health.waiting,
    );
    out.gauge(
        "messages",
        "Messages of programs that wait to be delivered",
        health.messages,
    );
    out.counter(
        "cache_hits_total",
        "Answers taken from the cache",
        health.cache_hits,
    );
    out.counter(
        "cache_misses_total",
        "Answers that needed a run",
        health.cache_misses,
    );
    out.gauge(
        "cache_bytes",
        "Memory of remembered answers",
        health.cache_bytes,
    );
    out.gauge("store_bytes", "Size of the store", health.store_bytes);
    out.gauge(
        "store_writable",
        "1 while the store takes writes",
        u8::from(health.writable),
    );
    out.gauge("programs", "Published names", health.programs);
    out.gauge(
        "publishers",
        "Publishers with at least one name",
        health.publishers,
    );
    out.counter(
        "disagreements_total",
        "Runs that were told the same and did not do the same; 0 on a healthy machine",
        health.disagreements,
    );
    out.counter(
        "checked_total",
        "Runs done again in the other engine",
        health.self_check.checked,
    );
    out.counter(
        "check_differences_total",
        "Those that came out differently; 0 on a healthy machine",
        health.self_check.differences,
    );
    out.counter(
        "compiled_functions_total",
        "Functions compiled to machine code",
        health.compiled.functions,
    );
    out.gauge(
        "compiling_queued",
        "Requests for machine code that wait",
        health.compiled.waiting,
    );
    out.gauge(
        "code_bytes",
        "Memory of machine code",
        health.compiled.code_bytes,
    );
    out.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_of_the_format_and_every_metric_has_a_head() {
        let text = text(&Health::default(), &Measures::default());
        let mut name = "";
        for line in text.lines() {
            if let Some(head) = line.strip_prefix("# HELP ") {
                name = head.split_once(' ').expect("a help").0;
            } else if let Some(kind) = line.strip_prefix("# TYPE ") {
                assert!(kind.starts_with(name), "{line}");
                let is_counter = kind.ends_with(" counter");
                assert_eq!(is_counter, name.ends_with("_total"), "{line}");
            } else {
                let (series, value) = line.rsplit_once(' ').expect("a value");
                assert!(
                    series.starts_with(name) && value.parse::<f64>().is_ok(),
                    "{line}"
                );
            }
        }
        assert_eq!(
            [seconds(100), seconds(2_500_000), seconds(0)],
            ["0.0001", "2.5", "0"]
        );
    }
}
