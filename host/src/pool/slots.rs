//! The warm instances of one route on one worker, and the requests that wait for them.
//!
//! This executes the actions that `policy` decides: it starts, installs and drops instances, and
//! gives slots to waiters. It has no branch on a slot's state. Everything here belongs to one
//! thread, except the counters.
//!
//! When the component of a route is replaced, the route gets new slots. The old ones serve the requests that have
//! them, and end with the last of these.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::task::{spawn_local, yield_now};
use tokio::time::{sleep, timeout};
use tracing::{debug, info, warn};

use crate::config::isolation::Isolation;
use crate::pool::actions::{Action, Actions};
use crate::pool::body_budget::BodyBudget;
use crate::pool::contents::SlotContents;
use crate::pool::policy::{Admission, Counts, Event, Policy, Shed, SlotId, WaiterId, WaiterKind};
use crate::pool::reading::InstanceReading;
use crate::pool::route::Route;
use crate::pool::stats::{Reason, RouteStats};
use crate::runtime::instance::{Account, Instance};
use crate::runtime::request_ids::MakeIds;
use crate::runtime::share::Shares;

/// The slots of one route on one worker.
pub(crate) struct Slots {
    pub(crate) route: Arc<Route>,
    pub(crate) stats: Arc<RouteStats>,
    pub(crate) account: Account,
    /// The memory for bodies of its requests.
    pub(crate) bodies: Arc<BodyBudget>,
    pub(super) policy: RefCell<Policy>,
    /// By slot. The contents of a slot in use are in its lease. They are boxed, because each request moves them.
    pub(super) contents: RefCell<Vec<Option<Box<SlotContents>>>>,
    /// By slot: an instance that was started and is not installed yet.
    started: RefCell<Vec<Option<Instance>>>,
    /// In order of arrival.
    waiters: RefCell<VecDeque<(WaiterId, oneshot::Sender<Option<Lease>>)>>,
    /// By slot: what was last read of its instance.
    pub(super) readings: RefCell<Vec<Option<InstanceReading>>>,
    /// What these slots add to the gauges of `stats`, once they serve.
    counted: Cell<Option<Counts>>,
    /// The last fault, until it is taken.
    pub(super) fault: RefCell<Option<String>>,
}

impl Slots {
    /// Starts every instance of the route, which takes part in `shares`. They are counted when the slots [serve](Self::begin).
    ///
    /// # Errors
    ///
    /// If an instance cannot be started. The message is for the operator.
    pub(crate) async fn warm(
        route: Arc<Route>,
        stats: Arc<RouteStats>,
        shares: Option<&Arc<Shares>>,
        bodies: &BodyBudget,
    ) -> anyhow::Result<Rc<Self>> {
        let share = shares.map(|shares| shares.join(route.weight));
        let account = Account { memory: Arc::clone(&stats.memory), share };
        let count = route.slots;
        let keeps_instances = route.isolation == Isolation::Reuse;
        let mut contents = Vec::with_capacity(count);
        for _ in 0..count {
            let instance = route.start_first(&account).await?;
            // In `fresh` isolation, this start shows that later ones can succeed.
            contents.push(SlotContents::new(keeps_instances.then_some(instance)));
            // The worker may be serving requests of the slots that these replace.
            yield_now().await;
        }
        let policy = Policy::new(count, route.limits.queue_length, keeps_instances);
        Ok(Rc::new(Self {
            bodies: bodies.of_route(&route.path, route.limits.request_body.0),
            route,
            stats,
            account,
            policy: RefCell::new(policy),
            contents: RefCell::new(contents),
            started: RefCell::new((0..count).map(|_| None).collect()),
            waiters: RefCell::default(),
            readings: RefCell::new(vec![None; count]),
            counted: Cell::new(None),
            fault: RefCell::default(),
        }))
    }

    /// From now on, requests get these slots.
    pub(crate) fn begin(&self) {
        self.counted.set(Some(Counts::default()));
        self.count();
    }

    /// Drops the instances that no request needs any more. Each request that has these slots needs at most one.
    pub(crate) fn shrink(self: &Rc<Self>) {
        // One of them is the caller's.
        let requests = Rc::strong_count(self) - 1;
        loop {
            let closed = self.policy.borrow_mut().shrink(requests);
            let Some(slot) = closed else { break };
            self.stats.retired(Reason::Replaced);
            self.fill(slot, None);
        }
        self.count();
    }

    /// Takes a slot, or waits for one as long as the limits allow.
    pub(crate) async fn acquire(self: &Rc<Self>) -> Result<Lease, Shed> {
        let time = self.route.limits.queue_time.0;
        self.take(WaiterKind::Request, time).await?.in_turn(time).await
    }

