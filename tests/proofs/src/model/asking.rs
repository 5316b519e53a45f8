//! Asking the protocol: the event that it gets, its moment, and its action.

use super::client::Stage;
use super::config::Config;
use super::moved::surplus;
use super::mutant::Mutant;
use super::system::System;
use super::transition::Trigger;
use std::time::Duration;

use dynamodb_locks::protocol::{
    Acquisition, Action, Answer, Completion, Completions, Entry, Event, Kept, Moment, Terms,
    WaitMode, done_until,
};

impl System {
    pub(super) fn moment(&self, config: &Config, client: usize, reading: usize) -> Moment {
        let seat = &config.seats[client];
        let heard = self.clients[client].heard;
        let reading = if heard {
            seat.after[reading]
        } else {
            seat.before
        };
        let reading = config
            .mutant
            .map_or(reading, |mutant| mutant.reads(reading, seat.before));
        let at = reading.moment(config.elapsed(self.time), client);
        config.mutant.map_or(at, |mutant| mutant.dates_stamps(at))
    }

    /// The event that the protocol gets; the client is made ready for it.
    pub(super) fn event(
        &mut self,
        config: &Config,
        client: usize,
        trigger: Trigger,
        at: Moment,
    ) -> Event {
        let (time, mutant, window) = (self.time, config.mutant, config.window);
        let begun = self.begun.clone();
        let it = self.client(client);
        match trigger {
            Trigger::Begin => {
                let terms = config.terms(client, it.rounds, at.tick);
                if let Stage::Left(entry) = it.stage.clone() {
                    it.heir = true;
                    let mut heir = heir(terms, entry, it.begun || it.died, at);
                    let recorded = it.recorded.clone();
                    let recorded = match mutant {
                        Some(mutant) => mutant.recovers(recorded, &heir, window, at),
                        None => recorded,
                    };
                    for (operation, completion) in recorded {
                        heir.complete(operation, completion);
                    }
                    it.acquisition = Some(heir);
                    return Event::GiveUp;
                }
                it.acquisition = Some(Acquisition::new(terms));
                it.since = config.life.map_or(0, |_| time);
                Event::Begin
            }
            Trigger::Answer => match it.stage.clone() {
                Stage::Answered { answer, .. } => Event::Answered(answer),
                _ => Event::Woken,
            },
            Trigger::Silence => {
                self.budget.losses = self.budget.losses.saturating_sub(1);
                Event::Answered(Answer::Lost)
            }
            Trigger::Wake | Trigger::StaleLook => Event::Woken,
            Trigger::Heartbeat => {
                it.beats -= 1;
                Event::Heartbeat
            }
            Trigger::Complete | Trigger::CompleteUnmoved => {
                it.covered = it.acts_at(at.tick);
                (it.leaving, it.lets_go, it.acts) = (true, true, None);
                if let Some(acquisition) = &mut it.acquisition {
                    let at = mutant.map_or(at, |mutant| mutant.dates_completions(at));
                    let (fence, completion) =
                        (acquisition.ticket(), completion(acquisition, window, at));
                    let runs = begun.iter().filter(|(_, run)| **run == fence);
                    it.recorded = runs.map(|(&id, _)| (id, completion.clone())).collect();
                    for (&operation, completion) in &it.recorded {
                        acquisition.complete(operation, completion.clone());
                    }
                    let recorded = it.recorded.clone();
                    let surplus = surplus(acquisition, &recorded, config.room, at);
                    let answered = trigger == Trigger::Complete;
                    for (&operation, completion) in surplus.iter().filter(|_| answered) {
                        acquisition.move_out(operation, completion.until);
                    }
                    self.well.insert(fence, (recorded, time));
                    self.moves(mutant, surplus, answered);
                }
                Event::Release
            }
            Trigger::Release => {
                it.covered = it.acts_at(at.tick);
                (it.leaving, it.lets_go, it.acts) = (true, true, None);
                if let Some(acquisition) = &mut it.acquisition {
                    acquisition.fail();
                    let ticket = acquisition.ticket();
                    self.once.retain(|_, (run, _)| *run != ticket);
                }
                let it = self.client(client);
                let completes = mutant.is_some_and(Mutant::completes_failures);
                if let Some(acquisition) = it.acquisition.as_mut().filter(|_| completes) {
                    let completion = completion(acquisition, window, at);
                    if let Some(operation) = acquisition.terms().operation {
                        acquisition.complete(operation.id, completion);
                    }
                }
                Event::Release
            }
            Trigger::GiveUp => {
                (it.leaving, it.acts) = (true, None);
                self.budget.give_ups = self.budget.give_ups.saturating_sub(1);
                Event::GiveUp
            }
        }
    }

    /// Completions leave the row; or the requests that do so are on their way, and nobody waits for them.
    fn moves(&mut self, mutant: Option<Mutant>, surplus: Completions, answered: bool) {
        if !answered && !surplus.is_empty() {
            self.budget.losses = self.budget.losses.saturating_sub(1);
        }
        for (operation, completion) in surplus {
            match answered {
                true if mutant == Some(Mutant::DropsBeforeTheMove) => {}
                true => self.beside.is_moved(operation, completion),
                false => self.beside.is_sent(operation, completion),
            }
        }
    }

    /// Asks the protocol; a look is answered at once.
    pub(super) fn asks(
        &mut self,
        config: &Config,
        client: usize,
        event: Event,
        at: Moment,
        trigger: Trigger,
    ) -> Action {
        let shown = match trigger {
            Trigger::StaleLook => self.older.as_ref().and_then(|older| Option::clone(older)),
            _ => Option::clone(&self.row),
        };
        let (mutant, beside) = (config.mutant, self.beside.clone());
        let it = self.client(client);
        let (asked, heir, begun) = (it.asks().cloned(), it.heir, it.begun);
        let Some(acquisition) = &mut it.acquisition else {
            return Action::Poll;
        };
        let observed = |event, acquisition: &Acquisition| match mutant {
            Some(mutant) => mutant.hears(event, asked.as_ref(), acquisition, heir, at),
            None => event,
        };
        let mut action = acquisition.step(observed(event, acquisition), at);
        if action == Action::Poll {
            let looked = observed(Event::Polled(shown), acquisition);
            action = acquisition.step(looked, at);
        }
        if let Action::Check(operation) = action {
            let checked = Event::Checked(beside.says(operation));
            action = acquisition.step(observed(checked, acquisition), at);
        }
        match mutant {
            Some(mutant) => mutant.does(action, acquisition, begun, at),
            None => action,
        }
    }
}

/// What a run says whose work has just ended well.
pub(super) fn completion(acquisition: &Acquisition, window: Duration, at: Moment) -> Completion {
    Completion {
        until: done_until(at.now.latest, window),
        fence: acquisition.ticket(),
        fingerprint: None,
        response: Kept::None,
    }
}

/// The acquisition that gives back what another has left.
fn heir(terms: Terms, entry: Entry, begun: bool, at: Moment) -> Acquisition {
    let ticket = entry.ticket().unwrap_or_default();
    let terms = Terms {
        wait_mode: WaitMode::Try,
        deadline: Some(at.tick),
        ..terms
    };
    Acquisition::left_behind(terms, entry, ticket, begun)
}
