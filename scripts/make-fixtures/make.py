"""Makes the golden fixtures of generator/tests/fixtures: tiny random models and what transformers
(published folders) and llama.cpp (GGUF) compute with them. See README.md for how to run it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import gguf
import numpy as np
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

OUT, PEER, CPU, WORK = (Path(argument) for argument in sys.argv[1:5])
VOCAB = 264
# A few words with the marks of a turn around them, then ids from everywhere.
TOKENS = [257, *"Dosis máxima: 4 g".encode(), 258, 0, 255, 263, 131, 77, 77]


def byte_tokens():
    """GPT-2's printable characters for the 256 bytes, the marks of ChatML, one merge, fillers."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    characters, extra = {}, 0
    for byte in range(256):
        if byte in printable:
            characters[byte] = chr(byte)
        else:
            characters[byte] = chr(256 + extra)
            extra += 1
    words = [characters[byte] for byte in range(256)]
    return words + ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "es"] + [
        f"[PAD{i}]" for i in range(260, VOCAB)
    ]


def tokenizer_json():
    words = byte_tokens()
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {
                "id": i,
                "content": words[i],
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
                "special": True,
            }
            for i in (256, 257, 258)
        ],
        "normalizer": None,
        "pre_tokenizer": level,
        "post_processor": None,
        "decoder": level,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": {word: i for i, word in enumerate(words[:260])},
            "merges": [["e", "s"]],
        },
    }


def randomise(model, seed):
    """Weights that keep activations of order one, norms around one, biases that matter."""
    generator = torch.Generator().manual_seed(seed)
    for name, weight in model.named_parameters():
        noise = torch.randn(weight.shape, generator=generator)
        if "norm" in name:
            value = 1 + 0.2 * noise
        elif name.endswith("bias"):
            value = 0.5 * noise
        elif "embed" in name:
            # Tied, it is the head too: logits of order one.
            tied = model.config.tie_word_embeddings
            value = noise / weight.shape[-1] ** 0.5 if tied else noise
        else:
            value = noise / weight.shape[-1] ** 0.5
        weight.data = value.to(weight.dtype)
    return model.eval()


def common(**changes):
    return dict(
        vocab_size=VOCAB,
        hidden_size=64,
        intermediate_size=80,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        rms_norm_eps=1e-5,
        bos_token_id=257,
        eos_token_id=258,
    ) | changes


def logits(model):
    with torch.no_grad():
        return model(torch.tensor([TOKENS])).logits[0].float()


def expected(folder, rows, tokens=TOKENS):
    tensors = {"tokens": torch.tensor(tokens, dtype=torch.float32), "logits": rows.contiguous()}
    save_file(tensors, folder / "expected.safetensors")


def folder(name):
    path = OUT / name
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path


def words(path):
    (path / "tokenizer.json").write_text(json.dumps(tokenizer_json(), ensure_ascii=False))


def tidy(path):
    """Leaves what a published folder needs, without this machine's versions."""
    config = json.loads((path / "config.json").read_text())
    config.pop("transformers_version", None)
    (path / "config.json").write_text(json.dumps(config, indent=1, sort_keys=True))
    (path / "generation_config.json").write_text(json.dumps({"eos_token_id": [258, 256]}))
    words(path)


def published():
    # Grouped heads, head_dim that is not hidden / heads, f32, one file.
    path = folder("llama")
    model = randomise(LlamaForCausalLM(LlamaConfig(**common(head_dim=24, rope_theta=10000.0))), 1)
    model.save_pretrained(path)
    tidy(path)
    expected(path, logits(model))

    # The same weights with Llama 3.1's stretched positions: only the numbers differ.
    stretched = LlamaConfig(
        **common(
            head_dim=24,
            rope_theta=10000.0,
            rope_scaling={
                "rope_type": "llama3",
                "factor": 8.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 32,
            },
        )
    )
    other = LlamaForCausalLM(stretched).eval()
    other.load_state_dict(model.state_dict())
    path = folder("llama-stretched")
    config = json.loads(stretched.to_json_string(use_diff=False))
    config["architectures"] = ["LlamaForCausalLM"]
    keep = set(common()) | {"architectures", "head_dim", "rope_theta", "rope_scaling", "rope_parameters"}
    config = {key: value for key, value in config.items() if key in keep and value is not None}
    (path / "config.json").write_text(json.dumps(config, indent=1, sort_keys=True))
    expected(path, logits(other))

    # LoRA on four projections of the first model, different ranks and rank-stabilised scale.
    path = folder("llama-adapter")
    lora = LoraConfig(
        r=4,
        lora_alpha=16,
        use_rslora=True,
        target_modules=["q_proj", "v_proj", "o_proj", "down_proj"],
        rank_pattern={"down_proj": 2},
        task_type="CAUSAL_LM",
    )
    adapted = get_peft_model(model, lora)
    generator = torch.Generator().manual_seed(3)
    for name, weight in adapted.named_parameters():
        if "lora_" in name:
            weight.data = 0.05 * torch.randn(weight.shape, generator=generator)
    adapted.eval()
    rows = logits(adapted)
    adapted.save_pretrained(path)
    for extra in path.glob("README.md"):
        extra.unlink()
    expected(path, rows)

    # Bias on q, k, v; tied; bf16 in two shards. The reference is computed in f32 from the bf16
    # weights, because that is what the CPU kernels do.
    path = folder("qwen2")
    config = Qwen2Config(**common(tie_word_embeddings=True, rope_theta=1000000.0))
    model = randomise(Qwen2ForCausalLM(config), 2).to(torch.bfloat16)
    model.tie_weights()
    model.save_pretrained(path, max_shard_size="100KB")
    tidy(path)
    expected(path, logits(model.float()))


