//! Curves over a common axis, as SVG.

use super::escape::escape;
use super::marks;
use super::number::figure;
use super::plot::{self, Area, Canvas, line, text, width_of};
use super::scale::{self, End, Scale};
use super::thin::{Point, thinned};
use crate::report::{Axis, Lines, Series};

/// A curve with more points than this gets fewer markers, and no words at them: nobody could hit
/// one of them with a pointer.
const MARKED_POINTS_MAX: usize = 60;

/// On a longer curve: enough to recognise it in print.
const MARKERS_ON_LONG: usize = 9;

/// A curve with more points than this is drawn thinner, and without dashes.
const DENSE_FROM: usize = 400;

/// Labels at the vertical axis.
const TICKS_UP: usize = 7;

/// The picture; nothing in it comes from outside of the axes.
pub(super) fn svg(lines: &Lines, canvas: &Canvas) -> String {
    let Some((x, y)) = scales(lines, canvas) else {
        return plot::empty(canvas, &lines.title);
    };
    let labels = y.ticks.iter().map(|tick| width_of(&tick.label)).fold(0.0, f64::max);
    let left = labels + 12.0;
    // Half of the last label stands to the right of the axis.
    let right = x.ticks.last().map_or(0.0, |tick| width_of(&tick.label) / 2.0).max(14.0);
    let mut area =
        Area { left, top: 0.0, width: canvas.width - left - right, height: canvas.area_height };
    let marks = marks::placed(&lines.marks, &x, &area);
    area.top = 28.0 + marks::height(&marks);

    let mut svg = plot::open(canvas, area.bottom() + 44.0, &lines.title);
    svg += &text("axis", 2.0, 13.0, &plot::shortened(&lines.y.label, canvas.width));
    svg += &grid(&x, &y, &area);
    svg += &text(
        "axis end",
        area.right(),
        area.bottom() + 38.0,
        &plot::shortened(&lines.x.label, canvas.width),
    );
    svg += &marks::svg(&marks, &area);
    for (index, series) in lines.series.iter().enumerate() {
        svg += &format!("<g class=\"{}\">\n", plot::style(index));
        svg += &curve(lines, series, index, &Places { x: &x, y: &y, area: &area });
        svg += "</g>\n";
    }
    svg + "</svg>\n"
}

/// What the picture leaves out, in a sentence.
pub(super) fn note(lines: &Lines) -> Option<String> {
    let points = lines.series.iter().flat_map(|series| &series.points);
    let hidden = points.filter(|&&point| !shown(lines, point)).count();
    let why = match (lines.x.log, lines.y.log) {
        (false, false) => "not numbers",
        _ => "not above 0, where a logarithmic axis has no place",
    };
    match hidden {
        0 => None,
        1 => Some(format!("1 point is left out: it is {}", why.replace("numbers", "a number"))),
        many => Some(format!("{many} points are left out: they are {why}")),
    }
}

/// From points to coordinates.
struct Places<'a> {
    x: &'a Scale,
    y: &'a Scale,
    area: &'a Area,
}

impl Places<'_> {
    fn of(&self, (x, y): (f64, f64)) -> Option<Point> {
        Some((self.area.x(self.x.place(x)?), self.area.y(self.y.place(y)?)))
    }
}

/// Whether both axes have a place for a point.
fn shown(lines: &Lines, (x, y): (f64, f64)) -> bool {
    scale::shows(&lines.x, x) && scale::shows(&lines.y, y)
}

/// For the points that both axes can show, and the marks; nothing if there is no such point.
fn scales(lines: &Lines, canvas: &Canvas) -> Option<(Scale, Scale)> {
    let points = || {
        let all = lines.series.iter().flat_map(|series| series.points.iter().copied());
        all.filter(|&point| shown(lines, point))
    };
    let y = Scale::of(&lines.y, points().map(|point| point.1), TICKS_UP, End::Tick)?;
    let marks = lines.marks.iter().map(|mark| mark.x);
    let xs = points().map(|point| point.0).chain(marks);
    Some((Scale::of(&lines.x, xs, canvas.ticks, End::Tight)?, y))
}

fn grid(x: &Scale, y: &Scale, area: &Area) -> String {
    let across = |class: &str, place: f64| {
        line(class, (area.left, area.y(place)), (area.right(), area.y(place)))
    };
    let up = |class: &str, place: f64| {
        line(class, (area.x(place), area.top), (area.x(place), area.bottom()))
    };
    let mut svg = String::new();
    for &place in &y.minor {
        svg += &across("minor", place);
    }
    for &place in &x.minor {
        svg += &up("minor", place);
    }
    for tick in &y.ticks {
        svg += &across("grid", tick.place);
        svg += &text("tick end", area.left - 7.0, area.y(tick.place) + 4.0, &tick.label);
    }
    for tick in &x.ticks {
        svg += &up("grid", tick.place);
        svg += &text("tick middle", area.x(tick.place), area.bottom() + 18.0, &tick.label);
    }
    svg + &across("base", 0.0)
}

/// The stretches of a curve between points that cannot be shown, and its markers.
fn curve(lines: &Lines, series: &Series, index: usize, places: &Places<'_>) -> String {
    let stretches = series.points.split(|&point| !shown(lines, point));
    let mut svg = String::new();
    for stretch in stretches.filter(|stretch| stretch.len() > 1) {
        let drawn: Vec<Point> = stretch.iter().filter_map(|&point| places.of(point)).collect();
        let dense = drawn.len() > DENSE_FROM;
        svg += &polyline(if dense { "curve dense" } else { "curve" }, &thinned(&drawn));
    }
    let few = series.points.len() <= MARKED_POINTS_MAX;
    let every = if few { 1 } else { series.points.len().div_ceil(MARKERS_ON_LONG) };
    // Markers of neighbouring curves do not stand above each other.
    let first = if few { 0 } else { every / 2 + index * every / 8 } % every;
    for (number, &point) in series.points.iter().enumerate() {
        let alone = |point: Option<&(f64, f64)>| point.is_none_or(|&point| !shown(lines, point));
        let before = number.checked_sub(1).and_then(|before| series.points.get(before));
        let lone = alone(before) && alone(series.points.get(number + 1));
        // A point between two that are left out has no line to be seen by.
        if number % every != first && !lone {
            continue;
        }
        let Some(at) = places.of(point).filter(|_| shown(lines, point)) else { continue };
        let words = few.then(|| words(&series.name, &lines.x, &lines.y, point));
        svg += &marker(index, at, words.as_deref());
    }
    svg
}

fn polyline(class: &str, points: &[Point]) -> String {
    let mut svg = format!("<polyline class=\"{class}\" points=\"");
    for (index, (x, y)) in points.iter().enumerate() {
        svg += &format!("{}{x:.1},{y:.1}", if index == 0 { "" } else { " " });
    }
    svg + "\"/>\n"
}

fn marker(series: usize, (x, y): Point, words: Option<&str>) -> String {
    let path = format!(
        "<path class=\"marker\" d=\"{}\" transform=\"translate({x:.1} {y:.1})\"",
        plot::marker(series)
    );
    match words {
        Some(words) => format!("{path}><title>{}</title></path>\n", escape(words)),
        None => path + "/>\n",
    }
}

/// What a pointer over a marker tells.
fn words(name: &str, x: &Axis, y: &Axis, point: (f64, f64)) -> String {
    format!("{name}\n{}: {}\n{}: {}", x.label, figure(point.0), y.label, figure(point.1))
}
