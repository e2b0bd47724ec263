"""The methods of quantization, which ckeras does not have: each says so."""


class NotQuantized:
    """Base of layers: `quantization_mode` is `None`, and asking for quantized weights is an error."""

    quantization_mode = None

    def quantize(self, mode=None, type_check=True, config=None):
        """Not there: raises `NotImplementedError`. Real Keras reads the files of ckeras and can quantize them."""
        raise NotImplementedError(
            f"[{self.name}.quantize] quantization (mode={mode!r}) is not supported; save the model as .keras, load it "
            "with Keras and quantize it there"
        )

    def quantized_build(self, input_shape, mode):
        """Not there: raises `NotImplementedError`."""
        self.quantize(mode)

    def add_metric(self, *args, **kwargs):
        """As in Keras 3, no longer there: raises `NotImplementedError`."""
        raise NotImplementedError(
            f"[{self.name}.add_metric] pass metrics to compile(metrics=[...]), or make one in __init__ and call its "
            "update_state in call"
        )
