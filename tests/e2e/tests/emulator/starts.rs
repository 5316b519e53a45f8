//! What is wrong at the start of a function for which the extension locks reaches the caller.

use testkit::Error;
use testkit::lambda::{Answer, Function};

use crate::language::Language;
use crate::scene::{Scene, order};

/// The caller gets this as the error of the function's start.
async fn reaches_the_caller(
    language: Language,
    change: impl FnOnce(Function) -> Function,
    expected: &str,
) -> Result<(), Error> {
    let Some(scene) = Scene::set_in(language, change).await? else {
        return Ok(());
    };
    let answer = scene.a.invoke(order(0, "ok")).await?;
    assert!(format!("{answer:?}").contains(expected), "{answer:?}");
    scene.end(None).await?;
    Ok(())
}

#[tokio::test]
async fn a_wrong_setting_reaches_the_caller() -> Result<(), Error> {
    let wrong = |function: Function| function.variable("LOCKS_KEY", "no pointer");
    reaches_the_caller(Language::Python, wrong, "LOCKS_KEY").await?;
    reaches_the_caller(Language::Node, wrong, "LOCKS_KEY").await
}

#[tokio::test]
async fn an_error_of_the_functions_own_start_reaches_the_caller() -> Result<(), Error> {
    let fails = |function: Function| function.variable("ORDERS_FAIL_AT_IMPORT", "1");
    let message = "the module cannot be imported";
    reaches_the_caller(Language::Python, fails, message).await?;
    reaches_the_caller(Language::Node, fails, message).await
}

#[tokio::test]
async fn a_wrapper_without_the_extension_says_what_is_missing() -> Result<(), Error> {
    let Some(scene) = Scene::set_in(Language::Python, Function::without_extension).await? else {
        return Ok(());
    };
    let answer = scene.a.invoke(order(0, "ok")).await?;
    assert!(!matches!(answer, Answer::Response(_)), "{answer:?}");
    let missing = "lambda-locks: /opt/extensions/lambda-locks-extension is missing";
    let lines = scene.a.lines();
    assert!(lines.iter().any(|line| line.text.starts_with(missing)));
    scene.end(None).await?;
    Ok(())
}
