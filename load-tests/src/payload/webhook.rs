//! Documents shaped like a forge's webhooks: an event around an issue, with nested objects, URLs,
//! identifiers, numbers, prose and lists. Generated, so that no foreign data is committed.
//!
//! Invariant: a document depends on its arguments alone, is exactly as long as asked for, and
//! answers [`PROGRAM`] with [`Webhook::answer`], which is computed without any jq.

pub use peer_answers::PROGRAM;
use serde_json::{Map, Value, json};

use super::{object, prose};
use crate::random::Random;

/// The smallest document that can be asked for: below it the skeleton does not fit.
pub const WEBHOOK_BYTES_MIN: usize = 900;

/// A document with what is known of it.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// Compact JSON, exactly as long as asked for.
    pub text: String,
    /// What [`PROGRAM`] answers.
    pub answer: Value,
    /// The length of `.issue.timeline`.
    pub timeline_length: usize,
}

const WORDS: &[&str] = &[
    "request",
    "memory",
    "when",
    "the",
    "worker",
    "returns",
    "a",
    "stale",
    "handle",
    "after",
    "reload",
    "and",
    "test",
    "fails",
    "with",
    "timeout",
    "on",
    "slow",
    "disks",
    "because",
    "queue",
    "is",
    "never",
    "drained",
    "\u{2019}tis",
    "größe",
    "\"quoted\"",
    "config\nline",
    "see",
    "#1234",
    "expected",
    "actual",
];
const LABELS: &[&str] =
    &["bug", "good first issue", "needs triage", "performance", "area: http", "help wanted"];
const LOGINS: &[&str] =
    &["octavia", "m-lindqvist", "renovate[bot]", "tkowalski", "yui-h", "dependabot[bot]"];
const URLS: &[&str] = &[
    "forks",
    "keys",
    "collaborators",
    "teams",
    "hooks",
    "events",
    "assignees",
    "branches",
    "tags",
    "blobs",
    "trees",
    "statuses",
    "languages",
    "stargazers",
    "contributors",
    "subscribers",
    "commits",
    "comments",
    "contents",
    "compare",
    "merges",
    "archive",
    "downloads",
    "issues",
    "pulls",
    "milestones",
    "notifications",
    "labels",
    "releases",
    "deployments",
];

/// The document number `seed` of exactly `bytes` bytes.
///
/// It grows as real ones do: first the repository's many URLs, then entries of a timeline, and at
/// last the prose of the issue takes what is left.
///
/// # Panics
///
/// If `bytes` is below [`WEBHOOK_BYTES_MIN`].
#[must_use]
pub fn webhook(seed: u64, bytes: usize) -> Webhook {
    assert!(
        bytes >= WEBHOOK_BYTES_MIN,
        "a webhook of {bytes} bytes: at least {WEBHOOK_BYTES_MIN} are needed"
    );
    let mut random = Random::new(seed);
    let labels: Vec<Value> = LABELS[..2].iter().map(|name| label(&mut random, name)).collect();
    let login = random.pick(LOGINS);
    let mut issue = issue(&mut random, labels);
    let mut repository = repository(&mut random);
    let answer = json!({
        "action": "labeled", "repo": repository["full_name"], "sender": login, "labels": [LABELS[0], LABELS[1]],
    });
    let sender =
        json!({ "login": login, "id": random.below(1 << 27), "type": "User", "site_admin": false });

    let assemble = |issue: &Map<String, Value>, repository: &Map<String, Value>| {
        json!({ "action": "labeled", "issue": issue, "repository": repository, "sender": sender })
            .to_string()
    };
    let mut room = bytes - assemble(&issue, &repository).len();
    for name in URLS {
        let key = format!("{name}_url");
        let url =
            format!("https://api.forge.example/repos/tessera/sandbox{}/{name}{{/sha}}", seed % 100);
        // Quotes of both, the colon and the comma.
        let cost = key.len() + url.len() + 6;
        if cost * 3 > room {
            break;
        }
        room -= cost;
        repository.insert(key, url.into());
    }
    let mut timeline = Vec::new();
    loop {
        let entry = entry(&mut random);
        let cost = entry.to_string().len() + 1;
        if cost * 2 > room {
            break;
        }
        room -= cost;
        timeline.push(entry);
    }
    let timeline_length = timeline.len();
    issue.insert("timeline".into(), timeline.into());
    let room = bytes
        .checked_sub(assemble(&issue, &repository).len())
        .expect("entries were only added while there was room");
    issue.insert("body".into(), prose(&mut random, WORDS, room).into());
    Webhook { text: assemble(&issue, &repository), answer, timeline_length }
}

