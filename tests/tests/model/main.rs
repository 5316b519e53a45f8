//! scratch
use world::model::*;
use Reached::*;

#[test]
fn first() {
    let only = std::env::var("ONLY").unwrap_or_default();
    let s = vec![
    Scope::new("2: loss, crash", 2, vec![Seat::new(), Seat::new()]).losses(1).crashes(1).reaches([Acts, HandedOff, Stolen, Claimed, Swept, Late]),
    Scope::new("2: beats, 2 losses", 2, vec![Seat::new().beats(2), Seat::new()]).losses(2).reaches([Acts, HandedOff, Stolen, Beaten, Late]),
    Scope::new("2: give up, drop, stale", 2, vec![Seat::new(), Seat::new()]).losses(1).give_ups(1).drops(1).stale(1).reaches([Voided]),
    Scope::new("2: tries", 3, vec![Seat::new().rounds(2), Seat::new().tries().rounds(2)]).losses(1).crashes(1).reaches([Taken, Voided]),
    Scope::new("2: skew", 2, vec![Seat::new().knows(-500,0,500), Seat::new().knows(-900,-500,0).or_knows(0,100,900)]).losses(1).crashes(1),
    Scope::new("2: late clock", 3, vec![Seat::new().believes(-3000, -2000, -1500), Seat::new()]).losses(1).crashes(1),
    Scope::new("2: fast clock", 3, vec![Seat::new().believes(3000, 4000, 5000), Seat::new()]).losses(1).crashes(1),
    Scope::new("2: closed", 2, vec![Seat::new(), Seat::new().tries()]).closed().losses(1).crashes(1).drops(1).reaches([Kept]),
    Scope::new("2: closed wild", 2, vec![Seat::new().knows(-9000, -5000, -4000), Seat::new().knows(4000, 5000, 6000)]).closed().losses(1).crashes(1),
    Scope::new("2: observe wild", 3, vec![Seat::new().knows(-9000, -5000, -4000).beats(1), Seat::new().knows(4000, 5000, 6000)]).observes().losses(1).crashes(1),
    Scope::new("2: ttl", 8, vec![Seat::new().rounds(2), Seat::new().rounds(2)]).ttl(2).losses(1).crashes(1).reaches([Deleted]),
    Scope::new("2: deadline", 4, vec![Seat::new().deadline(1), Seat::new()]).losses(1).crashes(1),
    Scope::new("3: waiters", 2, vec![Seat::new(), Seat::new(), Seat::new()]),
    Scope::new("3: crash, thief", 2, vec![Seat::new(), Seat::new(), Seat::new()]).crashes(1),
    Scope::new("3: dead waiter and holder", 5, vec![Seat::new().unswept(), Seat::new().deadline(1).unswept(), Seat::new()]).crashes(2),
    ];
    for s in s.iter().filter(|s| s.name.contains(&only)) {
    let c = check(s);
    println!("{c}");
    }
}
