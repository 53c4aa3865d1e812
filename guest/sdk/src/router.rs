//! Chooses a handler by path and method. The paths are matched by `matchit`.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use crate::pairs::{ParameterError, parse};
use crate::problem::Problem;
use crate::request::Request;
use crate::response::Response;

/// The handlers of a processor, by path and method.
///
/// A segment `{name}` of a path matches any one segment, `{*name}` all that are left. The path is
/// matched as it was sent, so that `%2F` does not divide segments; a parameter is decoded. A path
/// that no pattern matches is answered with 404, a method without a handler with 405 and `Allow`.
/// `HEAD` is handled by the handler of `GET` if it has none of its own: the host leaves out the body.
///
/// The handlers change `S`, a value beside the router:
///
/// ```
/// use arenaria_guest::{Params, Problem, Processor, Request, Response, Router, Settings};
///
/// struct Shop {
///     router: Router<Stock>,
///     stock: Stock,
/// }
///
/// #[derive(Default)]
/// struct Stock(Vec<String>);
///
/// impl Stock {
///     fn item(&mut self, _: Request<'_>, params: &Params<'_>) -> Result<Response, Problem> {
///         let number: usize = params.parse("number")?;
///         let item = self.0.get(number);
///         let item = item.ok_or_else(|| Problem::not_found(format!("no item {number}")))?;
///         Ok(Response::text(item.as_str()))
///     }
///
///     fn add(&mut self, request: Request<'_>, _: &Params<'_>) -> Result<Response, Problem> {
///         let name = str::from_utf8(request.body()).map_err(Problem::bad_request)?;
///         // It outlives the request.
///         arenaria_guest::persistent(|| self.0.push(name.to_owned()));
///         Ok(Response::new(201))
///     }
/// }
///
/// impl Processor for Shop {
///     fn configure(settings: Settings<'_>) -> Result<Self, String> {
///         settings.expect_only(&[])?;
///         let router = Router::new()
///             .get("/items/{number}", Stock::item)
///             .post("/items", Stock::add)
///             .get("/", |_: &mut Stock, _, _| "a shop\n");
///         Ok(Self { router, stock: Stock::default() })
///     }
///
///     fn handle(&mut self, request: Request<'_>) -> Response {
///         self.router.handle(&mut self.stock, request)
///     }
/// }
///
/// let mut shop = Shop::configure(Settings::new(&[])).unwrap();
/// assert_eq!(shop.handle(Request::new("POST", "/items").with_body(b"tea")).status(), 201);
/// assert_eq!(shop.handle(Request::new("GET", "/items/0")).bytes(), b"tea");
/// assert_eq!(shop.handle(Request::new("GET", "/items/1")).status(), 404);
/// assert_eq!(shop.handle(Request::new("GET", "/items/x")).status(), 400);
/// let refused = shop.handle(Request::new("DELETE", "/items"));
/// assert_eq!((refused.status(), refused.header("allow")), (405, Some("POST")));
/// ```
pub struct Router<S> {
    /// Indices of `routes`.
    paths: matchit::Router<usize>,
    routes: Vec<Route<S>>,
}

struct Route<S> {
    pattern: String,
    handlers: Vec<(&'static str, Handler<S>)>,
}

type Handler<S> = Box<dyn Fn(&mut S, Request<'_>, &Params<'_>) -> Response>;

impl<S> Router<S> {
    /// A router without handlers. Build it in [`Processor::configure`](crate::Processor::configure).
    #[must_use]
    pub fn new() -> Self {
        Self { paths: matchit::Router::new(), routes: Vec::new() }
    }

    /// Adds a handler of a method, which is written in capitals. What the handler returns becomes a
    /// response: a [`Response`], a text, or a `Result` with a [`Problem`].
    ///
    /// # Panics
    ///
    /// If the pattern is malformed, conflicts with another one, or has a handler of this method.
    #[must_use]
    pub fn on<R: Into<Response>>(
        mut self,
        method: &'static str,
        pattern: &str,
        handler: impl Fn(&mut S, Request<'_>, &Params<'_>) -> R + 'static,
    ) -> Self {
        let known = self.routes.iter().position(|route| route.pattern == pattern);
        let index = known.unwrap_or_else(|| {
            let index = self.routes.len();
            if let Err(error) = self.paths.insert(pattern, index) {
                panic!("cannot add the route `{pattern}`: {error}");
            }
            self.routes.push(Route { pattern: pattern.to_owned(), handlers: Vec::new() });
            index
        });
        let route = &mut self.routes[index];
        assert!(
            route.handler(method).is_none(),
            "the route `{pattern}` has two handlers of {method}"
        );
        let handler: Handler<S> =
            Box::new(move |state, request, params| handler(state, request, params).into());
        route.handlers.push((method, handler));
        self
    }

