//! What the retriever promises, on a real index in a temporary folder.

// `cfg(test)` is always on here; it tells clippy that helpers may unwrap as tests do.
#[cfg(test)]
mod crash;
#[cfg(test)]
mod damage;
#[cfg(test)]
mod index;
#[cfg(test)]
mod pack;
#[cfg(test)]
mod retrieval;
#[cfg(test)]
mod support;
