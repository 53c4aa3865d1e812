//! The page as a whole: what must be in it, and that it is HTML.

use super::*;
use crate::figures::Spread;
use crate::report::{Axis, Bar, Bars, Cell, Lines, Mark, Plot, Series, Table};

/// One of everything, with markup in every text.
fn report() -> Report {
    let mut report =
        Report::new("load <all> & 'more'".into(), vec!["arenaria \"0.1\" <dev>".into()]);
    for (scenario, title) in [("steady", "Steady <load>"), ("steady", "Steady & again")] {
        let mut section = Section::new(scenario, title.into(), "How <it> goes.");
        section.promise(true, format!("{title}: no request <failed>"));
        section.promise(false, format!("{title}: 1 connection & more were <lost>"));
        section.goal(false, format!("{title}: p99 is 12 ms > 10 ms"));
        section.note(format!("{title}: \"98,000\" requests/s"));
        section.command("arenaria serve --name '<x>'".into());
        section.plots = vec![Plot::Lines(lines(true)), Plot::Bars(bars(false))];
        let mut table = Table::new("Figures <of> it", &["server", "requests/s", "note & more"]);
        table.row(vec!["bare <1>".into(), Spread::of([91_000.0, 93_000.0]).into(), "".into()]);
        table.row(vec!["arenaria".into(), 1234.5.into(), "<ok>".into()]);
        section.tables.push(table);
        report.sections.push(section);
    }
    report.sections[1].interrupted = true;
    report
}

fn lines(log: bool) -> Lines {
    let wild = [0.0, -3.0, f64::NAN, 0.2, 7.0, 7.5, 1e9, f64::INFINITY, 12.0, 0.0, 5e-324];
    let points = wild.iter().enumerate().map(|(index, &y)| (index as f64, y)).collect();
    let long = (0..5_000).map(|index| (f64::from(index) / 500.0, f64::from(index % 97) + 0.5));
    Lines {
        title: "Latency <x>".into(),
        x: Axis { label: "time, s <x>".into(), log },
        y: Axis { label: "latency, ms <y>".into(), log },
        series: vec![
            Series::new("wild <&>", points),
            Series::new("long", long.collect()),
            Series::new("one", vec![(3.0, 4.0)]),
            Series::new("none", Vec::new()),
        ],
        marks: [0.0, 3.0, 3.1, 99.0, f64::NAN].map(|x| Mark { x, label: "killed <".into() }).into(),
    }
}

fn bars(log: bool) -> Bars {
    let bar = |name: &str, values: &[f64]| Bar {
        name: name.into(),
        value: Spread::of(values.iter().copied()),
    };
    Bars {
        title: "Throughput <x>".into(),
        axis: Axis { label: "requests/s <x>".into(), log },
        bars: vec![
            bar("bare <1>", &[100.0, 120_000.0, 130_000.0]),
            bar(
                "a name that is far too long to stand to the left of a bar, or on a phone",
                &[90.0],
            ),
            bar("zero", &[0.0]),
            bar("infinite", &[f64::INFINITY]),
        ],
    }
}

fn plots() -> Vec<Plot> {
    let mut plots = Vec::new();
    for log in [false, true] {
        plots.extend([Plot::Lines(lines(log)), Plot::Bars(bars(log))]);
    }
    plots
}

/// Fails unless every tag is closed by its like, in order.
#[track_caller]
fn check_tags(html: &str) {
    let mut open: Vec<&str> = Vec::new();
    let body = html.strip_prefix("<!DOCTYPE html>").unwrap_or(html);
    for piece in body.split('<').skip(1) {
        let (tag, _) = piece.split_once('>').unwrap_or_else(|| panic!("no end of tag: <{piece}"));
        assert!(tag.matches('"').count() % 2 == 0, "an attribute without an end: <{tag}>");
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "closed by </{name}>, within {open:?}");
        } else if !tag.ends_with('/') {
            open.push(tag.split([' ', '\n']).next().unwrap());
        }
    }
    assert!(open.is_empty(), "never closed: {open:?}");
}

