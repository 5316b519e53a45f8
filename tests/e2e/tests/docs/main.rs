//! What the documents and the templates say is what the code does.

mod deployment;
mod imports;
mod readme;
