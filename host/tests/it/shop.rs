//! What the SDK offers to a service, in a component: routes, JSON, forms and problems.

use serde_json::json;

use crate::client::Request;
use crate::config::Config;
use crate::harness::Server;

#[test]
fn a_service_of_routes_json_forms_and_problems() {
    let server = Server::start(&Config::probe());
    let mut client = server.connect();
    let json = |body: &str| {
        Request::post("/shop/items", body.to_owned()).header("content-type", "application/json")
    };
    let added = client.exchange(&json(r#"{"name":"t\u00e9","count":3}"#));
    assert_eq!((added.status, added.header("location")), (201, Some("/shop/items/0")));
    client.exchange(&Request::get("/shop/items/0")).check(200, "{\"name\":\"té\",\"count\":3}");

    let form = |body: &str| {
        let form = "application/x-www-form-urlencoded; charset=UTF-8";
        Request::post("/shop/find", body.to_owned()).header("content-type", form)
    };
    let found = r#"[{"name":"té","count":3}]"#;
    client.exchange(&form("name=t%C3%A9&least=3")).check(200, found);
    client.exchange(&form("name=t%C3%A9&least=4")).check(200, "[]");

    for (request, status, detail) in [
        (json(r#"{"name":"tea""#), 400, "EOF while parsing an object at line 1 column 13"),
        (json(r#"{"name":"tea"}"#), 422, "missing field `count` at line 1 column 14"),
        (form("least=x"), 400, "expected the parameter `name`, got none"),
        (form("name=&least=x"), 400, "parameter `least`: invalid digit found in string, got `x`"),
        (Request::post("/shop/find", "name=tea"), 415, "expected a body of the type"),
        (Request::get("/shop/items/1"), 404, "no item 1"),
        (Request::get("/shop/items/%ff"), 400, "parameter `number`: expected UTF-8, got `%ff`"),
        (Request::get("/shop/"), 404, "nothing has this path"),
        (Request::get("/shop/items"), 405, "expected one of POST, got GET"),
    ] {
        let answer = client.exchange(&request);
        assert_eq!(answer.status, status, "{}", answer.text());
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        let problem: serde_json::Value = serde_json::from_str(&answer.text()).expect("it is JSON");
        assert_eq!(problem["status"], json!(status), "{problem}");
        let found = problem["detail"].as_str().unwrap_or_default();
        assert!(found.starts_with(detail), "expected {detail:?}, got {problem}");
        if status == 405 {
            assert_eq!(answer.header("allow"), Some("POST"));
        }
    }
    // The item persists; nothing else of all this does.
    drop(client);
    let metrics = server.until_settled();
    assert_eq!(metrics.sum("arenaria_arena_sealed_bytes", &[]), 0.0, "{metrics:?}");
}
