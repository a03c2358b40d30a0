"""Makes a chat model of 90,000 parameters that knows three replies: `python tiny_model.py FOLDER`.

It begins as a random Qwen3 with a tokenizer of single bytes, and is trained on three conversations
until it knows them by heart, which takes seconds: so a real server has a real model to serve, whose
replies are known and one of which is a tool call.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

_SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
_TEMPLATE = """\
{%- if tools -%}<|im_start|>system
{% for tool in tools %}{{ tool.function.name }}
{% endfor %}<|im_end|>
{% endif -%}
{%- for message in messages -%}<|im_start|>{{ message.role }}
{{ message.content or '' }}{% for call in message.tool_calls or [] -%}
<tool_call>{{ call.function | tojson }}</tool_call>{% endfor %}<|im_end|>
{% endfor -%}
{%- if add_generation_prompt -%}<|im_start|>assistant
{% endif -%}"""

QUESTION = {"role": "user", "content": "Who says line 3?"}
_TOOLS = [{"type": "function", "function": {"name": "faces"}}]
_CALL = {"type": "function", "function": {"name": "faces", "arguments": {"line": 3}}}
_CALLED = {"role": "assistant", "content": "", "tool_calls": [_CALL]}
_TOLD = {"role": "tool", "content": "Alice is seen."}
_LESSONS: tuple[tuple[list[dict[str, Any]], Any, str], ...] = (
    ([QUESTION], None, "Bob"),
    ([QUESTION], _TOOLS, '<tool_call>{"name": "faces", "arguments": {"line": 3}}</tool_call>'),
    ([QUESTION, _CALLED, _TOLD], _TOOLS, "Alice"),
)
_STEPS = 120


def main(folder: Path) -> None:
    """Make the model and write it with its tokenizer."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    tokenizer = _tokenizer()
    model = _model(tokenizer)
    _teach(model, [_lesson(tokenizer, *each) for each in _LESSONS])
    model.generation_config.do_sample = False
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _tokenizer() -> Any:
    pieces = Tokenizer(models.BPE())
    pieces.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    pieces.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(special_tokens=list(_SPECIAL), initial_alphabet=alphabet)
    pieces.train_from_iterator([], trainer)
    pad, _, end = _SPECIAL
    made = PreTrainedTokenizerFast(tokenizer_object=pieces, pad_token=pad, eos_token=end)
    made.chat_template = _TEMPLATE
    return made


def _model(tokenizer: Any) -> Any:
    config = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return Qwen3ForCausalLM(config)


def _lesson(
    tokenizer: Any, messages: list[dict[str, Any]], tools: Any, reply: str
) -> tuple[Any, Any]:
    """Tokens of a conversation, and which of them are to be learned."""
    prompt = tokenizer.apply_chat_template(
        messages, tools=tools, add_generation_prompt=True, tokenize=False
    )
    read, said = (tokenizer(text)["input_ids"] for text in (prompt, reply + tokenizer.eos_token))
    return torch.tensor([read + said]), torch.tensor([[-100] * len(read) + said])


def _teach(model: Any, lessons: list[tuple[Any, Any]]) -> None:
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(_STEPS):
        losses = [model(input_ids=tokens, labels=labels).loss for tokens, labels in lessons]
        optimizer.zero_grad()
        torch.stack(losses).sum().backward()
        optimizer.step()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
