//! The connection to DynamoDB.

use std::sync::Arc;
use std::time::Duration;

use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::imds::{self, region::ImdsRegionProvider};
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_types::body::SdkBody;
use tokio::sync::{OnceCell, RwLock};

use super::endpoint::Endpoint;
use super::{Failure, Table, TableLayout, failure, request};
use crate::error::Error;
use crate::key::Key;

/// A client that is created on first use, unless the caller brings one.
#[derive(Debug)]
pub(crate) struct Connection {
    client: OnceCell<Client>,
    endpoint: Endpoint,
    region: Option<String>,
    /// Whether the connection was opened ahead of time. The opening task holds the lock, and others
    /// wait for it.
    opened: RwLock<bool>,
}

/// Opening a connection ahead of time takes at most this long: then it is up to the first request.
const OPENING: Duration = Duration::from_secs(1);

/// The metadata service of a machine answers at once, and where it does not, there is none: on a laptop
/// and in Lambda each further attempt would only delay the message that credentials are missing.
const METADATA: Duration = Duration::from_millis(250);

impl Connection {
    /// Connects at the first use, to a region or to the one that the environment names.
    pub(crate) fn to(region: Option<String>) -> Self {
        Self {
            client: OnceCell::new(),
            endpoint: Endpoint::default(),
            region,
            opened: RwLock::default(),
        }
    }

    /// Shares a client's connection, credentials and endpoint, but none of its retries.
    pub(crate) fn of(client: &Client) -> Self {
        let endpoint = Endpoint::default();
        Self {
            client: OnceCell::new_with(Some(ours(client, &endpoint))),
            endpoint,
            region: None,
            opened: RwLock::default(),
        }
    }

    pub(crate) async fn table(&self, layout: Arc<TableLayout>) -> Table {
        let _opened = self.opened.read().await;
        Table {
            client: self.client().await.clone(),
            endpoint: self.endpoint.clone(),
            layout,
        }
    }

    /// Resolves the credentials and opens the connection, so that no request has to.
    ///
    /// # Errors
    ///
    /// When there is no region, or there are no credentials: no request could ever be sent.
    pub(crate) async fn open(&self, layout: &TableLayout) -> Result<(), Error> {
        let mut opened = self.opened.write().await;
        if *opened {
            return Ok(());
        }
        let prewarmed = tokio::time::timeout(OPENING, async { prewarm(self.client().await).await });
        if let Ok(Err(failure)) = prewarmed.await {
            return Err(failure.explain(layout, &self.endpoint, "connect to DynamoDB"));
        }
        *opened = true;
        Ok(())
    }

    /// The same by a read of the table, so that a table that cannot be used is found before the first
    /// acquisition.
    ///
    /// # Errors
    ///
    /// The same, and when the table is missing, has other keys, or may not be read.
    pub(crate) async fn check(&self, layout: &TableLayout) -> Result<(), Error> {
        let mut opened = self.opened.write().await;
        let read = tokio::time::timeout(OPENING, async { read(self.client().await, layout).await });
        if let Ok(Err(failure)) = read.await {
            return Err(failure.explain(layout, &self.endpoint, "use the lock table"));
        }
        *opened = true;
        Ok(())
    }

    async fn client(&self) -> &Client {
        let connect = async || ours(&connect(self.region.clone()).await, &self.endpoint);
        self.client.get_or_init(connect).await
    }
}

/// Whether a client knows its region. The SDK would only say so to each request, and anew.
pub(super) fn has_region(client: &Client) -> bool {
    let region = client.config().region();
    region.is_some_and(|region| !region.as_ref().is_empty())
}

/// Asks DynamoDB's front end whether it is there: a request that touches no table, needs no rights
/// and costs nothing. The SDK does not understand the answer; the connection stays.
async fn prewarm(client: &Client) -> Result<(), Failure> {
    if !has_region(client) {
        return Err(Failure::no_region());
    }
    let prewarmed = client
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
    let failed = prewarmed.err().map(failure::of);
    match failed.filter(Failure::is_configuration) {
        Some(failure) => Err(failure),
        None => Ok(()),
    }
}

/// Reads a row, whichever: what counts is whether that can succeed. What may pass is no failure.
async fn read(client: &Client, layout: &TableLayout) -> Result<(), Failure> {
    if !has_region(client) {
        return Err(Failure::no_region());
    }
    let key = Key::new("0").expect("a digit names a lock in tables of every type");
    let read = request::get(client, layout, &key).send().await;
    let failed = read.err().map(failure::of);
    match failed.filter(|failure| failure.answer().is_none()) {
        Some(failure) => Err(failure),
        None => Ok(()),
    }
}

/// Every copy of a write must be counted, so only we retry or time out a request.
fn ours(client: &Client, endpoint: &Endpoint) -> Client {
    let config = client.config().to_builder();
    let config = config.retry_config(RetryConfig::disabled());
    let config = config.timeout_config(TimeoutConfig::disabled());
    Client::from_conf(config.interceptor(endpoint.clone()).build())
}

/// Reads what the environment says of region, credentials and endpoint.
///
/// TLS is rustls on ring: the SDK's default burns 28 ms of CPU in its entropy source at a process's
/// first handshake, which a small function feels as a tenth of a second and more.
async fn connect(region: Option<String>) -> Client {
    let http = Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https();
    let config = ProviderConfig::without_region().with_http_client(http.clone());
    let metadata = imds::Client::builder()
        .configure(&config)
        .max_attempts(1)
        .connect_timeout(METADATA)
        .read_timeout(METADATA)
        .build();
    let named = ProfileFileRegionProvider::builder()
        .configure(&config)
        .build();
    let found = ImdsRegionProvider::builder()
        .configure(&config)
        .imds_client(metadata.clone())
        .build();
    let region = RegionProviderChain::first_try(region.map(Region::new))
        .or_else(EnvironmentVariableRegionProvider::new())
        .or_else(named)
        .or_else(found)
        .region()
        .await;
    let credentials = DefaultCredentialsChain::builder()
        .configure(config)
        .region(region.clone())
        .imds_client(metadata)
        .build();
    let loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http)
        .region(region)
        .credentials_provider(credentials.await);
    Client::new(&loader.load().await)
}