def permute(weights, heads):
    """llama.cpp's order of the rows of q and k for Llama."""
    rows = weights.shape[0]
    shape = (heads, 2, rows // heads // 2, *weights.shape[1:])
    return weights.reshape(shape).swapaxes(1, 2).reshape(weights.shape)


NAMES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}


def write_gguf(model, path, arch, extra=None):
    config = model.config
    writer = gguf.GGUFWriter(path, arch)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    head = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    writer.add_key_length(head)
    writer.add_value_length(head)
    writer.add_rope_dimension_count(head)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_vocab_size(VOCAB)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm" if arch == "llama" else "qwen2")
    writer.add_token_list(byte_tokens())
    writer.add_token_types([3 if 256 <= i <= 258 else 5 if i >= 260 else 1 for i in range(VOCAB)])
    writer.add_token_merges(["e s"])
    writer.add_bos_token_id(257)
    writer.add_eos_token_id(258)
    for name, tensor in (extra or {}).items():
        writer.add_tensor(name, tensor)
    for name, tensor in model.state_dict().items():
        data = tensor.float().numpy()
        if name == "model.embed_tokens.weight":
            target = "token_embd.weight"
        elif name == "model.norm.weight":
            target = "output_norm.weight"
        elif name == "lm_head.weight":
            if config.tie_word_embeddings:
                continue
            target = "output.weight"
        else:
            _, _, layer, rest = name.split(".", 3)
            module, kind = rest.rsplit(".", 1)
            target = f"blk.{layer}.{NAMES[module]}.{kind}"
            if arch == "llama" and module.endswith("q_proj"):
                data = permute(data, config.num_attention_heads)
            if arch == "llama" and module.endswith("k_proj"):
                data = permute(data, config.num_key_value_heads)
        writer.add_tensor(target, np.ascontiguousarray(data))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def peer(*arguments, **environment):
    command = [str(PEER), str(CPU), *map(str, arguments)]
    subprocess.run(command, check=True, env=os.environ | environment)


def peer_logits(model, cache):
    out = WORK / "logits.bin"
    peer("logits", model, out, cache, *TOKENS, NOFLASH="1")
    rows = np.fromfile(out, dtype=np.float32).reshape(len(TOKENS), VOCAB)
    return torch.from_numpy(rows)


def ggufs():
    wide = dict(hidden_size=256, intermediate_size=256, num_attention_heads=8, num_hidden_layers=1)
    small = dict(hidden_size=128, intermediate_size=160, num_attention_heads=4)
    llama = LlamaForCausalLM(LlamaConfig(**common(**small, rope_theta=100000.0)))
    mixed = LlamaForCausalLM(
        LlamaConfig(**common(**wide, rope_theta=10000.0, tie_word_embeddings=True))
    )
    qwen = Qwen2ForCausalLM(
        Qwen2Config(**common(**small, rope_theta=1000000.0, tie_word_embeddings=True))
    )
    randomise(llama, 4), randomise(mixed, 5), randomise(qwen, 6)
    mixed.tie_weights(), qwen.tie_weights()
    divisors = np.linspace(1.0, 4.0, 16, dtype=np.float32)
    for name, model, arch, kind, extra in [
        ("llama-q8_0", llama, "llama", "Q8_0", {"rope_freqs.weight": divisors}),
        ("llama-q4_k", mixed, "llama", "Q4_K_M", None),
        ("llama-q4_1", llama, "llama", "Q4_1", None),
        ("qwen2-q5_0", qwen, "qwen2", "Q5_0", None),
    ]:
        plain = WORK / f"{name}-f32.gguf"
        write_gguf(model, plain, arch, extra)
        if extra is None:
            # The peer and transformers agree on the weights before any is packed.
            worst = (peer_logits(plain, "F32") - logits(model)).abs().max()
            print(f"{name}: llama.cpp f32 against transformers {worst:.2e}")
            assert worst < 2e-2, worst
        path = folder(name)
        peer("quantize", plain, path / "model.gguf", kind)
        rows = peer_logits(path / "model.gguf", "F16")
        if extra is None:
            moved = (rows - logits(model)).abs().max()
            print(f"{name}: packing itself moves logits by {moved:.3f} of {rows.std():.3f}")
        expected(path, rows)


if __name__ == "__main__":
    torch.manual_seed(0)
    published()
    ggufs()
    size = sum(file.stat().st_size for file in OUT.rglob("*") if file.is_file())
    print(f"{size} bytes in all")
