//! The names of phases, which become labels of metrics.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use crate::runtime::bindings::ArenaUsage;

/// The names of phases that the instances of a route have reported. All clones share them. Each name is a time
/// series for whoever collects metrics, so only the first ones of a route are kept.
#[derive(Clone, Debug, Default)]
pub(crate) struct PhaseNames(Arc<Mutex<BTreeSet<String>>>);

impl PhaseNames {
    /// Leaves out phases with other names, with names that are too long, and with a name that came before.
    pub(crate) fn limit(&self, mut usage: ArenaUsage) -> ArenaUsage {
        const PHASES_MAX: usize = 16;
        const NAME_BYTES_MAX: usize = 64;
        // No code here panics while it holds the lock.
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut seen = BTreeSet::new();
        usage.phases.retain(|phase| {
            let name = &phase.name;
            if name.len() > NAME_BYTES_MAX || !known.contains(name) && known.len() == PHASES_MAX {
                return false;
            }
            known.insert(name.clone());
            seen.insert(name.clone())
        });
        usage
    }
}
