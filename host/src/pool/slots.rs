//! The warm instances of one route on one worker, and who may use them next.
//!
//! ```text
//!              acquire                     answer
//!   waiting ────────────▶ idle ─▶ busy ──────────────▶ idle
//!      │ too many, too long         │ fault, cancelled
//!      ▼                            ▼
//!     shed                       warming ────────────▶ idle
//! ```
//!
//! One request at a time per instance. A replacement that nobody needs at once (count, wish) is
//! started before the old instance leaves; after a fault the old one is gone first. At most one
//! replacement of the first kind is under way, so there are never more than slots + 1 instances,
//! which is what the process contract counts. All of this is one thread's: nothing
//! of it is shared but the counters.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tokio::task::spawn_local;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use crate::component::world::World;
use crate::config::isolation::Isolation;
use crate::pool::route::Route;
use crate::pool::stats::{Reason, RouteStats};
use crate::pool::usage_schedule::Sampler;
use crate::runtime::bindings::{Reading, Request, Response};
use crate::runtime::fault::Fault;
use crate::runtime::instance::Instance;
use crate::runtime::wasi_http_call::{Exchange, Unanswered};

/// The slots of one route on one worker.
pub(crate) struct Slots {
    pub(crate) route: Arc<Route>,
    pub(crate) stats: Arc<RouteStats>,
    /// Last in, first out: the instance that ran last has the warmest memory.
    idle: RefCell<Vec<Slot>>,
    /// As many permits as there are idle slots that nobody is on the way to.
    permits: Semaphore,
    waiting: Cell<usize>,
    /// Under way or ready, and not yet in its place.
    replacement: RefCell<Replacement>,
    /// Per slot: what its arena last said.
    readings: RefCell<Vec<Option<Reading>>>,
}

/// A place for one instance.
struct Slot {
    id: usize,
    /// None in `fresh` isolation, where every request starts its own.
    instance: Option<Instance>,
    served: u64,
    sampler: Sampler,
    /// The handles of the host that the instance held after its first request.
    handles: usize,
}

impl Slot {
    fn new(id: usize, instance: Option<Instance>) -> Self {
        Self { id, instance, served: 0, sampler: Sampler::default(), handles: 0 }
    }
}

enum Replacement {
    None,
    /// Being started for that slot.
    Starting,
    /// Ready for that slot, which is busy.
    Ready {
        slot: usize,
        instance: Instance,
        reason: Reason,
    },
}

/// Why a request got no slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shed {
    /// As many wait as may.
    QueueLength,
    /// It waited as long as it may.
    QueueTime,
}

/// A slot in use, until this is dropped. Dropping it in the middle of a call costs the instance.
pub(crate) struct Lease {
    slots: Rc<Slots>,
    slot: Option<Slot>,
    state: State,
}

/// What is known of a leased instance.
enum State {
    /// It is between calls.
    Clean,
    /// It is in a call.
    Running,
    /// It must not be called again.
    Lost(Reason),
}

impl Slots {
    /// Starts every instance of the route.
    ///
    /// # Errors
    ///
    /// If one of them cannot be started: a sentence for the operator.
    pub(crate) async fn warm(
        route: Arc<Route>,
        stats: Arc<RouteStats>,
    ) -> anyhow::Result<Rc<Self>> {
        let count = route.slots;
        let mut idle = Vec::with_capacity(count);
        for id in 0..count {
            let instance = route.start_first(&stats.memory).await?;
            // In `fresh` isolation the first start proves that the others will succeed.
            let instance = (route.isolation == Isolation::Reuse).then_some(instance);
            idle.push(Slot::new(id, instance));
        }
        stats.idle.store(count, Relaxed);
        Ok(Rc::new(Self {
            route,
            stats,
            idle: RefCell::new(idle),
            permits: Semaphore::new(count),
            waiting: Cell::new(0),
            replacement: RefCell::new(Replacement::None),
            readings: RefCell::new(vec![None; count]),
        }))
    }

    /// Takes a slot, or waits for one as long as the limits allow.
    pub(crate) async fn acquire(self: &Rc<Self>) -> Result<Lease, Shed> {
        if let Ok(permit) = self.permits.try_acquire() {
            permit.forget();
            self.stats.queue_wait.observe(Duration::ZERO);
            return Ok(self.lease());
        }
        self.check_queue()?;
        let _waiting = Waiting::new(&self.waiting);
        self.wait(self.route.limits.queue_time.0).await
    }

    /// Whether a request could have a slot, or a place in the queue, at this moment. Takes neither.
    pub(crate) fn check_queue(&self) -> Result<(), Shed> {
        let is_full = self.waiting.get() >= self.route.limits.queue_length;
        if is_full && self.permits.available_permits() == 0 {
            return Err(Shed::QueueLength);
        }
        Ok(())
    }

