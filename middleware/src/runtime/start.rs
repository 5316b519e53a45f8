//! A start that fails: the log says why, and so does the error that the caller gets.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use dynamodb_locks::{Error, Vars};
use serde_json::{Value, json};

use crate::answer::failure::LockError;

/// Where Lambda listens.
const RUNTIME_API: &str = "AWS_LAMBDA_RUNTIME_API";

/// The Runtime API is on this machine: what takes longer is broken.
const PATIENCE: Duration = Duration::from_secs(1);

/// Ends a start that cannot succeed. Lambda is told first, because the end of a process alone tells a caller nothing.
pub(super) fn fail(error: Error) -> ! {
    let failure = LockError::from(error);
    let report = report(&failure);
    if tracing::enabled!(tracing::Level::ERROR) {
        let (name, why) = (failure.name(), failure.to_string());
        tracing::error!(name, why, "the function does not start");
    } else {
        eprintln!("{report}");
    }
    if let Some(api) = Vars::from_env().any(RUNTIME_API)
        && let Err(error) = tell(api, failure.name(), &report.to_string())
    {
        tracing::warn!(%error, "Lambda was not told why");
    }
    panic!("{failure}");
}

/// What Lambda is told, and the caller after it.
fn report(failure: &LockError) -> Value {
    json!({"errorType": failure.name(), "errorMessage": failure.to_string(), "stackTrace": []})
}

/// Posts an error of the initialisation. Nothing may be running yet that could do it, and nothing else is posted.
fn tell(api: &str, name: &str, report: &str) -> io::Result<()> {
    let address = api.to_socket_addrs()?.next();
    let address = address.ok_or_else(|| io::Error::other(format!("`{api}` has no address")))?;
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let length = report.len();
    let request = format!(
        "POST /2018-06-01/runtime/init/error HTTP/1.1\r\n\
         Host: {api}\r\n\
         Content-Type: application/json\r\n\
         Lambda-Runtime-Function-Error-Type: {name}\r\n\
         Content-Length: {length}\r\n\
         Connection: close\r\n\
         \r\n\
         {report}"
    );
    stream.write_all(request.as_bytes())?;
    // The process ends after this, and with it the connection: the answer shows that the report has arrived.
    stream.read(&mut [0; 64]).map(drop)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    #[test]
    fn lambda_is_told_why_a_function_does_not_start() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let api = listener.local_addr().expect("it is bound").to_string();
        let told = thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("it connects");
            let mut request = Vec::new();
            let mut part = [0; 1024];
            while !request.ends_with(b"}") {
                let read = stream.read(&mut part).expect("it writes");
                request.extend_from_slice(&part[..read]);
            }
            let accepted = stream.write_all(b"HTTP/1.1 202 Accepted\r\n\r\n");
            accepted.expect("it reads");
            String::from_utf8(request).expect("it is text")
        });
        let failure = LockError::from(Error::configuration("LOCKS_KEY is not set"));
        let report = report(&failure).to_string();
        tell(&api, failure.name(), &report).expect("it is told");
        let request = told.join().expect("no panic");
        assert!(request.starts_with("POST /2018-06-01/runtime/init/error HTTP/1.1\r\n"));
        assert!(request.contains("\r\nLambda-Runtime-Function-Error-Type: Lock.Configuration\r\n"));
        let (_, body) = request.split_once("\r\n\r\n").expect("it has a body");
        let body: Value = serde_json::from_str(body).expect("it is JSON");
        assert_eq!(body["errorMessage"], "LOCKS_KEY is not set");
    }
}
