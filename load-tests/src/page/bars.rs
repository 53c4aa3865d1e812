//! Lengths side by side, as SVG.

use super::escape::escape;
use super::number;
use super::plot::{self, Area, Canvas, line, text, width_of};
use super::scale::{self, End, Scale};
use crate::report::{Bar, Bars};

/// From one bar to the next.
const ROW: f64 = 30.0;

/// Of a bar.
const THICKNESS: f64 = 16.0;

/// For a name above its bar.
const NAME_ROW: f64 = 17.0;

/// Of the picture, for names to the left of the bars; with longer ones, names stand above.
const NAMES_SHARE_MAX: f64 = 0.38;

/// The picture.
pub(super) fn svg(bars: &Bars, canvas: &Canvas) -> String {
    let Some(x) = scale(bars, canvas) else {
        return plot::empty(canvas, &bars.title);
    };
    let layout = Layout::of(bars, canvas, &x);
    let area = &layout.area;
    let mut svg = plot::open(canvas, area.bottom() + 44.0, &bars.title);
    for (class, place) in x
        .minor
        .iter()
        .map(|&place| ("minor", place))
        .chain(x.ticks.iter().map(|tick| ("grid", tick.place)))
    {
        svg += &line(class, (area.x(place), area.top), (area.x(place), area.bottom()));
    }
    for tick in &x.ticks {
        svg += &text("tick middle", area.x(tick.place), area.bottom() + 18.0, &tick.label);
    }
    let label = plot::shortened(&bars.axis.label, canvas.width);
    svg += &text("axis end", canvas.width - 4.0, area.bottom() + 38.0, &label);
    for (index, bar) in bars.bars.iter().enumerate() {
        svg += &layout.bar(bar, area.top + index as f64 * layout.row, &x);
    }
    let origin = area.x(x.origin());
    svg += &line("base", (origin, area.top), (origin, area.bottom()));
    svg + "</svg>\n"
}

/// What must be said beside the picture.
pub(super) fn note(bars: &Bars) -> Option<String> {
    bars.axis.log.then(|| {
        "The axis is logarithmic: compare where bars end, not how long they are.".to_owned()
    })
}

/// For the medians and ranges; nothing if the axis can show no median.
///
/// A logarithmic axis has no zero for bars to begin at, so they begin a decade below the least
/// value: that one is still seen to be a bar.
fn scale(bars: &Bars, canvas: &Canvas) -> Option<Scale> {
    let seen: Vec<&Bar> =
        bars.bars.iter().filter(|bar| scale::shows(&bars.axis, bar.value.median)).collect();
    if seen.is_empty() {
        return None;
    }
    let ends = seen.iter().flat_map(|bar| [bar.value.min, bar.value.median, bar.value.max]);
    let ends: Vec<f64> = ends.filter(|&end| scale::shows(&bars.axis, end)).collect();
    let least = ends.iter().copied().fold(f64::INFINITY, f64::min);
    let begin = if bars.axis.log { least / 10.0 } else { 0.0 };
    // Long labels are further apart, and there is less room than beside curves.
    let ticks = (canvas.ticks * 7 / 10).max(4);
    Scale::of(&bars.axis, ends.into_iter().chain([begin]), ticks, End::Tight)
}

/// Where names, bars and values are.
struct Layout {
    area: Area,
    /// From one bar to the next.
    row: f64,
    /// For names, if they stand to the left.
    names: Option<f64>,
    canvas_width: f64,
}

impl Layout {
    fn of(bars: &Bars, canvas: &Canvas, x: &Scale) -> Self {
        let widest = |words: &dyn Fn(&Bar) -> String| {
            bars.bars.iter().map(|bar| width_of(&words(bar))).fold(0.0, f64::max)
        };
        let names = widest(&|bar| bar.name.clone()) + 10.0;
        let names = (names <= canvas.width * NAMES_SHARE_MAX).then_some(names);
        let row = if names.is_some() { ROW } else { ROW + NAME_ROW };
        // The first tick's label must not stand out to the left.
        let first = x.ticks.first().map_or(0.0, |tick| width_of(&tick.label) / 2.0);
        let left = names.unwrap_or(0.0).max(first).max(2.0);
        let values = widest(&|bar| number::figure(bar.value.median)) + 12.0;
        let last = x.ticks.last().map_or(0.0, |tick| width_of(&tick.label) / 2.0);
        let area = Area {
            left,
            top: 4.0,
            width: (canvas.width - left - values.max(last)).max(canvas.width / 4.0),
            height: row * bars.bars.len() as f64,
        };
        Self { area, row, names, canvas_width: canvas.width }
    }

    /// One bar with its name, range and value, in a row that begins at `top`.
    fn bar(&self, bar: &Bar, top: f64, x: &Scale) -> String {
        let middle = top + self.row - ROW / 2.0;
        let spread = &bar.value;
        let (median, range) = number::spread(spread);
        let range = range.map_or_else(String::new, |range| format!(" ({range})"));
        let mut svg = format!(
            "<g class=\"bar\"><title>{}: {median}{}</title>\n",
            escape(&bar.name),
            escape(&range)
        );
        svg += &match self.names {
            Some(width) => text("name end", width - 8.0, middle + 4.0, &bar.name),
            None => {
                let left = self.area.left + 6.0;
                let room = self.canvas_width - left;
                text("name", left, top + 14.0, &plot::shortened(&bar.name, room))
            }
        };
        let place = |value: f64| x.place(value).map(|place| self.area.x(place));
        let origin = self.area.x(x.origin());
        let mut end = origin;
        if let Some(at) = place(spread.median) {
            end = end.max(at);
            // What is too small to be seen is still more than nothing.
            let width = (at - origin).abs().max(if spread.median == 0.0 { 0.0 } else { 1.0 });
            svg += &format!(
                "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"{THICKNESS}\"/>\n",
                at.min(origin),
                middle - THICKNESS / 2.0
            );
        }
        if spread.min < spread.max
            && let Some(high) = place(spread.max)
        {
            let low = place(spread.min).unwrap_or(origin);
            end = end.max(high);
            svg += &whisker(low, high, middle);
        }
        svg += &text("value", end + 7.0, middle + 4.0, &median);
        svg + "</g>\n"
    }
}

fn whisker(low: f64, high: f64, middle: f64) -> String {
    const CAP: f64 = 4.0;
    let cap = |x: f64| line("whisker", (x, middle - CAP), (x, middle + CAP));
    line("whisker", (low, middle), (high, middle)) + &cap(low) + &cap(high)
}
