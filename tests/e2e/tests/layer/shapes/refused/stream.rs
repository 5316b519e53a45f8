use lambda_locks::LockLayer;
use lambda_runtime::streaming::{Body, channel};
use lambda_runtime::{Error, LambdaEvent, StreamResponse, service_fn};
use tower::ServiceBuilder;

async fn handler(_: LambdaEvent<String>) -> Result<StreamResponse<Body>, Error> {
    let (_sender, body) = channel();
    Ok(StreamResponse::from(body))
}

fn main() {
    let locked = ServiceBuilder::new().layer(LockLayer::from_env());
    drop(lambda_runtime::run(locked.service(service_fn(handler))));
}
