//! scratch
use world::model::*;

#[test]
fn first() {
    let s = Scope::new("first", 2, vec![Seat::new(), Seat::new()]).losses(1).crashes(1).reaches([Reached::Acts, Reached::HandedOff]);
    let c = check(&s);
    println!("{c}");
}
