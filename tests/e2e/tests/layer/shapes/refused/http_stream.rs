use lambda_http::{Error, Request, Response, service_fn};
use lambda_locks::LockLayer;
use lambda_runtime::streaming::{Body, channel};
use tower::ServiceBuilder;

async fn handler(_: Request) -> Result<Response<Body>, Error> {
    let (_sender, body) = channel();
    Ok(Response::new(body))
}

fn main() {
    let locked = ServiceBuilder::new().layer(LockLayer::from_env());
    drop(lambda_http::run(locked.service(service_fn(handler))));
}
