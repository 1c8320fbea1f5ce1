//! The command line: what people and scripts type.

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand};
use domain::Language;
use jiff::civil::Date;

/// Responde preguntas con los documentos del propio hospital, con citas que se pueden comprobar.
///
/// Todo se queda en esta máquina: ni los documentos ni las preguntas salen de ella.
#[derive(Debug, Parser)]
#[command(
    name = "sistole",
    version,
    propagate_version = true,
    max_term_width = 100
)]
pub(crate) struct Cli {
    /// What every command takes.
    #[command(flatten)]
    pub(crate) common: Common,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Common {
    /// Fichero de configuración; se puede repetir, y el último manda
    #[arg(long, value_name = "FICHERO", global = true)]
    pub(crate) config: Vec<PathBuf>,
    /// Carpeta de datos
    #[arg(long, value_name = "CARPETA", global = true)]
    pub(crate) data_dir: Option<PathBuf>,
    /// Un solo documento JSON por la salida estándar
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Más detalle en los mensajes (repetible)
    #[arg(short, long, action = ArgAction::Count, global = true)]
    pub(crate) verbose: u8,
    /// Solo los errores
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
}

/// The commands of the contract.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Prueba completa con documentos de muestra: los carga, responde una pregunta y abre la página
    Demo(DemoArgs),
    /// El servidor: página web, API REST y trabajos de carga
    Serve(ServeArgs),
    /// Carga ficheros o carpetas (con sus subcarpetas)
    Ingest(IngestArgs),
    /// El catálogo de documentos
    #[command(subcommand)]
    Documents(DocumentsCommand),
    /// Muestra lo que la carga lee de un fichero, sin guardar nada
    Extract(ExtractArgs),
    /// Los pasajes que mejor encajan con una pregunta
    Search(SearchArgs),
    /// La respuesta con sus citas, o por qué no la hay
    Ask(AskArgs),
    /// Mide la calidad con un conjunto de evaluación
    #[command(subcommand)]
    Eval(EvalCommand),
    /// Los modelos de lenguaje de esta máquina
    #[command(subcommand)]
    Models(ModelsCommand),
    /// El índice de búsqueda
    #[command(subcommand)]
    Index(IndexCommand),
    /// Revisa la configuración, el catálogo, el índice y el disco, y dice cómo arreglar lo que falle
    Check,
    /// Las medidas de velocidad y memoria que figuran en la documentación
    Bench(BenchArgs),
    /// Lee un fichero en un proceso aparte (uso interno)
    #[command(hide = true)]
    ParseWorker,
}

/// `sistole demo`.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Puerto de la página en 127.0.0.1
    #[arg(long, value_name = "N")]
    pub(crate) port: Option<u16>,
    /// Termina tras la respuesta, sin abrir la página
    #[arg(long)]
    pub(crate) no_serve: bool,
}

/// `sistole serve`.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Puerto; sustituye al de la configuración
    #[arg(long, value_name = "N")]
    pub(crate) port: Option<u16>,
}

/// `sistole ingest`.
#[derive(Debug, Args)]
pub(crate) struct IngestArgs {
    /// Ficheros o carpetas
    #[arg(required = true, value_name = "RUTA")]
    pub(crate) paths: Vec<PathBuf>,
    /// What the documents are given.
    #[command(flatten)]
    pub(crate) options: IngestOptions,
}

/// What an ingested document is given by who ingests it.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct IngestOptions {
    /// Colección
    #[arg(long, value_name = "NOMBRE")]
    pub(crate) collection: Option<String>,
    /// Grupo que puede verlo (repetible); sin ninguno, lo ven todos
    #[arg(long = "group", value_name = "NOMBRE")]
    pub(crate) groups: Vec<String>,
    /// Idioma del documento: es, ca, eu, gl o en; si falta, se detecta
    #[arg(long, value_name = "CÓDIGO")]
    pub(crate) language: Option<Language>,
    /// Primer día de vigencia (AAAA-MM-DD)
    #[arg(long, value_name = "FECHA")]
    pub(crate) effective_from: Option<Date>,
    /// Último día de vigencia (AAAA-MM-DD)
    #[arg(long, value_name = "FECHA")]
    pub(crate) effective_to: Option<Date>,
    /// Documento al que sustituye: el fichero será su nueva versión
    #[arg(long, value_name = "ID_DE_DOCUMENTO")]
    pub(crate) replaces: Option<String>,
}

/// `sistole documents …`.
#[derive(Debug, Subcommand)]
pub(crate) enum DocumentsCommand {
    /// Lista los documentos
    List,
    /// Muestra un documento con sus versiones
    Show(DocumentArgs),
    /// Vuelve a poner en uso un documento retirado
    Activate(DocumentArgs),
    /// Deja de responder con un documento, sin borrarlo
    Retire(DocumentArgs),
    /// Borra un documento con todas sus versiones
    Delete(DocumentArgs),
}

/// Names one document.
#[derive(Debug, Args)]
pub(crate) struct DocumentArgs {
    /// Identificador del documento
    #[arg(value_name = "ID")]
    pub(crate) id: String,
}

