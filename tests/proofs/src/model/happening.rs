//! What can happen next.

use super::client::Stage;
use super::clock;
use super::scope::Scope;
use super::world::World;

/// One thing that happens.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Happening {
    /// A unit of time passes.
    Tick,
    /// The row is deleted by its TTL.
    Deleted,
    /// A client does something, on a cue, by one of the readings that its clock allows.
    Does(usize, Cue, usize),
    /// The write of a client is carried out.
    Delivered(usize),
    /// A copy that nobody waits for is carried out.
    Late(usize),
    /// A client dies.
    Dies(usize),
    /// A client's future or guard is dropped.
    Dropped(usize),
}

/// What makes a client do something.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Cue {
    /// It begins, or it takes over what was left; if it looks, it sees the row as it is.
    Begin,
    /// It takes over what was left; it looks, and sees the row as it was before its last change.
    StaleBegin,
    /// The answer has come.
    Answer,
    /// No answer will come.
    Silence,
    /// Its pause is over; if it looks, it sees the row as it is.
    Wake,
    /// Its pause is over; it looks, and sees the row as it was before its last change.
    StaleLook,
    /// A sign of life is due.
    Beat,
    /// Its work is done, or its lease is over.
    Release,
    /// It has waited long enough.
    GiveUp,
}

impl Cue {
    /// Whether it comes with an answer, and so with the server's date.
    pub(super) fn is_answer(self) -> bool {
        matches!(self, Self::Answer | Self::Wake | Self::StaleLook)
    }
}

impl World {
    /// Everything that can happen next.
    pub(super) fn happenings(&self, scope: &Scope, all: &mut Vec<Happening>) {
        if self.broken.is_some() {
            return;
        }
        if self.time < scope.until && !self.is_past_patience(scope) {
            all.push(Happening::Tick);
        }
        // What a client makes of an answer touches nobody else; so, unless time passes first, it may as
        // well come before everything else.
        let told = |client: &usize| matches!(self.clients[*client].stage, Stage::Told { .. });
        let mut told = (0..self.clients.len()).filter(told).peekable();
        if told.peek().is_some() {
            told.for_each(|client| self.cues(scope, client, Cue::Answer, all));
            return;
        }
        for client in 0..self.clients.len() {
            self.of_client(scope, client, all);
        }
        all.extend((0..self.late.iter().len()).map(Happening::Late));
        let now = clock::truth(scope.elapsed(self.time));
        if scope.life.is_some() && self.row.is_some() && self.ttl < now.0 / 1_000_000 {
            all.push(Happening::Deleted);
        }
    }

    fn of_client(&self, scope: &Scope, client: usize, all: &mut Vec<Happening>) {
        let it = &self.clients[client];
        match &it.stage {
            Stage::Idle if self.may_begin(scope, client) => {
                self.cues(scope, client, Cue::Begin, all);
            }
            Stage::Left(_) if scope.seats[client].sweeps => {
                self.cues(scope, client, Cue::Begin, all);
                if self.older.is_some() {
                    self.cues(scope, client, Cue::StaleBegin, all);
                }
            }
            Stage::Asked { sent, .. } => {
                let arrives = scope.life.is_none_or(|life| self.time - sent <= life);
                if arrives {
                    all.push(Happening::Delivered(client));
                }
                if self.budget.losses > 0 || !arrives {
                    self.cues(scope, client, Cue::Silence, all);
                }
            }
            Stage::Paused { restamps } => {
                self.cues(scope, client, Cue::Wake, all);
                if !restamps && self.older.is_some() {
                    self.cues(scope, client, Cue::StaleLook, all);
                }
            }
            Stage::Holding if it.beats > 0 => self.cues(scope, client, Cue::Beat, all),
            _ => {}
        }
        if it.wants() {
            self.endings(scope, client, all);
        }
    }

    /// The ways in which a living client can end what it has begun.
    fn endings(&self, scope: &Scope, client: usize, all: &mut Vec<Happening>) {
        let it = &self.clients[client];
        if it.begun && !it.leaving {
            self.cues(scope, client, Cue::Release, all);
        }
        let waits_too_long = self.is_impatient(scope, client);
        if !it.leaving && (self.budget.give_ups > 0 && !it.begun || waits_too_long) {
            self.cues(scope, client, Cue::GiveUp, all);
        }
        if self.budget.crashes > 0 {
            all.push(Happening::Dies(client));
        }
        if self.budget.drops > 0 {
            all.push(Happening::Dropped(client));
        }
    }

    fn cues(&self, scope: &Scope, client: usize, cue: Cue, all: &mut Vec<Happening>) {
        let hears = self.clients[client].heard || cue.is_answer();
        let readings = if hears {
            scope.seats[client].after.len()
        } else {
            1
        };
        all.extend((0..readings).map(|reading| Happening::Does(client, cue, reading)));
    }

    fn may_begin(&self, scope: &Scope, client: usize) -> bool {
        let begun = |before: usize| {
            let it = &self.clients[before];
            it.stage != Stage::Idle || it.rounds < scope.seats[before].rounds
        };
        !scope.is_symmetric() || (0..client).all(begun)
    }

    /// Whether a client has waited for as long as the row is sure to live.
    fn is_impatient(&self, scope: &Scope, client: usize) -> bool {
        let it = &self.clients[client];
        let waits = it.wants() && !it.begun && !it.leaving;
        scope.life.is_some() && waits && self.time > it.since
    }

    fn is_past_patience(&self, scope: &Scope) -> bool {
        (0..self.clients.len()).any(|client| {
            self.is_impatient(scope, client) && self.time > self.clients[client].since + 1
        })
    }
}

impl World {
    /// What has happened, and what has become of it, in a line.
    pub(super) fn tell(&self, happening: Happening) -> String {
        let row = self.row();
        let queue: Vec<_> = row
            .queue
            .iter()
            .map(|e| e.as_str()[7..].to_owned())
            .collect();
        let anchor = row.anchor.map(|anchor| anchor.0 % 1_000_000_000);
        let does = |client: usize| {
            let it = &self.clients[client];
            match &it.stage {
                Stage::Asked { write, .. } => format!("sends {}", write.name()),
                Stage::Told { write, answer } => format!("{} {}", write.name(), answer.name()),
                Stage::Holding => format!("acts until {:?}", it.acts.map(|t| t.0)),
                Stage::Left(_) => "leaves".to_owned(),
                stage => format!("{stage:?}"),
            }
        };
        let became = match happening {
            Happening::Does(client, ..)
            | Happening::Delivered(client)
            | Happening::Dies(client)
            | Happening::Dropped(client) => does(client),
            Happening::Tick => format!("time {}", self.time),
            Happening::Deleted | Happening::Late(_) => String::new(),
        };
        format!("{happening:?}: {became}; q {queue:?} p {anchor:?}")
    }
}
