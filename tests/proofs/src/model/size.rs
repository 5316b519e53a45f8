//! How much of the model is explored.

/// How much is explored.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Size {
    /// Two million states, for every day.
    Small,
    /// Twenty million and more.
    Full,
    /// As much as a large machine can hold.
    Huge,
}

impl Size {
    /// Reads a size variable: `full`, `huge`, or nothing.
    pub fn read(word: Option<&str>) -> Self {
        match word {
            Some("full") => Self::Full,
            Some("huge") => Self::Huge,
            _ => Self::Small,
        }
    }
}
