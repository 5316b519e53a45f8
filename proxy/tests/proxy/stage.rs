//! All of it together: a platform, a proxy and a service, for one test.

use std::sync::{Arc, Mutex};

use lambda_locks_proxy::serve;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::log::Log;
use crate::platform::{Event, Platform};
use crate::runtime::Runtime;
use crate::service::{Behaviour, Locking};

/// A platform and a proxy. Dropped, the proxy ends.
pub(crate) struct Stage {
    pub(crate) log: Log,
    pub(crate) platform: Platform,
    behaviour: Arc<Mutex<Behaviour>>,
    address: String,
    proxy: JoinHandle<()>,
}

impl Stage {
    pub(crate) async fn set() -> Self {
        let log = Log::default();
        let (platform, upstream) = Platform::start(&log).await;
        Self::of(log, platform, upstream).await
    }

    /// A proxy whose Lambda is somewhere else, and not this platform.
    pub(crate) async fn set_over(upstream: &str) -> Self {
        let log = Log::default();
        let (platform, _) = Platform::start(&log).await;
        Self::of(log, platform, upstream.to_owned()).await
    }

    /// A proxy whose Lambda is a socket of the test's own.
    pub(crate) async fn set_over_wire() -> (Self, TcpListener) {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port is free");
        let address = listener.local_addr().expect("it is bound").to_string();
        (Self::set_over(&address).await, listener)
    }

    async fn of(log: Log, platform: Platform, upstream: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port is free");
        let address = listener.local_addr().expect("it is bound").to_string();
        let behaviour = Arc::<Mutex<Behaviour>>::default();
        let locking = Locking {
            log: log.clone(),
            behaviour: Arc::clone(&behaviour),
        };
        let upstream = upstream.parse().expect("it is an address");
        let proxy =
            tokio::task::spawn_local(
                async move { match serve(listener, upstream, locking).await {} },
            );
        Self {
            log,
            platform,
            behaviour,
            address,
            proxy,
        }
    }

    pub(crate) fn behave(&self, change: impl FnOnce(&mut Behaviour)) {
        change(&mut self.behaviour.lock().expect("no test panics in it"));
    }

    /// Another connection of the runtime.
    pub(crate) async fn runtime(&self) -> Runtime {
        Runtime::connect(&self.address).await
    }

    /// Gives the function events with these ids.
    pub(crate) fn give(&self, ids: &[&str]) {
        for id in ids {
            self.platform.give(Event::new(id, format!("\"{id}\"")));
        }
    }

    /// Gives everything that is under way the time to arrive: requests on connections of their own
    /// make many rounds through the proxy.
    pub(crate) async fn settle(&self) {
        for _ in 0..20 {
            let mut runtime = self.runtime().await;
            runtime
                .send("GET /settle HTTP/1.1\r\nHost: runtime\r\n\r\n")
                .await;
            assert_eq!(runtime.answer().await.status, 207);
        }
    }

    /// What happened, without the rounds of `settle`.
    pub(crate) fn story(&self) -> Vec<String> {
        let mut lines = self.log.lines();
        lines.retain(|line| line != "GET /settle");
        lines
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.proxy.abort();
    }
}

/// Runs a test on one thread, where tasks need not be `Send`.
pub(crate) fn play(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let local = tokio::task::LocalSet::new();
    runtime
        .expect("a runtime can be made")
        .block_on(local.run_until(test));
}
