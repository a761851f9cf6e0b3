"""The words that titles share."""

from embstore.charts.headlines.wording import short_names


def test_names_keep_the_model_whatever_follows_it() -> None:
    short = {
        "lab/gpt2 · hf:org/wikitext/raw-v1:test": "gpt2 · hf:org/wikitext/raw-v1:test",
        "lab/model@refs/pr/1": "model@refs/pr/1",
        "lab/model@refs/pr/2": "model@refs/pr/2",
        "plain": "plain",
        "folder/": "folder/",
    }
    assert short_names({"series": name} for name in short) == short
