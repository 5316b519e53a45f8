//! What was seen of a scene that has ended.

use std::time::{Duration, SystemTime};

use serde_json::Value;
use testkit::dynamo::Logged;
use testkit::emulator::Line;
use testkit::history::{Work, violations};

use crate::scene::{KEY, begins, say};

/// What the platform grants the function and the extension, together, to shut down.
const SHUTDOWN: Duration = Duration::from_secs(2);

/// What was seen of a scene that has ended.
pub(crate) struct Seen {
    works: Vec<Work>,
    swept: Vec<Swept>,
    log: Vec<Logged>,
}

/// An entry that an extension gave back.
#[derive(Debug, PartialEq)]
struct Swept {
    fence: u64,
    how: String,
}

impl Seen {
    /// Puts together what `a` and `b` printed, and what the table was asked. Work of `a` that has
    /// no end of its own ended with the `death` of its function.
    pub(crate) fn new([a, b]: [Vec<Line>; 2], log: Vec<Logged>, death: Option<Duration>) -> Self {
        let mut works = [works("a", &a, death), works("b", &b, None)].concat();
        works.sort_by_key(|work| work.begin);
        assert_eq!(
            violations(&works),
            [],
            "nobody works beside another, and fences rise"
        );
        let swept = a.iter().chain(&b).filter_map(Swept::read).collect();
        Self { works, swept, log }
    }

    /// The first lock was given back by the layer: the extensions found nothing to do, but perhaps the
    /// note of a function that was killed before it could remove that.
    pub(crate) fn released_by_the_layer(&self, scene: &str) {
        let mut found = self.swept.iter();
        assert!(found.all(|swept| swept.how == "gone"), "{:?}", self.swept);
        let first = &self.works[0];
        self.report(
            scene,
            "layer",
            first.fence.expect("a lock has a fence"),
            first.end,
        );
    }

    /// The first lock was given back by the extension, and it was all that an extension did.
    pub(crate) fn released_by_the_extension(&self, scene: &str) {
        let first = &self.works[0];
        let fence = self.swept();
        assert_eq!(Some(fence), first.fence);
        self.report(scene, "extension", fence, first.end);
    }

    /// A waiter's entry was given back by the extension after its `death`, while the first lock was
    /// still held.
    pub(crate) fn left_the_queue(&self, scene: &str, death: Duration) {
        let fence = self.swept();
        assert!(self.left(fence) < self.works[0].end);
        self.report(scene, "extension", fence, death);
    }

    /// The fence of the one entry that was given back by an extension.
    fn swept(&self) -> u64 {
        let [Swept { fence, how }] = &*self.swept else {
            panic!("not one: {:?}", self.swept)
        };
        assert_eq!(how, "withdrawn");
        *fence
    }

    fn report(&self, scene: &str, who: &str, fence: u64, since: Duration) {
        let back = self.left(fence).saturating_sub(since);
        assert!(back < SHUTDOWN, "{back:?}");
        let next = self.works[1].begin.saturating_sub(since);
        let (back, next) = (back.as_millis(), next.as_millis());
        say(&format!(
            "{scene:<16} given back by the {who:<9} after {back:>3} ms; next after {next:>3} ms"
        ));
    }

    /// When an entry left the queue, by the table's own log.
    fn left(&self, fence: u64) -> Duration {
        let ticket = format!("{fence:016}");
        let queued =
            |logged: &&Logged| queue(logged).iter().any(|entry| entry.starts_with(&ticket));
        let applied = |logged: &&Logged| matches!(logged.applied, Some((200, _)));
        let writes = self
            .log
            .iter()
            .filter(|logged| &*logged.request.op == "UpdateItem");
        let mut writes = writes.filter(applied).skip_while(|logged| !queued(logged));
        let left = writes
            .find(|logged| !queued(logged))
            .expect("every entry leaves the queue");
        left.at
            .duration_since(SystemTime::UNIX_EPOCH)
            .expect("the log is kept in our days")
    }
}

impl Swept {
    fn read(line: &Line) -> Option<Self> {
        if !recovered(line) {
            return None;
        }
        let how = line.field("how")?.as_str()?.to_owned();
        Some(Self {
            fence: line.field("fence")?.as_u64()?,
            how,
        })
    }
}

/// True for the line that says that an extension gave an entry back.
pub(crate) fn recovered(line: &Line) -> bool {
    line.message() == Some("entry recovered")
}

/// The entries in a row after a write.
fn queue(logged: &Logged) -> Vec<&str> {
    let answer = logged.applied.as_ref().map(|(_, answer)| answer);
    let entries = answer.and_then(|answer| answer["Attributes"]["queue"]["SS"].as_array());
    let entries = entries.into_iter().flatten();
    entries.filter_map(Value::as_str).collect()
}

/// The works of one environment on the order, by its handlers' own lines.
pub(crate) fn works(who: &str, lines: &[Line], death: Option<Duration>) -> Vec<Work> {
    let begun = lines.iter().filter(|line| begins(line));
    let work = |line: &Line| {
        let fence = line.field("fence").and_then(Value::as_u64);
        let ends = |end: &&Line| {
            end.message() == Some("work ends") && end.field("fence") == line.field("fence")
        };
        let end = lines.iter().find(ends).and_then(Line::written).or(death);
        Work {
            key: KEY.to_owned(),
            fence,
            begin: line.written().expect("a handler's lines are dated"),
            end: end.expect("what did not end has died"),
            who: who.to_owned(),
        }
    };
    begun.map(work).collect()
}
