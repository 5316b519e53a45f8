//! Invoking a function by the emulator's own interface.

use std::fmt::Display;
use std::net::SocketAddr;

use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use crate::Error;
use crate::lambda::Answer;

const PATH: &str = "/2015-03-31/functions/function/invocations";

/// Sends an event to the emulator at `address`.
pub(super) async fn invoke(address: SocketAddr, event: Value) -> Result<Answer, Error> {
    let stream = TcpStream::connect(address).await.map_err(failed)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(failed)?;
    let request = Request::post(PATH)
        .header("host", address.to_string())
        .body(Full::new(Bytes::from(event.to_string())))
        .map_err(failed)?;
    // The sender ends with the exchange, and the connection with its sender.
    let exchange = async move {
        sender
            .send_request(request)
            .await?
            .into_body()
            .collect()
            .await
    };
    let (answered, _) = tokio::join!(exchange, connection);
    // The emulator shuts down without another word.
    let Ok(body) = answered else {
        return Ok(Answer::Died);
    };
    Ok(answer(&String::from_utf8_lossy(&body.to_bytes())))
}

/// Understands an answer by its body: its status is 200 for most errors too.
fn answer(body: &str) -> Answer {
    if body.starts_with("Task timed out") {
        return Answer::TimedOut;
    }
    let Ok(json) = serde_json::from_str::<Value>(body) else {
        return Answer::NotStarted(body.to_owned());
    };
    match json["errorType"].as_str() {
        None => Answer::Response(json),
        Some("Runtime.ExitError" | "Extension.Crash") => Answer::Died,
        Some(kind) => {
            let message = json["errorMessage"].as_str().unwrap_or_default();
            Answer::Error {
                kind: kind.to_owned(),
                message: message.to_owned(),
            }
        }
    }
}

fn failed(why: impl Display) -> Error {
    Error::new(format!("the emulator gave no answer: {why}"))
}
