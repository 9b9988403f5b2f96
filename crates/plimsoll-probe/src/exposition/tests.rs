//! Answers of exporters, sound and not.

use proptest::prelude::*;

use super::*;

fn only(line: &str) -> Sample {
    let mut read = Exposition::parse(line);
    assert_eq!(read.malformed, [], "{line}");
    assert_eq!(read.samples.len(), 1, "{line}");
    read.samples.remove(0)
}

#[test]
fn a_sample_has_a_name_labels_and_a_value() {
    let text = "# HELP DCGM_FI_DEV_GPU_UTIL GPU utilization (in %).\n# TYPE DCGM_FI_DEV_GPU_UTIL gauge\n\
                DCGM_FI_DEV_GPU_UTIL{gpu=\"0\",UUID=\"GPU-1\",modelName=\"A \\\"B\\\" \\\\ C\",} 37\n";
    let sample = only(text);
    assert_eq!(
        (sample.name.as_str(), sample.value),
        ("DCGM_FI_DEV_GPU_UTIL", 37.0)
    );
    assert_eq!(sample.labels["UUID"], "GPU-1");
    assert_eq!(sample.labels["modelName"], "A \"B\" \\ C");
}

#[test]
fn times_exemplars_and_the_end_of_openmetrics_are_understood() {
    assert_eq!(only("a 1 1700000000000").value, 1.0);
    assert_eq!(
        only("a_total{x=\"}\"} 2 1700000000.5 # {trace=\"1\"} 0.5").value,
        2.0
    );
    assert_eq!(only("a_total 2 # {trace=\"1\"} 0.5").value, 2.0);
    assert_eq!(Exposition::parse("# EOF\n"), Exposition::default());
}

#[test]
fn a_name_that_is_no_identifier_stands_in_quotes() {
    let sample = only(r#"{"hw.gpu.utilization", "hw.id"="1", unit="1"} 0.5"#);
    assert_eq!(sample.name, "hw.gpu.utilization");
    assert_eq!(sample.labels["hw.id"], "1");
}

#[test]
fn values_that_are_no_numbers_are_values() {
    assert!(only("a NaN").value.is_nan());
    assert_eq!(only("a +Inf").value, f64::INFINITY);
    assert_eq!(only("a 9223372036854775794").value, 9_223_372_036_854_775_794.0);
}

#[test]
fn a_line_that_is_none_is_told_and_the_next_is_read() {
    let read = Exposition::parse("<html>\na{b=\"c} 1\na{b=c} 1\na\na x\na{b=\"1\",b=\"2\"} 1\ngood 1");
    assert_eq!(read.samples.len(), 1);
    assert_eq!((read.malformed_lines, read.malformed.len()), (6, 3));
    assert_eq!(read.malformed[0].line, 1);
}

#[test]
fn a_series_that_comes_twice_is_counted() {
    assert_eq!(
        Exposition::parse("a{x=\"1\",y=\"2\"} 1\na{y=\"2\",x=\"1\"} 2").duplicates,
        1
    );
    assert_eq!(Exposition::parse("a{x=\"1\"} 1\na{x=\"2\"} 1").duplicates, 0);
}

#[test]
fn what_nobody_sends_in_earnest_is_refused() {
    let long = format!("a{{b=\"{}\"}} 1", "x".repeat(5000));
    assert_eq!(Exposition::parse(&long).malformed_lines, 1);
    let many: Vec<String> = (0..100).map(|index| format!("l{index}=\"\"")).collect();
    assert_eq!(
        Exposition::parse(&format!("a{{{}}} 1", many.join(","))).malformed_lines,
        1
    );
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in ".{0,400}") {
        let read = Exposition::parse(&text);
        prop_assert!(read.samples.len() + read.malformed_lines <= text.lines().count());
    }

    #[test]
    fn what_is_written_is_read(value: f64, labels in prop::collection::btree_map("[a-z_][a-z0-9_]{0,8}", "[^\r\n]{0,20}", 0..5)) {
        let shown: Vec<String> = labels
            .iter()
            .map(|(name, value)| format!("{name}=\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"")))
            .collect();
        let sample = only(&format!("metric:name{{{}}} {value:?}", shown.join(",")));
        prop_assert_eq!(sample.labels, labels);
        prop_assert!(sample.value == value || (sample.value.is_nan() && value.is_nan()));
    }
}

#[test]
fn of_an_endless_answer_only_the_first_samples_are_kept() {
    let text: String = (0..30_000)
        .map(|number| format!("a{{n=\"{number}\"}} 1\n"))
        .collect();
    let read = Exposition::parse(&text);
    assert_eq!((read.samples.len(), read.total), (20_000, 30_000));
    let long = format!("a{{n=\"{}\"}} 1\n", "\\n".repeat(10_000));
    assert_eq!(Exposition::parse(&long).malformed_lines, 1);
}
