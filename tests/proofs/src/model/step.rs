//! Carries out transitions.

use super::client::Stage;
use super::clock;
use super::config::Config;
use super::copies::Copy;
use super::invariant::Invariant;
use super::system::System;
use super::table;
use super::transition::{Transition, Trigger};
use dynamodb_locks::protocol::{Action, Answer, Pause, Row, Write};

impl System {
    /// None if it makes no difference.
    pub(super) fn perform(&mut self, config: &Config, transition: Transition) -> Option<()> {
        match transition {
            Transition::Tick => self.time += 1,
            Transition::Deleted => self.deleted(),
            Transition::Does(client, trigger, reading) => {
                self.does(config, client, trigger, reading)
            }
            Transition::Delivered(client) => self.delivered(config, client),
            Transition::Late(copy) => {
                let copy = self.late.take(copy);
                // What is refused changes nothing, and nobody hears of it.
                self.carry_out(config, copy.from, &copy.write, copy.spent)?;
            }
            Transition::LateMove(copy) => self.beside.arrives(copy),
            Transition::Dies(client) => self.leaves(config, client, Transition::Dies(client)),
            Transition::Dropped(client) => self.leaves(config, client, Transition::Dropped(client)),
        }
        Some(())
    }

    fn deleted(&mut self) {
        self.becomes(None);
        self.ttl = 0;
        // With the row went what an invalidation had done to it, and another copy may do it again.
        self.late.renew(is_void);
        for client in 0..self.clients.len() {
            if self.clients[client].asks().is_some_and(is_void) {
                self.client(client).spent = false;
            }
        }
    }

    fn delivered(&mut self, config: &Config, client: usize) {
        let Stage::Asked { write, .. } = self.clients[client].stage.clone() else {
            return;
        };
        let spent = self.clients[client].spent;
        let met = (*self.row).clone();
        let answer = match self.carry_out(config, client, &write, spent) {
            Some(row) => Answer::Applied(row),
            None => Answer::Refused(met),
        };
        self.client(client).stage = Stage::Answered { write, answer };
    }

    /// Carries out a write; the row after it, or none if it was refused.
    fn carry_out(
        &mut self,
        config: &Config,
        from: usize,
        write: &Write,
        spent: bool,
    ) -> Option<Row> {
        let before = self.row().clone();
        let left_out = |asked: &table::Condition| {
            let mutant = config.mutant;
            mutant.is_some_and(|mutant| mutant.leaves_out(write, asked))
        };
        let refuses = |asked: &table::Condition| !left_out(asked) && !asked.holds(&before);
        if table::conditions(write).iter().any(refuses) {
            return None;
        }
        if spent {
            self.breaks(Invariant::CopiesAreNoOps);
        }
        let mut after = table::changed(&before, write);
        let mut dates = table::dates(write).filter(|_| config.life.is_some());
        if let Some(mutant) = config.mutant {
            let now = clock::truth(config.elapsed(self.time));
            mutant.changes(write, &before, &mut after, now);
            dates = mutant.dates(write, dates, config.grace);
        }
        self.judge_change(config, from, write, &before, &after);
        self.becomes(Some(after.clone()));
        self.ttl = dates.unwrap_or(self.ttl);
        self.late.spend(write);
        let it = self.client(from);
        if it.asks() == Some(write) {
            it.spent = true;
        }
        if let Write::Release { me, .. } = write {
            it.covered |= it.wants() && it.entry() == Some(me);
        }
        Some(after)
    }

    /// The client dies, or is dropped; what it has sent is still on its way.
    fn leaves(&mut self, config: &Config, client: usize, how: Transition) {
        self.loses_sight(config, client);
        let dies = matches!(how, Transition::Dies(_));
        if dies {
            self.budget.crashes -= 1;
        } else {
            self.budget.drops -= 1;
        }
        let lives_on = config
            .mutant
            .is_some_and(|mutant| mutant.sweeps_the_living());
        let it = self.client(client);
        let Some(acquisition) = it.acquisition.take() else {
            return;
        };
        it.stage = Stage::Left(acquisition.entry().clone());
        it.acts = it.acts.filter(|_| lives_on);
        it.died = dies;
        it.rounds = if dies { 1 } else { it.rounds };
        (it.leaving, it.heard, it.spent) = (false, false, false);
        if !config.seats[client].sweeps {
            self.client(client).end();
        }
    }

    /// The copy that the client waited for goes on without it.
    fn loses_sight(&mut self, config: &Config, client: usize) {
        if let Stage::Asked { write, sent } = &self.clients[client].stage {
            let copy = Copy {
                write: write.clone(),
                from: client,
                sent: config.life.map_or(0, |_| *sent),
                spent: self.clients[client].spent,
            };
            self.late.add(copy);
        }
    }

    fn does(&mut self, config: &Config, client: usize, trigger: Trigger, reading: usize) {
        let hears = self.clients[client].heard || trigger.is_answer();
        self.client(client).heard = hears;
        let at = self.moment(config, client, reading);
        if trigger == Trigger::StaleLook {
            self.budget.stale -= 1;
        }
        if matches!(
            trigger,
            Trigger::Silence
                | Trigger::Release
                | Trigger::Complete
                | Trigger::CompleteUnmoved
                | Trigger::GiveUp
        ) {
            self.loses_sight(config, client);
        }
        let event = self.event(config, client, trigger, at);
        let mut was = self.clients[client].entry().cloned();
        let action = self.asks(config, client, event, at, trigger);
        let is = self.clients[client].entry().cloned();
        if let Some(was) = was.take_if(|was| is.as_ref() != Some(was)) {
            self.judge_end(client, &was, None);
        }
        self.performs(config, client, action);
    }

    /// Whether a holder's lease is over, and it has not let go yet.
    fn is_over_time(&self, config: &Config, client: usize) -> bool {
        let it = &self.clients[client];
        let tick = clock::tick(config.elapsed(self.time), client);
        it.begun && it.wants() && !it.leaving && !it.acts_at(tick)
    }

    fn performs(&mut self, config: &Config, client: usize, action: Action) {
        let sent = config.life.map_or(0, |_| self.time);
        match action {
            Action::Write(_) if self.is_over_time(config, client) => {
                // The driver sends nothing for a holder whose lease is over, but its release.
                let it = self.client(client);
                (it.stage, it.beats, it.spent) = (Stage::Holding, 0, false);
            }
            Action::Write(write) => {
                let it = self.client(client);
                it.spent &= it.asks() == Some(&write);
                it.stage = Stage::Asked { write, sent };
            }
            Action::Pause(pause) => {
                let restamps = matches!(pause, Pause::Herd(_));
                let it = self.client(client);
                (it.stage, it.spent) = (Stage::Paused { restamps }, false);
            }
            Action::Act(ends) => {
                self.judge_act(config, client, ends);
                let it = self.client(client);
                (it.stage, it.spent) = (Stage::Holding, false);
                (it.acts, it.begun) = (Some(ends), true);
            }
            Action::Over(ending) => {
                let entry = self.clients[client].entry().cloned();
                if let Some(entry) = entry {
                    self.judge_end(client, &entry, Some(&ending));
                }
                self.client(client).end();
            }
            Action::Poll | Action::Check(_) => {}
        }
    }
}

fn is_void(write: &Write) -> bool {
    matches!(write, Write::Invalidate { .. })
}
