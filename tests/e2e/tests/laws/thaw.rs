//! The first request after a thaw: its connection is dead, and nobody has said so.

use std::net::SocketAddr;
use std::time::Duration;

use dynamodb_locks::{Locks, Settings};
use testkit::dynamo::{Dynamo, Schema, Wire};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A network in the way, whose connections can go silent: nothing comes through, and nothing is closed.
struct Network {
    address: SocketAddr,
    age: watch::Sender<u64>,
}

impl Network {
    async fn before(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let age = watch::Sender::new(0);
        let ages = age.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(target).await;
                let server = server.expect("the server listens");
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = server.into_split();
                tokio::spawn(carry(from_client, to_server, ages.subscribe()));
                tokio::spawn(carry(from_server, to_client, ages.subscribe()));
            }
        });
        Self { address, age }
    }

    /// Every connection that there is goes silent; new ones do not.
    fn forgets_all(&self) {
        self.age.send_modify(|age| *age += 1);
    }
}

/// Carries bytes, until the connection has gone silent; then it stays open, and carries none.
async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut age: watch::Receiver<u64>) {
    let born = *age.borrow_and_update();
    let mut bytes = [0; 4096];
    while let Ok(read @ 1..) = from.read(&mut bytes).await {
        if *age.borrow() != born {
            std::future::pending::<()>().await;
        }
        if to.write_all(&bytes[..read]).await.is_err() {
            return;
        }
    }
}

/// A DynamoDB behind such a network, and locks that reach it that way.
async fn stage(settings: Settings) -> (Dynamo, Wire, Network, Locks) {
    let dynamo = Dynamo::new();
    let created = dynamo.create_table(&Schema::locks("locks"));
    created.expect("a new database has no tables");
    let wire = dynamo.listen().await.expect("it listens");
    let target = wire.url().trim_start_matches("http://").parse();
    let network = Network::before(target.expect("an address")).await;
    let client = wire.client_by(format!("http://{}", network.address));
    let locks = Locks::with_client(&client, settings.table("locks"));
    (
        dynamo,
        wire,
        network,
        locks.expect("the settings are right"),
    )
}

#[tokio::test]
async fn the_first_request_on_a_dead_connection_fails_fast_and_is_repeated_on_another() {
    let (dynamo, _wire, network, locks) = stage(Settings::new()).await;
    locks.acquire("42").await.unwrap().release().await.unwrap();

    network.forgets_all();
    // Long before the lease, and before any timeout that the SDK has of its own.
    let limits = locks.acquire_options().deadline(Duration::from_secs(5));
    let held = locks.acquire_with("42", limits).await.unwrap();
    assert_eq!(held.handle().requests(), 2, "one went nowhere");

    network.forgets_all();
    held.release_within(Duration::from_secs(2)).await.unwrap();
    let writes = dynamo.counts().total().requests;
    assert_eq!(
        writes, 4,
        "DynamoDB has seen what came through, and nothing twice"
    );
}

#[tokio::test]
async fn a_connection_that_was_opened_ahead_of_time_is_the_one_that_is_used() {
    let (dynamo, _wire, network, locks) = stage(Settings::new()).await;
    locks.connect().await.unwrap();
    assert_eq!(dynamo.counts().total().requests, 0, "it asks for nothing");
    let opened = network.age.receiver_count();
    assert_eq!(opened, 2, "there and back");
    locks.acquire("42").await.unwrap().release().await.unwrap();
    assert_eq!(network.age.receiver_count(), opened, "no other was needed");
}

#[tokio::test]
async fn a_snapshot_carries_no_connection() {
    let vars = [("AWS_LAMBDA_INITIALIZATION_TYPE", "snap-start")];
    let settings = Settings::from_vars(&vars.into_iter().collect()).unwrap();
    let (_dynamo, _wire, network, locks) = stage(settings).await;
    locks.connect().await.unwrap();
    locks.check().await.unwrap();
    assert_eq!(network.age.receiver_count(), 0);
    locks.acquire("42").await.unwrap().release().await.unwrap();
    assert_eq!(network.age.receiver_count(), 2, "there and back");
}
