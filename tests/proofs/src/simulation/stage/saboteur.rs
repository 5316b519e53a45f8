//! What only a mutant does on the stage.

use std::time::Duration;

use serde_json::Value;

use super::{Stage, key};
use crate::simulation::agenda::{Event, Role};
use crate::simulation::life::{GROUP, TABLE};
use crate::simulation::line::Sent;
use crate::simulation::sabotage::{Leaving, SABOTAGE};
use testkit::dynamo::{Reply, Request};
use testkit::locks::{Step, row_of};

impl Stage {
    pub(super) fn rewrite(&mut self, at: Duration, sent: &mut Sent) {
        let Some(saboteur) = &mut self.saboteur else {
            return;
        };
        let mut body: Value = serde_json::from_slice(&sent.body).unwrap_or_default();
        let (from, step) = (&*sent.from, Step::asked(&sent.op, &body));
        let row = self.dynamo.row(TABLE, key(&body), GROUP);
        let row = row.as_ref().map(row_of).unwrap_or_default();
        let (row, body) = (&row, &mut body);
        if saboteur.rewrites(Leaving {
            at,
            from,
            step,
            body,
            row,
        }) {
            self.diary.fault(SABOTAGE);
            sent.body = body.to_string().into_bytes();
        }
    }

    pub(super) fn instead(&mut self, at: Duration, request: &Request) -> Option<Reply> {
        let item = self.dynamo.row(TABLE, key(&request.body), GROUP);
        let reply = self.saboteur.as_mut()?.instead(at, request, item)?;
        self.diary.fault(SABOTAGE);
        Some(reply)
    }

    pub(super) fn retell(&self, at: Duration, request: &Request, reply: Reply) -> Reply {
        let Some(saboteur) = &self.saboteur else {
            return reply;
        };
        let (reply, altered) = saboteur.retells(at, request, reply);
        if altered {
            self.diary.fault(SABOTAGE);
        }
        reply
    }

    pub(super) fn sweep_the_living(&mut self, who: usize, at: Duration) {
        if let Some(being) = self.cast.take_for_dead(who) {
            self.diary.fault(SABOTAGE);
            self.agenda.add(at, Event::Begins(Role::Sweep(being)));
        }
    }
}
