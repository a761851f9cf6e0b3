"""Two studies as text: one with only what it must have, and one with every key."""

SMALL = """
corpus = "enwik8"
[[models]]
model = "gpt2"
"""


FULL = """
name = "full"
title = "All keys"
description = '''
Two
lines.'''
corpus = "hf:wikitext/a:test"
text_field = "body"
dtype = "bfloat16"
scopes = ["no_sinks", "all"]
pairs = false
metrics = ["anisotropy", "mean_cosine"]
intervals = false
tags = { lab = "a", owner = "b" }

[sampling]
tokens = 1024
window = 128
sample = 256
seed = 7

[[models]]
model = "EleutherAI/pythia-70m"
revisions = ["step0", "every:10"]
name = "small"

[[models]]
model = "EleutherAI/pythia-70m"
revisions = "step0, every:10"
random_init = true
"""
