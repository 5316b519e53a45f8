//! The runtime's side: a connection, and the bytes that a runtime sends by it.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::log::within;

/// One connection of a runtime.
pub(crate) struct Runtime {
    stream: TcpStream,
    read: Vec<u8>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Runtime {
    pub(crate) async fn connect(address: &str) -> Self {
        let stream = TcpStream::connect(address)
            .await
            .expect("the proxy listens");
        stream.set_nodelay(true).expect("it is open");
        let read = Vec::new();
        Self { stream, read }
    }

    /// Sends bytes; a connection that the proxy has closed takes none.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).await.is_ok()
    }

    pub(crate) async fn send_next(&mut self) {
        self.send(next()).await;
    }

    /// Asks for the next event and waits for it.
    pub(crate) async fn next(&mut self) -> Answer {
        self.send_next().await;
        self.answer().await
    }

    /// Posts a response and waits for Lambda's answer.
    pub(crate) async fn respond(&mut self, id: &str, body: &[u8]) -> Answer {
        self.send(response(id, body)).await;
        self.answer().await
    }

    /// The next answer.
    pub(crate) async fn answer(&mut self) -> Answer {
        let answer = within("an answer", self.try_answer()).await;
        answer.expect("the connection stays open until it is answered")
    }

    /// The next answer; `None` if the connection breaks before.
    pub(crate) async fn perhaps_an_answer(&mut self) -> Option<Answer> {
        within("an answer or the end", self.try_answer()).await
    }

    /// Reads the beginning of an answer.
    pub(crate) async fn read_some(&mut self) {
        let read = within("the beginning", self.read_more()).await;
        read.expect("the connection stays open");
    }

    /// Ends its own side; tells what comes until the proxy closes its side as well.
    pub(crate) async fn finish(mut self) -> Vec<u8> {
        let _ = self.stream.shutdown().await;
        let mut rest = Vec::new();
        // A reset is an end too.
        let _ = within("the end", self.stream.read_to_end(&mut rest)).await;
        rest
    }

    async fn try_answer(&mut self) -> Option<Answer> {
        let end = loop {
            match find(&self.read, b"\r\n\r\n") {
                Some(at) => break at + 4,
                None => self.read_more().await?,
            }
        };
        let head = String::from_utf8_lossy(&self.read[..end]).into_owned();
        let length: usize = header(&head, "content-length")?.parse().ok()?;
        while self.read.len() < end + length {
            self.read_more().await?;
        }
        let rest = self.read.split_off(end + length);
        let body = std::mem::replace(&mut self.read, rest).split_off(end);
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some(Answer { status, head, body })
    }

    async fn read_more(&mut self) -> Option<()> {
        match self.stream.read_buf(&mut self.read).await {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(()),
        }
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        header(&self.head, name)
    }
}

pub(crate) fn next() -> String {
    "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: runtime\r\nUser-Agent: ric/1\r\n\r\n"
        .to_owned()
}

pub(crate) fn response(id: &str, body: &[u8]) -> Vec<u8> {
    post(
        &format!("/2018-06-01/runtime/invocation/{id}/response"),
        "",
        body,
    )
}

/// A POST with its length; `headers` are whole lines.
pub(crate) fn post(path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: runtime\r\n{headers}Content-Length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

fn header(head: &str, name: &str) -> Option<String> {
    let mut lines = head.lines().filter_map(|line| line.split_once(": "));
    let found = lines.find(|(found, _)| found.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.to_owned())
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes
        .windows(wanted.len())
        .position(|found| found == wanted)
}
