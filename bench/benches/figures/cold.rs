//! A cold start over TLS: what the layer adds to it, and what the first lock costs beside the tenth.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use serde_json::{Value, json};
use testkit::dynamo::{Dynamo, Fate, Request, Schema};
use testkit::lambda::{Answer, Environment, Function, What};
use testkit::programs::{self, Programs};
use testkit::{Clock, Error};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::figure::{Figure, Unit};
use crate::server::TABLE;
use crate::spread::Spread;

/// How long DynamoDB takes for an answer.
const ROUND_TRIP: Duration = Duration::from_millis(5);

const STARTS: usize = 5;

/// The tenth is as warm as any.
const TENTH: usize = 10;

pub(crate) async fn figures() -> Result<[Figure; 3], Error> {
    let programs = Programs::build()?;
    Ok([
        init(&programs.function, programs::unlocked()?).await?,
        figure("`LockLayer::from_env`", &programs.function).await?,
        figure("`LockLayer::connected`", programs::single()?).await?,
    ])
}

/// What the layer adds to the start of a function, the connection among it.
async fn init(locked: &Path, unlocked: &Path) -> Result<Figure, Error> {
    let mut added = Vec::new();
    for _ in 0..STARTS {
        let (with, without) = (Cold::start(locked).await?, Cold::start(unlocked).await?);
        added.push(with.init.as_secs_f64() - without.init.as_secs_f64());
    }
    let name = "time the layer adds to the start, TLS and all";
    Ok(Figure::new(name, Unit::Millis, Spread::of(added)?))
}

async fn figure(how: &str, program: &Path) -> Result<Figure, Error> {
    let mut ratios = Vec::new();
    for _ in 0..STARTS {
        let Cold { waited, .. } = Cold::start(program).await?;
        let (Some(first), Some(tenth)) = (waited.first(), waited.get(TENTH - 1)) else {
            return Err(Error::new("not every invocation told how long it waited"));
        };
        ratios.push(first / tenth.max(1.0));
    }
    let name = format!("first lock over TLS, in tenths: {how}");
    Ok(Figure::new(name, Unit::Ratio, Spread::of(ratios)?))
}

/// A new environment, and ten invocations in it.
#[derive(Clone, Debug, Default)]
struct Cold {
    /// From the first event until both processes were up.
    init: Duration,
    /// How long each of them waited for its lock, in ms; nothing of a function that has none.
    waited: Vec<f64>,
}

impl Cold {
    async fn start(program: &Path) -> Result<Self, Error> {
        let dynamo = Dynamo::new();
        dynamo.create_table(&Schema::locks(TABLE))?;
        dynamo.plan(|_: &Request| Fate::delivered().before(ROUND_TRIP));
        let wire = dynamo.listen().await?;
        let folder = tempfile::tempdir().map_err(failed)?;
        let authority = folder.path().join("authority.pem");
        let port = secured(&wire.url(), &authority).await?.port();

        let function = Function::new(program, &format!("https://localhost:{port}"), TABLE)
            .variable("LOCKS_METRICS", "1")
            .variable("SSL_CERT_FILE", &authority.to_string_lossy())
            .timeout(Duration::from_secs(10));
        let (told, begun) = (Arc::new(Mutex::new(Self::default())), Clock::system());
        let (cold, first) = (Arc::clone(&told), begun.since_epoch());
        let environment = Environment::new("cold", &function, move |occurrence| {
            let mut cold = cold.lock().unwrap_or_else(PoisonError::into_inner);
            match occurrence.what {
                What::Started => cold.init = occurrence.at.saturating_sub(first),
                What::Function(line) => cold.waited.extend(waited_ms(&line)),
                _ => {}
            }
        })?;
        for nth in 0..TENTH {
            let answer = environment.invoke(json!({ "orderId": nth.to_string() }));
            let answer = answer.await;
            if !matches!(answer, Answer::Response(_)) {
                let message = format!("an invocation over TLS failed: {answer:?}");
                return Err(Error::new(message));
            }
        }
        environment.shut_down().await;
        let told = told.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(told.clone())
    }
}

fn waited_ms(line: &str) -> Option<f64> {
    serde_json::from_str::<Value>(line).ok()?["WaitedMs"].as_f64()
}

/// Puts TLS in front of a server, with a certificate that is made for it.
async fn secured(url: &str, authority: &Path) -> Result<SocketAddr, Error> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).map_err(failed)?;
    write(authority, &made.cert.pem())?;
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let chain = vec![CertificateDer::from(made.cert.der().to_vec())];
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(failed)?
        .with_no_client_auth()
        .with_single_cert(chain, key.into())
        .map_err(failed)?;
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let target = url.trim_start_matches("http://").to_owned();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(carry(acceptor.clone(), client, target.clone()));
        }
    });
    Ok(address)
}

async fn carry(acceptor: TlsAcceptor, client: TcpStream, target: String) {
    // Small answers must not wait for the acknowledgement of the session tickets before them.
    let _ = client.set_nodelay(true);
    if let (Ok(mut client), Ok(mut server)) =
        tokio::join!(acceptor.accept(client), TcpStream::connect(target))
    {
        // A connection that breaks ends with its ends.
        let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the function reads its authorities from a file"
)]
fn write(path: &Path, text: &str) -> Result<(), Error> {
    std::fs::write(path, text).map_err(failed)
}

fn failed(why: impl std::fmt::Display) -> Error {
    Error::new(format!("the first invocation cannot be measured: {why}"))
}
