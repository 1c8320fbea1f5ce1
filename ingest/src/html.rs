//! HTML: the document tree walked in reading order, without recursion.

mod depth;
mod tables;

use std::collections::HashSet;

use encoding_rs::Encoding;
use scraper::node::Element;
use scraper::{Html, Node};

use crate::encoding::decode;
use crate::flow::Flow;
use crate::scripts::{subscript, superscript};
use crate::{BlockKind, ExtractError, Extracted, MediaType, Warning, WarningCode};
use tables::TableReader;
pub(crate) use tables::words_above_numbers;

/// Reads a web page.
pub(crate) fn extract(bytes: &[u8], max_depth: u32) -> Result<Extracted, ExtractError> {
    let text = decode(bytes, declared_encoding(bytes))?;
    // Elements of HTML nest deeper than those of other formats: each word may have its own.
    depth::check(&text, 2 * max_depth)?;
    let mut walker = Walker::default();
    walker.walk(&Html::parse_document(&text));
    walker.flow.finish(MediaType::Html)
}

/// The text of a piece of HTML, on one line.
pub(crate) fn plain_text(html: &str) -> String {
    if depth::check(html, 64).is_err() {
        return String::new();
    }
    let mut walker = Walker::default();
    walker.walk(&Html::parse_fragment(html));
    let texts: Vec<String> = walker
        .flow
        .blocks
        .into_iter()
        .map(|block| block.text)
        .collect();
    texts.join(" ")
}

/// What a page's `<meta>` says of its encoding.
fn declared_encoding(bytes: &[u8]) -> Option<&'static Encoding> {
    let head: String = bytes
        .iter()
        .take(2048)
        .map(|b| char::from(b.to_ascii_lowercase()))
        .collect();
    let (_, rest) = head.split_once("charset")?;
    let label: String = rest
        .trim_start_matches([' ', '=', '"', '\''])
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ':'))
        .collect();
    Encoding::for_label(label.as_bytes())
}

/// Elements whose text nobody reads on the page.
fn is_skipped(name: &str) -> bool {
    matches!(
        name,
        "script"
            | "style"
            | "noscript"
            | "template"
            | "nav"
            | "iframe"
            | "object"
            | "svg"
            | "head"
            | "select"
            | "datalist"
            | "audio"
            | "video"
            | "canvas"
            | "button"
            // Struck out: what a reader sees is that it no longer holds.
            | "del"
            | "s"
            | "strike"
            | "dialog"
    )
}

/// Elements that the page hides by an attribute.
fn is_hidden(element: &Element) -> bool {
    if element.attr("hidden").is_some() {
        return true;
    }
    styles_hide(element.attr("style").unwrap_or_default())
}

/// The text of the page's own style sheets.
fn style_sheets(html: &Html) -> String {
    let mut sheets = String::new();
    for node in html.tree.nodes() {
        let is_style = node
            .value()
            .as_element()
            .is_some_and(|element| element.name() == "style");
        if is_style {
            for child in node.children() {
                if let Node::Text(text) = child.value() {
                    sheets.push_str(text);
                }
            }
        }
    }
    sheets
}

/// Whether declarations of style keep a reader from seeing the text, or strike it out. Only what
/// can be told from the declarations alone: white is taken for the colour of the page.
fn styles_hide(declarations: &str) -> bool {
    let plain: String = declarations
        .chars()
        .filter(|c| !c.is_whitespace())
        .flat_map(char::to_lowercase)
        .collect();
    let rules = || {
        plain
            .split(';')
            .map(|rule| rule.trim_end_matches("!important"))
    };
    let length = |size: &str| {
        let number = size.trim_end_matches(|c: char| c.is_alphabetic() || c == '%');
        number.parse::<f32>().ok()
    };
    let flat =
        rules().any(|rule| matches!(rule, "height:0" | "height:0px" | "width:0" | "width:0px"));
    rules().any(|rule| {
        let (name, value) = rule.split_once(':').unwrap_or((rule, ""));
        match name {
            "display" => value == "none",
            "visibility" => matches!(value, "hidden" | "collapse"),
            "opacity" => length(value).is_some_and(|opacity| opacity < 0.1),
            "mso-hide" => value == "all",
            "color" => {
                matches!(
                    value,
                    "white" | "#fff" | "#ffffff" | "transparent" | "rgb(255,255,255)"
                ) || (value.starts_with("rgba(") && value.ends_with(",0)"))
            }
            "font-size" => length(value).is_some_and(|size| match value {
                em if em.ends_with("em") => size < 0.2,
                percent if percent.ends_with('%') => size < 20.0,
                _ => size < 4.0,
            }),
            "left" | "top" | "text-indent" | "margin-left" => {
                length(value).is_some_and(|offset| offset <= -500.0)
            }
            "overflow" => value == "hidden" && flat,
            "clip" | "clip-path" => value.contains("(0") || value.contains("(100%"),
            "text-decoration" | "text-decoration-line" => value.contains("line-through"),
            _ => false,
        }
    })
}

