//! What both jq engines run: a filter and an aggregate, as gateways have them.

pub(super) const PROGRAM: &str = "{orders: [.orders[] | select(.total > 100) | {id, customer: .customer.name, lines: (.lines | length)}], \
    sum: ([.orders[].total] | add)}";
