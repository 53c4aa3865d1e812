//! What is done with a slot in use: a call of its instance, and what follows from how that ended.

use std::rc::Rc;
use std::sync::Arc;

use tracing::warn;

use crate::component::world::World;
use crate::config::isolation::Isolation;
use crate::pool::slots::{Lease, LeaseState, Slots};
use crate::pool::stats::Reason;
use crate::runtime::bindings::{Reading, Request, Response};
use crate::runtime::fault::Fault;
use crate::runtime::instance::Instance;
use crate::runtime::wasi_http_call::{Exchange, Unanswered};

impl Lease {
    /// Has a request processed.
    pub(crate) async fn handle(&mut self, request: Request<'_>) -> Result<Response, Fault> {
        let route = Arc::clone(&self.slots.route);
        let time = route.limits.guest_time.0;
        self.state = LeaseState::Running;
        let answer = match route.isolation {
            Isolation::Reuse => self.instance().handle(request, time).await,
            Isolation::Fresh => match route.start(&self.slots.stats.memory).await {
                Ok(mut instance) => instance.handle(request, time).await,
                Err(fault) => Err(fault),
            },
        };
        self.ended(answer.as_ref().err());
        if answer.is_ok() && route.isolation == Isolation::Reuse {
            self.seat.served += 1;
            if self.seat.sampler.is_due(self.seat.served) {
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
        self.state = LeaseState::Running;
        let ended = match route.isolation {
            Isolation::Reuse => self.instance().exchange(exchange, guest_time, request_time).await,
            Isolation::Fresh => match route.start(&self.slots.stats.memory).await {
                Ok(mut instance) => instance.exchange(exchange, guest_time, request_time).await,
                Err(fault) => Err(fault),
            },
        };
        self.ended(ended.as_ref().err());
        if ended.is_ok() && route.isolation == Isolation::Reuse {
            self.seat.served += 1;
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
        let seat = &mut self.seat;
        let instance = seat.instance.as_mut().expect("a slot in use has its instance");
        let (grown, handles) = (instance.has_grown_past(mark), instance.handles());
        if seat.served == 1 {
            seat.handles = handles;
        }
        let leaks = handles > seat.handles + HANDLES_SLACK;
        if grown {
            self.retire(Reason::Grown);
        } else if leaks {
            self.retire(Reason::Handles);
        }
    }

    /// Asks the instance what its arena says.
    async fn read_arena(&mut self) {
        if self.slots.route.isolation == Isolation::Fresh {
            return;
        }
        let time = self.slots.route.limits.guest_time.0;
        self.state = LeaseState::Running;
        let answer = self.instance().usage(time).await;
        self.ended(answer.as_ref().err());
        if let Ok(reading) = answer {
            self.seat.sampler.note(self.seat.served, &reading);
            let wishes = reading.retire;
            self.slots.keep_reading(self.slot, reading);
            if wishes {
                self.retire(Reason::Wish);
            }
        }
    }

    fn ended(&mut self, fault: Option<&Fault>) {
        self.state = match fault {
            None => LeaseState::Clean,
            Some(fault) => {
                let slot = self.slot;
                warn!(route = self.slots.route.path, slot, "lost an instance: {fault}");
                LeaseState::Lost(Reason::of(fault))
            }
        };
    }

    fn instance(&mut self) -> &mut Instance {
        self.seat.instance.as_mut().expect("a slot in use has its instance")
    }
}

impl Slots {
    /// Asks every idle instance what its arena says; a busy one answers with what it last said.
    pub(crate) async fn read_arenas(self: &Rc<Self>) -> Vec<(usize, Reading)> {
        if self.route.world != World::Processor {
            return Vec::new();
        }
        for slot in 0..self.route.slots {
            if let Some(mut lease) = self.take_idle(slot) {
                lease.read_arena().await;
            }
        }
        self.readings()
    }
}