    /// Adds a handler of `GET`, as [`Router::on`] does.
    #[must_use]
    pub fn get<R: Into<Response>>(
        self,
        pattern: &str,
        handler: impl Fn(&mut S, Request<'_>, &Params<'_>) -> R + 'static,
    ) -> Self {
        self.on("GET", pattern, handler)
    }

    /// Adds a handler of `POST`, as [`Router::on`] does.
    #[must_use]
    pub fn post<R: Into<Response>>(
        self,
        pattern: &str,
        handler: impl Fn(&mut S, Request<'_>, &Params<'_>) -> R + 'static,
    ) -> Self {
        self.on("POST", pattern, handler)
    }

    /// Adds a handler of `PUT`, as [`Router::on`] does.
    #[must_use]
    pub fn put<R: Into<Response>>(
        self,
        pattern: &str,
        handler: impl Fn(&mut S, Request<'_>, &Params<'_>) -> R + 'static,
    ) -> Self {
        self.on("PUT", pattern, handler)
    }

    /// Adds a handler of `PATCH`, as [`Router::on`] does.
    #[must_use]
    pub fn patch<R: Into<Response>>(
        self,
        pattern: &str,
        handler: impl Fn(&mut S, Request<'_>, &Params<'_>) -> R + 'static,
    ) -> Self {
        self.on("PATCH", pattern, handler)
    }

    /// Adds a handler of `DELETE`, as [`Router::on`] does.
    #[must_use]
    pub fn delete<R: Into<Response>>(
        self,
        pattern: &str,
        handler: impl Fn(&mut S, Request<'_>, &Params<'_>) -> R + 'static,
    ) -> Self {
        self.on("DELETE", pattern, handler)
    }

    /// Answers a request by the handler of its path and method.
    pub fn handle(&self, state: &mut S, request: Request<'_>) -> Response {
        self.answer(state, request).into()
    }

    fn answer(&self, state: &mut S, request: Request<'_>) -> Result<Response, Problem> {
        let found = self.paths.at(request.path());
        let found = found.map_err(|_| Problem::not_found("nothing has this path"))?;
        let route = &self.routes[*found.value];
        let method = request.method();
        let own = route.handler(method);
        let handler = own.or_else(|| route.handler("GET").filter(|_| method == "HEAD"));
        let handler = handler.ok_or_else(|| {
            let allow = route.allow();
            let detail = format!("expected one of {allow}, got {method}");
            Problem::new(405).with_detail(detail).with_header("allow", allow)
        })?;
        let params = found.params.iter().map(|(name, value)| Ok((name, decode(name, value)?)));
        let params = Params { pairs: params.collect::<Result<_, Problem>>()? };
        Ok(handler(state, request, &params))
    }
}

impl<S> Route<S> {
    fn handler(&self, method: &str) -> Option<&Handler<S>> {
        self.handlers.iter().find(|(name, _)| *name == method).map(|(_, handler)| handler)
    }

    /// The methods that are answered, as the field `Allow` lists them.
    fn allow(&self) -> String {
        let mut methods: Vec<_> = self.handlers.iter().map(|(method, _)| *method).collect();
        if methods.contains(&"GET") && !methods.contains(&"HEAD") {
            methods.push("HEAD");
        }
        methods.join(", ")
    }
}

fn decode<'a>(name: &str, value: &'a str) -> Result<Cow<'a, str>, Problem> {
    let decoded = percent_encoding::percent_decode_str(value).decode_utf8();
    decoded.map_err(|_| {
        Problem::bad_request(format!("parameter `{name}`: expected UTF-8, got `{value}`"))
    })
}

impl<S> Default for Router<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> fmt::Debug for Router<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let routes = self.routes.iter().map(|route| (&route.pattern, route.allow()));
        f.debug_map().entries(routes).finish()
    }
}

/// The parameters of a path, decoded.
#[derive(Clone, Debug, Default)]
pub struct Params<'a> {
    pairs: Vec<(&'a str, Cow<'a, str>)>,
}

