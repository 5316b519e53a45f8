use lambda_locks::LockLayer;

struct Order;

fn main() {
    drop(LockLayer::builder().key_fn(|_: &Order| Order));
}
