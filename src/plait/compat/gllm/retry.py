"""``RetryConfig``, and what it becomes.

The class of ``gllm_core`` is taken as well, or anything with these attributes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from plait.compat.gllm.exceptions import PipelineTypeError, PipelineValueError
from plait.core.policy import Retry


class RetryConfig:
    """How often a step is tried again, and after which errors.

    Args:
        max_retries: how often after the first time.
        base_delay: seconds before the second attempt; each further wait is twice as long.
        max_delay: the longest wait in seconds.
        jitter: whether half of each wait is random.
        timeout: seconds that one attempt may take.
        retry_on_exceptions: errors to try again after.
        non_retryable_exceptions: errors among them to give up after at once.
        error_translators: functions that make another error of an error, in turn; what they give is raised and compared.
    """

    def __init__(
        self,
        max_retries: int = 0,
        base_delay: float = 1.0,
        max_delay: float = 10.0,
        jitter: bool = True,
        timeout: float | None = None,
        retry_on_exceptions: tuple[type[Exception], ...] = (Exception,),
        non_retryable_exceptions: tuple[type[Exception], ...] = (TimeoutError,),
        error_translators: Sequence[Callable[[Exception], Exception]] = (),
    ) -> None:
        if max_delay < base_delay:
            raise PipelineValueError(
                f"RetryConfig: max_delay={max_delay:g} is below base_delay={base_delay:g}; make it at least that"
            )
        self.max_retries, self.base_delay, self.max_delay = max_retries, base_delay, max_delay
        self.jitter, self.timeout = jitter, timeout
        self.retry_on_exceptions = tuple(retry_on_exceptions)
        self.non_retryable_exceptions = tuple(non_retryable_exceptions)
        self.error_translators = list(error_translators)

    def __repr__(self) -> str:
        return f"RetryConfig(max_retries={self.max_retries})"


def check_retry(config: Any, where: str) -> Any:
    """Check a ``retry_config=``.

    Raises:
        PipelineTypeError: if it is none.
    """
    if config is not None and not (hasattr(config, "max_retries") and hasattr(config, "retry_on_exceptions")):
        raise PipelineTypeError(f"{where}: retry_config is {config!r}; it is RetryConfig(max_retries=2)")
    return config


def retry_of(config: Any) -> tuple[Retry | None, float | None]:
    """The policy and the timeout of an attempt that a ``RetryConfig`` stands for."""
    if config is None:
        return None, None
    timeout = getattr(config, "timeout", None) or None
    if config.max_retries < 1:
        return None, timeout
    again = tuple(config.retry_on_exceptions)
    never = tuple(getattr(config, "non_retryable_exceptions", ()) or ())

    def on(error: BaseException) -> bool:
        if isinstance(error, BaseExceptionGroup):
            return all(on(part) for part in error.exceptions)
        return isinstance(error, again) and not isinstance(error, never)

    policy = Retry(
        config.max_retries + 1,
        backoff=config.base_delay,
        factor=2.0,
        max_backoff=config.max_delay,
        jitter=0.5 if config.jitter else 0.0,
        on=on,
    )
    return policy, timeout


def translators_of(config: Any) -> tuple[Callable[[Exception], Exception], ...]:
    """The functions that make another error of an error."""
    return tuple(getattr(config, "error_translators", ()) or ())
