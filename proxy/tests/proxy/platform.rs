//! Lambda's side: a Runtime API that repeats an event until it is ended, as Lambda does.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::log::{Gate, Log};

/// Lambda. Clones are the same.
#[derive(Clone)]
pub(crate) struct Platform {
    pub(crate) log: Log,
    events: watch::Sender<VecDeque<Event>>,
    posts: Arc<Mutex<Vec<Post>>>,
    plan: Arc<Mutex<Plan>>,
}

/// An event to be given to the function.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) deadline_ms: u64,
    pub(crate) body: Bytes,
    pub(crate) context: Option<String>,
}

/// Something that was posted, and arrived whole.
#[derive(Clone, Debug)]
pub(crate) struct Post {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) trailers: HeaderMap,
}

/// How the platform answers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    /// The answer to a POST waits for it.
    pub(crate) hold_posts: Option<Gate>,
    /// What a POST is answered with instead of 202.
    pub(crate) refuse_posts: Option<u16>,
}

type Answer = Response<Full<Bytes>>;

impl Event {
    pub(crate) fn new(id: &str, body: impl Into<Bytes>) -> Self {
        Self {
            id: id.to_owned(),
            deadline_ms: 4_000_000_000_000,
            body: body.into(),
            context: None,
        }
    }
}

impl Platform {
    /// A platform that listens, and its address.
    pub(crate) async fn start(log: &Log) -> (Self, String) {
        let platform = Self {
            log: log.clone(),
            events: watch::Sender::default(),
            posts: Arc::default(),
            plan: Arc::default(),
        };
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port is free");
        let address = listener.local_addr().expect("it is bound").to_string();
        tokio::spawn(platform.clone().listen(listener));
        (platform, address)
    }

    /// Gives the function another event.
    pub(crate) fn give(&self, event: Event) {
        self.events.send_modify(|events| events.push_back(event));
    }

    pub(crate) fn plan(&self, change: impl FnOnce(&mut Plan)) {
        change(&mut self.plan.lock().expect("no test panics in it"));
    }

    /// What was posted so far.
    pub(crate) fn posts(&self) -> Vec<Post> {
        self.posts.lock().expect("no test panics in it").clone()
    }

    async fn listen(self, listener: TcpListener) {
        while let Ok((stream, _)) = listener.accept().await {
            stream.set_nodelay(true).expect("it is open");
            let platform = self.clone();
            tokio::spawn(async move {
                let service = service_fn(|request| {
                    let platform = platform.clone();
                    async move { platform.answer(request).await }
                });
                let _ = http1::Builder::new()
                    .max_buf_size(4 << 20)
                    .max_header_size(4 << 20)
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Answer, Infallible> {
        let path = request.uri().to_string();
        Ok(match path.strip_prefix("/2018-06-01/runtime/invocation/") {
            Some("next") => self.next().await,
            Some(id) => {
                let id = id.split('/').next().unwrap_or_default().to_owned();
                self.post(&path, &id, request).await
            }
            None => self.other(request).await,
        })
    }

    async fn next(&self) -> Answer {
        self.log.add("next");
        let mut events = self.events.subscribe();
        let event = events.wait_for(|events| !events.is_empty()).await;
        let event = event.expect("the platform is here")[0].clone();
        let mut answer = Response::builder()
            .header("Lambda-Runtime-Aws-Request-Id", &event.id)
            .header("Lambda-Runtime-Deadline-Ms", event.deadline_ms)
            .header("Content-Type", "application/json");
        if let Some(context) = event.context {
            answer = answer.header("Lambda-Runtime-Client-Context", context);
        }
        answer
            .body(Full::new(event.body))
            .expect("its parts are right")
    }

    async fn post(&self, path: &str, id: &str, request: Request<Incoming>) -> Answer {
        let Some(post) = self.read(path, request).await else {
            return answer(400, "");
        };
        let what = path.rsplit('/').next().unwrap_or_default();
        self.log.add(format!("{what} {id}"));
        self.posts.lock().expect("no test panics in it").push(post);
        let plan = self.plan.lock().expect("no test panics in it").clone();
        if let Some(gate) = plan.hold_posts {
            gate.passed().await;
        }
        if let Some(status) = plan.refuse_posts {
            return answer(status, "refused");
        }
        self.events.send_modify(|events| {
            if events.front().is_some_and(|event| event.id == id) {
                events.pop_front();
            }
        });
        self.log.add(format!("ended {id}"));
        answer(202, "{\"status\":\"OK\"}")
    }

    async fn other(&self, request: Request<Incoming>) -> Answer {
        let path = request.uri().to_string();
        let line = format!("{} {path}", request.method());
        self.log.add(line);
        let Some(post) = self.read(&path, request).await else {
            return answer(400, "");
        };
        let body = post.body.clone();
        self.posts.lock().expect("no test panics in it").push(post);
        answer(207, body)
    }

    async fn read(&self, path: &str, request: Request<Incoming>) -> Option<Post> {
        let (head, body) = request.into_parts();
        let Ok(body) = body.collect().await else {
            self.log.add(format!("cut {path}"));
            return None;
        };
        Some(Post {
            path: path.to_owned(),
            headers: head.headers,
            trailers: body.trailers().cloned().unwrap_or_default(),
            body: body.to_bytes(),
        })
    }
}

fn answer(status: u16, body: impl Into<Bytes>) -> Answer {
    let answer = Response::builder()
        .status(status)
        .header("X-Platform", "yes");
    answer
        .body(Full::new(body.into()))
        .expect("its parts are right")
}
