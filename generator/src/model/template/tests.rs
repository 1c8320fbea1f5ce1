//! The templates of the models Sístole runs, against what jinja2 renders, and templates that fail.

use std::collections::HashMap;

use jiff::civil::date;

use super::*;
use crate::model::Model;
use crate::model::golden::{assembled, on_cpu};

/// Made by `scripts/make-fixtures/templates.py`.
const RENDERED: &str = include_str!("../../../tests/fixtures/templates/rendered.json");

impl ChatTemplate {
    /// The conversation as text.
    fn render(
        &self,
        turns: &[Turn<'_>],
        add_generation_prompt: bool,
        today: Date,
    ) -> Result<String, TemplateError> {
        Ok(self
            .render_marked(turns, add_generation_prompt, today)?
            .text)
    }
}

#[derive(serde::Deserialize)]
struct Fixture {
    conversations: HashMap<String, Vec<Said>>,
    rendered: HashMap<String, Vec<Case>>,
}

#[derive(serde::Deserialize)]
struct Said {
    role: String,
    content: String,
}

#[derive(serde::Deserialize)]
struct Case {
    conversation: String,
    prompted: bool,
    /// `None`: the template raised.
    text: Option<String>,
}

fn source(name: &str) -> &'static str {
    match name {
        "salamandra" => include_str!("../../../tests/fixtures/templates/salamandra.jinja"),
        "salamandra-strict" => {
            include_str!("../../../tests/fixtures/templates/salamandra-strict.jinja")
        }
        "smollm2" => include_str!("../../../tests/fixtures/templates/smollm2.jinja"),
        "qwen2" => include_str!("../../../tests/fixtures/templates/qwen2.jinja"),
        "llama3" => include_str!("../../../tests/fixtures/templates/llama3.jinja"),
        _ => panic!("no template {name}"),
    }
}

fn turns(conversation: &[Said]) -> Vec<Turn<'_>> {
    conversation
        .iter()
        .map(|said| Turn {
            role: match said.role.as_str() {
                "system" => Role::System,
                "user" => Role::User,
                _ => Role::Assistant,
            },
            content: &said.content,
        })
        .collect()
}

#[test]
fn templates_render_as_jinja2_renders_them() {
    let fixture: Fixture = serde_json::from_str(RENDERED).unwrap();
    assert_eq!(fixture.rendered.len(), 5);
    let mut raised = 0;
    for (name, cases) in &fixture.rendered {
        let template = ChatTemplate::new(source(name), "<|begin_of_text|>", "<|eot_id|>").unwrap();
        for case in cases {
            let turns = turns(&fixture.conversations[&case.conversation]);
            let rendered = template.render(&turns, case.prompted, date(2026, 11, 23));
            match &case.text {
                Some(text) => assert_eq!(&rendered.unwrap(), text, "{name}"),
                None => {
                    assert!(matches!(rendered, Err(TemplateError::Raised(_))), "{name}");
                    raised += 1;
                }
            }
        }
    }
    assert_eq!(
        raised, 2,
        "the strict template refuses two turns of one speaker"
    );
}

const ASKED: [Turn<'static>; 2] = [
    Turn {
        role: Role::System,
        content: "reglas",
    },
    Turn {
        role: Role::User,
        content: "¿qué? <|im_end|> {{ 1 }} {% raw %}",
    },
];

fn render(source: &str) -> Result<Rendered, TemplateError> {
    ChatTemplate::new(source, "<s>", "</s>")?.render_marked(&ASKED, true, date(2026, 2, 3))
}

#[test]
fn the_words_of_turns_are_told_from_those_of_the_template() {
    let rendered = ChatTemplate::chat_ml()
        .unwrap()
        .render_marked(&ASKED, true, date(2026, 2, 3))
        .unwrap();
    let data: Vec<&str> = rendered
        .data
        .iter()
        .map(|at| &rendered.text[at.clone()])
        .collect();
    assert_eq!(data, [ASKED[0].content, ASKED[1].content]);
    assert!(
        rendered
            .text
            .ends_with("<|im_end|>\n<|im_start|>assistant\n")
    );
}

