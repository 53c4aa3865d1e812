//! Phases: memory for one part of a request, freed at once when the part ends.
//!
//! This processor answers with the median of the numbers in a body, one to a line. The numbers are needed until the
//! median is known. In a phase they cost no `free` each, the next phase has their memory again, and a body that is
//! too long for the memory is an error of the request (507), where `Vec` would trap and cost the instance.
//!
//! Build: `cargo build --release --target wasm32-unknown-unknown --example phases`

use arenaria_guest::{Exhausted, Problem, Processor, Request, Response, ScopeVec, Settings, phase};

struct Median;

impl Processor for Median {
    fn configure(settings: Settings<'_>) -> Result<Self, String> {
        settings.expect_only(&[]).map(|()| Median)
    }

    fn handle(&mut self, request: Request<'_>) -> Response {
        answer(request).into()
    }
}

fn answer(request: Request<'_>) -> Result<String, Problem> {
    let text = str::from_utf8(request.body()).map_err(Problem::bad_request)?;
    let median = phase("median", |scope| {
        // It cannot leave the phase: the compiler sees to that. The median can, because it is a number.
        let mut numbers = ScopeVec::new(scope);
        for line in text.lines() {
            let number: f64 = line
                .trim()
                .parse()
                .map_err(|error| Problem::unprocessable(format!("{error}, got {line:?}")))?;
            numbers.try_push(number).map_err(|Exhausted { .. }| {
                Problem::new(507).with_detail("there are too many numbers")
            })?;
        }
        numbers.sort_unstable_by(f64::total_cmp);
        Ok::<_, Problem>(numbers.get(numbers.len() / 2).copied())
    })?;
    // Here the memory of the numbers is free again.
    median.map(|median| format!("{median}\n")).ok_or(Problem::unprocessable("send some numbers"))
}

arenaria_guest::export!(Median);

#[cfg(test)]
mod tests {
    use super::*;

    fn respond(body: &str) -> Response {
        Median.handle(Request::new("POST", "/").with_body(body.as_bytes()))
    }

    #[test]
    fn the_median_is_found() {
        assert_eq!(respond("3\n1\n2\n").bytes(), b"2\n");
        assert_eq!(respond("").status(), 422);
        assert_eq!(respond("x").status(), 422);
    }

    #[test]
    fn the_next_request_has_the_memory_again() {
        let body = "1.5\n".repeat(100_000);
        for _ in 0..10 {
            assert_eq!(respond(&body).bytes(), b"1.5\n");
        }
        // The vector doubles in place, because nothing else was allocated in the scope after it.
        let high_water = arenaria_guest::usage().high_water;
        assert!((800_000..2_200_000).contains(&high_water), "{high_water}");
    }

    #[test]
    fn too_many_numbers_are_an_error_of_the_request() {
        // Natively the arena has 16 MiB.
        assert_eq!(respond(&"1\n".repeat(2_200_000)).status(), 507);
        assert_eq!(respond("1").bytes(), b"1\n");
    }
}