    /// Takes a slot, however many wait: for work that was admitted before and comes in parts. It
    /// does not count as waiting, so that streams do not shed single requests.
    pub(crate) async fn wait(self: &Rc<Self>, time: Duration) -> Result<Lease, Shed> {
        let begun = Instant::now();
        let permit = timeout(time, self.permits.acquire()).await;
        self.stats.queue_wait.observe(begun.elapsed());
        let permit = permit.map_err(|_| Shed::QueueTime)?;
        permit.expect("the semaphore is never closed").forget();
        Ok(self.lease())
    }

    fn lease(self: &Rc<Self>) -> Lease {
        let slot = self.idle.borrow_mut().pop().expect("a permit stands for an idle slot");
        self.stats.idle.store(self.idle.borrow().len(), Relaxed);
        self.stats.busy.fetch_add(1, Relaxed);
        Lease { slots: Rc::clone(self), slot: Some(slot), state: State::Clean }
    }

    /// Asks every idle instance what its arena says; a busy one answers with what it last said.
    pub(crate) async fn read_arenas(self: &Rc<Self>) -> Vec<(usize, Reading)> {
        if self.route.world != World::Processor {
            return Vec::new();
        }
        for id in 0..self.route.slots {
            let Ok(permit) = self.permits.try_acquire() else { break };
            if self.bring_up(id) {
                permit.forget();
                self.lease().read_arena().await;
            }
        }
        let readings = self.readings.borrow();
        let known =
            readings.iter().enumerate().filter_map(|(id, reading)| Some((id, reading.clone()?)));
        known.collect()
    }

    /// Puts an idle slot on top, where a lease takes it from.
    fn bring_up(&self, id: usize) -> bool {
        let mut idle = self.idle.borrow_mut();
        let Some(index) = idle.iter().position(|slot| slot.id == id) else { return false };
        let slot = idle.remove(index);
        idle.push(slot);
        true
    }

    fn put_back(&self, slot: Slot) {
        self.idle.borrow_mut().push(slot);
        self.stats.idle.store(self.idle.borrow().len(), Relaxed);
        self.permits.add_permits(1);
    }

    /// After a fault: the slot is empty until a new instance is warm, however often that fails.
    fn rewarm(self: &Rc<Self>, id: usize) {
        const PAUSE_FIRST: Duration = Duration::from_millis(50);
        const PAUSE_MAX: Duration = Duration::from_secs(5);
        let slots = Rc::clone(self);
        slots.stats.warming.fetch_add(1, Relaxed);
        slots.readings.borrow_mut()[id] = None;
        spawn_local(async move {
            let mut pause = PAUSE_FIRST;
            let instance = loop {
                match slots.route.start(&slots.stats.memory).await {
                    Ok(instance) => break instance,
                    Err(fault) => {
                        slots.stats.retired(Reason::Failed);
                        warn!(
                            route = slots.route.path,
                            "cannot replace an instance, trying again: {fault}"
                        );
                        sleep(pause).await;
                        pause = (pause * 2).min(PAUSE_MAX);
                    }
                }
            };
            slots.stats.warming.fetch_sub(1, Relaxed);
            slots.put_back(Slot::new(id, Some(instance)));
        });
    }

    /// Before an orderly retirement: the old instance goes on until the new one is warm.
    fn replace(self: &Rc<Self>, id: usize, reason: Reason) {
        if !matches!(*self.replacement.borrow(), Replacement::None) {
            // The wish stands, and is looked at again after the next request.
            return;
        }
        self.replacement.replace(Replacement::Starting);
        self.stats.warming.fetch_add(1, Relaxed);
        let slots = Rc::clone(self);
        spawn_local(async move {
            let started = slots.route.start(&slots.stats.memory).await;
            slots.stats.warming.fetch_sub(1, Relaxed);
            slots.replacement.replace(match started {
                Ok(instance) => Replacement::Ready { slot: id, instance, reason },
                Err(fault) => {
                    slots.stats.retired(Reason::Failed);
                    warn!(
                        route = slots.route.path,
                        "cannot replace an instance, keeping the old one: {fault}"
                    );
                    Replacement::None
                }
            });
            let mut idle = slots.idle.borrow_mut();
            if let Some(slot) = idle.iter_mut().find(|slot| slot.id == id) {
                slots.install(slot);
            }
        });
    }

    /// Puts a replacement that is ready for this slot into it.
    fn install(&self, slot: &mut Slot) {
        let mut replacement = self.replacement.borrow_mut();
        match std::mem::replace(&mut *replacement, Replacement::None) {
            Replacement::Ready { slot: id, instance, reason } if id == slot.id => {
                let old = std::mem::replace(slot, Slot::new(id, Some(instance)));
                self.readings.borrow_mut()[id] = None;
                // One that was lost on the way has been counted as lost.
                if old.instance.is_some() {
                    self.stats.retired(reason);
                    info!(route = self.route.path, slot = id, ?reason, "replaced an instance");
                }
            }
            other => *replacement = other,
        }
    }
}

