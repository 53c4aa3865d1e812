//! What came of the cases: as lines for people, and as one JSON document for programs.

use std::fmt::Write as _;

use bytesize::ByteSize;
use serde::Serialize;

use crate::component::guest_text::GuestText;
use crate::project::requests::compare::Failure;
use crate::runtime::bindings::ArenaUsage;

/// What came of all cases.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    /// Cases that passed and have no figures of memory, although a budget was stated.
    pub(crate) unmeasured: usize,
    pub(crate) cases: Vec<CaseReport>,
}

/// What came of a case.
#[derive(Debug, Serialize)]
pub(crate) struct CaseReport {
    pub(crate) name: String,
    pub(crate) file: String,
    /// The line of the request.
    pub(crate) line: usize,
    pub(crate) request: String,
    /// The path of the route. None if no route matches.
    pub(crate) route: Option<String>,
    pub(crate) passed: bool,
    /// None without a response.
    pub(crate) status: Option<u16>,
    /// From the first byte of the request to the last one of the response.
    pub(crate) milliseconds: f64,
    pub(crate) memory: Option<Memory>,
    /// Why there are no figures of memory.
    pub(crate) no_memory: Option<NoMemory>,
    /// The fault of the instance: a panic, a trap, or a limit.
    pub(crate) fault: Option<String>,
    pub(crate) failures: Vec<Failure>,
}

/// How a request used the arena, in bytes.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Memory {
    /// All that the arena has.
    pub(crate) capacity: u64,
    /// The most that was in use at once.
    pub(crate) high_water: u64,
    /// What the request left behind.
    pub(crate) survivors: u64,
    /// What `configure` and caches hold.
    pub(crate) persistent: u64,
}

/// Why a case has no figures of memory.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum NoMemory {
    /// No route matches.
    NoRoute,
    /// The host has answered in place of the component.
    NotCalled,
    /// The instance failed.
    InstanceLost,
    /// The component has none of its own.
    NoArena,
}

impl From<&ArenaUsage> for Memory {
    fn from(usage: &ArenaUsage) -> Self {
        Self {
            capacity: usage.capacity,
            high_water: usage.request_high_water,
            survivors: usage.request_survivors,
            persistent: usage.persistent,
        }
    }
}

impl Report {
    pub(crate) fn add(&mut self, case: CaseReport, has_budget: bool) {
        *(if case.passed { &mut self.passed } else { &mut self.failed }) += 1;
        let is_unmeasured =
            matches!(case.no_memory, Some(NoMemory::InstanceLost | NoMemory::NoArena));
        self.unmeasured += usize::from(has_budget && case.passed && is_unmeasured);
        self.cases.push(case);
    }

    /// The last lines.
    pub(crate) fn summary(&self) -> String {
        let count = self.cases.len();
        let cases = if count == 1 { "case" } else { "cases" };
        let mut text = format!("{count} {cases}: {} passed, {} failed", self.passed, self.failed);
        let measured = self.cases.iter().filter_map(|case| Some((case, case.memory?)));
        if let Some((case, memory)) = measured.max_by_key(|(_, memory)| memory.high_water) {
            let name = GuestText::name(&case.name);
            let _ =
                write!(text, "\nmost memory: {} of {}", bytes(memory.high_water), share(memory));
            let _ = write!(text, ", by {name}");
        }
        if self.unmeasured > 0 {
            let _ = write!(
                text,
                "\nno budget was checked for {} of them: the component has no arena, or the instance was lost",
                self.unmeasured
            );
        }
        text
    }
}

