//! What a mutant leaves out of what a request asks or says of operations.

use dynamodb_locks::protocol::OperationState;
use serde_json::Value;

use super::{Leaving, MINE, Mutant, number};
use testkit::locks::Step;

const UNDONE: &str = "(attribute_not_exists(#op) OR #op < :past)";
const UNBEGUN: &str = "(attribute_not_exists(#op) OR #op < :begun_past OR #op > :done_from)";
/// What a move asks of its operation's own row.
const FRESH: &str = "attribute_not_exists(#last_ticket) OR #last_ticket < :ticket";
/// What is said of an attempt.
const ATTEMPT: &str = "if_not_exists(#begun, :begun)";

/// By how much a time is too early, in seconds.
const EARLY: u64 = 15;

/// Where the end stands in a line, in digits of seconds.
const END: std::ops::Range<usize> = 5..15;

const HOUR: u64 = 60 * 60;

impl Mutant {
    pub(super) fn rewrites_operations(self, request: &mut Leaving<'_>, enters: bool) -> bool {
        use Mutant as M;
        use Step as S;
        let done = |state: &OperationState| matches!(state, OperationState::Completed(_));
        let completes = request.values().get(":done").is_some();
        match (self, request.step) {
            (M::MovesOverLater, S::Move) => request.waive(FRESH),
            (M::MovedUntilTooEarly, S::Release) => request.moves_until_too_early(),
            (M::CompletesWithoutTheEntry, S::Release) if completes => request.waive(MINE),
            (M::AttemptsOverwrite, _) => request.updates(ATTEMPT, ":begun"),
            (M::ForgetsTheDone, S::Release) if !completes => request.removes(done),
            (M::WindowFromEarliest, S::Release) if completes => request.shortens_its_window(),
            (M::RowDiesBeforeItsCompletions, _) => request.dates_too_early(),
            (M::IgnoresCompletions, _) if enters => request.waive(UNDONE),
            (M::IgnoresTheBegun, _) if enters => request.waive(UNBEGUN),
            (M::TransactsWithoutTheEntry, S::Transact) => request.transacts("Update", MINE),
            (M::TransactsTwice, S::Transact) => {
                request.drop_the_token();
                request.transacts("Update", UNDONE)
            }
            (M::ChecksWithoutTheEntry, S::Transact) => request.transacts("ConditionCheck", MINE),
            _ => false,
        }
    }
}

impl Leaving<'_> {
    /// Removes what the row says of operations, but for those that the request names.
    fn removes(&mut self, which: impl Fn(&OperationState) -> bool) -> bool {
        let names = self.body["ExpressionAttributeNames"].as_object();
        let named: Vec<_> = names
            .into_iter()
            .flat_map(|names| names.values().cloned())
            .collect();
        let states = self.row.operations.iter().filter(|(_, state)| which(state));
        let columns = states.map(|(id, _)| Value::from(format!("@{id}")));
        let columns: Vec<_> = columns.filter(|column| !named.contains(column)).collect();
        if columns.is_empty() {
            return false;
        }
        let mut more = Vec::new();
        for (number, column) in columns.into_iter().enumerate() {
            let name = format!("#gone{number}");
            self.body["ExpressionAttributeNames"][&name] = column;
            more.push(name);
        }
        let update = self.body["UpdateExpression"].as_str().unwrap_or_default();
        let more = more.join(", ");
        let update = match update.split_once("REMOVE ") {
            Some((before, after)) => format!("{before}REMOVE {more}, {after}"),
            None => format!("{update} REMOVE {more}"),
        };
        self.body["UpdateExpression"] = update.into();
        true
    }

    fn moves_until_too_early(&mut self) -> bool {
        let until = self.values()[":moved_until"]["N"].as_str();
        let Some(until) = until.and_then(|until| until.parse::<u64>().ok()) else {
            return false;
        };
        self.values()[":moved_until"] = number(until - EARLY);
        true
    }

    fn shortens_its_window(&mut self) -> bool {
        let line = self.values()[":done"]["S"].as_str().unwrap_or_default();
        let until = line.get(END).and_then(|until| until.parse::<u64>().ok());
        let Some(until) = until else {
            return false;
        };
        let line = format!(
            "{}{:010}{}",
            &line[..END.start],
            until - EARLY,
            &line[END.end..]
        );
        self.values()[":done"]["S"] = line.into();
        true
    }

    fn dates_too_early(&mut self) -> bool {
        let ttl = self.time().as_secs() + HOUR;
        let dated = self.values().get(":t").is_some();
        if dated {
            self.values()[":t"] = number(ttl);
        }
        dated
    }

    fn drop_the_token(&mut self) {
        if let Some(body) = self.body.as_object_mut() {
            body.remove("ClientRequestToken");
        }
    }

    /// Waives a condition of the last item of a transaction.
    fn transacts(&mut self, kind: &str, condition: &str) -> bool {
        let items = self.body["TransactItems"].as_array_mut();
        let Some(asked) = items.and_then(|items| items.last_mut()?.get_mut(kind)) else {
            return false;
        };
        let text = asked["ConditionExpression"].as_str().unwrap_or_default();
        let found = text.contains(condition);
        let waived = format!("({condition} OR NOT {condition})");
        let text = text.replacen(condition, &waived, 1);
        asked["ConditionExpression"] = text.into();
        found
    }
}
