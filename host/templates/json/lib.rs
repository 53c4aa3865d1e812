//! Takes an order as JSON, checks it and answers with its total.

use arenaria_guest::{Processor, Request, Response, Settings};
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

/// A problem document of RFC 9457.
#[derive(Serialize)]
struct Problem<'a> {
    title: &'a str,
    status: u16,
    detail: String,
}

struct Shop;

impl Processor for Shop {
    fn configure(settings: Settings<'_>) -> Result<Self, String> {
        settings.expect_only(&[]).map(|()| Self)
    }

    fn handle(&mut self, request: Request<'_>) -> Response {
        match (request.method(), request.path()) {
            ("POST", "/orders") => match accept(request.body()) {
                Ok(accepted) => json(201, &accepted),
                Err(detail) => problem(422, "the order is not accepted", detail),
            },
            (_, "/orders") => Response::new(405).with_header("allow", "POST"),
            _ => Response::new(404),
        }
    }
}

/// Checks an order. The error is a sentence for the client.
fn accept(body: &[u8]) -> Result<Accepted, String> {
    let order: Order = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    if order.items.is_empty() {
        return Err("expected at least one item, got none".to_owned());
    }
    let total_cents = order
        .items
        .iter()
        .try_fold(0_u64, |sum, item| sum.checked_add(item.cents.checked_mul(item.count)?));
    let total_cents = total_cents.ok_or("the total is too large")?;
    Ok(Accepted { id: order.id, total_cents })
}

fn json(status: u16, value: &impl Serialize) -> Response {
    let document = serde_json::to_vec(value).expect("these types have a JSON form");
    Response::json(document).with_status(status)
}

fn problem(status: u16, title: &str, detail: String) -> Response {
    let mut response = json(status, &Problem { title, status, detail });
    response = Response::new(status)
        .with_header("content-type", "application/problem+json")
        .body(response.into_parts().2);
    response
}

arenaria_guest::export!(Shop);

#[cfg(test)]
mod tests {
    use super::*;

    fn post(body: &str) -> Response {
        Shop.handle(Request::new("POST", "/orders").with_body(body.as_bytes()))
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