/// The classes and identifiers (`.name`, `#name`) that the page's own style sheets hide. Selectors
/// of one class or identifier are told; what combines them is left alone.
fn hidden_selectors(sheets: &str) -> HashSet<String> {
    let mut hidden = HashSet::new();
    for rule in sheets.split('}') {
        let Some((selectors, declarations)) = rule.split_once('{') else {
            continue;
        };
        if styles_hide(declarations) {
            let simple = |one: &&str| {
                one.starts_with(['.', '#'])
                    && !one[1..].contains([' ', '.', '#', ':', '>', '+', '[', '~'])
            };
            hidden.extend(
                selectors
                    .split(',')
                    .map(str::trim)
                    .filter(simple)
                    .map(str::to_owned),
            );
        }
    }
    hidden
}

fn is_block(name: &str) -> bool {
    matches!(
        name,
        "p" | "div"
            | "section"
            | "article"
            | "aside"
            | "main"
            | "header"
            | "footer"
            | "address"
            | "blockquote"
            | "pre"
            | "ul"
            | "ol"
            | "dl"
            | "dt"
            | "dd"
            | "li"
            | "table"
            | "figure"
            | "figcaption"
            | "h1"
            | "h2"
            | "h3"
            | "h4"
            | "h5"
            | "h6"
            | "hr"
            | "form"
            | "fieldset"
            | "legend"
            | "details"
            | "summary"
            | "body"
            | "center"
            | "caption"
    )
}

fn heading_level(name: &str) -> Option<u8> {
    match name.as_bytes() {
        [b'h', level @ b'1'..=b'6'] => Some(level - b'0'),
        _ => None,
    }
}

