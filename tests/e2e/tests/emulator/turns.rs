//! Environments of several languages, over one table.

use std::time::Duration;

use testkit::Error;
use testkit::emulator::Environment;
use testkit::history::violations;
use testkit::lambda::{Answer, Function};

use crate::scene::{Scene, fence, order, orders_in};
use crate::seen::works;
use testkit::language::Language;

/// How many events each of several environments works on.
const EVENTS: usize = 30;

fn long(function: Function) -> Function {
    function.timeout(Duration::from_secs(10))
}

async fn work(environment: &Environment) -> Result<(), Error> {
    for _ in 0..EVENTS {
        let answer = environment.invoke(order(5, "ok")).await?;
        let lines = || environment.lines().into_iter().map(|line| line.text + "\n");
        assert!(
            matches!(answer, Answer::Response(_)),
            "{answer:?} after\n{}",
            lines().collect::<String>()
        );
    }
    Ok(())
}

#[tokio::test]
async fn environments_of_three_languages_take_turns() -> Result<(), Error> {
    let (Some(scene), Some(node)) = (
        Scene::set_in(Language::Python, long).await?,
        orders_in(Language::Node),
    ) else {
        return Ok(());
    };
    let rust = scene.another(|function| function).await?;
    let node = scene.another(|function| node.start(function)).await?;
    let all = [
        ("a", &scene.a),
        ("b", &scene.b),
        ("Rust", &rust),
        ("Node", &node),
    ];
    let [a, b, c, d] = all.map(|(_, environment)| work(environment));
    tokio::try_join!(a, b, c, d)?;
    tokio::try_join!(rust.shut_down(), node.shut_down())?;
    let works_of =
        |(who, environment): (&str, &Environment)| works(who, &environment.lines(), None);
    let mut works = all.map(works_of).concat();
    works.sort_by_key(|work| work.begin);
    assert_eq!((works.len(), violations(&works)), (4 * EVENTS, Vec::new()));
    scene.end(None).await?;
    Ok(())
}

#[tokio::test]
async fn the_examples_take_turns_with_their_fencing_tokens() -> Result<(), Error> {
    let Some(scene) = Scene::set_in(Language::Python, long).await? else {
        return Ok(());
    };
    let mut last = 0;
    for (language, folder, handler) in [
        (Language::Python, "examples/python", "orders.handler"),
        (Language::Node, "examples/node", "index.handler"),
        (Language::Python, "examples/python", "orders.handler"),
    ] {
        let Some(orders) = orders_in(language) else {
            return Ok(());
        };
        let example = orders.with_handler(folder, handler);
        let environment = scene.another(|function| example.start(function)).await?;
        let answer = environment.invoke(order(0, "ok")).await?;
        assert!(fence(&answer) > last, "{answer:?}");
        last = fence(&answer);
        environment.shut_down().await?;
    }
    scene.end(None).await?;
    Ok(())
}
