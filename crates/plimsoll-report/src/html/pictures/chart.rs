//! A line chart as SVG, drawn once for wide and once for narrow pages.

use maud::{Markup, PreEscaped, Render as _, html};
use plotters::{coord::Shift, prelude::*};

/// How many lines a chart can tell apart.
pub(super) const INKS: usize = 6;
/// Wide and narrow pages, in the chart's own units.
const SIZES: [(&str, (u32, u32)); 2] = [("wide", (840, 250)), ("narrow", (380, 240))];

/// A chart of lines over time or size.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Chart {
    /// What it shows.
    pub(super) title: String,
    /// What it says, for those who don't see it.
    pub(super) told: String,
    pub(super) across: Across,
    /// What goes upwards.
    pub(super) upwards: String,
    /// Whether only whole numbers go upwards.
    pub(super) whole: bool,
    pub(super) lines: Vec<Line>,
}

/// What goes from left to right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Across {
    /// Milliseconds, shown as seconds.
    Time,
    /// Bytes, on a logarithmic axis.
    Size,
}

/// One line.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Line {
    pub(super) name: String,
    pub(super) points: Vec<(f64, f64)>,
    /// Whether it is what was applied, which is drawn as an area behind what was seen.
    pub(super) applied: bool,
}

/// Colours stand for roles: the style gives each its real colour, in light and in dark. None is a colour of its own.
const AXIS: RGBColor = RGBColor(1, 0, 1);
const GRID: RGBColor = RGBColor(2, 0, 1);
const TEXT: RGBColor = RGBColor(3, 0, 1);

fn ink(line: usize) -> RGBColor {
    RGBColor(16 + u8::try_from(line % INKS).unwrap_or(0), 0, 1)
}

impl Chart {
    /// The chart with its title and legend; nothing if it can't be drawn.
    pub(super) fn figure(&self, source: &str) -> Markup {
        let drawn: Vec<(&str, String)> = SIZES
            .into_iter()
            .filter_map(|(class, size)| Some((class, self.svg(size)?)))
            .collect();
        if drawn.is_empty() {
            return html! {};
        }
        html! {
            figure {
                figcaption { strong { (self.title) } small { (source) } }
                @for (class, svg) in &drawn { (self.labelled(class, svg)) }
                ul.legend {
                    @for (index, line) in self.lines.iter().enumerate() {
                        li { span class={ "swatch ink-" (index % INKS) } aria-hidden="true" {} (line.name) }
                    }
                }
                @if !self.told.is_empty() { p.told { (self.told) } }
            }
        }
    }

    /// The library's element with a size that follows the page, and with words for who doesn't see it.
    fn labelled(&self, class: &str, svg: &str) -> Markup {
        let (Some(view), Some(end)) = (svg.find("viewBox="), svg.find('>')) else {
            return html! {};
        };
        let attributes = &svg[view..end];
        let label = format!("{}. {}", self.title, self.told);
        PreEscaped(format!(
            "<svg class=\"chart {class}\" role=\"img\" aria-label=\"{}\" {attributes}{}",
            label.render().into_string(),
            &svg[end..]
        ))
    }

    fn svg(&self, size: (u32, u32)) -> Option<String> {
        let (low, high) = bounds(self.points().map(|(x, _)| x))?;
        let (_, top) = bounds(self.points().map(|(_, y)| y))?;
        let bottom = self.points().map(|(_, y)| y).fold(0.0, f64::min);
        let top = if top > bottom {
            top + (top - bottom) * 0.08
        } else {
            bottom + 1.0
        };
        let mut svg = String::new();
        {
            let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
            match self.across {
                Across::Time => {
                    let high = if high > low { high } else { low + 1.0 };
                    self.draw(&area, low..high, bottom..top)
                }
                Across::Size => {
                    let low = low.max(1.0);
                    self.draw(&area, (low..high.max(low * 2.0)).log_scale(), bottom..top)
                }
            }
            .ok()?;
            area.present().ok()?;
        }
        Some(svg)
    }

    fn points(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        self.lines.iter().flat_map(|line| line.points.iter().copied())
    }

