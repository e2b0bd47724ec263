"""The engine's Python half: tensors, variables, primitives, differentiation, tracing. It imports nothing from `ops`."""

import os

if os.environ.get("CKERAS_DEVICE"):  # before anything is computed
    from ckeras._cuda import settle

    if settle() == "gpu":
        from ckeras._core.device import compute_on_gpu

        compute_on_gpu()
