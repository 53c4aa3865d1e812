//! Fewer points for a long curve, without losing a peak.

/// A curve with more points than this has several in each column of pixels.
const POINTS_MAX: usize = 2_000;

/// A point of a picture: its coordinates, x first.
pub(super) type Point = (f64, f64);

/// `points` as they are, or, if there are too many to draw, of each column of pixels only the
/// lowest and the highest point, in their order.
///
/// A line between two points of one column is as high as all lines there were, so the picture is
/// the same. The first and the last point stay: the curve must not become shorter.
pub(super) fn thinned(points: &[Point]) -> Vec<Point> {
    if points.len() <= POINTS_MAX {
        return points.to_vec();
    }
    let mut kept = Vec::new();
    for column in points.chunk_by(|a, b| a.0.floor() == b.0.floor()) {
        let by_height = |a: &&Point, b: &&Point| a.1.total_cmp(&b.1);
        let lowest = column.iter().min_by(by_height).copied();
        let highest = column.iter().max_by(by_height).copied();
        let mut ends: Vec<Point> = lowest.into_iter().chain(highest).collect();
        ends.sort_by(|a, b| a.0.total_cmp(&b.0));
        ends.dedup();
        kept.extend(ends);
    }
    let (first, last) = (points[0], points[points.len() - 1]);
    if kept.first() != Some(&first) {
        kept.insert(0, first);
    }
    if kept.last() != Some(&last) {
        kept.push(last);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_curve_is_drawn_as_it_is() {
        let points: Vec<Point> = (0..POINTS_MAX).map(|i| (0.001 * i as f64, 1.0)).collect();
        assert_eq!(thinned(&points), points);
    }

    #[test]
    fn every_column_keeps_its_lowest_and_its_highest_point() {
        let mut random = crate::random::Random::new(7);
        let mut height = || (random.below(1_000_000)) as f64;
        let points: Vec<Point> = (0..50_000).map(|i| (f64::from(i) / 100.0, height())).collect();
        let thin = thinned(&points);
        assert!(thin.len() <= 2 * 500 + 2, "{}", thin.len());
        assert!(thin.is_sorted_by(|a, b| a.0 <= b.0));
        assert_eq!((thin[0], thin[thin.len() - 1]), (points[0], points[points.len() - 1]));
        for column in points.chunk_by(|a, b| a.0.floor() == b.0.floor()) {
            for extreme in [
                column.iter().min_by(|a, b| a.1.total_cmp(&b.1)).unwrap(),
                column.iter().max_by(|a, b| a.1.total_cmp(&b.1)).unwrap(),
            ] {
                assert!(thin.contains(extreme), "{extreme:?}");
            }
        }
    }

    #[test]
    fn a_curve_in_one_column_keeps_its_ends() {
        let points: Vec<Point> = (0..3_000).map(|i| (5.5, f64::from(i % 7))).collect();
        let thin = thinned(&points);
        assert!(thin.len() <= 4 && thin.contains(&(5.5, 0.0)) && thin.contains(&(5.5, 6.0)));
    }
}