impl CaseReport {
    /// A line, and below it why the case failed.
    pub(crate) fn lines(&self) -> String {
        let result = if self.passed { "ok  " } else { "FAIL" };
        let status = self.status.map_or_else(|| "-".to_owned(), |status| status.to_string());
        let no_memory = match self.no_memory {
            None => "",
            Some(NoMemory::NoRoute) => "no route",
            Some(NoMemory::NotCalled) => "not called",
            Some(NoMemory::InstanceLost) => "instance lost",
            Some(NoMemory::NoArena) => "no arena",
        };
        let memory = match self.memory {
            Some(memory) => format!(
                "{} of {}, {} left",
                bytes(memory.high_water),
                share(memory),
                bytes(memory.survivors)
            ),
            None => no_memory.to_owned(),
        };
        let (name, time) = (GuestText::name(&self.name).to_string(), self.milliseconds);
        let mut text = format!("  {result} {name:<40} {status:>3} {time:>9.2} ms  {memory}");
        for failure in &self.failures {
            let mut message = failure.message.lines();
            let first = message.next().unwrap_or_default();
            let _ = write!(text, "\n       {}:{}: {first}", self.file, failure.line);
            message.for_each(|line| {
                let _ = write!(text, "\n         {line}");
            });
        }
        if let Some(fault) = &self.fault {
            // The guest's functions are long, so they have a line of their own.
            let (what, functions) = match fault.rsplit_once("; in ") {
                Some((what, functions)) => (what, format!("\n         in {functions}")),
                None => (fault.as_str(), String::new()),
            };
            let _ = write!(text, "\n       fault: {what}{functions}");
        }
        text
    }
}

/// All that the arena has, and how much of it was in use.
fn share(memory: Memory) -> String {
    let percent = memory.high_water.saturating_mul(100) / memory.capacity.max(1);
    let percent = if percent == 0 { "<1".to_owned() } else { percent.to_string() };
    format!("{} ({percent} %)", bytes(memory.capacity))
}

fn bytes(count: u64) -> String {
    ByteSize(count).display().iec().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::requests::compare::What;

    fn case(memory: Option<Memory>) -> CaseReport {
        CaseReport {
            name: "orders".to_owned(),
            file: "a.http".to_owned(),
            line: 2,
            request: "GET /".to_owned(),
            route: Some("/".to_owned()),
            passed: true,
            status: Some(200),
            milliseconds: 1.234,
            memory,
            no_memory: memory.is_none().then_some(NoMemory::NoArena),
            fault: None,
            failures: Vec::new(),
        }
    }

    const MEMORY: Memory =
        Memory { capacity: 1 << 20, high_water: 3 << 10, survivors: 0, persistent: 0 };

    #[track_caller]
    fn check(case: &CaseReport, expected: &str) {
        let words: Vec<_> = case.lines().lines().map(|line| line.trim_end().to_owned()).collect();
        let squeezed = words
            .join("\n")
            .split(' ')
            .filter(|word| !word.is_empty())
            .collect::<Vec<_>>()
            .join(" ");
        assert_eq!(squeezed, expected);
    }

    #[test]
    fn a_line_says_what_the_request_used() {
        check(&case(Some(MEMORY)), "ok orders 200 1.23 ms 3.0 KiB of 1.0 MiB (<1 %), 0 B left");
        check(&case(None), "ok orders 200 1.23 ms no arena");
        let refused = CaseReport { no_memory: Some(NoMemory::NotCalled), ..case(None) };
        check(&refused, "ok orders 200 1.23 ms not called");
        let fault = Some("the guest trapped; in a.wasm: b".to_owned());
        let failure = Failure { what: What::Body, line: 4, message: "first\nsecond".to_owned() };
        let failed = CaseReport {
            passed: false,
            fault,
            status: None,
            failures: vec![failure],
            no_memory: Some(NoMemory::InstanceLost),
            ..case(None)
        };
        check(
            &failed,
            "FAIL orders - 1.23 ms instance lost\n a.http:4: first\n second\n fault: the guest trapped\n in a.wasm: b",
        );
    }

    #[test]
    fn the_summary_names_the_fullest_case() {
        let mut report = Report::default();
        report.add(case(Some(MEMORY)), true);
        assert_eq!(
            report.summary(),
            "1 case: 1 passed, 0 failed\nmost memory: 3.0 KiB of 1.0 MiB (<1 %), by orders"
        );
        report.add(CaseReport { passed: false, ..case(None) }, true);
        report.add(case(None), true);
        let summary = report.summary();
        assert!(summary.starts_with("3 cases: 2 passed, 1 failed\n"), "{summary}");
        assert!(summary.contains("no budget was checked for 1 of them"), "{summary}");
    }
}