/// Fails if a coordinate in `svg` is not a number or outside of the view box.
#[track_caller]
fn check_inside(svg: &str) {
    let attribute = |tag: &str, name: &str| {
        let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
        rest.split_once('"').map(|(value, _)| value.to_owned())
    };
    let numbers = |text: &str| -> Vec<f64> {
        let parts = text.split([' ', ',']).filter(|part| !part.is_empty());
        parts.map(|part| part.parse().unwrap_or_else(|_| panic!("{part} in {text}"))).collect()
    };
    let view = numbers(&attribute(svg, "viewBox").unwrap());
    let check = |values: &[f64], size: f64, tag: &str| {
        let inside = values.iter().all(|value| (0.0..=size).contains(value));
        assert!(inside, "outside of {view:?}: <{tag}>");
    };
    for tag in svg.split('<').filter_map(|piece| piece.split('>').next()) {
        for (names, size) in
            [(["x", "x1", "x2", "cx"], view[2]), (["y", "y1", "y2", "cy"], view[3])]
        {
            for name in names {
                check(&numbers(&attribute(tag, name).unwrap_or_default()), size, tag);
            }
        }
        let place = attribute(tag, "transform").unwrap_or_default();
        let place = place.trim_start_matches("translate(").trim_end_matches(')').to_owned();
        for text in [attribute(tag, "points").unwrap_or_default(), place] {
            for point in numbers(&text).chunks(2) {
                check(&point[..1], view[2], tag);
                check(&point[1..], view[3], tag);
            }
        }
        if let (Some(x), Some(width)) = (attribute(tag, "x"), attribute(tag, "width")) {
            check(&[numbers(&x)[0] + numbers(&width)[0]], view[2], tag);
        }
    }
}

/// The pictures of a figure.
fn pictures(plot: &Plot) -> Vec<String> {
    let html = plot::figure(plot);
    let parts = html.split("<svg class=").skip(1);
    parts.map(|part| format!("<svg class={}", part.split("</svg>").next().unwrap())).collect()
}

#[test]
fn tags_are_balanced() {
    check_tags(&html(&report()));
    check_tags(&html(&Report::new(String::new(), Vec::new())));
}

#[test]
fn the_page_holds_every_finding_cell_and_command() {
    let report = report();
    let html = html(&report);
    let mut texts = vec![report.command.clone(), report.machine.line()];
    texts.extend(report.versions.clone());
    for section in &report.sections {
        texts.extend([section.title.clone(), section.summary.clone()]);
        texts.extend(section.commands.iter().cloned());
        for finding in &section.findings {
            let text = escape(&finding.text);
            assert_eq!(html.matches(&*text).count(), 2, "in the summary and the section: {text}");
        }
        for table in &section.tables {
            texts.extend(table.columns.iter().cloned().chain([table.title.clone()]));
            for cell in table.rows.iter().flatten() {
                texts.push(match cell {
                    Cell::Text(text) => text.clone(),
                    Cell::Number(number) => number::figure(*number),
                    Cell::Spread(spread) => number::spread(spread).1.unwrap(),
                });
            }
        }
    }
    for text in texts {
        assert!(html.contains(&*escape(&text)), "missing: {text}");
    }
    assert!(html.contains("1,234") && html.contains("92,000"));
}

#[test]
fn nothing_of_a_report_becomes_markup() {
    let html = html(&report());
    for markup in ["<load>", "<x>", "<&", "<1>", "<failed>", "<ok>", "<dev>", "<it>", "'<x>'"] {
        assert!(!html.contains(markup), "{markup}");
    }
}

#[test]
fn the_page_needs_no_network_and_no_scripts() {
    let html = html(&report());
    for foreign in ["http://", "https://", "<script", "url(", "@import", " src="] {
        assert!(!html.contains(foreign), "{foreign}");
    }
    assert!(html.contains("default-src 'none'"));
}

#[test]
fn findings_lead_to_their_section() {
    let html = html(&report());
    for anchor in ["1-steady", "2-steady", "findings", "machine"] {
        assert_eq!(html.matches(&format!(" id=\"{anchor}\"")).count(), 1, "{anchor}");
        assert!(html.contains(&format!("href=\"#{anchor}\"")), "{anchor}");
    }
}

