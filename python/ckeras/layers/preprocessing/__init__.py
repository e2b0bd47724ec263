"""Layers that prepare data: what they need to know they learn with `adapt`, once, before training."""
