"""Defects to plant: each is a small change that breaks one promise of the engine. `tools/mutants.py` tries them.

The old text stands exactly once in its file; a test holds that, so a defect cannot rot when the code moves on. If your
change made one stale, write the same defect for the new code.
"""

from __future__ import annotations

from typing import NamedTuple


class Planted(NamedTuple):
    """One defect."""

    name: str
    file: str
    """Below src/plait."""
    old: str
    new: str
    breaks: str
    """What is no longer true."""


SCHEDULER = "core/schedule/scheduler.py"
ENDING = "core/schedule/ending.py"
LEDGER = "core/schedule/ledger.py"
BIND = "core/plan/bind.py"
CONFLICTS = "core/plan/conflicts.py"
PLACE = "core/plan/place.py"
SCOPE = "core/plan/scope.py"
LOWER = "core/plan/lower.py"
DRIVE = "run/drive.py"
FAILING = "run/failing.py"
CALL = "run/call.py"
VALUES = "run/values.py"
ADMIT = "run/admit.py"
FINISH = "run/finish.py"

PLANTED = (
    Planted(
        "started after the first of several",
        SCHEDULER,
        "if not missing[t] and state[t] == WAITING:",
        "if state[t] == WAITING:",
        "nothing starts before all that it waits for has succeeded",
    ),
    Planted(
        "a failed attempt keeps what it held",
        ENDING,
        "            out.append(Release(task))\n        self._draw = event.draw",
        "            pass\n        self._draw = event.draw",
        "a retry that waits holds nothing",
    ),
    Planted(
        "a place is given back before what became ready has asked",
        SCHEDULER,
        "            out.insert(len(out) - self.done, Release(task))",
        "            out.insert(0, Release(task))",
        "a place goes to the highest rank of all that wait",
    ),
    Planted(
        "a stopped task keeps what it held",
        ENDING,
        "if frame.plan.units[node].region is None and frame.plan.needs[node] is not None:",
        "if frame.plan.units[node].region is None and frame.plan.needs[node] is None:",
        "everything is given back",
    ),
    Planted(
        "one attempt too many",
        ENDING,
        "if retry is not None and event.matches & 1 and attempt < retry.attempts:",
        "if retry is not None and event.matches & 1 and attempt <= retry.attempts:",
        "attempts counts the first one",
    ),
    Planted(
        "tried again whatever the error",
        ENDING,
        "if retry is not None and event.matches & 1 and attempt < retry.attempts:",
        "if retry is not None and attempt < retry.attempts:",
        "only errors that the policy names are tried again",
    ),
    Planted(
        "a grant that comes too late starts its task",
        SCHEDULER,
        "if self.state[task] != ACQUIRING:  # withdrawn",
        "if self.state[task] == SUCCEEDED:  # withdrawn",
        "nothing starts after a stop",
    ),
    Planted(
        "effects do not wait for the journal",
        SCHEDULER,
        "plan.effects[node] and self._committed < self._facts:",
        "plan.effects[node] and self._committed < 0:",
        "an effect waits until what it stands on is stored",
    ),
    Planted(
        "a failure leaves the siblings running",
        ENDING,
        'stop_all = region.on_error == "cancel"\n        else',
        'stop_all = region.on_error == "finish"\n        else',
        "on_error decides whether siblings are cancelled",
    ),
    Planted(
        "a quorum that wants one more",
        ENDING,
        "if len(kept) < frame.need:",
        "if len(kept) <= frame.need:",
        "the n-th success ends a block with need=n",
    ),
    Planted(
        "a quorum out of reach goes on",
        ENDING,
        "frame.plan.branches - len(frame.failed) < need",
        "frame.plan.branches - len(frame.failed) < 1",
        "a quorum fails as soon as it is out of reach",
    ),
    Planted(
        "a timer of the attempt before counts",
        SCHEDULER,
        "if self.state[task] == RUNNING and self.attempt[task] == attempt:",
        "if self.state[task] == RUNNING:",
        "a timeout is for one attempt, from its start",
    ),
    Planted(
        "an earlier timer wakes nobody",
        SCHEDULER,
        "if not self._timers or at < self._timers[0][0]:",
        "if not self._timers:",
        "the shell is woken for the earliest timer",
    ),
    Planted(
        "a failed branch is kept",
        ENDING,
        'if region.on_error == "collect":\n            return frame.succeeded_branches()',
        'if region.on_error == "collect":\n            return tuple(range(frame.plan.branches))',
        "a failed branch leaves no values",
    ),
    Planted(
        "a block is tried again for one error of several",
        ENDING,
        "matched = bool(faults) and all(ended.matches & 1 for ended in faults)",
        "matched = bool(faults) and any(ended.matches & 1 for ended in faults)",
        "a block is tried again only if all its errors match",
    ),
    Planted(
        "a cancelled run is told as failed",
        SCHEDULER,
        'if self.cancelled:\n            self.outcome = "cancelled"',
        'if self.cancelled and not self.root.faults:\n            self.outcome = "cancelled"',
        "a cancel from outside wins",
    ),
    Planted(
        "what was collected is forgotten",
        ENDING,
        "outer.recorded += [ended.fault for ended in frame.faults]",
        "outer.recorded += []",
        "collected failures are in the result",
    ),
    Planted(
        "cancellation is told once only",
        SCHEDULER,
        "self._set_timer(self._at + REDELIVERY_INTERVAL, GRACE, task, times + 1, out)",
        "self._order += 1",
        "cancellation is delivered again after the grace period",
    ),
    Planted(
        "half of a need is enough",
        LEDGER,
        "return all(free[name] >= amount for name, amount in need)",
        "return any(free[name] >= amount for name, amount in need)",
        "all or nothing, never above capacity",
    ),
    Planted(
        "less is given back than was taken",
        LEDGER,
        "self.free[name] += amount",
        "self.free[name] += min(amount, 1)",
        "a release gives back all of it",
    ),
    Planted(
        "the shortest path first",
        LEDGER,
        "(-rank, self._order, ticket)",
        "(rank, self._order, ticket)",
        "of those that wait, the longest remaining path starts first",
    ),
    Planted(
        "a withdrawn request is granted",
        LEDGER,
        "self._waiting.pop(ticket, None)",
        "self._waiting.get(ticket, None)",
        "who has withdrawn gets nothing",
    ),
    Planted(
        "a new capacity forgets what is in use",
        LEDGER,
        "self.free[name] = capacity - used",
        "self.free[name] = capacity",
        "amounts in use are kept when a capacity changes",
    ),
    Planted(
        "two writers of one key go unnoticed",
        CONFLICTS,
        'if key in writer and block.need == "all":',
        'if key in writer and block.need == "none":',
        "E202 refuses two branches that write one key",
    ),
    Planted(
        "an effect runs ahead",
        BIND,
        "if other.frame is leaf.frame and other is not leaf and not any(s in listed for s in other.before):",
        "if other.frame is leaf.frame and other is leaf:",
        "an effect waits for all that is listed before it",
    ),
    Planted(
        "a rewriter overtakes the readers",
        BIND,
        "for version in rewritten(leaf):",
        "for version in rewritten(leaf)[:0]:",
        "who rewrites a key waits for its earlier readers",
    ),
    Planted(
        "a branch sees what its siblings write",
        BIND,
        "env = at.env.branch()\n",
        "env = (envs[-1] if envs else at.env).branch()\n",
        "branches do not see each other",
    ),
    Planted(
        "deltas of a branch in reverse",
        BIND,
        "                    for delta in entry.own:\n                        at.env.write(key, delta)\n                elif",
        "                    for delta in reversed(entry.own):\n                        at.env.write(key, delta)\n                elif",
        "values merge in listed order",
    ),
    Planted(
        "a collected block surely gives its keys",
        PLACE,
        'elif region.on_error == "collect":\n        sure = False',
        'elif region.on_error == "collect":\n        sure = True',
        "E104 finds reads of what may be missing",
    ),
    Planted(
        "a branch begins without its base",
        SCOPE,
        "return Deltas(self.view)",
        "return Deltas(None)",
        "a branch sees the base and its own deltas",
    ),
    Planted(
        "deltas are folded twice",
        SCOPE,
        "deltas = [frame.local(d) for d in entry.own[entry.folded :]]",
        "deltas = [frame.local(d) for d in entry.own]",
        "every delta is merged once",
    ),
    Planted(
        "threads and coroutines in one segment",
        LOWER,
        "one.where != other.where or other.effect",
        "other.effect",
        "a segment has one executor",
    ),
    Planted(
        "an effect inside a segment",
        LOWER,
        "one.where != other.where or other.effect",
        "one.where != other.where",
        "no gate lies inside a segment",
    ),
    Planted(
        "a segment that needs what nobody grants",
        LOWER,
        "                or self._needs(n) is not None\n",
        "",
        "a step with a resource is a segment of its own",
    ),
    Planted(
        "a slot is freed before its last reader",
        LOWER,
        "counted.append((slot, len(steps)))",
        "counted.append((slot, len(steps) - 1))",
        "values live until their last reader",
    ),
    Planted(
        "results are freed",
        LOWER,
        "keep = {v.slot for v in frame.finals.values()}",
        "keep: set[int] = set()",
        "the final state has every key's last version",
    ),
    Planted(
        "a join forgets one",
        LOWER,
        "waits.append(before)",
        "waits.append(before[:-1])",
        "a join waits for all",
    ),
    Planted(
        "the rank of the shortest path",
        LOWER,
        "rank[i] = cost[i] + max((rank[j] for j in dependents[i]), default=0.0)",
        "rank[i] = cost[i] + min((rank[j] for j in dependents[i]), default=0.0)",
        "the longest remaining path starts first",
    ),
    Planted(
        "arguments by position out of order",
        LOWER,
        "positional = in_order and not omit",
        "positional = not omit",
        "an argument reaches the parameter of its name",
    ),
    Planted(
        "a reducer with its arguments swapped",
        VALUES,
        "else reducer(total, delta)\n        except",
        "else reducer(delta, total)\n        except",
        "base ⊕ d₁ ⊕ d₂, in this order",
    ),
    Planted(
        "branches that were not kept give values",
        VALUES,
        "            if branch in kept:\n",
        "            if branch >= 0:\n",
        "only kept branches give values",
    ),
    Planted(
        "a value is dropped one reader early",
        VALUES,
        "if not left[slot]:",
        "if left[slot] <= 1:",
        "values live until their last reader",
    ),
    Planted(
        "copy=True does not copy",
        VALUES,
        "args, kwargs = copy.deepcopy((args, kwargs))",
        "args, kwargs = copy.copy((args, kwargs))",
        "copy=True keeps a component from changing the state",
    ),
    Planted(
        "cancels are not taken back",
        FAILING,
        "for _ in range(cursor.cancels):",
        "for _ in range(0):",
        "our own cancels are uncancelled, so a retry or a handler runs undisturbed",
    ),
    Planted(
        "what a stopped step returns counts",
        DRIVE,
        "if cursor.stopped:  # it went on all the same",
        "if cursor.fenced:  # it went on all the same",
        "what a step returns after it was told to stop is void",
    ),
    Planted(
        "a cancel from outside is the step's failure",
        DRIVE,
        "self._leader.cancelling() > self._baseline",
        "self._leader.cancelling() > 99",
        "a cancel from outside stops the run and wins",
    ),
    Planted(
        "an earlier timer is not set",
        DRIVE,
        "if self._timer_at <= at:",
        "if self._timer_at > 0.0:",
        "timers fire in time",
    ),
    Planted(
        "an abandoned step is tried again",
        FAILING,
        "if cursor.abandoned and not step.idempotent:",
        "if not cursor.fenced or step.idempotent:",
        "an abandoned step is tried again only if it is idempotent",
    ),
    Planted(
        "what was called off starts all the same",
        FAILING,
        "run.dropped.add(task)",
        "run.dropped.discard(task)",
        "nothing starts after a stop",
    ),
    Planted(
        "the last value wins, failed or not",
        CALL,
        "values = frame.values if not step.abandon else frame.values.copy()",
        "values = frame.values",
        "what an abandoned call returns later is void",
    ),
    Planted(
        "a chain in a thread goes on after its cancellation",
        CALL,
        "            if job is not None and job.cancelled:\n                return\n",
        "",
        "a cancelled chain ends after the step it is in",
    ),
    Planted(
        "a run asks again for what the step around it holds",
        ADMIT,
        "if lent is not None:",
        "if lent is not None and amount < 0:",
        "a run inside a step borrows what the step holds, so nesting can't lock itself out",
    ),
    Planted(
        "failures in the order of completion",
        FINISH,
        "placed.sort(key=lambda item: item[0])",
        "placed.reverse()",
        "failures come in listed order",
    ),
    Planted(
        "one failure is wrapped",
        FINISH,
        "elif len(errors) == 1:",
        "elif len(errors) == 0:",
        "a single failure is raised as it is",
    ),
)
