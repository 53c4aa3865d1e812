//! A page of HTML by `minijinja` from a document by `serde_json`.

use arenaria_guest::{Request, Response};
use minijinja::Environment;
use minijinja::value::{Serde, Value};

const TEMPLATE: &str = "<h1>{{ orders | length }} orders</h1>\n{% for order in orders %}\
    <section id=\"{{ order.id }}\"><h2>{{ order.customer.name | title }}</h2>\n<ul>{% for line in order.lines %}\
    <li class=\"{{ loop.cycle('odd', 'even') }}\">{{ line.quantity }} &times; {{ line.name }}: {{ line.price * line.quantity }}</li>\
    {% endfor %}</ul><p>{{ order.total }}</p></section>\n{% endfor %}";

pub(crate) struct Work(Environment<'static>);

impl Work {
    pub(crate) fn new() -> Self {
        let mut environment = Environment::new();
        environment
            .add_template("orders.html", TEMPLATE)
            .expect("the template is one of minijinja");
        Self(environment)
    }

    pub(crate) fn handle(&mut self, request: Request<'_>) -> Response {
        let orders: serde_json::Value =
            serde_json::from_slice(request.body()).expect("the body is JSON");
        let template = self.0.get_template("orders.html").expect("it was added");
        Response::new(200).body(
            template
                .render(Value::from(Serde(orders)))
                .expect("the template renders every document of the comparison"),
        )
    }
}
