"""The training of one seed: a GPT-NeoX, transformers' Trainer, folders at chosen steps."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from transformers import (
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    PreTrainedTokenizerFast,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
    set_seed,
)

from examples.training_series.plan import Plan
from examples.training_series.tokens import Windows


@dataclass(frozen=True)
class Texts:
    """Windows of tokens, and the tokenizer they were made with."""

    tokenizer: PreTrainedTokenizerFast
    training: Windows
    held_out: Windows


@dataclass(frozen=True)
class Trained:
    """What a training leaves behind.

    Attributes:
        folder: its checkpoints, ``checkpoint-N`` for step N.
        n_parameters: of the model.
        losses: of the held-out windows, in nats per token, by step.
        training_losses: the mean over the steps since the checkpoint before, by step.
    """

    folder: Path
    n_parameters: int
    losses: dict[int, float]
    training_losses: dict[int, float]


class _AtSteps(TrainerCallback):  # type: ignore[misc]  # transformers has no types
    """Saves, evaluates and logs after the steps it is given."""

    def __init__(self, steps: Sequence[int]) -> None:
        self._steps = frozenset(steps)

    def on_step_end(
        self,
        args: TrainingArguments,  # noqa: ARG002 - the Trainer passes it
        state: TrainerState,
        control: TrainerControl,
        **_rest: object,
    ) -> TrainerControl:
        """Tell the Trainer what to do after this step."""
        due = state.global_step in self._steps
        control.should_save = control.should_evaluate = control.should_log = due
        return control


def train(
    plan: Plan, texts: Texts, folder: Path, *, seed: int, callbacks: Sequence[TrainerCallback] = ()
) -> Trained:
    """Train one model into ``folder`` / its name.

    Args:
        plan: sizes and steps.
        texts: what it reads.
        folder: of all seeds.
        seed: of the weights and of the order of the windows.
        callbacks: what else is told of each step.
    """
    steps = plan.steps_of(seed)
    set_seed(seed)
    model = _new_model(plan, texts.tokenizer)
    home = folder / plan.name_of(seed)
    trainer = Trainer(
        model=model,
        args=_arguments(plan, home, seed=seed),
        train_dataset=texts.training,
        eval_dataset=texts.held_out,
        processing_class=texts.tokenizer,
        callbacks=[_AtSteps(steps), *callbacks],
    )
    first = trainer.evaluate()["eval_loss"]
    # The Trainer itself saves only after a step.
    trainer.save_model(home / "checkpoint-0")
    trainer.train()
    log = trainer.state.log_history
    return Trained(
        folder=home,
        n_parameters=model.num_parameters(),
        losses={0: first} | _logged(log, "eval_loss"),
        training_losses=_logged(log, "loss"),
    )


def _new_model(plan: Plan, tokenizer: PreTrainedTokenizerFast) -> GPTNeoXForCausalLM:
    end = tokenizer.eos_token_id
    return GPTNeoXForCausalLM(
        GPTNeoXConfig(
            vocab_size=plan.vocabulary,
            hidden_size=plan.hidden_size,
            intermediate_size=4 * plan.hidden_size,
            num_hidden_layers=plan.layers,
            num_attention_heads=plan.heads,
            max_position_embeddings=plan.window,
            bos_token_id=end,
            eos_token_id=end,
            pad_token_id=end,
        )
    )


def _arguments(plan: Plan, home: Path, *, seed: int) -> TrainingArguments:
    return TrainingArguments(
        output_dir=home,
        seed=seed,
        max_steps=plan.steps_of(seed)[-1],
        per_device_train_batch_size=plan.batch,
        per_device_eval_batch_size=4 * plan.batch,
        learning_rate=plan.learning_rate,
        lr_scheduler_type="constant_with_warmup",
        warmup_steps=plan.warmup,
        adam_beta2=0.95,
        weight_decay=0.1,
        # What is saved, evaluated and logged when, _AtSteps says.
        save_strategy="no",
        eval_strategy="no",
        logging_strategy="no",
        save_only_model=True,
        include_num_input_tokens_seen=True,
        use_cpu=True,
        dataloader_pin_memory=False,
        report_to="none",
        disable_tqdm=True,
    )


def _logged(log: Sequence[dict[str, float]], name: str) -> dict[int, float]:
    return {int(entry["step"]): entry[name] for entry in log if name in entry}
