"""Names that ``config=`` keeps for itself, and keys in results."""

from __future__ import annotations

from typing import Final


class ConfigKeys:
    """What ``config=`` means something by; all other names are values for the steps."""

    CALLBACKS: Final = "callbacks"
    CONFIGURABLE: Final = "configurable"
    DEBUG_STATE: Final = "debug_state"
    MAX_CONCURRENCY: Final = "max_concurrency"
    METADATA: Final = "metadata"
    RECURSION_LIMIT: Final = "recursion_limit"
    RUN_ID: Final = "run_id"
    RUN_NAME: Final = "run_name"
    TAGS: Final = "tags"
    THREAD_ID: Final = "thread_id"


class InternalKeys:
    """Keys that a result may have besides the state's."""

    STEP_OUTPUTS: Final = "__step_outputs__"
    STATE_LOGS: Final = "__state_logs__"
    INTERRUPT: Final = "__interrupt__"
