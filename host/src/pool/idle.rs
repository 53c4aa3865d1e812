//! Replaces instances that are idle, so that their memory goes back.

use std::rc::Weak;

use tokio::time::sleep;

use crate::config::isolation::Isolation;
use crate::pool::slots::Slots;

/// Looks at each slot once in `idle-instance-time`, until the slots are dropped. An instance that has served, but not since
/// the last look, is replaced.
pub(crate) async fn replace_idle(slots: Weak<Slots>) {
    let Some((count, time)) = slots.upgrade().and_then(|slots| {
        let (route, time) = (&slots.route, slots.route.limits.idle_instance_time.0);
        (route.isolation == Isolation::Reuse && !time.is_zero()).then_some((route.slots, time))
    }) else {
        return;
    };
    let mut seen = vec![0; count];
    for slot in (0..count).cycle() {
        sleep(time / count as u32).await;
        let Some(slots) = slots.upgrade() else { return };
        let served = slots.served(slot);
        if served > 0 && served == seen[slot] {
            slots.retire_idle(slot);
        }
        seen[slot] = served;
    }
}
