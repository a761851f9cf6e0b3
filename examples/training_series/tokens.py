"""A byte-level BPE trained on the spot, texts as windows of its tokens, and how often each is."""

from collections.abc import Sequence

import torch
from tokenizers import ByteLevelBPETokenizer
from transformers import PreTrainedTokenizerFast

END = "<|endoftext|>"

Windows = Sequence[dict[str, torch.Tensor]]


def train_tokenizer(texts: Sequence[str], *, vocabulary: int) -> PreTrainedTokenizerFast:
    """Learn ``vocabulary`` tokens from the texts, the 256 bytes and the end of a text included.

    Like GPT-NeoX's, it adds no token of its own to what it reads.
    """
    learned = ByteLevelBPETokenizer()
    learned.train_from_iterator(
        texts, vocab_size=vocabulary, special_tokens=[END], show_progress=False
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=learned._tokenizer,
        bos_token=END,
        eos_token=END,
        unk_token=END,
        pad_token=END,
    )


def windows_of(
    texts: Sequence[str], tokenizer: PreTrainedTokenizerFast, *, window: int
) -> list[dict[str, torch.Tensor]]:
    """Join the texts, each with its end, and cut them into windows as a Trainer takes them."""
    joined: list[int] = []
    for text in texts:
        joined += [*tokenizer(text)["input_ids"], tokenizer.eos_token_id]
    n_windows = len(joined) // window
    ids = torch.tensor(joined[: n_windows * window]).reshape(n_windows, window)
    return [{"input_ids": row, "labels": row} for row in ids]


def frequency_loss(training: Windows, held_out: Windows, *, vocabulary: int) -> float:
    """Return the loss, in nats per token, of knowing how often each token is and nothing else.

    Counted in the windows to train on, each token once more so that none is impossible; of the
    held-out windows without their first tokens, which no model has to predict.
    """
    seen = torch.cat([window["input_ids"] for window in training])
    counts = torch.bincount(seen, minlength=vocabulary).double() + 1
    asked = torch.cat([window["input_ids"][1:] for window in held_out])
    return -float((counts / counts.sum()).log()[asked].mean())
