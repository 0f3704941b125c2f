"""Calling what may be sync or async."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

from plait.core.component import is_async


async def execute_callable(func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call a function: await a coroutine function, run any other in a thread."""
    if is_async(func):
        return await func(*args, **kwargs)
    result = await asyncio.to_thread(func, *args, **kwargs)
    return await result if inspect.isawaitable(result) else result
