//! The works of a server, one after another.

use std::sync::Arc;

use futures::StreamExt;
use tokio::sync::Notify;

use super::process::{ReadIn, process};
use super::{Ended, Work};
use crate::app::App;

/// A queue of works for a server: those left unfinished first, then what is uploaded.
#[derive(Clone)]
pub(crate) struct Queue {
    works: tokio::sync::mpsc::UnboundedSender<Work>,
    stop: Arc<Notify>,
}

impl Queue {
    /// Starts working through `left` and what is added later, until [`Queue::stop`].
    #[must_use]
    pub(crate) fn start(app: &App, left: Vec<Work>) -> (Self, tokio::task::JoinHandle<()>) {
        let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
        let stop = Arc::new(Notify::new());
        let stopped = Arc::clone(&stop);
        let works = futures::stream::iter(left)
            .chain(tokio_stream::wrappers::UnboundedReceiverStream::new(
                receiver,
            ))
            .take_until(async move { stopped.notified().await });
        let ended = process(app.clone(), works, ReadIn::Worker);
        let task = tokio::spawn(async move {
            let mut ended = std::pin::pin!(ended);
            while let Some(ended) = ended.next().await {
                match ended {
                    Ended::Accepted(accepted) => {
                        tracing::info!(
                            document = accepted.document_id,
                            version = accepted.version,
                            "document in use"
                        );
                    }
                    Ended::Rejected(rejected) => {
                        tracing::warn!(code = rejected.code, "document rejected");
                    }
                }
            }
        });
        (
            Self {
                works: sender,
                stop,
            },
            task,
        )
    }

    /// Adds a work. The catalogue holds it already, so one that comes after the end is not lost.
    pub(crate) fn add(&self, work: Work) {
        let _ = self.works.send(work);
    }

    /// Begins no further work; those begun are brought to their end.
    pub(crate) fn stop(&self) {
        self.stop.notify_one();
    }
}