    /// The same for a part of a stream that was admitted before, even if the queue is full. It does not count as waiting.
    pub(crate) async fn wait(self: &Rc<Self>, time: Duration) -> Result<Lease, Shed> {
        self.take(WaiterKind::Stream, time).await?.in_turn(time).await
    }

    /// Whether a slot or a place in the queue is free at this moment. Takes neither.
    pub(crate) fn check_queue(&self) -> Result<(), Shed> {
        if self.policy.borrow().is_full() { Err(Shed::QueueLength) } else { Ok(()) }
    }

    async fn take(self: &Rc<Self>, kind: WaiterKind, time: Duration) -> Result<Lease, Shed> {
        let admission = self.policy.borrow_mut().acquire(kind);
        let waiter = match admission {
            Admission::Granted(slot) => {
                self.stats.queue_wait.observe(Duration::ZERO);
                self.count();
                return Ok(self.lease(slot));
            }
            Admission::Queued(waiter) => waiter,
            Admission::Shed => return Err(Shed::QueueLength),
        };
        let begun = Instant::now();
        let _place = Place { slots: self, waiter };
        let lease = timeout(time, self.granted(waiter)).await;
        self.stats.queue_wait.observe(begun.elapsed());
        lease.map_err(|_| Shed::QueueTime)
    }

    /// Waits until this waiter has a slot.
    async fn granted(self: &Rc<Self>, waiter: WaiterId) -> Lease {
        loop {
            let (grant, granted) = oneshot::channel();
            {
                let mut waiters = self.waiters.borrow_mut();
                let index = waiters.partition_point(|(id, _)| *id < waiter);
                waiters.insert(index, (waiter, grant));
            }
            match granted.await.expect("the sender of a waiter is kept until it is told") {
                Some(lease) => return lease,
                None => {
                    let slot = self.policy.borrow_mut().retry(waiter);
                    if let Some(slot) = slot {
                        self.count();
                        return self.lease(slot);
                    }
                }
            }
        }
    }

    /// The lease of a slot that the policy granted.
    pub(super) fn lease(self: &Rc<Self>, slot: SlotId) -> Lease {
        let contents = self.contents.borrow_mut()[slot].take();
        Lease { slots: Rc::clone(self), slot, contents, state: LeaseState::Clean }
    }

    /// How many requests the instance in a slot has served; 0 while a request has the slot.
    pub(crate) fn served(&self, slot: SlotId) -> u64 {
        self.contents.borrow()[slot].as_ref().map_or(0, |contents| contents.served)
    }

    /// Replaces an instance that is idle by a new one, which has less memory.
    pub(crate) fn retire_idle(self: &Rc<Self>, slot: SlotId) {
        self.on(Event::RetireAsked { slot, reason: Reason::Idle });
    }

    /// A response was cut after its status was sent: by a fault of its component, or by a limit.
    pub(crate) fn response_was_cut(&self, ids: MakeIds<'_>) {
        self.stats.cut.fetch_add(1, Relaxed);
        if self.route.log().admits_line() {
            let (route, ids) = (&self.route.path, ids());
            warn!(
                route,
                "request-id" = %ids.request_id(),
                "trace-id" = %ids.trace_id(),
                "cut a response: it could not be completed"
            );
        }
    }

    /// Tells the policy about an event, and executes the actions.
    fn on(self: &Rc<Self>, event: Event) {
        let actions = self.policy.borrow_mut().on(event);
        if !actions.is_empty() {
            self.carry_out(actions);
        }
        self.count();
    }

    /// Apart from `on`, so that the usual request, after which nothing follows, does not pay for it.
    #[inline(never)]
    fn carry_out(self: &Rc<Self>, actions: Actions) {
        for action in actions {
            match action {
                // If the receiver is gone, dropping the lease returns the slot.
                Action::Grant { waiter, slot } => self.tell(waiter, Some(self.lease(slot))),
                Action::Tell { waiter } => self.tell(waiter, None),
                Action::DropInstance { slot, reason } => {
                    self.stats.retired(reason);
                    self.fill(slot, None);
                }
                Action::StartInstance { slot, pause } => self.start(slot, pause),
                Action::Install { slot, replaced } => self.install(slot, replaced),
                Action::KeepOld { slot } => {
                    info!(route = self.route.path, slot, "keeping the old instance");
                }
            }
        }
    }

    /// Gives a lease to a waiter, or tells it that a slot is idle.
    fn tell(&self, waiter: WaiterId, lease: Option<Lease>) {
        let mut waiters = self.waiters.borrow_mut();
        let index = waiters.binary_search_by_key(&waiter, |(id, _)| *id);
        let (_, grant) = index
            .ok()
            .and_then(|index| waiters.remove(index))
            .expect("only a waiter in the queue is told");
        drop(waiters);
        drop(grant.send(lease));
    }

