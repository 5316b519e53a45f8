//! Carrying out what happens.

use super::client::Stage;
use super::clock;
use super::copies::Copy;
use super::happening::{Cue, Happening};
use super::law::Law;
use super::scope::Scope;
use super::table;
use super::world::World;
use dynamodb_locks::protocol::{
    Acquisition, Action, Answer, Entry, Event, Moment, Patience, Pause, Row, Terms, Write,
};

impl World {
    /// None if it makes no difference.
    pub(super) fn happens(&mut self, scope: &Scope, happening: Happening) -> Option<()> {
        match happening {
            Happening::Tick => self.time += 1,
            Happening::Deleted => self.deleted(),
            Happening::Does(client, cue, reading) => self.does(scope, client, cue, reading),
            Happening::Delivered(client) => self.delivered(scope, client),
            Happening::Late(copy) => {
                let copy = self.late.take(copy);
                // What is refused changes nothing, and nobody hears of it.
                self.carry_out(scope, copy.from, &copy.write, copy.spent)?;
            }
            Happening::Dies(client) => self.leaves(scope, client, Happening::Dies(client)),
            Happening::Dropped(client) => self.leaves(scope, client, Happening::Dropped(client)),
        }
        Some(())
    }

    fn deleted(&mut self) {
        self.becomes(None);
        self.ttl = 0;
        // With the row went what a void had done to it, and another copy may do it again.
        self.late.renew(is_void);
        for client in 0..self.clients.len() {
            if self.clients[client].asks().is_some_and(is_void) {
                self.client(client).spent = false;
            }
        }
    }

    fn delivered(&mut self, scope: &Scope, client: usize) {
        let Stage::Asked { write, .. } = self.clients[client].stage.clone() else {
            return;
        };
        let spent = self.clients[client].spent;
        let met = (*self.row).clone();
        let answer = match self.carry_out(scope, client, &write, spent) {
            Some(row) => Answer::Applied(row),
            None => Answer::Refused(met),
        };
        self.client(client).stage = Stage::Told { write, answer };
    }

