use alloc::string::ToString;

use super::{Zone, gmtime, mktime, strftime, strptime};

#[track_caller]
fn check_format(fields: &[f64], format: &str, expected: &str) {
    assert_eq!(strftime(fields, format, Zone::Universal).as_deref(), Ok(expected), "{format}");
}

#[track_caller]
fn check_parse(text: &str, format: &str, fields: [i32; 8], rest: &str) {
    let parsed = strptime(text, format).unwrap();
    assert_eq!((parsed.fields, parsed.rest), (fields.map(f64::from), rest), "{text:?} {format:?}");
}

#[track_caller]
fn check_mismatch(text: &str, format: &str) {
    let expected = alloc::format!("date \"{text}\" does not match format \"{format}\"");
    assert_eq!(strptime(text, format), Err(expected));
}

const DATE: [f64; 8] = [2015.0, 2.0, 5.0, 23.0, 51.0, 47.0, 4.0, 63.0];

#[test]
fn seconds_become_fields() {
    assert_eq!(
        gmtime(1_425_599_621.678),
        Ok([2015.0, 2.0, 5.0, 23.0, 53.0, 41.677_999_973_297_12, 4.0, 63.0])
    );
    assert_eq!(gmtime(-1.0), Ok([1969.0, 11.0, 31.0, 23.0, 59.0, 59.0, 3.0, 364.0]));
    assert_eq!(gmtime(-0.5), Ok([1970.0, 0.0, 1.0, 0.0, 0.0, 0.5, 4.0, 0.0]));
    assert_eq!(gmtime(-1.5), Ok([1969.0, 11.0, 31.0, 23.0, 59.0, 59.5, 3.0, 364.0]));
    assert_eq!(gmtime(1e12), Ok([33658.0, 8.0, 27.0, 1.0, 46.0, 40.0, 5.0, 269.0]));
    assert_eq!(gmtime(67_767_976_233_532_800.0).map(|fields| fields[0]), Ok(-2_147_483_648.0));
    for seconds in [1e18, -1e18, 67_768_036_191_676_800.0, 1e300, -1e300, f64::NAN, f64::INFINITY] {
        assert_eq!(
            gmtime(seconds),
            Err("error converting number of seconds since epoch to datetime"),
            "{seconds}"
        );
    }
}

#[test]
fn fields_become_seconds() {
    assert_eq!(mktime(&DATE), Ok(1_425_599_507.0));
    assert_eq!(mktime(&DATE[..5]), Ok(1_425_599_460.0));
    assert_eq!(mktime(&[]), Ok(-2_209_075_200.0));
    assert_eq!(mktime(&[1.0]), Ok(-62_135_683_200.0));
    assert_eq!(mktime(&[2015.7, 2.7, 5.7, 23.7, 51.7, 47.7, 1.7, 1.5]), Ok(1_425_599_507.0));
    assert_eq!(mktime(&[2015.0, 25.0, 35.0, 100.0, 100.0, 1000.0]), Ok(1_489_211_800.0));
    assert_eq!(mktime(&[2015.0, -25.0, -35.0, -100.0, -100.0, -1000.0]), Ok(1_350_842_600.0));
    assert_eq!(mktime(&[f64::INFINITY, 2.0, 5.0]), Ok(67_768_036_165_584_000.0));
    assert_eq!(mktime(&[-1e12, 0.0, 1.0]), Ok(-67_768_040_609_740_800.0));
    assert_eq!(mktime(&[0.0, 1e12, 1e12, 1e12, 1e12, 1e300]), Ok(5_840_678_888_166_067.0));
    assert_eq!(
        mktime(&[1969.0, 11.0, 31.0, 23.0, 59.0, 59.0]),
        Err("invalid gmtime representation")
    );
    assert_eq!(
        mktime(&[1969.0, 11.0, 31.0, 23.0, 59.0, 58.0]),
        Err("mktime not supported on this platform")
    );
    assert_eq!(
        mktime(&[2_147_485_547.0, 11.0, 31.0, 23.0, 59.0, 60.0]),
        Err("invalid gmtime representation")
    );
    assert_eq!(mktime(&[f64::NAN]), Err("mktime requires parsed datetime inputs"));
}

#[test]
fn every_day_survives_the_round_trip() {
    // Miri is slow, and finds nothing more in more days.
    let step = if cfg!(miri) { 40_009 } else { 1 };
    for day in (-800_000..800_000_i32).step_by(step) {
        let seconds = f64::from(day) * 86_400.0 + 4321.0;
        assert_eq!(gmtime(seconds).and_then(|fields| mktime(&fields)), Ok(seconds));
    }
}

#[test]
fn conversions_are_formatted() {
    check_format(&DATE, "%Y-%m-%dT%H:%M:%SZ", "2015-03-05T23:51:47Z");
    check_format(&DATE, "%c|%D|%x|%F|%r|%R|%T|%X", {
        "Thu Mar  5 23:51:47 2015|03/05/15|03/05/15|2015-03-05|11:51:47 PM|23:51|23:51:47|23:51:47"
    });
    check_format(
        &DATE,
        "%a %A %b %B %h %p %P %e %k %l %I %j",
        "Thu Thursday Mar March Mar PM pm  5 23 11 11 064",
    );
    check_format(
        &DATE,
        "%C %y %g %G %u %w %U %V %W %s %z %Z%n%t%%",
        "20 15 15 2015 4 4 09 10 09 1425599507 +0000 GMT\n\t%",
    );
    assert_eq!(strftime(&DATE, "%Z", Zone::Local).as_deref(), Ok("UTC"));
    check_format(&[0.0, 0.0, 1.0], "%G-%V %C %Y", "-1-52 0 0");
    check_format(&[1.0], "%Y-%m-%d", "0-12-31");
    check_format(&[], "%c", "Sun Dec 31 00:00:00 1899");
}