impl Lease {
    /// Has a request processed.
    pub(crate) async fn handle(&mut self, request: Request<'_>) -> Result<Response, Fault> {
        let route = Arc::clone(&self.slots.route);
        let time = route.limits.guest_time.0;
        self.state = State::Running;
        let answer = match route.isolation {
            Isolation::Reuse => self.instance().handle(request, time).await,
            Isolation::Fresh => match route.start(&self.slots.stats.memory).await {
                Ok(mut instance) => instance.handle(request, time).await,
                Err(fault) => Err(fault),
            },
        };
        self.ended(answer.as_ref().err());
        if answer.is_ok() && route.isolation == Isolation::Reuse {
            let slot = self.slot();
            slot.served += 1;
            if slot.sampler.is_due(slot.served) {
                self.read_arena().await;
            }
            self.look_back();
        }
        answer
    }

    /// Has a request answered by a `wasi:http` component, and keeps the slot until that has ended. Says
    /// whether it ended well.
    pub(crate) async fn exchange(mut self, exchange: Exchange) -> bool {
        let route = Arc::clone(&self.slots.route);
        let (guest_time, request_time) = (route.limits.guest_time.0, route.limits.request_time.0);
        let reply = exchange.reply.clone();
        self.state = State::Running;
        let ended = match route.isolation {
            Isolation::Reuse => self.instance().exchange(exchange, guest_time, request_time).await,
            Isolation::Fresh => match route.start(&self.slots.stats.memory).await {
                Ok(mut instance) => instance.exchange(exchange, guest_time, request_time).await,
                Err(fault) => Err(fault),
            },
        };
        self.ended(ended.as_ref().err());
        if ended.is_ok() && route.isolation == Isolation::Reuse {
            self.slot().served += 1;
            self.look_back();
        }
        let is_well = ended.is_ok();
        if let Err(fault) = ended {
            reply.send(Err(Unanswered::Fault(fault)));
        }
        is_well
    }

    /// After a request: whether the instance keeps more than it should. Linear memory never shrinks and
    /// the host's handles are not in it, so only another instance helps.
    fn look_back(&mut self) {
        /// Handles that a runtime may make when it first needs them.
        const HANDLES_SLACK: usize = 16;
        let mark = self.slots.route.limits.retire_memory;
        let slot = self.slot();
        let instance = slot.instance.as_mut().expect("a slot in use has its instance");
        let (grown, handles) = (instance.has_grown_past(mark), instance.handles());
        if slot.served == 1 {
            slot.handles = handles;
        }
        let id = slot.id;
        let leaks = handles > slot.handles + HANDLES_SLACK;
        if grown {
            self.slots.replace(id, Reason::Grown);
        } else if leaks {
            self.slots.replace(id, Reason::Handles);
        }
    }

    async fn read_arena(&mut self) {
        if self.slots.route.isolation == Isolation::Fresh {
            return;
        }
        let time = self.slots.route.limits.guest_time.0;
        self.state = State::Running;
        let answer = self.instance().usage(time).await;
        self.ended(answer.as_ref().err());
        if let Ok(reading) = answer {
            let slot = self.slot();
            slot.sampler.note(slot.served, &reading);
            let (id, wishes) = (slot.id, reading.retire);
            self.slots.readings.borrow_mut()[id] = Some(reading);
            if wishes {
                self.slots.replace(id, Reason::Wish);
            }
        }
    }

    fn ended(&mut self, fault: Option<&Fault>) {
        self.state = match fault {
            None => State::Clean,
            Some(fault) => {
                let slot = self.slot().id;
                warn!(route = self.slots.route.path, slot, "lost an instance: {fault}");
                State::Lost(Reason::of(fault))
            }
        };
    }

    fn slot(&mut self) -> &mut Slot {
        self.slot.as_mut().expect("a lease has its slot until it ends")
    }

    fn instance(&mut self) -> &mut Instance {
        self.slot().instance.as_mut().expect("a slot in use has its instance")
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let slots = &self.slots;
        let mut slot = self.slot.take().expect("a lease has its slot until it ends");
        slots.stats.busy.fetch_sub(1, Relaxed);
        let lost = match self.state {
            State::Clean => None,
            State::Running => Some(Reason::Cancelled),
            State::Lost(reason) => Some(reason),
        };
        if let Some(reason) = lost {
            slots.stats.retired(reason);
            slot.instance = None;
        }
        slots.install(&mut slot);
        if slot.instance.is_none() && slots.route.isolation == Isolation::Reuse {
            return slots.rewarm(slot.id);
        }
        if slot.served >= slots.route.limits.requests_per_instance {
            slots.replace(slot.id, Reason::Requests);
        }
        slots.put_back(slot);
    }
}

/// Counts a request that waits, for as long as it does.
struct Waiting<'slots>(&'slots Cell<usize>);

impl<'slots> Waiting<'slots> {
    fn new(count: &'slots Cell<usize>) -> Self {
        count.set(count.get() + 1);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}
