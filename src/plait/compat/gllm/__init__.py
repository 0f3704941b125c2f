"""The names of ``gllm_pipeline``, run by Plait: ``from plait.compat.gllm.pipeline import Pipeline``.

The modules are called as they are there, so that an import is all that changes. What differs on purpose is in
``docs/how-to/migrate-from-gllm.md``. None of the packages of the original is needed; where one is installed, its objects
(components, event emitters, ``RetryConfig``) are taken as they are.
"""
