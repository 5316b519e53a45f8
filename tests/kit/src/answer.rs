use serde_json::Value;

/// What became of an event.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// The handler's response.
    Response(Value),
    /// An error with a name, the handler's own or the layer's.
    Error {
        /// `errorType`.
        kind: String,
        /// `errorMessage`.
        message: String,
    },
    /// The function's time was up.
    TimedOut,
    /// The function's process, or the extension's, ended in mid-work.
    Died,
    /// The function or the extension did not come up; the text says why.
    NotStarted(String),
}