#[test]
fn flags_and_widths_are_formatted() {
    check_format(
        &DATE,
        "%-d|%_d|%0e|%^a|%#p|%#Z|%5Y|%_5Y|%-5d|%05e",
        "5| 5|05|THU|pm|gmt|02015| 2015|    5|00005",
    );
    check_format(
        &DATE,
        "%5n|%5t|%5%|%-%|%10A|%010A|%^10r",
        "    \n|    \t|    %|%|  Thursday|00Thursday|11:51:47 PM",
    );
    check_format(&DATE, "%Q|%E|%Ed|%Od|%Oc|%E%|%#Eb|%5é|%", "%Q|%E|%Ed|05|%Oc|%|%#EB|  %5é|%");
    check_format(&DATE, "a\0%d", "a");
    check_format(&DATE, "", "");
    check_format(&[-5.0], "%Y %5Y %_5Y", "-6 -0006    -6");
}

#[test]
fn output_is_limited() {
    check_format(&DATE, "%104d", &("0".repeat(103) + "5"));
    for format in ["%105d", "%105A", "%9999999999999999999999d", &"%c".repeat(20)] {
        assert_eq!(
            strftime(&DATE, format, Zone::Universal),
            Err("strftime/1: unknown system failure".to_string()),
            "{format}"
        );
    }
    assert_eq!(
        strftime(&[f64::NAN], "%c", Zone::Local),
        Err("strflocaltime/1 requires parsed datetime inputs".to_string())
    );
}

#[test]
fn dates_too_far_are_not_normalized() {
    let fields = [2_147_485_547.0, 11.0, 31.0, 23.0, 59.0, 60.0, 3.0, 7.0];
    check_format(&fields, "%c %j %Z %s", "Wed Dec 31 23:59:60 -2147481749 008 UTC -1");
    let largest = [f64::from(i32::MAX); 6];
    check_format(&largest, "%c", "Sun ? 2147483647 2147483647:2147483647:2147483647 2147483647");
    let _ =
        strftime(&[f64::from(i32::MIN); 8], "%c %U %W %V %G %g %j %I %l %s %C %y %u", Zone::Local);
}

#[test]
fn dates_are_parsed() {
    check_parse("2015-03-05T23:51:47Z", "%Y-%m-%dT%H:%M:%SZ", [2015, 2, 5, 23, 51, 47, 4, 63], "");
    check_parse(
        "Thu, 05 Mar 2015 23:51:47 +0000",
        "%a, %d %b %Y %H:%M:%S %z",
        [2015, 2, 5, 23, 51, 47, 4, 63],
        "",
    );
    check_parse(
        "thursday MARCH 5 11:51 pm",
        "%A %B %e %I:%M %p",
        [1900, 2, 5, 23, 51, 0, 4, 63],
        "",
    );
    check_parse("10:20", "%H:%M", [1900, 0, 0, 10, 20, 0, 8, 367], "");
    check_parse("10", "%d", [1900, 0, 10, 0, 0, 0, 3, 9], "");
    check_parse("10 xx", "%H", [1900, 0, 0, 10, 0, 0, 8, 367], " xx");
    check_parse("100 2015", "%j %Y", [2015, 3, 10, 0, 0, 0, 5, 99], "");
    check_parse("2015-02-31", "%F", [2015, 1, 31, 0, 0, 0, 2, 61], "");
    check_parse("2015 31 3", "%Y %U %w", [2015, 7, 5, 0, 0, 0, 3, 216], "");
    check_parse("12345678901", "%s", [2361, 2, 21, 19, 15, 1, 2, 79], "");
    check_parse("20 15", "%C %y", [2015, 0, 0, 0, 0, 0, 3, -1], "");
    check_parse("66", "%y", [2066, 0, 0, 0, 0, 0, 4, -1], "");
    check_parse("+05:30 EST x", "%z %Z", [1900, 0, 0, 0, 0, 0, 8, 367], " x");
    check_parse("10\0x", "%H", [1900, 0, 0, 10, 0, 0, 8, 367], "");
    check_parse("é\t5", "é %d", [1900, 0, 5, 0, 0, 0, 5, 4], "");
}

#[test]
fn odd_dates_are_parsed() {
    check_parse("2015 366", "%Y %j", [2015, 24, 31, 0, 0, 0, 5, 365], "");
    check_parse("2015 53 3", "%Y %U %w", [2015, 25, 5, 0, 0, 0, 3, 370], "");
    check_parse("2015 0 0", "%Y %U %w", [2015, -1, -3, 0, 0, 0, 0, -4], "");
    check_parse("0", "%Y", [0, 0, 0, 0, 0, 0, 6, -1], "");
    check_parse("73 9473", "%Ey %G", [1994, 0, 0, 0, 0, 0, 5, -1], "");
    check_parse("19 66", "%C %Oy", [1900, 0, 0, 0, 0, 0, 0, -1], "");
    check_parse("67768036191676799 5", "%s %u", [-2_147_481_749, 11, 31, 23, 59, 59, 5, 364], "");
}

#[test]
fn mismatches_are_reported() {
    for (text, format) in [
        ("2015-03-05T23:51:47.123Z", "%Y-%m-%dT%H:%M:%SZ"),
        ("2015-03-05T23:51:47Zxx", "%Y-%m-%dT%H:%M:%SZ"),
        ("Mond", "%a"),
        ("PM 10", "%P %I"),
        ("-5", "%s"),
        ("99999999999999999999999", "%s"),
        ("32", "%d"),
        ("+5", "%z"),
        ("10 10", "%OH %OM"),
        ("x", "%"),
        ("x", "%Q"),
        ("é", "è"),
    ] {
        check_mismatch(text, format);
    }
}