    /// Carries out a write; the row after it, or none if it was refused.
    fn carry_out(&mut self, scope: &Scope, from: usize, write: &Write, spent: bool) -> Option<Row> {
        let before = self.row().clone();
        let left_out = |asked: &table::Condition| {
            let mutant = scope.mutant;
            mutant.is_some_and(|mutant| mutant.leaves_out(write, asked))
        };
        let refuses = |asked: &table::Condition| !left_out(asked) && !asked.holds(&before);
        if table::conditions(write).iter().any(refuses) {
            return None;
        }
        if spent {
            self.breaks(Law::CopiesAreNoOps);
        }
        let mut after = table::changed(&before, write);
        let mut dates = table::dates(write).filter(|_| scope.life.is_some());
        if let Some(mutant) = scope.mutant {
            let now = clock::truth(scope.elapsed(self.time));
            mutant.changes(write, &before, &mut after, now);
            dates = mutant.dates(write, dates, scope.grace);
        }
        self.judge_change(scope, from, write, &before, &after);
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
    fn leaves(&mut self, scope: &Scope, client: usize, how: Happening) {
        self.loses_sight(scope, client);
        let dies = matches!(how, Happening::Dies(_));
        if dies {
            self.budget.crashes -= 1;
        } else {
            self.budget.drops -= 1;
        }
        let lives_on = scope
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
        if !scope.seats[client].sweeps {
            self.client(client).end();
        }
    }

    /// The copy that the client waited for goes on without it.
    fn loses_sight(&mut self, scope: &Scope, client: usize) {
        if let Stage::Asked { write, sent } = &self.clients[client].stage {
            let copy = Copy {
                write: write.clone(),
                from: client,
                sent: scope.life.map_or(0, |_| *sent),
                spent: self.clients[client].spent,
            };
            self.late.add(copy);
        }
    }

    fn does(&mut self, scope: &Scope, client: usize, cue: Cue, reading: usize) {
        let hears = self.clients[client].heard || cue.is_answer();
        self.client(client).heard = hears;
        let at = self.moment(scope, client, reading);
        if matches!(cue, Cue::StaleBegin | Cue::StaleLook) {
            self.budget.stale -= 1;
        }
        if matches!(cue, Cue::Silence | Cue::Release | Cue::GiveUp) {
            self.loses_sight(scope, client);
        }
        let event = self.event(scope, client, cue, at);
        let mut was = self.clients[client].entry().cloned();
        let action = self.asks(scope, client, event, at, cue);
        let is = self.clients[client].entry().cloned();
        if let Some(was) = was.take_if(|was| is.as_ref() != Some(was)) {
            self.judge_end(client, &was, None);
        }
        self.performs(scope, client, action);
    }

    fn moment(&self, scope: &Scope, client: usize, reading: usize) -> Moment {
        let seat = &scope.seats[client];
        let heard = self.clients[client].heard;
        let reading = if heard {
            seat.after[reading]
        } else {
            seat.before
        };
        let reading = scope
            .mutant
            .map_or(reading, |mutant| mutant.reads(reading, seat.before));
        let at = reading.moment(scope.elapsed(self.time), client);
        scope.mutant.map_or(at, |mutant| mutant.dates_stamps(at))
    }

    /// What the protocol is told; the client is made ready for it.
    fn event(&mut self, scope: &Scope, client: usize, cue: Cue, at: Moment) -> Event {
        let time = self.time;
        let it = self.client(client);
        match cue {
            Cue::Begin | Cue::StaleBegin => {
                let terms = scope.terms(client, it.rounds, at.tick);
                if let Stage::Left(entry) = it.stage.clone() {
                    it.heir = true;
                    it.acquisition = Some(heir(terms, entry, it.begun || it.died, at));
                    return Event::GiveUp;
                }
                it.acquisition = Some(Acquisition::new(terms));
                it.since = scope.life.map_or(0, |_| time);
                Event::Begin
            }
            Cue::Answer => match it.stage.clone() {
                Stage::Told { answer, .. } => Event::Answered(answer),
                _ => Event::Woken,
            },
            Cue::Silence => {
                self.budget.losses = self.budget.losses.saturating_sub(1);
                Event::Answered(Answer::Lost)
            }
            Cue::Wake | Cue::StaleLook => Event::Woken,
            Cue::Beat => {
                it.beats -= 1;
                Event::Beat
            }
            Cue::Release => {
                it.covered = it.acts_at(at.tick);
                (it.leaving, it.lets_go, it.acts) = (true, true, None);
                Event::Release
            }
            Cue::GiveUp => {
                (it.leaving, it.acts) = (true, None);
                self.budget.give_ups = self.budget.give_ups.saturating_sub(1);
                Event::GiveUp
            }
        }
    }

    /// Asks the protocol; a look is answered at once.
    fn asks(&mut self, scope: &Scope, client: usize, event: Event, at: Moment, cue: Cue) -> Action {
        let shown = match cue {
            Cue::StaleBegin | Cue::StaleLook => {
                self.older.as_ref().and_then(|older| Option::clone(older))
            }
            _ => Option::clone(&self.row),
        };
        let mutant = scope.mutant;
        let it = self.client(client);
        let (asked, heir, begun) = (it.asks().cloned(), it.heir, it.begun);
        let Some(acquisition) = &mut it.acquisition else {
            return Action::Look;
        };
        let told = |event, acquisition: &Acquisition| match mutant {
            Some(mutant) => mutant.hears(event, asked.as_ref(), acquisition, heir),
            None => event,
        };
        let mut action = acquisition.step(told(event, acquisition), at);
        if action == Action::Look {
            let looked = told(Event::Looked(shown), acquisition);
            action = acquisition.step(looked, at);
        }
        match mutant {
            Some(mutant) => mutant.does(action, acquisition, begun, at),
            None => action,
        }
    }

    /// Whether a holder's lease is over, and it has not let go yet.
    fn is_over_time(&self, scope: &Scope, client: usize) -> bool {
        let it = &self.clients[client];
        let tick = clock::tick(scope.elapsed(self.time), client);
        it.begun && it.wants() && !it.leaving && !it.acts_at(tick)
    }

    fn performs(&mut self, scope: &Scope, client: usize, action: Action) {
        let sent = scope.life.map_or(0, |_| self.time);
        match action {
            Action::Write(_) if self.is_over_time(scope, client) => {
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
                self.judge_act(scope, client, ends);
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
            Action::Look => {}
        }
    }
}

fn is_void(write: &Write) -> bool {
    matches!(write, Write::Void { .. })
}

/// Who gives back what somebody left.
fn heir(terms: Terms, entry: Entry, begun: bool, at: Moment) -> Acquisition {
    let stamp = entry.stamp().unwrap_or_default();
    let terms = Terms {
        patience: Patience::Try,
        deadline: Some(at.tick),
        ..terms
    };
    Acquisition::left_behind(terms, entry, stamp, begun)
}
