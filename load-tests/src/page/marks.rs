//! Vertical lines with a word each, such as the moment of an event.
//!
//! Words stand in rows above the area, so that those of neighbouring lines do not overlap; a line
//! whose word has no room in any row keeps its line, and tells the word to a pointer.

use super::escape::escape;
use super::plot::{self, Area, text, width_of};
use super::scale::Scale;
use crate::report::Mark;

/// More rows than this would push the curves out of sight.
const ROWS_MAX: usize = 4;

/// From one row to the next.
const ROW: f64 = 16.0;

/// Between a line and its word, and between words.
const GAP: f64 = 4.0;

/// A mark with its place.
#[derive(Debug)]
pub(super) struct Placed<'a> {
    label: &'a str,
    x: f64,
    words: Option<Words>,
}

/// Where a mark's words stand.
#[derive(Clone, Debug)]
struct Words {
    shortened: String,
    /// Where their line is: to the left of them or, at the end of the axis, to the right.
    line: f64,
    from: f64,
    to: f64,
    /// Upwards from the area.
    row: usize,
}

/// The marks that the axis can show, from left to right. Only the horizontal extent of `area` is
/// looked at.
pub(super) fn placed<'a>(marks: &'a [Mark], x: &Scale, area: &Area) -> Vec<Placed<'a>> {
    let mut placed: Vec<Placed<'a>> = marks
        .iter()
        .filter_map(|mark| {
            let x = area.x(x.place(mark.x)?);
            Some(Placed { label: &mark.label, x, words: None })
        })
        .collect();
    placed.sort_by(|a, b| a.x.total_cmp(&b.x));
    // A line goes down from its word through all rows below. So that it meets no other word, words
    // behind their lines get rows from right to left, and words before theirs from left to right.
    let width = |mark: &Placed<'_>| width_of(&plot::shortened(mark.label, area.width / 2.0));
    let (behind, before): (Vec<usize>, Vec<usize>) = (0..placed.len())
        .partition(|&index| placed[index].x + GAP + width(&placed[index]) <= area.right());
    let mut taken: Vec<Words> = Vec::new();
    for index in behind.iter().rev().chain(&before).copied() {
        let mark = &placed[index];
        let from = if before.contains(&index) { mark.x - GAP - width(mark) } else { mark.x + GAP };
        let words = Words {
            shortened: plot::shortened(mark.label, area.width / 2.0),
            line: mark.x,
            from,
            to: from + width(mark),
            row: 0,
        };
        let found = (0..ROWS_MAX)
            .map(|row| Words { row, ..words.clone() })
            .find(|words| from >= 0.0 && !taken.iter().any(|other| words.meets(other)));
        taken.extend(found.clone());
        placed[index].words = found;
    }
    placed
}

impl Words {
    /// Whether two words overlap, or one is crossed by the other's line.
    fn meets(&self, other: &Self) -> bool {
        let overlap = self.from < other.to + GAP && other.from < self.to + GAP;
        self.row == other.row && overlap || self.crosses(other) || other.crosses(self)
    }

    /// Whether the line of these words goes through the others.
    fn crosses(&self, other: &Self) -> bool {
        self.row >= other.row && (other.from..=other.to).contains(&self.line)
    }
}

/// How much room the words need above the area.
pub(super) fn height(marks: &[Placed<'_>]) -> f64 {
    let rows = marks.iter().filter_map(|mark| mark.words.as_ref()).map(|words| words.row + 1);
    rows.max().unwrap_or(0) as f64 * ROW
}

/// The lines and words, through and above `area`.
pub(super) fn svg(marks: &[Placed<'_>], area: &Area) -> String {
    let mut svg = String::new();
    for mark in marks {
        let row = mark.words.as_ref().map_or(0.0, |words| (words.row + 1) as f64);
        svg += &format!(
            "<g class=\"mark\"><title>{}</title><line x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" \
             y2=\"{:.1}\"/>",
            escape(mark.label),
            mark.x,
            area.top - row * ROW,
            mark.x,
            area.bottom()
        );
        if let Some(words) = &mark.words {
            let baseline = area.top - row * ROW + 11.0;
            svg += &if words.from < words.line {
                text("end", words.line - GAP, baseline, &words.shortened)
            } else {
                text("start", words.from, baseline, &words.shortened)
            };
        }
        svg += "</g>\n";
    }
    svg
}

#[cfg(test)]
mod tests {
    use super::super::scale::End;
    use super::*;
    use crate::report::Axis;

    /// The row of each mark's word and the side of the line that it is on.
    fn rows(marks: &[(f64, &str)]) -> Vec<Option<(usize, bool)>> {
        let marks: Vec<Mark> =
            marks.iter().map(|&(x, label)| Mark { x, label: label.to_owned() }).collect();
        let x = Scale::of(&Axis::linear("s"), [0.0, 100.0], 10, End::Tight).unwrap();
        let area = Area { left: 0.0, top: 0.0, width: 500.0, height: 100.0 };
        let placed = placed(&marks, &x, &area);
        placed.iter().map(|mark| mark.words.as_ref().map(|w| (w.row, w.from < w.line))).collect()
    }

    #[test]
    fn words_that_would_overlap_stand_in_rows() {
        assert_eq!(
            rows(&[(10.0, "killed"), (12.0, "restarted"), (60.0, "warm")]),
            [Some((1, false)), Some((0, false)), Some((0, false))]
        );
    }

    #[test]
    fn a_word_at_the_end_stands_before_its_line() {
        assert_eq!(rows(&[(99.0, "killed")]), [Some((0, true))]);
        assert_eq!(
            rows(&[(97.0, "killed"), (99.0, "restarted")]),
            [Some((0, true)), Some((1, true))]
        );
    }

    #[test]
    fn a_word_without_room_is_left_to_the_pointer() {
        let crowd = vec![(50.0, "killed"); ROWS_MAX + 2];
        let rows = rows(&crowd);
        assert_eq!(rows.iter().filter(|row| row.is_none()).count(), 2);
    }

    #[test]
    fn what_the_axis_cannot_show_has_no_line() {
        assert!(rows(&[(f64::NAN, "never")]).is_empty());
    }
}
