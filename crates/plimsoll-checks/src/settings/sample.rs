//! The file that `plimsoll config --init` writes.

/// Every key with what it means, none of them set.
pub const SAMPLE: &str = include_str!("sample.toml");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;

    #[test]
    fn as_written_nothing_is_set() {
        assert_eq!(Settings::parse("sample", SAMPLE).unwrap(), Settings::default());
    }

    #[test]
    fn every_line_that_is_commented_out_can_be_used_as_it_stands() {
        let used: String = SAMPLE
            .lines()
            .map(|line| {
                let setting = line.strip_prefix("# ").filter(|rest| {
                    rest.split_once(" = ")
                        .is_some_and(|(key, _)| !key.contains(' ') && !key.is_empty())
                });
                format!("{}\n", setting.unwrap_or(line))
            })
            .collect();
        let settings = Settings::parse("sample", &used).unwrap();
        assert_eq!(settings.stated.len(), 15, "{:?}", settings.stated);
    }
}
