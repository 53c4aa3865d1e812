//! A bridge: one instance of a processor, which is configured before its first request.

use crate::answer::Answer;
use crate::body::Body;
use crate::check::check;
use crate::problem::Problem;
use crate::processor::{Processor, Request};
use crate::settings::Settings;

/// One instance of a processor, its settings, and whether it is configured.
#[derive(Debug)]
pub struct Bridge<P> {
    processor: P,
    settings: Settings,
    state: State,
}

#[derive(Debug)]
enum State {
    /// No request has come yet.
    Unconfigured,
    Configured,
    /// It serves nothing, for this reason.
    Refused(Problem),
}

impl<P: Processor> Bridge<P> {
    /// A bridge to a processor that has not been called yet. Does not call it.
    pub fn new(processor: P, settings: Vec<(String, String)>) -> Self {
        Self { processor, settings: Settings::new(settings), state: State::Unconfigured }
    }

    /// An empty body for a request with these header fields.
    ///
    /// # Errors
    ///
    /// If the body that is announced is too large.
    pub fn body(&self, fields: &[(String, Vec<u8>)]) -> Result<Body, Problem> {
        let named = |name: &'static str| {
            let is_named = move |field: &&(String, Vec<u8>)| field.0.eq_ignore_ascii_case(name);
            fields.iter().filter(is_named).map(|(_, value)| value.as_slice())
        };
        let declared = named("content-length").next();
        let declared = declared.and_then(|value| str::from_utf8(value).ok()?.parse().ok());
        let is_coding = |value: &[u8]| {
            let value = value.trim_ascii();
            !value.is_empty() && !value.eq_ignore_ascii_case(b"identity")
        };
        let is_coded = named("content-encoding").any(is_coding);
        Body::new(self.settings.request_body_bytes, declared, is_coded)
    }

    /// The header fields that the processor is given, in their order.
    ///
    /// # Errors
    ///
    /// If one of them is not UTF-8.
    pub fn forwarded(
        &self,
        fields: Vec<(String, Vec<u8>)>,
    ) -> Result<Vec<(String, String)>, Problem> {
        let mut forwarded = Vec::new();
        for (mut name, value) in fields {
            name.make_ascii_lowercase();
            if self.settings.forward_headers.contains(&name) {
                let value = String::from_utf8(value).map_err(|_| Problem::FieldNotText)?;
                forwarded.push((name, value));
            }
        }
        Ok(forwarded)
    }

    /// Answers a request. The first one configures the processor.
    pub fn answer(&mut self, request: Request) -> Answer {
        if let State::Unconfigured = self.state {
            self.state = self.configure();
        }
        match &self.state {
            State::Refused(problem) => problem.answer(),
            _ => check(self.processor.handle(request)).unwrap_or_else(|problem| problem.answer()),
        }
    }

    fn configure(&mut self) -> State {
        if let Some(problem) = self.settings.refused.take() {
            return State::Refused(problem);
        }
        match self.processor.configure(&self.settings.processor) {
            Ok(()) => State::Configured,
            Err(sentence) => State::Refused(Problem::Refused(sentence)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::processor::Response;

    /// Records its calls.
    #[derive(Default)]
    struct Noted {
        calls: RefCell<Vec<String>>,
    }

    impl Processor for &Noted {
        fn configure(&self, settings: &[(String, String)]) -> Result<(), String> {
            self.calls.borrow_mut().push(format!("configure {settings:?}"));
            match settings {
                [(name, _)] if name == "bad" => Err("bad is bad".to_owned()),
                _ => Ok(()),
            }
        }

        fn handle(&self, request: Request) -> Response {
            self.calls.borrow_mut().push(format!("handle {}", request.path_with_query));
            Response { status: 200, headers: Vec::new(), body: request.body }
        }
    }

    fn request(path: &str) -> Request {
        Request {
            method: "POST".to_owned(),
            path_with_query: path.to_owned(),
            headers: Vec::new(),
            body: b"body".to_vec(),
            received_at: 0,
        }
    }

    fn settings(name: &str, value: &str) -> Vec<(String, String)> {
        vec![(name.to_owned(), value.to_owned())]
    }

    #[test]
    fn a_processor_is_configured_once_and_before_its_first_request() {
        let noted = Noted::default();
        let mut bridge = Bridge::new(&noted, settings("program", "."));
        assert!(noted.calls.borrow().is_empty());
        for path in ["/1", "/2"] {
            let answer = bridge.answer(request(path));
            assert_eq!((answer.status, answer.body.as_slice()), (200, &b"body"[..]));
        }
        let expected = [r#"configure [("program", ".")]"#, "handle /1", "handle /2"];
        assert_eq!(*noted.calls.borrow(), expected);
    }

    #[test]
    fn a_refusal_is_said_every_time_and_nothing_is_served() {
        for (name, value, sentence) in
            [("bad", "1", "bad is bad"), ("bridge-request-body", "x", "expected a size")]
        {
            let noted = Noted::default();
            let mut bridge = Bridge::new(&noted, settings(name, value));
            for _ in 0..2 {
                let answer = bridge.answer(request("/"));
                let text = String::from_utf8(answer.body).unwrap();
                assert_eq!(answer.status, 500);
                assert!(text.contains(sentence), "{text}");
                assert!(text.contains("urn:arenaria:problem:settings"), "{text}");
            }
            let calls = usize::from(name == "bad");
            assert_eq!(noted.calls.borrow().len(), calls, "{name}");
        }
    }

    #[test]
    fn only_fields_that_are_forwarded_must_be_text() {
        let noted = Noted::default();
        let bridge = Bridge::new(&noted, Vec::new());
        let fields = |kind: &[u8]| {
            vec![("cookie".to_owned(), vec![0xff]), ("Content-Type".to_owned(), kind.to_vec())]
        };
        let expected = [("content-type", "c/d")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(bridge.forwarded(fields(b"c/d")).unwrap(), expected);
        assert_eq!(bridge.forwarded(fields(&[0xff])), Err(Problem::FieldNotText));
    }

    #[test]
    fn an_announced_body_is_measured_before_it_is_read() {
        let noted = Noted::default();
        let bridge = Bridge::new(&noted, settings("bridge-request-body", "4"));
        let fields = |length: &str| vec![("Content-Length".to_owned(), length.into())];
        assert!(bridge.body(&fields("4")).is_ok());
        assert!(matches!(bridge.body(&fields("5")), Err(Problem::BodyTooLarge(4))));
        assert!(bridge.body(&[]).is_ok());
    }

    #[test]
    fn a_coded_body_is_refused() {
        let noted = Noted::default();
        let bridge = Bridge::new(&noted, Vec::new());
        let pushed = |coding: &str| {
            let fields = [("Content-Encoding".to_owned(), coding.into())];
            bridge.body(&fields).unwrap().push(b"x".to_vec())
        };
        for coding in ["", "identity", " Identity "] {
            assert_eq!(pushed(coding), Ok(()), "{coding}");
        }
        for coding in ["gzip", "x", "identity, br"] {
            assert_eq!(pushed(coding), Err(Problem::UnsupportedCoding), "{coding}");
        }
    }
}
