//! Ready-made clients of the real AWS SDK, one for each front.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryPartition;
use aws_sdk_dynamodb::config::{
    BehaviorVersion, Builder, Config, Credentials, IdentityCache, Region,
    StalledStreamProtectionConfig,
};

use super::inproc::{InProcess, Way};
use super::serve::Dynamo;
use super::wire::Wire;

impl Dynamo {
    /// A client in the same process. `name` is what the plan and the log know it by; the SDK's
    /// retries are its default.
    pub fn client(&self, name: &str) -> Client {
        client_by(self.clone(), name)
    }
}

/// A client in the same process, whose requests take another way.
pub fn client_by(way: impl Way + 'static, name: &str) -> Client {
    let config = config(name).endpoint_url("http://in.process");
    // The SDK would ask the machine's clock how fast the body of a request flows, and age the identity
    // by it; a client on tokio's paused time would then do now this, now that.
    let config = config
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .identity_cache(IdentityCache::no_cache());
    let config = config.http_client(InProcess::new(way, name));
    Client::from_conf(config.build())
}

impl Wire {
    /// A client that comes over HTTP. The SDK's retries are its default.
    pub fn client(&self) -> Client {
        self.client_by(self.url())
    }

    /// The same, by way of another address.
    pub fn client_by(&self, url: impl Into<String>) -> Client {
        let config = config("wire").endpoint_url(url);
        let config = config.http_client(aws_smithy_http_client::Builder::new().build_http());
        Client::from_conf(config.build())
    }
}

fn config(name: &str) -> Builder {
    // A partition of its own for each client: those of a process would share one budget of retries,
    // and a simulation would not run the same way twice.
    let partition = RetryPartition::custom(name.to_owned()).build();
    Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("nobody", "nothing", None, None, "world"))
        .retry_partition(partition)
}