impl Params<'_> {
    /// The value of a parameter of the pattern.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| &**value)
    }

    /// The value of a parameter of the pattern, parsed.
    ///
    /// # Errors
    ///
    /// If it cannot be parsed, or the pattern has no such parameter.
    pub fn parse<T: FromStr<Err: fmt::Display>>(&self, name: &str) -> Result<T, ParameterError> {
        parse(name, self.get(name).ok_or_else(|| ParameterError::missing(name))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(what: &'static str) -> impl Fn(&mut u32, Request<'_>, &Params<'_>) -> String {
        move |count, request, params| {
            *count += 1;
            format!("{what} {} {:?}", request.method(), params.pairs)
        }
    }

    fn router() -> Router<u32> {
        Router::new()
            .get("/", show("root"))
            .get("/items/{id}", show("item"))
            .put("/items/{id}", show("put"))
            .get("/items/new", show("new"))
            .post("/items", show("add"))
            .patch("/items", show("patch"))
            .delete("/files/{*path}", show("file"))
            .on("PURGE", "/a/{x}/b/{y}", show("two"))
    }

    #[track_caller]
    fn check(method: &str, path: &str, status: u16, expected: &str) -> Response {
        let mut count = 0;
        let response = router().handle(&mut count, Request::new(method, path));
        let body = String::from_utf8_lossy(response.bytes());
        assert_eq!(response.status(), status, "{body}");
        assert!(body.contains(expected), "expected {expected}, got {body}");
        assert_eq!(count, u32::from(status == 200));
        response
    }

    #[test]
    fn the_path_and_the_method_choose_the_handler() {
        check("GET", "/", 200, "root GET []");
        check("GET", "/items/7?a=b", 200, "item GET [(\"id\", \"7\")]");
        check("PUT", "/items/7", 200, "put PUT");
        check("GET", "/items/new", 200, "new GET []");
        check("POST", "/items", 200, "add");
        check("PATCH", "/items", 200, "patch");
        check("DELETE", "/files/a/b/c", 200, "[(\"path\", \"a/b/c\")]");
        check("PURGE", "/a/1/b/2", 200, "[(\"x\", \"1\"), (\"y\", \"2\")]");
    }

    #[test]
    fn parameters_are_decoded_after_they_are_matched() {
        check("GET", "/items/a%2Fb%20c+%C3%A4", 200, "a/b c+ä");
        check("GET", "/items/%zz", 200, "%zz");
        check("GET", "/items/%ff", 400, "expected UTF-8, got `%ff`");
    }

    #[test]
    fn a_path_without_a_pattern_is_404() {
        for path in ["", "/item", "/items/", "/items/7/", "/items/7/8", "//", "/files", "*"] {
            check("GET", path, 404, "nothing has this path");
        }
    }

    #[test]
    fn a_method_without_a_handler_is_405() {
        let refused =
            check("DELETE", "/items/7", 405, "expected one of GET, PUT, HEAD, got DELETE");
        assert_eq!(refused.header("allow"), Some("GET, PUT, HEAD"));
        let refused = check("HEAD", "/items", 405, "");
        assert_eq!(refused.header("allow"), Some("POST, PATCH"));
        check("get", "/", 405, "");
    }

    #[test]
    fn head_is_answered_like_get() {
        check("HEAD", "/items/7", 200, "item HEAD");
        let own = Router::new().get("/", show("get")).on("HEAD", "/", show("head"));
        assert!(own.handle(&mut 0, Request::new("HEAD", "/")).bytes().starts_with(b"head"));
        assert_eq!(format!("{own:?}"), r#"{"/": "GET, HEAD"}"#);
    }

    #[test]
    fn parameters_are_parsed() {
        let params = Params { pairs: vec![("id", "7".into()), ("name", "x".into())] };
        assert_eq!(params.parse("id"), Ok(7));
        assert_eq!(params.get("name"), Some("x"));
        assert_eq!(params.get("none"), None);
        let error = |name| params.parse::<u8>(name).unwrap_err().to_string();
        assert_eq!(error("name"), "parameter `name`: invalid digit found in string, got `x`");
        assert_eq!(error("none"), "expected the parameter `none`, got none");
    }

    #[test]
    #[should_panic(expected = "the route `/` has two handlers of GET")]
    fn a_handler_cannot_be_replaced() {
        drop(Router::new().get("/", show("one")).get("/", show("two")));
    }

    #[test]
    #[should_panic(expected = "cannot add the route `/{b}`: ")]
    fn patterns_that_conflict_are_refused() {
        drop(Router::new().get("/{a}", show("one")).get("/{b}", show("two")));
    }
}