#[test]
fn only_what_was_interrupted_says_so() {
    let mut report = report();
    assert_eq!(html(&report).matches("! interrupted").count(), 2);
    report.sections[1].interrupted = false;
    assert_eq!(html(&report).matches("! interrupted").count(), 0);
}

#[test]
fn every_number_of_a_plot_is_inside_of_its_picture() {
    for plot in plots() {
        let pictures = pictures(&plot);
        assert_eq!(pictures.len(), 2, "for a desk and for a phone");
        for svg in pictures {
            check_inside(&svg);
            assert!(!svg.contains("NaN") && !svg.contains("inf\""), "{svg}");
        }
    }
}

#[test]
fn a_logarithmic_axis_leaves_out_what_is_not_positive_and_says_so() {
    let points = vec![(1.0, 0.0), (2.0, -1.0), (3.0, 10.0), (4.0, 20.0)];
    let lines = |log| Lines {
        title: String::new(),
        x: Axis::linear(""),
        y: Axis { label: String::new(), log },
        series: vec![Series::new("", points.clone())],
        marks: Vec::new(),
    };
    let markers = |plot: &Plot| pictures(plot)[0].matches("class=\"marker\"").count();
    let log = Plot::Lines(lines(true));
    assert_eq!(markers(&log), 2);
    assert!(plot::figure(&log).contains("2 points are left out"));
    let linear = Plot::Lines(lines(false));
    assert_eq!(markers(&linear), 4);
    assert!(!plot::figure(&linear).contains("left out"));
}

#[test]
fn a_plot_without_points_says_so() {
    #[track_caller]
    fn check(plot: &Plot, empty: bool) {
        for svg in pictures(plot) {
            assert_eq!(svg.contains("no data"), empty, "{svg}");
            assert_eq!(!svg.contains("<line"), empty, "{svg}");
        }
    }
    let series = |points: &[(f64, f64)]| {
        let series = vec![Series::new("a", points.to_vec())];
        Plot::Lines(Lines { series, ..lines(true) })
    };
    check(&series(&[]), true);
    check(&series(&[(1.0, 0.0), (f64::NAN, 1.0)]), true);
    check(&series(&[(1.0, 2.0)]), false);
    check(&Plot::Bars(Bars { bars: Vec::new(), ..bars(false) }), true);
    let zeros = vec![Bar { name: "zero".into(), value: Spread::of([0.0]) }];
    check(&Plot::Bars(Bars { bars: zeros.clone(), ..bars(true) }), true);
    check(&Plot::Bars(Bars { bars: zeros, ..bars(false) }), false);
}

#[test]
fn one_point_is_a_marker_and_few_points_have_words() {
    let plot = |count: u32| {
        let points = (0..count).map(|x| (f64::from(x), 1.0)).collect();
        Plot::Lines(Lines {
            series: vec![Series::new("a", points)],
            marks: Vec::new(),
            ..lines(false)
        })
    };
    #[track_caller]
    fn check(plot: &Plot, curves: usize, titles: usize) {
        let svg = &pictures(plot)[0];
        assert_eq!(svg.matches("<polyline").count(), curves);
        assert_eq!(svg.matches("<title>").count(), titles);
        assert!(svg.contains("class=\"marker\""));
    }
    check(&plot(1), 0, 1);
    check(&plot(60), 1, 60);
    check(&plot(61), 1, 0);
}

#[test]
fn on_a_logarithmic_axis_the_least_bar_is_seen() {
    let bars = Bars {
        bars: [1.0, 1_000.0].map(|n| Bar { name: String::new(), value: Spread::of([n]) }).into(),
        ..bars(true)
    };
    let svg = &pictures(&Plot::Bars(bars))[0];
    let widths = svg.split("<rect").skip(1).map(|rect| {
        let (_, rest) = rect.split_once("width=\"").unwrap();
        rest.split_once('"').unwrap().0.parse::<f64>().unwrap()
    });
    let widths: Vec<f64> = widths.collect();
    assert!(widths[0] > 100.0 && widths[1] > 3.9 * widths[0], "{widths:?}");
}
