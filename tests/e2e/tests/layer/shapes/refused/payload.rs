use lambda_locks::LockLayer;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use tower::ServiceBuilder;

#[derive(serde::Deserialize)]
struct Order {
    id: String,
}

async fn handler(event: LambdaEvent<Order>) -> Result<String, Error> {
    Ok(event.payload.id)
}

fn main() {
    let locked = ServiceBuilder::new().layer(LockLayer::from_env());
    drop(lambda_runtime::run(locked.service(service_fn(handler))));
}
