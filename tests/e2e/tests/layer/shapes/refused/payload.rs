use lambda_locks::LockLayer;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use tower::ServiceBuilder;

#[derive(serde::Deserialize)]
struct Order {
    id: String,
}

#[derive(serde::Deserialize)]
struct Other {
    id: String,
}

async fn handler(event: LambdaEvent<Order>) -> Result<String, Error> {
    Ok(event.payload.id)
}

fn main() -> Result<(), Error> {
    let layer = LockLayer::builder().key_field(|other: &Other| &other.id).build()?;
    let locked = ServiceBuilder::new().layer(layer);
    drop(lambda_runtime::run(locked.service(service_fn(handler))));
    Ok(())
}
