//! What a lock costs, in requests and capacity units.

use dynamodb_locks::{Locks, Settings};
use world::dynamo::{Count, Dynamo, Schema};

fn locks(dynamo: &Dynamo, name: &str) -> Locks {
    Locks::with_client(&dynamo.client(name), Settings::new().table("locks")).unwrap()
}

fn world() -> Dynamo {
    let dynamo = Dynamo::new();
    dynamo.create_table(&Schema::locks("locks")).unwrap();
    dynamo
}

#[tokio::test]
async fn an_uncontended_lock_is_two_writes_and_no_read() {
    let dynamo = world();
    let locks = locks(&dynamo, "a");
    for round in 1..=3_u32 {
        let held = locks.acquire("42").await.unwrap();
        held.release().await.unwrap();
        let counts = dynamo.counts();
        let writes = f64::from(2 * round);
        assert_eq!(counts.of("UpdateItem"), Count { requests: writes as u64, units: writes });
        assert_eq!(counts.total(), counts.of("UpdateItem"));
    }
}

#[tokio::test]
async fn a_trial_is_two_writes_and_no_read() {
    let dynamo = world();
    let locks = locks(&dynamo, "a");
    let held = locks.try_acquire("42").await.unwrap();
    held.release().await.unwrap();
    assert_eq!(dynamo.counts().total(), Count { requests: 2, units: 2.0 });
}
