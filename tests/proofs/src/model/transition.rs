//! The transitions of the model.

use super::client::Stage;
use super::clock;
use super::config::Config;
use super::system::System;

/// One transition.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Transition {
    /// A unit of time passes.
    Tick,
    /// The row is deleted by its TTL.
    Deleted,
    /// A client takes a step on a trigger, with one of the readings that its clock allows.
    Does(usize, Trigger, usize),
    /// The write of a client is carried out.
    Delivered(usize),
    /// A copy whose sender no longer waits is carried out.
    Late(usize),
    /// A move whose sender no longer waits is carried out.
    LateMove(usize),
    /// A client dies.
    Dies(usize),
    /// A client's future or guard is dropped.
    Dropped(usize),
}

/// What makes a client do something.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Trigger {
    /// It begins, or it takes over what was left.
    Begin,
    /// The answer has come.
    Answer,
    /// No answer will come.
    Silence,
    /// Its pause is over; if it looks, it sees the row as it is.
    Wake,
    /// Its pause is over; it looks, and sees the row as it was before its last change.
    StaleLook,
    /// A renewal is due.
    Heartbeat,
    /// Its work is done, or its lease is over.
    Release,
    /// Its work has ended well, and is an operation that is to be done once.
    Complete,
    /// The same, and the moves that it makes for that go unanswered.
    CompleteUnmoved,
    /// It has waited long enough.
    GiveUp,
}

impl Trigger {
    /// Whether it comes with an answer, and so with the server's date.
    pub(super) fn is_answer(self) -> bool {
        matches!(self, Self::Answer | Self::Wake | Self::StaleLook)
    }
}

impl System {
    /// All enabled transitions.
    pub(super) fn transitions(&self, config: &Config, all: &mut Vec<Transition>) {
        if self.broken.is_some() {
            return;
        }
        if self.time < config.until && !self.is_past_patience(config) {
            all.push(Transition::Tick);
        }
        // What a client makes of an answer touches nobody else; so, unless time passes first, it may as
        // well come before everything else.
        let answered =
            |client: &usize| matches!(self.clients[*client].stage, Stage::Answered { .. });
        let mut answered = (0..self.clients.len()).filter(answered).peekable();
        if answered.peek().is_some() {
            answered.for_each(|client| self.triggers(config, client, Trigger::Answer, all));
            return;
        }
        for client in 0..self.clients.len() {
            self.of_client(config, client, all);
        }
        all.extend((0..self.late.iter().len()).map(Transition::Late));
        all.extend((0..self.beside.late()).map(Transition::LateMove));
        let now = clock::truth(config.elapsed(self.time));
        if config.life.is_some() && self.row.is_some() && self.ttl < now.0 / 1_000_000 {
            all.push(Transition::Deleted);
        }
    }

    fn of_client(&self, config: &Config, client: usize, all: &mut Vec<Transition>) {
        let it = &self.clients[client];
        match &it.stage {
            Stage::Idle if self.may_begin(config, client) => {
                self.triggers(config, client, Trigger::Begin, all);
            }
            Stage::Left(_) if config.seats[client].sweeps => {
                self.triggers(config, client, Trigger::Begin, all);
            }
            Stage::Asked { sent, .. } => {
                let arrives = config.life.is_none_or(|life| self.time - sent <= life);
                if arrives {
                    all.push(Transition::Delivered(client));
                }
                if self.budget.losses > 0 || !arrives {
                    self.triggers(config, client, Trigger::Silence, all);
                }
            }
            Stage::Paused { restamps } => {
                self.triggers(config, client, Trigger::Wake, all);
                if !restamps && self.older.is_some() {
                    self.triggers(config, client, Trigger::StaleLook, all);
                }
            }
            Stage::Holding if it.beats > 0 => {
                self.triggers(config, client, Trigger::Heartbeat, all)
            }
            _ => {}
        }
        if it.wants() {
            self.endings(config, client, all);
        }
    }

    /// The ways in which a living client can end what it has begun.
    fn endings(&self, config: &Config, client: usize, all: &mut Vec<Transition>) {
        let it = &self.clients[client];
        if it.begun && !it.leaving {
            self.triggers(config, client, Trigger::Release, all);
            if config.seats[client].operation.is_some() {
                self.triggers(config, client, Trigger::Complete, all);
                if config.room < usize::MAX && self.budget.losses > 0 {
                    self.triggers(config, client, Trigger::CompleteUnmoved, all);
                }
            }
        }
        let waits_too_long = self.is_impatient(config, client);
        if !it.leaving && (self.budget.give_ups > 0 && !it.begun || waits_too_long) {
            self.triggers(config, client, Trigger::GiveUp, all);
        }
        if self.budget.crashes > 0 {
            all.push(Transition::Dies(client));
        }
        if self.budget.drops > 0 {
            all.push(Transition::Dropped(client));
        }
    }

    fn triggers(
        &self,
        config: &Config,
        client: usize,
        trigger: Trigger,
        all: &mut Vec<Transition>,
    ) {
        let hears = self.clients[client].heard || trigger.is_answer();
        let readings = if hears {
            config.seats[client].after.len()
        } else {
            1
        };
        all.extend((0..readings).map(|reading| Transition::Does(client, trigger, reading)));
    }

    fn may_begin(&self, config: &Config, client: usize) -> bool {
        let begun = |before: usize| {
            let it = &self.clients[before];
            it.stage != Stage::Idle || it.rounds < config.seats[before].rounds
        };
        !config.is_symmetric() || (0..client).all(begun)
    }

    /// Whether a client has waited for as long as the row is sure to live.
    fn is_impatient(&self, config: &Config, client: usize) -> bool {
        let it = &self.clients[client];
        let waits = it.wants() && !it.begun && !it.leaving;
        config.life.is_some() && waits && self.time > it.since
    }

    fn is_past_patience(&self, config: &Config) -> bool {
        (0..self.clients.len()).any(|client| {
            self.is_impatient(config, client) && self.time > self.clients[client].since + 1
        })
    }
}

impl System {
    /// A transition and its result, in one line of the path.
    pub(super) fn describe(&self, transition: Transition) -> String {
        let row = self.row();
        let queue: Vec<_> = row
            .queue
            .iter()
            .map(|e| e.as_str()[7..].to_owned())
            .collect();
        let renewed_at = row
            .renewed_at
            .map(|renewed_at| renewed_at.0 % 1_000_000_000);
        let does = |client: usize| {
            let it = &self.clients[client];
            match &it.stage {
                Stage::Asked { write, .. } => format!("sends {}", write.name()),
                Stage::Answered { write, answer } => format!("{} {}", write.name(), answer.name()),
                Stage::Holding => format!("acts until {:?}", it.acts.map(|t| t.0)),
                Stage::Left(_) => "leaves".to_owned(),
                stage => format!("{stage:?}"),
            }
        };
        let became = match transition {
            Transition::Does(client, ..)
            | Transition::Delivered(client)
            | Transition::Dies(client)
            | Transition::Dropped(client) => does(client),
            Transition::Tick => format!("time {}", self.time),
            Transition::Deleted | Transition::Late(_) | Transition::LateMove(_) => String::new(),
        };
        format!("{transition:?}: {became}; q {queue:?} p {renewed_at:?}")
    }
}
