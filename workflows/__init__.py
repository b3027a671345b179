"""The durable shell: deterministic code that Temporal replays. Thin; what it means is in `rules/`."""
