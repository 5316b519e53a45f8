//! A DynamoDB client of our own making.

use aws_config::{BehaviorVersion, Region};
use aws_sdk_dynamodb::Client;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;

/// Reads what the environment says of region, credentials and endpoint.
///
/// TLS is rustls on ring: the SDK's default burns 28 ms of CPU in its entropy source at a process's
/// first handshake, which a small function feels as a tenth of a second and more.
pub(crate) async fn client(region: Option<String>) -> Client {
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
