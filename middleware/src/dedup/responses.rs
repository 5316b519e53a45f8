//! What is kept of responses, and how a replay is marked.

use std::fmt;
use std::sync::Arc;

use dynamodb_locks::{Error, Vars};

use crate::event::pointer::is_json;

/// How responses are kept and replayed.
#[derive(Clone, Debug)]
pub(super) struct Responses {
    /// A longer one is not kept.
    most: usize,
    change: Option<Change>,
    /// The header of a replay over HTTP; none marks nothing.
    header: Option<String>,
}

/// What is kept in place of a response.
#[derive(Clone)]
struct Change(Arc<ChangeFn>);

type ChangeFn = dyn Fn(&str) -> Option<String> + Send + Sync;

const MOST: &str = "LOCKS_DEDUP_KEEP_BYTES";
const HEADER: &str = "LOCKS_DEDUP_HEADER";

/// A row of DynamoDB holds no more, with what else is in it.
const MOST_BYTES: u64 = 350 * 1024;

/// Tells a client over HTTP that nothing was done for its request.
const DEFAULT_HEADER: &str = "idempotent-replayed";

impl Default for Responses {
    fn default() -> Self {
        Self {
            most: MOST_BYTES as usize,
            change: None,
            header: Some(DEFAULT_HEADER.to_owned()),
        }
    }
}

impl Responses {
    pub(super) fn from_vars(vars: &Vars) -> Result<Self, Error> {
        let mut responses = Self::default();
        if let Some(most) = vars.number(MOST, 0..=MOST_BYTES)? {
            responses.most = usize::try_from(most).unwrap_or(usize::MAX);
        }
        if let Some(header) = vars.any(HEADER) {
            responses = responses.header(header);
        }
        match responses.wrong() {
            Some(why) => Err(vars.wrong(HEADER, why)),
            None => Ok(responses),
        }
    }

    pub(super) fn most(self, most: usize) -> Self {
        Self { most, ..self }
    }

    pub(super) fn change(
        self,
        change: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        let change = Some(Change(Arc::new(change)));
        Self { change, ..self }
    }

    pub(super) fn header(self, header: &str) -> Self {
        let header = (!header.is_empty()).then(|| header.to_ascii_lowercase());
        Self { header, ..self }
    }

    /// What would be right, if something is wrong.
    pub(super) fn wrong(&self) -> Option<&'static str> {
        let is_name = |c: u8| c.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&c);
        match &self.header {
            Some(header) if !header.bytes().all(is_name) => {
                Some("the name of a header, or nothing")
            }
            _ => None,
        }
    }

    /// What is kept of a response.
    pub(super) fn kept(&self, response: String) -> Option<String> {
        let kept = match &self.change {
            Some(Change(change)) => change(&response)?,
            None => response,
        };
        if !is_json(&kept) {
            tracing::warn!("the response is no JSON and is not kept; the event counts as done");
            return None;
        }
        if kept.len() > self.most {
            let (bytes, most) = (kept.len(), self.most);
            tracing::warn!(
                bytes,
                most,
                "the response is too long to keep; the event counts as done"
            );
            return None;
        }
        Some(kept)
    }

    pub(super) fn marks(&self) -> Option<&str> {
        self.header.as_deref()
    }
}

impl fmt::Debug for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Change")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(vars: &[(&str, &str)]) -> Result<Responses, String> {
        let responses = Responses::from_vars(&vars.iter().copied().collect());
        responses.map_err(|error| error.to_string())
    }

    #[test]
    fn a_response_that_is_too_long_is_not_kept() {
        let responses = read(&[(MOST, "3")]).expect("it is right");
        assert_eq!(responses.kept("123".to_owned()).as_deref(), Some("123"));
        assert_eq!(responses.kept("1234".to_owned()), None);
        assert!(read(&[(MOST, "358401")]).is_err());
        assert!(read(&[(MOST, "much")]).is_err());
    }

    #[test]
    fn something_else_can_be_kept() {
        let masked = Responses::default().change(|response| Some(response.replace("4711", "****")));
        assert_eq!(
            masked.kept(r#"{"card": "4711"}"#.to_owned()).as_deref(),
            Some(r#"{"card": "****"}"#)
        );
        assert_eq!(
            Responses::default().change(|_| None).kept("1".to_owned()),
            None
        );
        let cut = Responses::default().change(|response| response.get(1..).map(str::to_owned));
        assert_eq!(cut.kept("{}".to_owned()), None, "it is no JSON any more");
    }

    #[test]
    fn a_replay_has_a_header_unless_it_is_to_have_none() {
        let header = |vars: &[(&str, &str)]| read(vars).map(|it| it.marks().map(str::to_owned));
        assert_eq!(header(&[]), Ok(Some("idempotent-replayed".to_owned())));
        assert_eq!(
            header(&[(HEADER, "X-Again")]),
            Ok(Some("x-again".to_owned()))
        );
        assert_eq!(header(&[(HEADER, "")]), Ok(None));
        let wrong = header(&[(HEADER, "a b")]).expect_err("it has a space");
        assert!(
            wrong.contains(HEADER) && wrong.contains("name of a header"),
            "{wrong}"
        );
    }
}