/// What the walk enters and leaves.
enum Step<'a> {
    Open(ego_tree::NodeRef<'a, Node>),
    Close(&'a Element),
}

#[derive(Default)]
struct Walker {
    flow: Flow,
    text: String,
    heading: Option<u8>,
    kind: Option<BlockKind>,
    /// Open lists: the number of the next item where they count.
    lists: Vec<Option<u32>>,
    table: Option<TableReader>,
    /// Where raised or lowered text began, and whether it is raised.
    scripts: Vec<(bool, usize)>,
    /// Whether an element was left, and one entered, since the last letter.
    left: bool,
    entered: bool,
    /// Whether the last letter was raised or lowered.
    after_script: bool,
    bold: u32,
    hidden: usize,
    /// The classes and identifiers that the page's style sheets hide.
    sheets: HashSet<String>,
}

impl Walker {
    fn is_hidden_by_sheet(&self, element: &Element) -> bool {
        if self.sheets.is_empty() {
            return false;
        }
        let by_id = element
            .id()
            .is_some_and(|id| self.sheets.contains(&format!("#{id}")));
        by_id
            || element
                .classes()
                .any(|class| self.sheets.contains(&format!(".{class}")))
    }

    fn walk(&mut self, html: &Html) {
        self.sheets = hidden_selectors(&style_sheets(html));
        let mut stack = vec![Step::Open(html.tree.root())];
        while let Some(step) = stack.pop() {
            match step {
                Step::Close(element) => self.close(element),
                Step::Open(node) => match node.value() {
                    Node::Text(text) => self.push_text(text),
                    Node::Element(element) => {
                        let name = element.name();
                        if name == "html" {
                            self.flow.language =
                                element.attr("lang").and_then(|lang| lang.parse().ok());
                        }
                        if name == "head" {
                            self.flow.title = title(node);
                        }
                        if is_skipped(name) {
                            continue;
                        }
                        if is_hidden(element) || self.is_hidden_by_sheet(element) {
                            self.hidden += text_length(node);
                            continue;
                        }
                        self.open(element);
                        stack.push(Step::Close(element));
                        stack.extend(node.children().rev().map(Step::Open));
                    }
                    _ => stack.extend(node.children().rev().map(Step::Open)),
                },
            }
        }
        self.end_block();
        if self.hidden > 0 {
            self.flow.warnings.push(Warning {
                code: WarningCode::HiddenText,
                page: None,
                detail: format!(
                    "El documento tiene {} caracteres ocultos; no se han leído.",
                    self.hidden
                ),
            });
        }
    }

    fn push_text(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        // Words in neighbouring elements are two words, as the page's own layout has them.
        if self.left
            && self.entered
            && !self.after_script
            && self.scripts.is_empty()
            && let (Some(before), Some(after)) =
                (self.text.chars().next_back(), text.chars().next())
        {
            let words = before.is_alphanumeric() && after.is_alphanumeric();
            let sentence =
                matches!(before, '.' | ',' | ';' | ':' | ')' | '%') && after.is_alphabetic();
            if words || sentence {
                self.text.push(' ');
            }
        }
        (self.left, self.entered, self.after_script) = (false, false, false);
        self.text.push_str(text);
        if let Some(table) = &mut self.table {
            table.note_weight(text, self.bold > 0);
        }
    }

    fn open(&mut self, element: &Element) {
        let name = element.name();
        if let Some(table) = &mut self.table {
            if is_block(name) || name == "br" {
                self.text.push(' ');
            }
            let text = std::mem::take(&mut self.text);
            if let Some(rest) = table.open(element, text) {
                self.text = rest;
            }
            if name == "th" {
                self.bold += 1;
            }
        } else if name == "table" {
            self.end_block();
            self.table = Some(TableReader::default());
        } else if is_block(name) {
            self.end_block();
            self.heading = heading_level(name);
            match name {
                "ul" => self.lists.push(None),
                "ol" => {
                    let start = element.attr("start").and_then(|start| start.parse().ok());
                    self.lists.push(Some(start.unwrap_or(1)));
                }
                "li" => self.open_item(element),
                "figcaption" => self.kind = Some(BlockKind::Caption),
                _ => {}
            }
        } else if name == "br" {
            // Two breaks in a row part paragraphs.
            if self.text.ends_with('\n') {
                self.end_block()
            } else {
                self.text.push('\n')
            }
        }
        match name {
            "sup" => self.scripts.push((true, self.text.len())),
            "sub" => self.scripts.push((false, self.text.len())),
            "b" | "strong" => self.bold += 1,
            "img" => {
                if let Some(alt) = element.attr("alt").filter(|alt| alt.trim().len() > 2) {
                    self.text.push_str(&format!(" [{}] ", alt.trim()));
                }
            }
            "input" | "textarea" => {
                if let Some(value) = element.attr("value").filter(|_| {
                    matches!(
                        element.attr("type"),
                        None | Some("text" | "number" | "date")
                    )
                }) {
                    self.text.push_str(&format!(" {value} "));
                }
            }
            _ => {}
        }
        self.entered = true;
    }

    fn open_item(&mut self, element: &Element) {
        self.kind = Some(BlockKind::ListItem);
        self.text = match self.lists.last_mut() {
            Some(Some(number)) => {
                if let Some(value) = element.attr("value").and_then(|value| value.parse().ok()) {
                    *number = value;
                }
                let mark = format!("{number}. ");
                *number = number.saturating_add(1);
                mark
            }
            _ => "• ".to_owned(),
        };
    }

    fn close(&mut self, element: &Element) {
        let name = element.name();
        match name {
            "sup" | "sub" => {
                if let Some((raised, from)) = self.scripts.pop() {
                    let from = (0..=from.min(self.text.len()))
                        .rev()
                        .find(|at| self.text.is_char_boundary(*at))
                        .unwrap_or(0);
                    let text = self.text.split_off(from);
                    self.text.push_str(&if raised {
                        superscript(&text)
                    } else {
                        subscript(&text)
                    });
                }
                self.after_script = true;
            }
            "b" | "strong" | "th" => self.bold = self.bold.saturating_sub(1),
            _ => {}
        }
        if let Some(table) = &mut self.table {
            let text = std::mem::take(&mut self.text);
            if let Some(rest) = table.close(name, text) {
                self.text = rest;
            }
            if table.is_done() {
                self.table
                    .take()
                    .into_iter()
                    .for_each(|table| table.finish(&mut self.flow));
            }
        } else if is_block(name) {
            self.end_block();
            if matches!(name, "ul" | "ol") {
                self.lists.pop();
            }
        }
        self.left = true;
    }

    fn end_block(&mut self) {
        let text = std::mem::take(&mut self.text);
        let mark_only = self.kind == Some(BlockKind::ListItem)
            && text
                .trim()
                .trim_end_matches('.')
                .chars()
                .all(|c| c == '•' || c.is_ascii_digit());
        if mark_only {
            // The item's own block has not begun yet: `<li><p>`.
            self.text = text;
            return;
        }
        let level = self.heading.take();
        let kind = self.kind.take().unwrap_or(BlockKind::Paragraph);
        let kind = if level.is_some() {
            BlockKind::Heading
        } else {
            kind
        };
        self.flow.push(kind, level, &text);
        self.scripts.clear();
    }
}

fn title(head: ego_tree::NodeRef<'_, Node>) -> Option<String> {
    let title = head.children().find(|child| {
        child
            .value()
            .as_element()
            .is_some_and(|element| element.name() == "title")
    })?;
    let text: String = title
        .children()
        .filter_map(|child| child.value().as_text().map(|text| text.to_string()))
        .collect();
    let text = crate::flow::clean(&text);
    (!text.is_empty()).then_some(text)
}

fn text_length(node: ego_tree::NodeRef<'_, Node>) -> usize {
    node.descendants()
        .filter_map(|child| {
            child
                .value()
                .as_text()
                .map(|text| text.trim().chars().count())
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(html: &str, expected: &[(BlockKind, &str)]) {
        let extracted = extract(html.as_bytes(), 256).unwrap();
        let blocks: Vec<_> = extracted.pages[0]
            .blocks
            .iter()
            .map(|b| (b.kind, b.text.as_str()))
            .collect();
        assert_eq!(blocks, expected, "{html}");
    }

    #[test]
    fn words_of_neighbouring_spans_are_not_glued() {
        check(
            "<p><span>Para</span><span>consultar</span> <b>D</b>osis, H<sub>2</sub>O y 10<sup>9</sup>/l<span>.</span></p>",
            &[(BlockKind::Paragraph, "Para consultar Dosis, H₂O y 10⁹/l.")],
        );
    }

    #[test]
    fn blocks_and_breaks_part_words_and_entities_are_told() {
        check(
            "<div>K+ &gt; 5,0<br>TFGe &lt; 30</div><ul><li>uno<li><p>dos</p></ul><h2>T&iacute;tulo</h2>",
            &[
                (BlockKind::Paragraph, "K+ > 5,0 TFGe < 30"),
                (BlockKind::ListItem, "• uno"),
                (BlockKind::ListItem, "• dos"),
                (BlockKind::Heading, "Título"),
            ],
        );
    }

    #[test]
    fn merged_cells_are_told_in_every_row() {
        check(
            "<table><tr><th>Medio<th>Edad<th>Corte</tr><tr><td rowspan=2>Urgencias<td>&lt; 50<td>450</tr><tr><td>≥ 75<td>1800</tr></table>",
            &[(
                BlockKind::Table,
                "Medio: Urgencias; Edad: < 50; Corte: 450\nMedio: Urgencias; Edad: ≥ 75; Corte: 1800",
            )],
        );
    }

    #[test]
    fn what_the_page_hides_is_left_out_and_told() {
        let html = "<p>visto</p><p style='display: none'>oculto</p><script>x()</script>";
        let extracted = extract(html.as_bytes(), 256).unwrap();
        assert_eq!(extracted.pages[0].text(), "visto");
        assert_eq!(extracted.warnings[0].code, WarningCode::HiddenText);
    }

    #[test]
    fn elements_nested_without_end_are_refused_at_once() {
        let html = "<div>".repeat(10_000);
        assert_eq!(
            extract(html.as_bytes(), 256).unwrap_err().code(),
            "too_deep"
        );
    }
}
