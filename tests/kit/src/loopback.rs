//! A small HTTP server on the loopback address, for both of the world's APIs: DynamoDB's and
//! Lambda's.

use std::net::SocketAddr;

use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use crate::Error;

/// A server at a port that the system chose. Dropped, it stops, and the connections it has break.
#[derive(Debug)]
pub(crate) struct Loopback {
    address: SocketAddr,
    listening: JoinHandle<()>,
}

pub(crate) type Reply = Response<Full<Bytes>>;

impl Loopback {
    /// Starts a server that answers each request with `handle`; `None` breaks the connection.
    pub(crate) async fn start<H, F>(handle: H) -> Result<Self, Error>
    where
        H: Fn(Request<Bytes>) -> F + Clone + Send + 'static,
        F: Future<Output = Option<Reply>> + Send + 'static,
    {
        let failed = |e| Error::new(format!("cannot listen on the loopback address: {e}"));
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self {
            address,
            listening: tokio::spawn(listen(listener, handle)),
        })
    }

    /// `127.0.0.1:port`.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Loopback {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn listen<H, F>(listener: TcpListener, handle: H)
where
    H: Fn(Request<Bytes>) -> F + Clone + Send + 'static,
    F: Future<Output = Option<Reply>> + Send + 'static,
{
    // Dropped with this task, and every connection with it.
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(converse(stream, handle.clone()));
        while connections.try_join_next().is_some() {}
    }
}

async fn converse<H, F>(stream: TcpStream, handle: H)
where
    H: Fn(Request<Bytes>) -> F + Clone,
    F: Future<Output = Option<Reply>>,
{
    // Answers are small and waited for: collecting them into larger packets would only delay them.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| answer(request, handle.clone()));
    // An error here is a connection that broke, be it by the client or by plan: there is nobody
    // left to tell.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer<H, F>(request: Request<Incoming>, handle: H) -> Result<Reply, Error>
where
    H: Fn(Request<Bytes>) -> F,
    F: Future<Output = Option<Reply>>,
{
    let (head, body) = request.into_parts();
    let body = body
        .collect()
        .await
        .map_err(|e| Error::new(e.to_string()))?
        .to_bytes();
    let reply = handle(Request::from_parts(head, body)).await;
    reply.ok_or_else(|| Error::new("no answer"))
}