    fn draw<X>(
        &self,
        area: &DrawingArea<SVGBackend<'_>, Shift>,
        across: X,
        upwards: std::ops::Range<f64>,
    ) -> Result<(), Box<dyn std::error::Error>>
    where
        X: plotters::coord::ranged1d::AsRangedCoord,
        X::CoordDescType: Ranged<ValueType = f64> + plotters::coord::ranged1d::ValueFormatter<f64>,
        X::Value: std::fmt::Debug,
    {
        let font = ("sans-serif", 14).into_font().color(&TEXT);
        let bottom = upwards.start.max(0.0);
        let mut chart = ChartBuilder::on(area)
            .margin(6)
            .x_label_area_size(36)
            .y_label_area_size(58)
            .build_cartesian_2d(across, upwards)
            .map_err(|error| error.to_string())?;
        let (unit, whole) = (self.across, self.whole);
        chart
            .configure_mesh()
            .disable_x_mesh()
            .max_light_lines(0)
            .bold_line_style(GRID)
            .axis_style(AXIS)
            .label_style(font.clone())
            .axis_desc_style(font)
            .x_labels(7)
            .y_labels(5)
            .x_desc(match unit {
                Across::Time => "seconds",
                Across::Size => "bytes",
            })
            .y_desc(self.upwards.as_str())
            .x_label_formatter(&|x| match unit {
                Across::Time => number(*x / 1000.0),
                Across::Size => size(*x),
            })
            .y_label_formatter(&|y| {
                if whole && y.fract() != 0.0 {
                    String::new()
                } else {
                    number(*y)
                }
            })
            .draw()
            .map_err(|error| error.to_string())?;
        for (index, line) in self.lines.iter().enumerate() {
            let colour = ink(index);
            let points = line.points.iter().copied();
            if line.applied {
                chart
                    .draw_series(AreaSeries::new(points, bottom, colour.mix(0.18)).border_style(colour))
                    .map_err(|error| error.to_string())?;
            } else {
                chart
                    .draw_series(LineSeries::new(points, colour.stroke_width(2)))
                    .map_err(|error| error.to_string())?;
            }
        }
        Ok(())
    }
}

/// The least and the greatest; none without a number.
fn bounds(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values
        .filter(|value| value.is_finite())
        .fold(None, |bounds, value| match bounds {
            None => Some((value, value)),
            Some((low, high)) => Some((value.min(low), value.max(high))),
        })
}

/// A number with as many digits as are needed, large ones with their prefix.
fn number(value: f64) -> String {
    let (value, prefix) = match value.abs() {
        size if size >= 1e12 => (value / 1e12, "T"),
        size if size >= 1e9 => (value / 1e9, "G"),
        size if size >= 1e6 => (value / 1e6, "M"),
        size if size >= 1e4 => (value / 1e3, "k"),
        _ => (value, ""),
    };
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{}{prefix}", if text == "-0" { "0" } else { text })
}

/// A number of bytes.
fn size(bytes: f64) -> String {
    let (value, unit) = match bytes {
        size if size >= 1_073_741_824.0 => (bytes / 1_073_741_824.0, "Gi"),
        size if size >= 1_048_576.0 => (bytes / 1_048_576.0, "Mi"),
        size if size >= 1024.0 => (bytes / 1024.0, "Ki"),
        _ => (bytes, ""),
    };
    format!("{value:.0}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(points: &[(f64, f64)]) -> Chart {
        Chart {
            title: "<b>".to_owned(),
            told: "\"told\"".to_owned(),
            across: Across::Time,
            upwards: "</svg><script>".to_owned(),
            whole: false,
            lines: vec![Line {
                name: "x".to_owned(),
                points: points.to_vec(),
                applied: false,
            }],
        }
    }

    #[test]
    fn a_chart_is_drawn_at_two_widths_and_no_text_leaves_it() {
        let html = chart(&[(0.0, 1.0), (1000.0, 3.0)]).figure("a & b").into_string();
        assert_eq!(html.matches("<svg class=\"chart ").count(), 2);
        assert!(
            html.contains("aria-label=\"&lt;b&gt;. &quot;told&quot;\""),
            "{html}"
        );
        assert!(!html.contains("<script>"), "{html}");
    }

    #[test]
    fn what_cannot_be_drawn_is_left_out() {
        for points in [&[][..], &[(f64::NAN, 1.0)], &[(1.0, f64::INFINITY)]] {
            assert_eq!(chart(points).figure("").into_string(), "", "{points:?}");
        }
        for points in [
            &[(5.0, 5.0)][..],
            &[(0.0, 0.0), (0.0, 0.0)],
            &[(1e300, -1e300), (-1e300, 1e300)],
        ] {
            chart(points).figure("");
        }
    }

    #[test]
    fn numbers_are_short() {
        for (value, text) in [
            (0.0, "0"),
            (-0.001, "0"),
            (2.5, "2.5"),
            (1200.0, "1200"),
            (85_899_345_920.0, "85.9G"),
        ] {
            assert_eq!(number(value), text);
        }
        assert_eq!(
            (size(512.0), size(4_194_304.0)),
            ("512".to_owned(), "4Mi".to_owned())
        );
    }
}
