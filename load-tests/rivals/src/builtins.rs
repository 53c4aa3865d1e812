//! The builtins: does our engine define those of libjq?

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::engines::Engine;
use crate::report::Report;

/// What our engine leaves out, and why.
const LEFT_OUT: [(&str, &str); 1] = [("modulemeta/0", "there are no modules")];

/// The names that an engine prints.
fn names(engine: &mut dyn Engine) -> Result<BTreeSet<String>> {
    let mut out = Vec::new();
    let run = engine.compile("builtins").and_then(|mut program| program.run(b"null", &mut out));
    run.map_err(anyhow::Error::msg).with_context(|| format!("{} gives no builtins", engine.name()))?;
    Ok(serde_json::from_slice(&out)?)
}

/// Compares the builtins of two engines. Gives also whether nothing but [`LEFT_OUT`] is missing, and nothing is added.
pub(crate) fn compare(libjq: &mut dyn Engine, ours: &mut dyn Engine) -> Result<(Report, bool)> {
    let (theirs, ours) = (names(libjq)?, names(ours)?);
    let expected: BTreeSet<String> = LEFT_OUT.iter().map(|(name, _)| (*name).to_owned()).collect();
    let missing: BTreeSet<String> = theirs.difference(&ours).cloned().collect();
    let added: Vec<&String> = ours.difference(&theirs).collect();
    let mut text = format!("libjq has {} builtins, we have {} of them\n", theirs.len(), theirs.len() - missing.len());
    for name in &missing {
        let reason = LEFT_OUT.iter().find(|(left_out, _)| left_out == name).map(|(_, reason)| *reason);
        text += &format!("missing {name}: {}\n", reason.unwrap_or("NO REASON IS GIVEN"));
    }
    for name in &added {
        text += &format!("NOT OF LIBJQ: {name}\n");
    }
    for name in expected.difference(&missing) {
        text += &format!("NOT MISSING: {name}\n");
    }
    let json: Value = json!({"missing": missing, "added": added});
    Ok(((text, json), missing == expected && added.is_empty()))
}
