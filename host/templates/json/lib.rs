//! Takes an order as JSON, checks it and answers with its total.

use arenaria_guest::{Params, Problem, Processor, Request, Response, Router, Settings};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    id: u64,
    items: Vec<Item>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Item {
    cents: u64,
    count: u64,
}

#[derive(Serialize)]
struct Accepted {
    id: u64,
    total_cents: u64,
}

struct Shop {
    router: Router<()>,
}

impl Processor for Shop {
    /// Called once per instance. What it allocates stays.
    fn configure(settings: Settings<'_>) -> Result<Self, String> {
        settings.expect_only(&[])?;
        Ok(Self { router: Router::new().post("/orders", accept) })
    }

    /// Called once per request. What it allocates is freed when the request ends.
    fn handle(&mut self, request: Request<'_>) -> Response {
        self.router.handle(&mut (), request)
    }
}

/// Checks an order. Any other body is answered with a problem document.
fn accept(_: &mut (), request: Request<'_>, _: &Params<'_>) -> Result<Response, Problem> {
    let Order { id, items } = request.json()?;
    if items.is_empty() {
        return Err(Problem::unprocessable("expected at least one item, got none"));
    }
    let total_cents = items
        .iter()
        .try_fold(0_u64, |sum, item| sum.checked_add(item.cents.checked_mul(item.count)?))
        .ok_or_else(|| Problem::unprocessable("the total is too large"))?;
    Ok(Response::json_of(&Accepted { id, total_cents }).with_status(201))
}

arenaria_guest::export!(Shop);

#[cfg(test)]
mod tests {
    use super::*;

    fn post(body: &str) -> Response {
        let mut shop = Shop::configure(Settings::new(&[])).expect("it has no settings");
        shop.handle(Request::new("POST", "/orders").with_body(body.as_bytes()))
    }

    #[test]
    fn an_order_is_totalled() {
        let response = post(r#"{"id": 7, "items": [{"cents": 250, "count": 2}]}"#);
        assert_eq!(response.status(), 201);
        assert_eq!(response.bytes(), br#"{"id":7,"total_cents":500}"#);
    }

    #[test]
    fn an_order_without_items_is_refused() {
        let response = post(r#"{"id": 7, "items": []}"#);
        assert_eq!(response.status(), 422);
        assert_eq!(response.header("content-type"), Some("application/problem+json"));
    }
}
