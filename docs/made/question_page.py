"""docs/questions.md: every question, what it answers and its parameters."""

from pages import MADE, table, words_of


def question_page() -> str:
    """Describe every built-in question."""
    from embstore.asking.ask import find_questions

    questions = find_questions()
    parts = [
        MADE.format("questions"),
        words_of("questions")["head"],
        table(
            ("question", "what it answers", "chart"),
            (
                (f"[`{name}`](#{name})", question.title, "yes" if question.encoding else "")
                for name, question in questions.items()
            ),
        ),
    ]
    for name, question in questions.items():
        parts += [f"\n## {name}\n", f"**{question.title}.** {question.doc}".replace("?.**", "?**")]
        if question.parameters:
            rows = (
                (f"`{p}`" if not p.required else f"`{p.name}`", p.doc) for p in question.parameters
            )
            parts += ["", table(("parameter", "what it chooses"), rows)]
    return "\n".join([*parts, ""])
