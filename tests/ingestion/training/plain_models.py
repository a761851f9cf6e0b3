"""Models as people write them by hand, after nanoGPT."""

import torch
from torch import Tensor, nn

VOCAB, WIDTH, CONTEXT = 200, 32, 64


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(WIDTH)
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.proj = nn.Linear(WIDTH, WIDTH)
        self.ln_2 = nn.LayerNorm(WIDTH)
        self.mlp = nn.Sequential(
            nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH), nn.Dropout(0.1)
        )

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(self.ln_1(x)).split(WIDTH, dim=2)
        x = x + self.proj(nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True))
        return x + torch.as_tensor(self.mlp(self.ln_2(x)))


class GPT(nn.Module):
    """Called with ids, and perhaps targets; its last projection shares the embedding."""

    def __init__(self, n_blocks: int = 3) -> None:
        super().__init__()
        self.block_size = CONTEXT
        embedding = nn.Embedding(VOCAB, WIDTH)
        self.transformer = nn.ModuleDict(
            {
                "wte": embedding,
                "wpe": nn.Embedding(CONTEXT, WIDTH),
                "h": nn.ModuleList([Block() for _ in range(n_blocks)]),
                "ln_f": nn.LayerNorm(WIDTH),
            }
        )
        self.lm_head = nn.Linear(WIDTH, VOCAB, bias=False)
        self.lm_head.weight = embedding.weight

    def forward(self, idx: Tensor, targets: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        places = torch.arange(idx.shape[1], device=idx.device)
        states = self.transformer["wte"](idx) + self.transformer["wpe"](places)
        x = nn.functional.dropout(torch.as_tensor(states), 0.1, self.training)
        for block in self.transformer["h"].children():
            x = torch.as_tensor(block(x))
        x = torch.as_tensor(self.transformer["ln_f"](x))
        if targets is None:
            return self.lm_head(x[:, [-1], :]), None
        logits = self.lm_head(x)
        return logits, nn.functional.cross_entropy(logits.view(-1, VOCAB), targets.reshape(-1))
