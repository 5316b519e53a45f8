//! What the programs write, understood: JSON, a line an event, as `tracing-subscriber` formats it.

use std::time::Duration;

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use serde_json::Value;
use testkit::lambda::{Occurrence, What};

use super::moment::{Event, Known, Moment};

/// An answer of the table is here sooner.
const A_WAIT: Duration = Duration::from_millis(200);

/// The moment that an occurrence is, if it is one that a person should see.
pub(super) fn moment(occurrence: Occurrence) -> Option<Moment> {
    let Occurrence {
        at,
        environment,
        what,
    } = occurrence;
    let (at, event) = match what {
        What::Started => (at, Event::Up),
        What::Function(line) | What::Extension(line) => understood(&line)?,
        What::Killed => (at, Event::Killed),
        What::Reaped => (at, Event::Reaped),
        What::ExtensionEnded(code) => (at, Event::ExtensionEnded(code)),
        What::Terminated | What::ShutdownSent(_) => return None,
    };
    Some(Moment {
        at,
        environment,
        event,
    })
}

/// The time that the line gives itself, not that at which it was read.
fn understood(line: &str) -> Option<(Duration, Event)> {
    let line: Value = serde_json::from_str(line).ok()?;
    let fields = &line["fields"];
    let text = |name: &str| fields[name].as_str().map(str::to_owned);
    let fence = fields["fence"].as_u64();
    let event = match fields["message"].as_str()? {
        "work begins" => Event::Begins(text("order_id")?, fence),
        "work ends" => Event::Ends(text("order_id")?),
        "a duplicate: the event was done before, and the handler is skipped" => {
            Event::Duplicate(match fields["from_memory"].as_bool()? {
                true => Known::FromMemory,
                false if waited(&fields["waited_ms"])? > A_WAIT => Known::AfterWait,
                false => Known::FromTable,
            })
        }
        "entry recovered" => Event::Recovered(text("key")?, fence, text("how")?),
        _ => return None,
    };
    Some((time(line["timestamp"].as_str()?)?, event))
}

/// The log shows a long number as text.
fn waited(ms: &Value) -> Option<Duration> {
    let ms = ms.as_u64().or_else(|| ms.as_str()?.parse().ok())?;
    Some(Duration::from_millis(ms))
}

fn time(text: &str) -> Option<Duration> {
    let time = DateTime::from_str(text, Format::DateTime).ok()?;
    u64::try_from(time.as_nanos())
        .ok()
        .map(Duration::from_nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(message: &str, fields: &str) -> String {
        let fields = format!(r#"{{"message":"{message}",{fields}}}"#);
        format!(r#"{{"timestamp":"1970-01-01T00:00:01.5Z","level":"INFO","fields":{fields}}}"#)
    }

    #[test]
    fn the_handlers_lines_are_understood() {
        let at = Duration::from_millis(1500);
        let begins = line("work begins", r#""order_id":"42","fence":7"#);
        assert_eq!(
            understood(&begins),
            Some((at, Event::Begins("42".into(), Some(7))))
        );
        let unlocked = line("work begins", r#""order_id":"42","fence":null"#);
        assert_eq!(
            understood(&unlocked),
            Some((at, Event::Begins("42".into(), None)))
        );
        let ends = line("work ends", r#""order_id":"42","fence":7"#);
        assert_eq!(understood(&ends), Some((at, Event::Ends("42".into()))));
    }

    #[test]
    fn the_extensions_line_is_understood() {
        let recovered = line(
            "entry recovered",
            r#""key":"42","fence":7,"how":"withdrawn""#,
        );
        let expected = Event::Recovered("42".into(), Some(7), "withdrawn".into());
        assert_eq!(
            understood(&recovered).map(|(_, event)| event),
            Some(expected)
        );
    }

    #[test]
    fn the_layers_line_about_a_duplicate_is_understood() {
        let message = "a duplicate: the event was done before, and the handler is skipped";
        for (fields, known) in [
            (r#""from_memory":true,"waited_ms":"0""#, Known::FromMemory),
            (r#""from_memory":false,"waited_ms":"7""#, Known::FromTable),
            (r#""from_memory":false,"waited_ms":900"#, Known::AfterWait),
        ] {
            let event = understood(&line(message, fields)).map(|(_, event)| event);
            assert_eq!(event, Some(Event::Duplicate(known)));
        }
    }

    #[test]
    fn other_lines_are_passed_over() {
        assert_eq!(understood("thread 'main' panicked"), None);
        assert_eq!(understood(&line("something else", r#""fence":7"#)), None);
    }
}
