"""Move a file from gllm-pipeline to ``plait.compat.gllm``: rewrite what is certain, and point at what is not.

    source.py      a file as it is, and as Python reads it
    rewrite.py     the new names of its imports, put in where the old ones stand
    names.py       what a name in the file stands for
    calls.py       what a step of the file reads and writes
    advice.py      what a person has to look at: about_steps.py, about_use.py
    moving.py      all of it, for one file

Nothing here imports the file or the original library.
"""

from __future__ import annotations

OLD = "gllm_pipeline"
NEW = "plait.compat.gllm"
