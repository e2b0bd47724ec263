"""TensorBoard: losses, metrics, weights and the model's graph as files that TensorBoard shows."""

import os
import time

import numpy as np

from ckeras.callbacks.callback import Callback


class TensorBoard(Callback):
    """Writes logs for TensorBoard to `log_dir/train` and `log_dir/validation`; start it as `tensorboard --logdir logs`.

    `update_freq`: "epoch", or a number n ("batch" is 1) for values `batch_...` at every n-th batch as well.
    `histogram_freq`: every how many epochs the weights' distributions are written, with `write_images` as images too.
    `write_graph`: the model's layers. `write_steps_per_second`: how fast it trains. Needs the package tensorboardX, and
    Pillow for images: raises `ImportError` without. Raises `NotImplementedError` for `profile_batch` and
    `embeddings_freq`: neither is there.

    >>> model.fit(x, y, callbacks=[ckeras.callbacks.TensorBoard("logs")])
    """

    def __init__(
        self,
        log_dir="logs",
        histogram_freq=0,
        write_graph=True,
        write_images=False,
        write_steps_per_second=False,
        update_freq="epoch",
        profile_batch=0,
        embeddings_freq=0,
        embeddings_metadata=None,
    ):
        super().__init__()
        if profile_batch:
            raise NotImplementedError("[TensorBoard] profile_batch: profiles are not written; leave it 0")
        if embeddings_freq or embeddings_metadata:
            raise NotImplementedError(
                "[TensorBoard] embeddings_freq, embeddings_metadata: the projector's files are not written; leave "
                "them out"
            )
        if update_freq == "batch":
            update_freq = 1
        if update_freq != "epoch" and (not isinstance(update_freq, int) or update_freq < 1):
            raise ValueError(
                f"[TensorBoard] update_freq must be 'epoch', 'batch' or a positive int, got {update_freq!r}"
            )
        self.log_dir = os.fspath(log_dir)
        self.histogram_freq = histogram_freq
        self.write_graph = write_graph
        self.write_images = write_images
        self.write_steps_per_second = write_steps_per_second
        self.update_freq = update_freq
        # Whole runs of steps stay in the engine unless something is written for single batches.
        self.per_slice = update_freq == "epoch"
        self._train = self._validation = None
        self._batch = 0

    @property
    def summary(self):
        """The writer of the training logs, a `tensorboardX.SummaryWriter`, for values of one's own."""
        return self._train

    def set_model(self, model):
        """Starts new files; writes the model's graph when it has one."""
        super().set_model(model)
        if self.write_images:
            _needs_pillow()
        self._train = _writer(os.path.join(self.log_dir, "train"))
        self._validation = _writer(os.path.join(self.log_dir, "validation"))
        if self.write_graph and type(model).__name__ in ("Functional", "Sequential"):
            _write_graph(self._train, model.to_json())

    def on_train_begin(self, logs=None):
        self._batch = 0

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch_start = time.perf_counter(), int(self.model.optimizer.iterations)

    def on_train_batch_begin(self, batch, logs=None):
        self._batch_start = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        self._batch += 1
        if self.update_freq == "epoch" or self._batch % self.update_freq:
            return
        for name, value in (logs or {}).items():
            self._train.add_scalar(f"batch_{name}", value, self._batch)
        if self.write_steps_per_second:
            seconds = time.perf_counter() - self._batch_start
            self._train.add_scalar("batch_steps_per_second", 1 / seconds, self._batch)

    def on_test_end(self, logs=None):
        optimizer = self.model.optimizer
        if optimizer is not None:
            for name, value in (logs or {}).items():
                self._validation.add_scalar(f"evaluation_{name}_vs_iterations", value, int(optimizer.iterations))
        self._validation.flush()

    def on_epoch_end(self, epoch, logs=None):
        logs = dict(logs or {})
        logs["learning_rate"] = float(self.model.optimizer.learning_rate)
        if self.write_steps_per_second:
            start, iterations = self._epoch_start
            steps = int(self.model.optimizer.iterations) - iterations
            logs["steps_per_second"] = steps / (time.perf_counter() - start)
        for name, value in logs.items():
            writer = self._validation if name.startswith("val_") else self._train
            writer.add_scalar(f"epoch_{name.removeprefix('val_')}", value, epoch)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            self._write_weights(epoch)
        self._train.flush()
        self._validation.flush()

    def on_train_end(self, logs=None):
        self._train.close()
        self._validation.close()

    def _write_weights(self, epoch):
        for layer in self.model.layers:
            for v in layer.weights:
                values = v.numpy().astype(np.float64)
                finite = values[np.isfinite(values)]
                if finite.size:
                    self._train.add_histogram(f"{v.path}/histogram", finite, epoch)
                if self.write_images:
                    for i, image in enumerate(as_images(values)):
                        self._train.add_image(f"{v.path}/image/{i}", image, epoch, dataformats="HWC")


def _needs_pillow():
    try:
        import PIL  # noqa: F401 tensorboardX writes images with it
    except ImportError:
        raise ImportError("[TensorBoard] write_images=True needs the package Pillow: pip install Pillow") from None


def _writer(folder):
    try:
        from tensorboardX import SummaryWriter
    except ImportError:
        raise ImportError("[TensorBoard] needs the package tensorboardX: pip install tensorboardX") from None
    return SummaryWriter(folder)


def _write_graph(writer, config):
    """The config of a model where TensorBoard looks for its conceptual graph: a string of the plugin's own kind."""
    from tensorboardX.proto.summary_pb2 import Summary, SummaryMetadata
    from tensorboardX.proto.tensor_pb2 import TensorProto

    plugin = SummaryMetadata.PluginData(plugin_name="graph_keras_model", content=b"1")
    value = Summary.Value(
        tag="keras",
        metadata=SummaryMetadata(plugin_data=plugin),
        tensor=TensorProto(dtype="DT_STRING", string_val=[config.encode()]),
    )
    writer.file_writer.add_summary(Summary(value=[value]), 0)


def as_images(values, limit=3):
    """Up to `limit` gray images of a weight of rank 1 to 3, its range stretched from black to white."""
    values = np.squeeze(values)
    if values.ndim == 1:
        values = values[None, :, None]
    elif values.ndim == 2:
        values = (values.T if values.shape[0] > values.shape[1] else values)[..., None]
    elif values.ndim != 3:
        return []
    low, high = values.min(), values.max()
    gray = np.round(255 * (values - low) / ((high - low) or 1)).astype(np.uint8)
    return [np.ascontiguousarray(gray[..., i : i + 1]) for i in range(min(limit, gray.shape[-1]))]