/// `sistole extract`.
#[derive(Debug, Args)]
pub(crate) struct ExtractArgs {
    /// Fichero que leer
    #[arg(value_name = "FICHERO")]
    pub(crate) file: PathBuf,
}

/// `sistole search`.
#[derive(Debug, Args)]
pub(crate) struct SearchArgs {
    /// Pregunta
    #[arg(value_name = "PREGUNTA")]
    pub(crate) question: String,
    /// Cuántos pasajes
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(crate) limit: usize,
    /// Solo en esta colección
    #[arg(long, value_name = "NOMBRE")]
    pub(crate) collection: Option<String>,
    /// Idioma de la pregunta; si falta, se detecta
    #[arg(long, value_name = "CÓDIGO")]
    pub(crate) language: Option<Language>,
}

/// `sistole ask`.
#[derive(Debug, Args)]
pub(crate) struct AskArgs {
    /// Pregunta
    #[arg(value_name = "PREGUNTA")]
    pub(crate) question: String,
    /// Solo en esta colección
    #[arg(long, value_name = "NOMBRE")]
    pub(crate) collection: Option<String>,
    /// Idioma de la pregunta y de la respuesta; si falta, se detecta
    #[arg(long, value_name = "CÓDIGO")]
    pub(crate) language: Option<Language>,
}

/// `sistole eval …`.
#[derive(Debug, Subcommand)]
pub(crate) enum EvalCommand {
    /// Si el pasaje que responde está entre los primeros
    Retrieval(EvalArgs),
    /// Si la respuesta y sus citas son las esperadas
    Answers(EvalArgs),
}

/// Names an evaluation set.
#[derive(Debug, Args)]
pub(crate) struct EvalArgs {
    /// Carpeta con passages.jsonl y questions.jsonl
    #[arg(value_name = "CARPETA")]
    pub(crate) set: PathBuf,
}

/// `sistole models …`.
#[derive(Debug, Subcommand)]
pub(crate) enum ModelsCommand {
    /// Lista los modelos que hay y los que se conocen por su nombre
    List,
    /// Descarga un modelo; es la única orden que sale a la red
    Pull(PullArgs),
    /// Trae un modelo de una carpeta o fichero .gguf de esta máquina
    Import(ImportArgs),
    /// Comprueba que los ficheros son los que llegaron (SHA-256)
    Verify(VerifyArgs),
}

/// `sistole models pull`.
#[derive(Debug, Args)]
pub(crate) struct PullArgs {
    /// Modelo conocido (véalos con «models list») o repositorio DUEÑO/NOMBRE, con @REVISIÓN si se quiere una
    #[arg(value_name = "MODELO")]
    pub(crate) source: String,
    /// Nombre con el que se guarda; si falta, el suyo
    #[arg(long, value_name = "NOMBRE")]
    pub(crate) name: Option<String>,
    /// De varios ficheros .gguf, el que se quiere
    #[arg(long, value_name = "FICHERO")]
    pub(crate) file: Option<String>,
}

/// `sistole models import`.
#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// Carpeta del modelo, o un fichero .gguf
    #[arg(value_name = "RUTA")]
    pub(crate) from: PathBuf,
    /// Nombre con el que se guarda; si falta, el de la carpeta o el fichero
    #[arg(long, value_name = "NOMBRE")]
    pub(crate) name: Option<String>,
    /// De varios ficheros .gguf de la carpeta, el que se quiere
    #[arg(long, value_name = "FICHERO")]
    pub(crate) file: Option<String>,
}

/// `sistole models verify`.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// Modelo; sin nombre, todos
    #[arg(value_name = "MODELO")]
    pub(crate) name: Option<String>,
}

/// `sistole index …`.
#[derive(Debug, Subcommand)]
pub(crate) enum IndexCommand {
    /// Compara el índice con el catálogo
    Check,
    /// Lo construye de nuevo desde el catálogo
    Rebuild,
}

/// `sistole bench`.
#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// Nombre de la medida: search, ask, ingest, serve; sin nombre, esas cuatro. Con un modelo:
    /// generate, y gpu para pesos al azar en la tarjeta gráfica
    #[arg(value_name = "NOMBRE")]
    pub(crate) name: Option<String>,
    /// Pasajes del índice en las medidas de búsqueda
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    pub(crate) passages: usize,
    /// Modelo de la medida generate: un nombre de «models list», una carpeta o un fichero .gguf
    #[arg(long, value_name = "MODELO")]
    pub(crate) model: Option<String>,
    /// Forma de los pesos al azar de la medida gpu: salamandra-2b, salamandra-7b, alia-40b
    #[arg(long, value_name = "FORMA")]
    pub(crate) shape: Option<String>,
    /// Tokens de cada pregunta en las medidas de un modelo
    #[arg(long, value_name = "N", default_value_t = 512)]
    pub(crate) prompt_tokens: usize,
    /// Tokens de cada respuesta en las medidas de un modelo
    #[arg(long, value_name = "N", default_value_t = 128)]
    pub(crate) answer_tokens: usize,
    /// Cuántos preguntan a la vez en las medidas de un modelo
    #[arg(long, value_name = "N", default_value_t = 8)]
    pub(crate) users: usize,
}
