//! What happens all of a sudden: to a process, or to a row.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::Stage;
use crate::simulation::agenda::{Event, Role};
use crate::simulation::cast::Fallen;
use crate::simulation::life::{GROUP, TABLE};
use crate::simulation::rows::By;
use crate::simulation::sabotage::Mutant;
use crate::simulation::scenario::Mishap;
use crate::simulation::tally::Sort;

impl Stage {
    /// Something bad happens.
    pub(super) fn strike(&mut self, at: Duration, mishap: Mishap) {
        self.diary.tell(at, format!("{mishap:?}"));
        match mishap {
            Mishap::Stop { who, time } => {
                if self.scenario.mutant == Some(Mutant::SweepsTheLiving) {
                    self.sweep_the_living(who, at);
                }
                if self.cast.stop(who, at, at + time) {
                    self.agenda.add(at + time, Event::GoesOn { who });
                }
            }
            Mishap::Die { who, swept, again } => self.kill(at, who, swept, again),
            Mishap::Delete { lock } => {
                let lock = &self.scenario.locks[lock];
                let deleted = self.dynamo.delete_row(TABLE, &lock.key, GROUP);
                deleted.expect("the table deletes the row");
                self.diary.fault("row deleted");
                self.look(at, By::Somebody);
            }
            Mishap::Broom => {
                self.shown.store(at.as_nanos() as u64, Ordering::Relaxed);
                let swept = self.dynamo.sweep_ttl() as u64;
                self.diary
                    .open()
                    .tally
                    .count(Sort::Fault, "row expired", swept);
                self.look(at, By::Broom);
            }
        }
    }

    fn kill(&mut self, at: Duration, who: usize, swept: Option<Duration>, again: bool) {
        let Some(Fallen { being, reborn }) = self.cast.die(who, at) else {
            return;
        };
        if let Some(later) = swept {
            self.agenda
                .add(at + later, Event::Begins(Role::Sweep(being.clone())));
        }
        if again {
            let later = at + self.dice.within(5000);
            self.agenda.add(later, Event::Begins(Role::Being(reborn)));
        }
        for job in &being.jobs {
            let lock = self.scenario.locks[job.lock].clone();
            if lock.closed {
                let later = at + self.dice.about(1000, 60_000);
                self.agenda.add(later, Event::Begins(Role::Person(lock)));
            }
        }
    }
}
