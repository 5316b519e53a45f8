//! Death within a living test.

/// Drops a guard, a client or a future as the death of its process would: no runtime runs where it is dropped, so
/// nothing is sent for it any more.
pub fn die<T: Send>(victim: T) {
    std::thread::scope(|scope| {
        scope.spawn(move || drop(victim));
    });
}
