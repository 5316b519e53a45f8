//! Colours, by hand.

/// What a piece of text stands for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Ink {
    Plain,
    Faint,
    Waits,
    Holds,
    Dead,
    Recovered,
}

impl Ink {
    /// The text in this ink, or as it is where there are no colours.
    pub(super) fn on(self, text: &str, colours: bool) -> String {
        match self.code() {
            Some(code) if colours => format!("\x1b[{code}m{text}\x1b[0m"),
            _ => text.to_owned(),
        }
    }

    fn code(self) -> Option<&'static str> {
        match self {
            Ink::Plain => None,
            Ink::Faint => Some("2"),
            Ink::Waits => Some("33"),
            Ink::Holds => Some("1;32"),
            Ink::Dead => Some("1;31"),
            Ink::Recovered => Some("1;36"),
        }
    }
}
