use lambda_locks::LockLayer;
use lambda_runtime::streaming::Body;
use lambda_runtime::{Error, FunctionResponse, LambdaEvent, service_fn};
use tower::ServiceBuilder;

async fn handler(event: LambdaEvent<String>) -> Result<FunctionResponse<String, Body>, Error> {
    Ok(FunctionResponse::BufferedResponse(event.payload))
}

fn main() {
    let locked = ServiceBuilder::new().layer(LockLayer::from_env());
    drop(lambda_runtime::run(locked.service(service_fn(handler))));
}
