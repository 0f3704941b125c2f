"""Plait side by side with plain asyncio and with its peers: `python -m benchmarks`."""
