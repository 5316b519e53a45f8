//! The connection to DynamoDB.

use std::sync::Arc;
use std::time::Duration;

use aws_config::{BehaviorVersion, Region};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_types::body::SdkBody;
use tokio::sync::{OnceCell, RwLock};

use super::{Place, Table};

/// A client that is made when it is first needed, unless the caller has one.
#[derive(Debug)]
pub(crate) struct Connection {
    client: OnceCell<Client>,
    region: Option<String>,
    /// Whether the connection was opened ahead of time. Whoever does that has this to itself, and
    /// the others wait for it.
    opened: RwLock<bool>,
}

/// Opening a connection ahead of time takes at most this long: then it is up to the first request.
const OPENING: Duration = Duration::from_secs(1);

impl Connection {
    /// Connects at the first use, to a region or to the one that the environment names.
    pub(crate) fn to(region: Option<String>) -> Self {
        Self {
            client: OnceCell::new(),
            region,
            opened: RwLock::default(),
        }
    }

    /// Shares a client's connection, credentials and endpoint, but none of its retries.
    pub(crate) fn of(client: &Client) -> Self {
        let client = OnceCell::new_with(Some(without_retries(client)));
        Self {
            client,
            region: None,
            opened: RwLock::default(),
        }
    }

    pub(crate) async fn table(&self, place: Arc<Place>) -> Table {
        let _opened = self.opened.read().await;
        let client = self.client().await.clone();
        Table { client, place }
    }

    /// Resolves the credentials and opens the connection, so that no request has to.
    pub(crate) async fn open(&self) {
        let mut opened = self.opened.write().await;
        if std::mem::replace(&mut *opened, true) {
            return;
        }
        let opened = async { knock(self.client().await).await };
        if tokio::time::timeout(OPENING, opened).await.is_err() {
            tracing::debug!("the connection to DynamoDB is not open yet");
        }
    }

    async fn client(&self) -> &Client {
        let connect = async || without_retries(&connect(self.region.clone()).await);
        self.client.get_or_init(connect).await
    }
}

/// Asks DynamoDB's front end whether it is there: a request that touches no table, needs no rights
/// and costs nothing. The SDK does not understand the answer; the connection stays.
async fn knock(client: &Client) {
    let knocked = client
        .describe_endpoints()
        .customize()
        .mutate_request(|request| {
            let _ = request.set_method("GET");
            for name in ["x-amz-target", "content-length", "content-type"] {
                request.headers_mut().remove(name);
            }
            *request.body_mut() = SdkBody::empty();
        })
        .send()
        .await;
    drop(knocked);
}

/// Every copy of a write must be counted, so nobody but us repeats or gives up a request.
fn without_retries(client: &Client) -> Client {
    let config = client.config().to_builder();
    let config = config.retry_config(RetryConfig::disabled());
    let config = config.timeout_config(TimeoutConfig::disabled());
    Client::from_conf(config.build())
}

/// Reads what the environment says of region, credentials and endpoint.
///
/// TLS is rustls on ring: the SDK's default burns 28 ms of CPU in its entropy source at a process's
/// first handshake, which a small function feels as a tenth of a second and more.
async fn connect(region: Option<String>) -> Client {
    let http = Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https();
    let loader = aws_config::defaults(BehaviorVersion::latest()).http_client(http);
    let loader = match region {
        Some(region) => loader.region(Region::new(region)),
        None => loader,
    };
    Client::new(&loader.load().await)
}
