use super::*;

#[test]
fn debug_tells_the_text_of_an_error_once() {
    let source = std::io::Error::other("the disk is full");
    let error = Error::new(ErrorKind::Unavailable, format!("no note: {source}"));
    let shown = format!("{:?}", error.because(source));
    assert_eq!(shown, r#"Error(Unavailable, "no note: the disk is full")"#);
}
