"""The engine's Python half: tensors, variables, primitives, differentiation, tracing. It imports nothing from `ops`."""
