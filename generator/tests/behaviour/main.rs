//! What the extractive answer does, seen from outside: answering, refusing, verifying.

mod answering;
mod fixture;
mod properties;
mod refusing;
mod safety;
mod verifying;