    fn start(self: &Rc<Self>, slot: SlotId, pause: Duration) {
        // Slots that were replaced end with their last request, although a start fails again and again.
        let slots = Rc::downgrade(self);
        spawn_local(async move {
            if !pause.is_zero() {
                sleep(pause).await;
            }
            let Some(slots) = slots.upgrade() else { return };
            match slots.route.start(&slots.account).await {
                Ok(instance) => {
                    slots.started.borrow_mut()[slot] = Some(instance);
                    slots.on(Event::Started { slot });
                }
                Err(fault) => {
                    slots.keep_fault(&fault);
                    slots.stats.retired(Reason::Failed);
                    if slots.route.log().admits_line() {
                        warn!(
                            route = slots.route.path,
                            slot, "cannot replace an instance: {fault}"
                        );
                    }
                    slots.on(Event::StartFailed { slot });
                }
            }
        });
    }

    fn install(&self, slot: SlotId, replaced: Option<Reason>) {
        let instance = self.started.borrow_mut()[slot].take();
        self.fill(slot, Some(instance.expect("an instance is installed only after its start")));
        if let Some(reason) = replaced {
            self.stats.retired(reason);
            if reason == Reason::Idle {
                debug!(route = self.route.path, slot, "replaced an idle instance");
            } else {
                info!(route = self.route.path, slot, ?reason, "replaced an instance");
            }
        }
    }

    /// Replaces the contents of a slot. The old instance is dropped last, when nothing is borrowed.
    fn fill(&self, slot: SlotId, instance: Option<Instance>) {
        self.readings.borrow_mut()[slot] = None;
        let old =
            std::mem::replace(&mut self.contents.borrow_mut()[slot], SlotContents::new(instance));
        drop(old);
    }

    pub(super) fn count(&self) {
        let Some(before) = self.counted.get() else { return };
        let now = self.policy.borrow().counts();
        self.counted.set(Some(now));
        self.change_gauges(before, now);
    }

    /// Slots that were replaced and those that serve instead have the same gauges. Only this worker writes them, so
    /// no change is lost.
    fn change_gauges(&self, before: Counts, now: Counts) {
        let gauges = [
            (&self.stats.idle, before.idle, now.idle),
            (&self.stats.busy, before.busy, now.busy),
            (&self.stats.warming, before.warming, now.warming),
        ];
        for (gauge, before, now) in gauges {
            gauge.store(gauge.load(Relaxed) + now - before, Relaxed);
        }
    }
}

impl Drop for Slots {
    fn drop(&mut self) {
        let Some(before) = self.counted.get() else { return };
        self.change_gauges(before, Counts::default());
        let instances = self.contents.get_mut().iter().flatten();
        instances
            .filter(|contents| contents.instance.is_some())
            .for_each(|_| self.stats.retired(Reason::Replaced));
    }
}

/// A slot in use, until this is dropped. Dropping it during a call discards the instance.
pub(crate) struct Lease {
    pub(crate) slots: Rc<Slots>,
    pub(crate) slot: SlotId,
    /// None only while the lease is dropped.
    contents: Option<Box<SlotContents>>,
    pub(crate) state: LeaseState,
}

/// The state of a leased instance.
pub(crate) enum LeaseState {
    /// It is not in a call.
    Clean,
    /// It is in a call.
    Running,
    /// It must not be called again.
    Lost(Reason),
}

impl Lease {
    pub(crate) fn contents(&mut self) -> &mut SlotContents {
        self.contents.as_mut().expect("a lease has its contents until it is dropped")
    }

    /// Requests that the instance is replaced. It serves until its replacement is ready.
    pub(crate) fn retire(&self, reason: Reason) {
        self.slots.on(Event::RetireAsked { slot: self.slot, reason });
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let lost = match self.state {
            LeaseState::Clean => None,
            LeaseState::Running => Some(Reason::Cancelled),
            LeaseState::Lost(reason) => Some(reason),
        };
        let has_served_all =
            self.contents().served >= self.slots.route.limits.requests_per_instance;
        self.slots.contents.borrow_mut()[self.slot] = self.contents.take();
        if has_served_all && lost.is_none() {
            self.retire(Reason::Requests);
        }
        self.slots.on(Event::Released { slot: self.slot, lost });
    }
}

/// A place in the queue. Dropping this leaves the queue.
struct Place<'slots> {
    slots: &'slots Rc<Slots>,
    waiter: WaiterId,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut waiters = self.slots.waiters.borrow_mut();
        // The numbers of waiters ascend.
        if let Ok(index) = waiters.binary_search_by_key(&self.waiter, |(waiter, _)| *waiter) {
            waiters.remove(index);
        }
        drop(waiters);
        self.slots.on(Event::WaiterLeft { waiter: self.waiter });
    }
}