fn issue(random: &mut Random, labels: Vec<Value>) -> Map<String, Value> {
    let number = random.below(90_000);
    let fields = json!({
        "url": format!("https://api.forge.example/repos/tessera/sandbox/issues/{number}"),
        "id": 2_000_000_000 + random.below(1 << 30),
        "number": number,
        "title": "worker returns a stale handle after reload",
        "user": user(random),
        "labels": labels,
        "state": "open",
        "locked": false,
        "assignee": null,
        "score": (random.below(4000) as f64) / 8.0,
        "created_at": "2026-03-14T09:26:53Z",
        "timeline": [],
        "body": "",
    });
    object(fields)
}

fn repository(random: &mut Random) -> Map<String, Value> {
    object(json!({
        "id": random.below(1 << 30), "name": "sandbox", "full_name": "tessera/sandbox", "private": false,
        "html_url": "https://forge.example/tessera/sandbox", "fork": false,
        "stargazers_count": random.below(20_000),
    }))
}

fn entry(random: &mut Random) -> Value {
    let id = random.below(1 << 40);
    let length = 6 + random.below(30);
    let prose: Vec<&str> = (0..length).map(|_| random.pick(WORDS)).collect();
    json!({
        "id": id,
        "node_id": format!("MDEyOklzc3VlQ29tbWVudD{id:011x}"),
        "html_url": format!("https://forge.example/tessera/sandbox/issues/{}#c{id}", id % 90_000),
        "user": user(random),
        "created_at": format!("2026-03-{:02}T{:02}:26:53Z", 1 + id % 28, id % 24),
        "performed_via_app": null,
        "body": prose.join(" "),
        "reactions": { "total_count": id % 9, "+1": id % 5, "-1": 0, "heart": id % 4, "rocket": 0 },
    })
}

fn user(random: &mut Random) -> Value {
    let id = random.below(1 << 27);
    json!({
        "login": random.pick(LOGINS), "id": id, "avatar_url": format!("https://avatars.forge.example/u/{id}?v=4"),
        "type": "User", "site_admin": false,
    })
}

fn label(random: &mut Random, name: &str) -> Value {
    let id = random.below(1 << 32);
    json!({ "id": id, "name": name, "color": format!("{:06x}", id & 0xff_ffff), "default": false })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_is_exact_and_valid() {
        for bytes in [WEBHOOK_BYTES_MIN, 1024, 1025, 1500, 4096, 10_240, 100_000, 1 << 20] {
            for seed in 0..8 {
                let webhook = webhook(seed, bytes);
                assert_eq!(webhook.text.len(), bytes, "seed {seed}");
                let value: Value = serde_json::from_str(&webhook.text).expect("it is JSON");
                assert_eq!(
                    value["issue"]["timeline"].as_array().map(Vec::len),
                    Some(webhook.timeline_length)
                );
            }
        }
    }

    #[test]
    fn a_document_depends_on_its_arguments_alone() {
        assert_eq!(webhook(3, 10_240).text, webhook(3, 10_240).text);
        assert_ne!(webhook(3, 10_240).text, webhook(4, 10_240).text);
    }

    #[test]
    fn a_larger_document_has_more_structure_and_not_only_more_prose() {
        let (small, large) = (webhook(1, 1024), webhook(1, 10_240));
        let members = |webhook: &Webhook| webhook.text.matches("\":").count();
        assert!(members(&small) >= 30, "{}", members(&small));
        assert!(members(&large) >= 150, "{}", members(&large));
        assert!(large.timeline_length >= 5);
    }

    #[test]
    fn the_answer_is_what_the_fields_say() {
        let webhook = webhook(5, 1024);
        let value: Value = serde_json::from_str(&webhook.text).expect("it is JSON");
        assert_eq!(webhook.answer["repo"], value["repository"]["full_name"]);
        assert_eq!(webhook.answer["sender"], value["sender"]["login"]);
        assert_eq!(webhook.answer["labels"][1], value["issue"]["labels"][1]["name"]);
    }
}