#[test]
fn a_template_that_fails_is_an_error_with_a_plain_sentence() {
    let endless = "{% macro a(n) %}{{ a(n) }}{% endmacro %}{{ a(1) }}";
    let loops = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}";
    let floods =
        "{% for a in range(90000) %}{{ messages[0].content }}{{ messages[1].content }}{% endfor %}";
    let fails = |source: &str, wanted: fn(&TemplateError) -> bool| {
        let error = render(source).unwrap_err();
        assert!(wanted(&error), "{source}: {error:?}");
        let sentence = error.to_string();
        assert!(
            sentence.contains("plantilla") && !sentence.contains('{'),
            "{sentence}"
        );
    };
    fails("{{ raise_exception('no') }}", |e| {
        matches!(e, TemplateError::Raised(_))
    });
    fails("{% for %}", |e| matches!(e, TemplateError::Syntax(_)));
    fails("{{ 'x' | unheard_of }}", |e| {
        matches!(e, TemplateError::Syntax(_))
    });
    fails("{{ messages[7].content.x }}", |e| {
        matches!(e, TemplateError::Failed(_))
    });
    fails("{{ 1 / 0 }}", |_| true);
    fails(endless, |_| true);
    fails(loops, |e| matches!(e, TemplateError::Endless));
    fails(floods, |e| matches!(e, TemplateError::Endless));
    fails("{{ 'a' * 999999999 }}", |_| true);
    fails("hola", |e| matches!(e, TemplateError::DropsTurn));
    fails("{{ messages[1].content }}", |e| {
        matches!(e, TemplateError::DropsTurn)
    });
    fails("{{ messages[0].content[:3] + messages[1].content }}", |e| {
        matches!(e, TemplateError::DropsTurn)
    });
    fails(&"x".repeat(MAX_TEMPLATE_BYTES + 1), |e| {
        matches!(e, TemplateError::Endless)
    });
}

#[test]
fn the_day_is_written_as_the_template_asks() {
    let all = "{{ messages[0].content }}{{ messages[1].content }}";
    let text = render(&format!(
        "{{{{ strftime_now('%d %b %Y') }}}} {{{{ date_string }}}} {all}"
    ));
    assert!(text.unwrap().text.starts_with("03 Feb 2026 2026-02-03 "));
    let unknown = render(&format!("{{{{ strftime_now('%') }}}} {all}"));
    assert!(matches!(unknown, Err(TemplateError::Failed(_))));
}

#[test]
fn a_template_beside_a_gguf_has_the_begin_and_end_that_the_gguf_states() {
    let folder = assembled(&[("llama-q8_0", "model.gguf")]);
    let source =
        "{{ bos_token }}|{{ eos_token }}|{{ messages[0].content }}{{ messages[1].content }}";
    std::fs::write(folder.path().join("chat_template.jinja"), source).unwrap();
    let model = Model::open(folder.path(), &on_cpu()).unwrap();
    let text = model
        .template
        .render(&ASKED, false, date(2026, 2, 3))
        .unwrap();
    assert!(text.starts_with("<|im_start|>|<|im_end|>|reglas"), "{text}");
}

#[test]
fn a_folder_gives_its_template_from_whichever_file_holds_it() {
    let folder = std::env::temp_dir().join(format!("sistole-template-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
    let text = || {
        ChatTemplate::from_folder(&folder, ["", ""])
            .unwrap()
            .map(|template| template.render(&ASKED, false, date(2026, 2, 3)).unwrap())
    };
    let all = "{{ messages[0].content }}{{ messages[1].content }}";
    assert_eq!(text(), None);
    write(
        "tokenizer_config.json",
        "{\"bos_token\": {\"content\": \"<s>\"}}",
    );
    assert_eq!(text(), None);
    let config = serde_json::json!({"bos_token": "<s>", "chat_template": [
        {"name": "tool_use", "template": "x"},
        {"name": "default", "template": format!("config{{{{ bos_token }}}}{all}")},
    ]});
    write("tokenizer_config.json", &config.to_string());
    assert!(text().unwrap().starts_with("config<s>reglas"));
    write("chat_template.jinja", &format!("file{all}"));
    assert!(text().unwrap().starts_with("filereglas"));
    let said = |text: &str| {
        write("tokenizer_config.json", text);
        write(
            "chat_template.jinja",
            &format!("{{{{ bos_token }}}}|{{{{ eos_token }}}}|{all}"),
        );
        let template = ChatTemplate::from_folder(&folder, ["<b>", "<e>"]).unwrap();
        template
            .unwrap()
            .render(&ASKED, false, date(2026, 2, 3))
            .unwrap()
    };
    assert!(said("{\"bos_token\": \"<s>\"}").starts_with("<s>|<e>|"));
    assert!(said("{\"bos_token\": null, \"eos_token\": {}}").starts_with("||"));
    write("tokenizer_config.json", "{");
    assert!(matches!(
        ChatTemplate::from_folder(&folder, ["", ""]),
        Err(TemplateError::Config(_))
    ));
    std::fs::remove_dir_all(&folder).unwrap();
}
