/// Why an operation cannot be set up or run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ComputeError {
    /// The format of a weight that no kernel reads.
    #[error(
        "el modelo usa la cuantización {0}, que no está soportada: use Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K o Q6_K"
    )]
    UnsupportedQuantization(String),
    /// Shapes that do not fit together; the text names the operation and both sides.
    #[error("las dimensiones no encajan en {operation}: {detail}")]
    Shape {
        /// The operation that refused.
        operation: &'static str,
        /// What was expected and what came.
        detail: String,
    },
    /// A step plan that contradicts itself or the cache.
    #[error("el plan del paso no es coherente: {0}")]
    Plan(String),
    /// What candle or the device said.
    #[error("fallo de cálculo en el dispositivo")]
    Device(#[from] candle_core::Error),
}

impl ComputeError {
    pub(crate) fn shape(operation: &'static str, detail: impl Into<String>) -> Self {
        Self::Shape {
            operation,
            detail: detail.into(),
        }
    }
}

impl From<ComputeError> for candle_core::Error {
    fn from(error: ComputeError) -> Self {
        match error {
            ComputeError::Device(inner) => inner,
            other => Self::wrap(other),
        }
    }
}
