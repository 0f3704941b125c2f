"""A message on the way: ``log``."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING, Any

from plait.compat.gllm._state import MISSING
from plait.compat.gllm.exceptions import PipelineTypeError, PipelineValueError
from plait.compat.gllm.steps.component_step import EMITTER, run_alone
from plait.compat.gllm.steps.pipeline_step import BasePipelineStep
from plait.core.inputs import Optional

if TYPE_CHECKING:
    from plait.compat.gllm._build import Here
    from plait.compat.gllm._call import Scene
    from plait.core.flow import Flow


class LogStep(BasePipelineStep):
    """Emits a message through the run's ``event_emitter``, and to those who stream the run; see ``log``.

    Args:
        name: its name.
        message: the text; ``{key}`` stands for a value of the state.
        is_template: whether ``{key}`` is replaced.
        emit_kwargs: more arguments for the emitter's ``emit``; ``metadata``, ``type``, ``level`` and ``id`` go to the event.
        retry_config: when and how often to try again.
        error_handler: what to do when it has failed for good.
        cache: no use.
    """

    def __init__(
        self,
        name: str,
        message: str,
        is_template: bool = True,
        emit_kwargs: dict[str, Any] | None = None,
        retry_config: Any = None,
        error_handler: Any = None,
        cache: Any = None,
    ) -> None:
        super().__init__(name, retry_config, error_handler, cache)
        if not isinstance(message, str):
            raise PipelineTypeError(f"log {name!r}: the message is {message!r}; it is a string")
        self.message, self.is_template, self.emit_kwargs = message, is_template, dict(emit_kwargs or {})
        self._fields: list[str] = []
        if is_template:
            try:
                self._fields = [f for _, f, _, _ in string.Formatter().parse(message) if f]
            except ValueError as error:
                raise PipelineValueError(
                    f"log {name!r}: {error} in {message!r}; write {{{{ for a brace, or is_template=False"
                ) from None

    @property
    def input_state_keys(self) -> set[str]:
        """The keys that it reads."""
        return {EMITTER, *(field.split(".")[0].split("[")[0] for field in self._fields)}

    @property
    def output_state_keys(self) -> set[str]:
        """It writes nothing."""
        return set()

    async def execute(self, state: dict[str, Any], runtime: Any, config: dict[str, Any] | None = None) -> Any:
        """Emit the message."""
        await run_alone(self, state, runtime, config)

    def _flow(self, here: Here) -> Flow:
        keys = self.input_state_keys

        async def work(args: dict[str, Any], scene: Scene) -> None:
            values = {
                key: args[key] if args[key] is not MISSING else scene.run.values.get(key) for key in keys
            }
            text = self.message
            if self.is_template:
                text = string.Formatter().vformat(text, (), values)
            await scene.context.emit(text)
            if values[EMITTER] is not None:
                await _emit(values[EMITTER], text, self.emit_kwargs)

        return here.leaf(work, {key: Optional(key, MISSING) for key in sorted(keys)}, None, kind="log")


async def _emit(emitter: Any, text: str, settings: dict[str, Any]) -> None:
    """Emit a text: as an event where the emitter is gllm_core's, which takes nothing else."""
    if type(emitter).__module__.partition(".")[0] != "gllm_core":
        await emitter.emit(text, **settings)
        return
    from gllm_core.schema import Event  # type: ignore[import-not-found, unused-ignore]

    fields = {
        name: settings[name] for name in ("id", "type", "level", "metadata", "value_type") if name in settings
    }
    rest = {name: value for name, value in settings.items() if name not in fields}
    await emitter.emit(Event(value=text, **fields), **rest)
