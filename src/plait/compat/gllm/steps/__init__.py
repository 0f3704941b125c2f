"""The steps: functions that make them, and their classes."""

from plait.compat.gllm.steps._func import (
    bundle,
    copy,
    goto,
    guard,
    if_else,
    interrupt,
    log,
    map_reduce,
    no_op,
    parallel,
    pause,
    step,
    subgraph,
    switch,
    terminate,
    toggle,
    transform,
    try_catch,
    while_do,
)
from plait.compat.gllm.steps.component_step import ComponentStep
from plait.compat.gllm.steps.conditional_step import ConditionalStep
from plait.compat.gllm.steps.goto_step import GoToStep
from plait.compat.gllm.steps.guard_step import GuardStep
from plait.compat.gllm.steps.interrupt_step import InterruptStep
from plait.compat.gllm.steps.log_step import LogStep
from plait.compat.gllm.steps.map_reduce_step import MapReduceStep
from plait.compat.gllm.steps.no_op_step import NoOpStep
from plait.compat.gllm.steps.parallel_step import ParallelStep
from plait.compat.gllm.steps.pause_step import PauseStep
from plait.compat.gllm.steps.state_operator_step import StateOperatorStep
from plait.compat.gllm.steps.step_error_handler import (
    EmptyStepErrorHandler,
    FallbackStepErrorHandler,
    KeepStepErrorHandler,
    RaiseStepErrorHandler,
)
from plait.compat.gllm.steps.subgraph_step import SubgraphStep
from plait.compat.gllm.steps.terminator_step import TerminatorStep
from plait.compat.gllm.steps.try_catch_step import TryCatchStep
from plait.compat.gllm.steps.while_do_step import WhileDoStep

__all__ = [
    "ComponentStep",
    "ConditionalStep",
    "EmptyStepErrorHandler",
    "FallbackStepErrorHandler",
    "GoToStep",
    "GuardStep",
    "InterruptStep",
    "KeepStepErrorHandler",
    "LogStep",
    "MapReduceStep",
    "NoOpStep",
    "ParallelStep",
    "PauseStep",
    "RaiseStepErrorHandler",
    "StateOperatorStep",
    "SubgraphStep",
    "TerminatorStep",
    "TryCatchStep",
    "WhileDoStep",
    "bundle",
    "copy",
    "goto",
    "guard",
    "if_else",
    "interrupt",
    "log",
    "map_reduce",
    "no_op",
    "parallel",
    "pause",
    "step",
    "subgraph",
    "switch",
    "terminate",
    "toggle",
    "transform",
    "try_catch",
    "while_do",
]
