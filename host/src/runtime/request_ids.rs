//! What tells one request from others: its id, which the host makes, and the trace to which it belongs, which its
//! client may name (W3C Trace Context). Both are made only when a line is written or an error is told. Until then a
//! request has just a number.
//!
//! The id of a client is never taken for that of the request: two requests could have the same.

use std::cell::Cell;
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::num::NonZeroU128;
use std::sync::LazyLock;

use hyper::header::{HeaderMap, HeaderName};

static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Numbers the requests of one worker.
pub(crate) struct RequestNumbers(Cell<u64>);

/// The number of a request. No other of this process has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RequestNumber(u64);

/// What tells a request from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RequestIds {
    number: RequestNumber,
    trace: Option<Trace>,
}

/// Makes the ids of a request when a line needs them.
pub(crate) type MakeIds<'a> = &'a dyn Fn() -> RequestIds;

/// What a client says of the trace of its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Trace {
    pub(crate) id: NonZeroU128,
    /// Whether the client records the trace.
    is_sampled: bool,
}

/// 128 bits as 32 hexadecimal digits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hex(u128);

impl RequestNumbers {
    pub(crate) fn of_worker(index: usize) -> Self {
        /// How many bits count the requests of a worker. The others are the worker's.
        const BITS: u32 = 48;
        Self(Cell::new((index as u64) << BITS))
    }

    #[inline]
    pub(crate) fn next(&self) -> RequestNumber {
        let number = self.0.get();
        self.0.set(number.wrapping_add(1));
        RequestNumber(number)
    }
}

impl RequestIds {
    pub(crate) fn of(number: RequestNumber, headers: &HeaderMap) -> Self {
        Self { number, trace: Trace::of(headers) }
    }

    /// The id of the request. It does not tell how many requests there were before.
    pub(crate) fn request_id(&self) -> Hex {
        static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);
        let half = |half: u8| u128::from(KEY.hash_one((self.number.0, half)));
        Hex(half(0) << 64 | half(1))
    }

    /// The trace that the client has named. Without one, it is named as the request.
    pub(crate) fn trace_id(&self) -> Hex {
        self.trace.map_or_else(|| self.request_id(), |trace| Hex(trace.id.get()))
    }
}

impl Trace {
    /// The trace in the header fields. None if they name none, or not exactly as W3C Trace Context says.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let mut fields = headers.get_all(&TRACEPARENT).into_iter();
        match (fields.next(), fields.next()) {
            (Some(field), None) => Self::parse(field.as_bytes()),
            _ => None,
        }
    }

    /// The same if the client records it.
    pub(crate) fn sampled(headers: &HeaderMap) -> Option<NonZeroU128> {
        Self::of(headers).filter(|trace| trace.is_sampled).map(|trace| trace.id)
    }

    /// Reads `VERSION-TRACE-PARENT-FLAGS`, after which a later version may have more.
    fn parse(field: &[u8]) -> Option<Self> {
        /// The lengths of the four parts, and where they end.
        const ENDS: [usize; 4] = [2, 35, 52, 55];
        const SAMPLED: u128 = 1;
        let part = |begin: usize, end: usize| hexadecimal(field.get(begin..end)?);
        let [version, trace, parent, flags] =
            [part(0, ENDS[0])?, part(3, ENDS[1])?, part(36, ENDS[2])?, part(53, ENDS[3])?];
        let has_dashes = ENDS[..3].iter().all(|end| field[*end] == b'-');
        let has_good_end = match field.get(ENDS[3]) {
            None => true,
            Some(next) => version != 0 && *next == b'-',
        };
        let is_good = has_dashes && has_good_end && version != 0xff && parent != 0;
        let id = NonZeroU128::new(trace).filter(|_| is_good)?;
        Some(Self { id, is_sampled: flags & SAMPLED != 0 })
    }
}

/// The value of hexadecimal digits, which must be in lower case.
fn hexadecimal(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0, |value: u128, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(value << 4 | u128::from(digit))
    })
}

impl From<NonZeroU128> for Hex {
    fn from(value: NonZeroU128) -> Self {
        Self(value.get())
    }
}

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use hyper::header::HeaderValue;

    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn headers(fields: &[&str]) -> HeaderMap {
        let fields = fields.iter().map(|field| HeaderValue::from_str(field).unwrap());
        fields.map(|field| (TRACEPARENT.clone(), field)).collect()
    }

    #[track_caller]
    fn check(fields: &[&str], expected: Option<bool>) {
        let trace = Trace::of(&headers(fields));
        let id = NonZeroU128::new(0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736).unwrap();
        let expected = expected.map(|is_sampled| Trace { id, is_sampled });
        assert_eq!(trace, expected, "{fields:?}");
    }

    #[test]
    fn a_trace_is_read_exactly_or_not_at_all() {
        let with = |begin: usize, text: &str| {
            let mut field = GOOD.to_owned();
            field.replace_range(begin..begin + text.len(), text);
            field
        };
        check(&[GOOD], Some(true));
        check(&[&with(53, "00")], Some(false));
        // Unknown flags are left alone.
        check(&[&with(53, "ff")], Some(true));
        check(&[&with(53, "fe")], Some(false));
        // A later version may say more.
        check(&[&with(0, "cc")], Some(true));
        check(&[&(with(0, "cc") + "-more")], Some(true));
        check(&[&(with(0, "cc") + "more")], None);
        check(&[&(GOOD.to_owned() + "-more")], None);
        check(&[&(with(0, "cc") + &"-x".repeat(4000))], Some(true));
        check(&[&(GOOD.to_owned() + &"0".repeat(8000))], None);
        for bad in ["ff", "0x", "+0", "0A"] {
            check(&[&with(0, bad)], None);
        }
        check(&[&with(3, "4BF9")], None);
        check(&[&with(3, "4bfg")], None);
        check(&[&with(3, &"0".repeat(32))], None);
        check(&[&with(36, &"0".repeat(16))], None);
        check(&[&with(53, "0g")], None);
        for dash in [2, 35, 52] {
            check(&[&with(dash, "_")], None);
        }
        check(&[&GOOD[..54]], None);
        check(&[&GOOD[..2]], None);
        check(&[""], None);
        check(&[GOOD, GOOD], None);
        check(&[], None);
    }

    #[test]
    fn each_request_has_an_id_of_its_own_that_stays() {
        let workers = [RequestNumbers::of_worker(0), RequestNumbers::of_worker(1)];
        let none = HeaderMap::new();
        let numbers = workers.iter().flat_map(|worker| (0..100).map(|_| worker.next()));
        let ids: Vec<_> = numbers.map(|number| RequestIds::of(number, &none)).collect();
        let texts: BTreeSet<_> = ids.iter().map(|ids| ids.request_id().to_string()).collect();
        assert_eq!(texts.len(), 200);
        assert!(texts.iter().all(|text| text.len() == 32));
        assert_eq!(ids[7].request_id().to_string(), ids[7].request_id().to_string());
        assert_eq!(ids[7].trace_id().to_string(), ids[7].request_id().to_string());
        let traced = RequestIds::of(workers[0].next(), &headers(&[GOOD]));
        assert_eq!(traced.trace_id().to_string(), &GOOD[3..35]);
        assert_ne!(traced.request_id().to_string(), &GOOD[3..35]);
    }
}
