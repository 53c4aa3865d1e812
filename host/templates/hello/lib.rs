//! Greets by name.

use arenaria_guest::{Processor, Request, Response, Settings};

struct Greeter {
    greeting: String,
}

impl Processor for Greeter {
    /// Called once per instance. The settings come from `arenaria.toml`.
    fn configure(settings: Settings<'_>) -> Result<Self, String> {
        settings.expect_only(&["greeting"])?;
        let greeting = settings.get("greeting").unwrap_or("hello").to_owned();
        Ok(Self { greeting })
    }

    /// Called once per request. What it allocates is freed when the request ends.
    fn handle(&mut self, request: Request<'_>) -> Response {
        match (request.method(), request.path()) {
            ("GET", "/") => Response::text(format!("{}, world\n", self.greeting)),
            ("POST", "/") => match std::str::from_utf8(request.body()) {
                Ok(name) => Response::text(format!("{}, {}\n", self.greeting, name.trim())),
                Err(_) => Response::text("expected a name in UTF-8\n").with_status(400),
            },
            (_, "/") => Response::new(405).with_header("allow", "GET, POST"),
            _ => Response::new(404),
        }
    }
}

arenaria_guest::export!(Greeter);

#[cfg(test)]
mod tests {
    use super::*;

    fn greeter() -> Greeter {
        Greeter::configure(Settings::new(&[])).expect("there is a default for every setting")
    }

    #[test]
    fn a_name_is_greeted() {
        let response = greeter().handle(Request::new("POST", "/").with_body(b"Ada\n"));
        assert_eq!((response.status(), response.bytes()), (200, &b"hello, Ada\n"[..]));
    }

    #[test]
    fn an_unknown_path_is_404() {
        assert_eq!(greeter().handle(Request::new("GET", "/other")).status(), 404);
    }
}
