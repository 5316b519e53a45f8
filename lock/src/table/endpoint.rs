//! Where the requests go, as the first of them showed it.

use std::fmt;
use std::sync::{Arc, OnceLock};

use aws_sdk_dynamodb::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;

/// The address of DynamoDB, for messages: only the SDK knows how it is put together.
#[derive(Clone, Debug, Default)]
pub(super) struct Endpoint(Arc<OnceLock<String>>);

impl Intercept for Endpoint {
    fn name(&self) -> &'static str {
        "Endpoint"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.get_or_init(|| origin(context.request().uri()));
        Ok(())
    }
}

/// Scheme and host, without the path.
fn origin(uri: &str) -> String {
    let host = uri.find("://").map_or(0, |scheme| scheme + 3);
    let end = uri[host..]
        .find(['/', '?'])
        .map_or(uri.len(), |end| host + end);
    uri[..end].to_owned()
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.get().map_or("its endpoint", String::as_str))
    }
}

#[cfg(test)]
mod tests {
    use super::origin;

    #[test]
    fn an_origin_has_no_path() {
        for uri in [
            "http://127.0.0.1:8000/",
            "http://127.0.0.1:8000",
            "http://127.0.0.1:8000?a",
        ] {
            assert_eq!(origin(uri), "http://127.0.0.1:8000");
        }
    }
}
