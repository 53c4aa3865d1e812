//! Calls the instance of a slot in use, and retires it if the call shows that it must be replaced.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Waker};
use std::time::Duration;

use tokio::task::spawn_local;
use tokio::time::timeout;
use tracing::warn;

use crate::config::isolation::Isolation;
use crate::pool::policy::{Shed, SlotId};
use crate::pool::reading::{InstanceReading, RouteReading, SlotReading};
use crate::pool::slots::{Lease, LeaseState, Slots};
use crate::pool::stats::Reason;
use crate::runtime::bindings::{ArenaUsage, Request, Response};
use crate::runtime::fault::Fault;
use crate::runtime::guest_log::{During, Fields};
use crate::runtime::instance::Instance;
use crate::runtime::request_ids::{MakeIds, RequestIds};
use crate::runtime::share::Turn;
use crate::runtime::wasi_http_call::{CallError, WasiHttpCall};

impl Lease {
    /// Lets the instance handle a request.
    pub(crate) async fn handle(
        &mut self,
        request: Request<'_>,
        ids: MakeIds<'_>,
    ) -> Result<Response, Fault> {
        let route = Arc::clone(&self.slots.route);
        let time = route.limits.guest_time.0;
        let Request { method, path_with_query, .. } = request;
        let (slot, ids) = (Some(self.slot), Some(ids));
        let during = During::Request { slot, method, path_with_query, ids };
        self.state = LeaseState::Running;
        let (result, logged) = match route.isolation {
            Isolation::Reuse => {
                let instance = self.instance();
                (instance.handle(request, time).await, instance.take_log())
            }
            Isolation::Fresh => match route.start(&self.slots.account).await {
                Ok(mut instance) => (instance.handle(request, time).await, instance.take_log()),
                Err(fault) => (Err(fault), None),
            },
        };
        if let Some(lines) = logged {
            route.log().write(&lines, during);
        }
        self.ended(result.as_ref().err(), during);
        if result.is_ok() && route.isolation == Isolation::Reuse {
            self.contents().served += 1;
            self.retire_if_leaking();
        }
        result
    }

    /// The same, when it is the route's turn. A route that has used more than its share of the worker's time waits for that,
    /// as long as it may wait for a slot.
    #[inline]
    pub(crate) async fn in_turn(self, time: Duration) -> Result<Self, Shed> {
        if let Some(share) = &self.slots.account.share
            && share.is_ahead()
        {
            // Boxed, because it is rare, and hyper moves the future of each request.
            let turn = Box::pin(timeout(time, share.turn(Turn::Begin)));
            turn.await.map_err(|_| Shed::QueueTime)?;
        }
        Ok(self)
    }

    /// The most bytes of the arena that the last request used, if the instance has an arena. Costs a call.
    pub(crate) async fn request_high_water(&mut self) -> Option<u64> {
        if !matches!(self.state, LeaseState::Clean) || !self.slots.route.reads_usage() {
            return None;
        }
        Some(self.read_usage().await?.request_high_water)
    }

    /// Returns the slot. If a reading of the arena is due, it follows first. The caller does not wait for one that takes
    /// longer than a tick.
    #[inline]
    pub(crate) fn finish(mut self) {
        let contents = self.contents();
        let is_due = contents.usage_schedule.is_due(contents.served);
        if is_due && matches!(self.state, LeaseState::Clean) && self.slots.route.reads_usage() {
            self.read_usage_later();
        }
    }

    /// Apart from `finish`, so that the usual request does not pay for moving all of this.
    #[cold]
    #[inline(never)]
    fn read_usage_later(mut self) {
        self.slots.read_before_release(&self);
        let mut reading = Box::pin(async move { drop(self.read_usage().await) });
        // It nearly always ends at once. A task would have the slot until all others have run.
        let is_over = reading.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
        if !is_over {
            spawn_local(reading);
        }
    }

