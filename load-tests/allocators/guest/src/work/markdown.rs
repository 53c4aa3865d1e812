//! Markdown to HTML by `pulldown-cmark`.

use arenaria_guest::{Request, Response};
use pulldown_cmark::{Options, Parser, html};

pub(crate) struct Work;

impl Work {
    pub(crate) fn new() -> Self {
        Self
    }

    pub(crate) fn handle(&mut self, request: Request<'_>) -> Response {
        let text = std::str::from_utf8(request.body()).expect("the body is UTF-8");
        let mut page = String::new();
        html::push_html(&mut page, Parser::new_ext(text, Options::all()));
        Response::new(200).body(page)
    }
}
