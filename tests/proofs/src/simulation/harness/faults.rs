//! Injects faults into processes and rows.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::Harness;
use crate::simulation::client::{GROUP, TABLE};
use crate::simulation::event_queue::{Event, Role};
use crate::simulation::rows::By;
use crate::simulation::sabotage::Mutant;
use crate::simulation::scenario::Fault;
use crate::simulation::scheduler::Death;
use crate::simulation::tally::Sort;

impl Harness {
    /// Injects a fault.
    pub(super) fn inject(&mut self, at: Duration, fault: Fault) {
        self.trace.log(at, format!("{fault:?}"));
        match fault {
            Fault::Stop { who, time } => {
                if self.scenario.mutant == Some(Mutant::SweepsTheLiving) {
                    self.sweep_the_living(who, at);
                }
                if self.scheduler.stop(who, at, at + time) {
                    self.events.add(at + time, Event::GoesOn { who });
                }
            }
            Fault::Die { who, swept, again } => self.kill(at, who, swept, again),
            Fault::Delete { lock } => {
                let lock = &self.scenario.locks[lock];
                let deleted = self.dynamo.delete_row(TABLE, &lock.key, GROUP);
                deleted.expect("the table deletes the row");
                self.trace.fault("row deleted");
                self.look(at, By::Operator);
            }
            Fault::TtlDeletion => {
                self.shown.store(at.as_nanos() as u64, Ordering::Relaxed);
                let swept = self.dynamo.sweep_ttl() as u64;
                self.trace
                    .open()
                    .tally
                    .count(Sort::Fault, "row expired", swept);
                self.look(at, By::TtlDeletion);
            }
        }
    }

    fn kill(&mut self, at: Duration, who: usize, swept: Option<Duration>, again: bool) {
        let Some(Death { actor, restarted }) = self.scheduler.die(who, at) else {
            return;
        };
        if let Some(later) = swept {
            self.events
                .add(at + later, Event::Begins(Role::Sweep(actor.clone())));
        }
        if again {
            let later = at + self.rng.within(5000);
            self.events
                .add(later, Event::Begins(Role::Actor(restarted)));
        }
        for job in &actor.jobs {
            let lock = self.scenario.locks[job.lock].clone();
            if lock.closed {
                let later = at + self.rng.about(1000, 60_000);
                self.events.add(later, Event::Begins(Role::Person(lock)));
            }
        }
    }
}