    /// Lets a `wasi:http` component handle a request. Keeps the slot until the guest returns. True
    /// if the guest succeeded.
    pub(crate) async fn call_wasi_http(mut self, call: WasiHttpCall, ids: RequestIds) -> bool {
        let route = Arc::clone(&self.slots.route);
        let (guest_time, request_time) = (route.limits.guest_time.0, route.limits.request_time.0);
        let reply = call.reply.clone();
        let (method, uri) = (call.request.method().clone(), call.request.uri().clone());
        self.state = LeaseState::Running;
        let ended = match route.isolation {
            Isolation::Reuse => {
                self.instance().call_wasi_http(call, guest_time, request_time).await
            }
            Isolation::Fresh => match route.start(&self.slots.account).await {
                Ok(mut instance) => instance.call_wasi_http(call, guest_time, request_time).await,
                Err(fault) => Err(fault),
            },
        };
        let (method, path_with_query) = (method.as_str(), uri.path());
        let make_ids = || ids;
        let (slot, ids) = (Some(self.slot), Some(&make_ids as MakeIds<'_>));
        let during = During::Request { slot, method, path_with_query, ids };
        self.ended(ended.as_ref().err(), during);
        if ended.is_ok() && route.isolation == Isolation::Reuse {
            self.contents().served += 1;
            if self.instance().accepts_calls() {
                self.retire_if_leaking();
            } else {
                self.lose_closed_instance(during);
            }
        }
        let is_ok = ended.is_ok();
        if let Err(fault) = ended {
            reply.send(Err(CallError::Fault(fault)));
        }
        is_ok
    }

    /// Drops the instance, although its request has succeeded. In an orderly replacement it would serve
    /// until the new one is ready, and the next request would wait in vain.
    fn lose_closed_instance(&mut self, during: During<'_>) {
        if self.slots.route.log().admits_line() {
            let route = &self.slots.route.path;
            let Fields { slot, method, path, request_id, trace_id } = during.fields();
            warn!(
                route,
                slot,
                method,
                path,
                "request-id" = request_id,
                "trace-id" = trace_id,
                "lost an instance: it still asks for backpressure after its request"
            );
        }
        self.state = LeaseState::Lost(Reason::Backpressure);
    }

    /// Retires the instance if it holds too much memory or too many handles after a request. Linear
    /// memory never shrinks, and a guest's handles cannot be closed from outside, so only a new
    /// instance helps.
    fn retire_if_leaking(&mut self) {
        /// How many handles a language runtime may create later than in its first request.
        const HANDLES_SLACK: usize = 16;
        if !matches!(self.state, LeaseState::Clean) {
            return;
        }
        let mark = self.slots.route.limits.retire_memory;
        let contents = self.contents();
        let instance = contents.instance.as_mut().expect("a slot in use has its instance");
        let (grown, handles) = (instance.has_grown_past(mark), instance.handles());
        if contents.served == 1 {
            contents.handles = handles;
        }
        let leaks = handles > contents.handles + HANDLES_SLACK;
        if grown {
            self.retire(Reason::MemoryGrown);
        } else if leaks {
            self.retire(Reason::HandleLeak);
        }
    }

    /// Reads the usage of the instance's arena. None if that fails.
    async fn read_usage(&mut self) -> Option<ArenaUsage> {
        /// The guest only has to read its counters.
        const TIME_MAX: Duration = Duration::from_millis(100);
        let time = self.slots.route.limits.guest_time.0.min(TIME_MAX);
        self.state = LeaseState::Running;
        let result = self.instance().usage(time).await;
        self.ended(result.as_ref().err(), During::Usage { slot: self.slot });
        let usage = result.ok()?;
        let contents = self.contents();
        contents.usage_schedule.record(contents.served, &usage);
        if let Some(reading) = contents.reading() {
            let arena = Some(usage.clone());
            self.slots.readings.borrow_mut()[self.slot] =
                Some(InstanceReading { arena, ..reading });
        }
        if usage.retire {
            self.retire(Reason::RequestedByGuest);
        }
        Some(usage)
    }

    fn ended(&mut self, fault: Option<&Fault>, during: During<'_>) {
        self.state = match fault {
            None => LeaseState::Clean,
            Some(fault) => {
                self.slots.keep_fault(fault);
                if self.slots.route.log().admits_line() {
                    let route = &self.slots.route.path;
                    let Fields { slot, method, path, request_id, trace_id } = during.fields();
                    warn!(
                        route,
                        slot,
                        method,
                        path,
                        "request-id" = request_id,
                        "trace-id" = trace_id,
                        "lost an instance: {fault}"
                    );
                }
                LeaseState::Lost(Reason::of(fault))
            }
        };
    }

    fn instance(&mut self) -> &mut Instance {
        self.contents().instance.as_mut().expect("a slot in use has its instance")
    }
}

impl Slots {
    /// Takes a slot if it is idle, for a reading of its arena. It does not count as busy for admission.
    pub(crate) fn take_idle(self: &Rc<Self>, slot: SlotId) -> Option<Lease> {
        let is_taken = self.policy.borrow_mut().take_idle(slot);
        is_taken.then(|| self.lease(slot))
    }

    /// The request of that lease is done. From now on its slot does not count as busy for admission.
    pub(crate) fn read_before_release(&self, lease: &Lease) {
        self.policy.borrow_mut().read_before_release(lease.slot);
        self.count();
    }

    /// The state of each slot, and what was last read of its instance.
    pub(crate) fn readings(&self) -> Vec<SlotReading> {
        let (policy, readings) = (self.policy.borrow(), self.readings.borrow());
        let slots = policy.slots.iter().zip(readings.iter().cloned());
        slots.map(|(state, instance)| SlotReading { state: (*state).into(), instance }).collect()
    }

    /// An instance that no request has, if it has served one since it was last read, or was never read.
    pub(crate) fn unread(&self, slot: SlotId) -> Option<InstanceReading> {
        let reading = self.contents.borrow()[slot].as_ref()?.reading()?;
        let last = self.readings.borrow()[slot].as_ref().map(|last| last.served);
        (last != Some(reading.served)).then_some(reading)
    }

    pub(crate) fn keep_fault(&self, fault: &Fault) {
        self.fault.replace(Some(fault.to_string()));
    }

    /// The last fault of an instance since this was asked before. Only the last one is kept, so this serves a
    /// caller that sends one request at a time.
    pub(crate) fn take_fault(&self) -> Option<String> {
        self.fault.take()
    }

    /// How often a slot was taken.
    pub(crate) fn taken(&self) -> u64 {
        self.stats.queue_wait.buckets.iter().map(|bucket| bucket.load(Relaxed)).sum()
    }

    /// The usage of an arena after its last request, as soon as an instance is idle. None if the components have no
    /// arena, or the instance has served no request: it has replaced the one that did.
    pub(crate) async fn read_usage_after_request(
        self: &Rc<Self>,
        time: Duration,
    ) -> Result<Option<ArenaUsage>, Shed> {
        let mut lease = self.wait(time).await?;
        if !self.route.reads_usage() || lease.contents().served == 0 {
            return Ok(None);
        }
        Ok(lease.read_usage().await)
    }

    /// All slots. An idle instance that has served a request since it was last read is read now; for others this is
    /// the last reading.
    pub(crate) async fn read(self: &Rc<Self>) -> RouteReading {
        let route = &self.route;
        let has_arenas = route.reads_usage();
        for slot in 0..route.slots {
            let Some(reading) = self.unread(slot) else { continue };
            if !has_arenas {
                self.readings.borrow_mut()[slot] = Some(reading);
            } else if let Some(mut lease) = self.take_idle(slot) {
                lease.read_usage().await;
                // Its other instances would fail too, and each takes its time.
                if matches!(lease.state, LeaseState::Lost(_)) {
                    break;
                }
            }
        }
        let (path, slots) = (route.path.clone(), self.readings());
        RouteReading { path, isolation: route.isolation, has_arenas, slots }
    }
}
