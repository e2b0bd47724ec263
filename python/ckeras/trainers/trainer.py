"""Trainer: `compile`, `fit`, `evaluate`, `predict` and the steps under them, which `Model` inherits."""

import functools
import inspect
import warnings

import numpy as np

from ckeras import metrics as metrics_module
from ckeras import ops
from ckeras import optimizers as optimizers_module
from ckeras._core import nest
from ckeras._core.scope import state as ambient
from ckeras._core.tape import GradientTape
from ckeras._core.tensor import Tensor
from ckeras._core.tracebacks import filters_traceback
from ckeras.callbacks.callback_list import CallbackList, to_python
from ckeras.config import settings
from ckeras.saving import registry
from ckeras.trainers import arguments
from ckeras.trainers import data as data_module
from ckeras.trainers.batch_data import ended, make
from ckeras.trainers.compile_utils import CompileLoss, CompileMetrics, object_name
from ckeras.trainers.data import ArrayData
from ckeras.trainers.state import State, flag
from ckeras.trainers.state_tree import StateTree
from ckeras.trainers.step_functions import StepFunctions
from ckeras.trainers.steps import Runner
from ckeras.utils.batches import pack_x_y_sample_weight, unpack_x_y_sample_weight


@functools.lru_cache(64)
def _takes_training(method):
    parameters = inspect.signature(method).parameters.values()
    return any(p.name == "training" or p.kind is p.VAR_KEYWORD for p in parameters)


_STOP = {"train": "stop_training", "test": "stop_evaluating"}


class Trainer(StateTree, StepFunctions):
    """Training for models: a mixin whose class also has `__call__`, `trainable_variables`, `losses`, `layers`."""

    # ---------------------------------------------------------------- compile

    @filters_traceback
    def compile(
        self,
        optimizer="rmsprop",
        loss=None,
        loss_weights=None,
        metrics=None,
        weighted_metrics=None,
        run_eagerly=False,
        steps_per_execution=1,
        jit_compile="auto",
        auto_scale_loss=True,
    ):
        """Sets how to train.

        `optimizer`: a name, config or `Optimizer`. `loss`, `loss_weights`, `metrics`, `weighted_metrics`: for one
        output, or lists or dicts shaped as the outputs; "accuracy" becomes binary, categorical or sparse by the shapes.
        `run_eagerly=True` runs steps as Python code, with the same numbers. `steps_per_execution`: how many steps run
        between two calls of batch hooks. `jit_compile` is accepted: steps are always traced unless `run_eagerly`.
        `auto_scale_loss` puts the optimizer into a `LossScaleOptimizer` where the policy is "mixed_float16".
        Raises `ValueError` for unknown names and for a negative or zero `steps_per_execution`.

        >>> model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
        """
        arguments.check_compile(steps_per_execution, jit_compile, run_eagerly, auto_scale_loss)
        output_names = getattr(self, "output_names", None)
        resolved = optimizers_module.get(optimizer)
        if auto_scale_loss and resolved is not None and self.dtype_policy.name == "mixed_float16":
            scales = isinstance(resolved, optimizers_module.LossScaleOptimizer)
            if not scales:
                resolved = optimizers_module.LossScaleOptimizer(resolved, name="loss_scale_optimizer")
        compile_loss = None if loss is None else CompileLoss(loss, loss_weights, output_names)
        if loss is None and loss_weights is not None:
            raise ValueError("[compile] loss_weights without a loss")
        compile_metrics = None
        if metrics or weighted_metrics:
            compile_metrics = CompileMetrics(metrics, weighted_metrics, output_names)
        state = self._trainer
        state.optimizer = resolved
        state.loss = loss
        state.compile_loss = compile_loss
        state.compile_metrics = compile_metrics
        state.loss_tracker = metrics_module.Mean(name="loss")
        state.run_eagerly = run_eagerly
        state.steps_per_execution = steps_per_execution
        state.jit_compile = bool(jit_compile) and not run_eagerly
        state.config = {
            "optimizer": resolved,
            "loss": loss,
            "loss_weights": loss_weights,
            "metrics": metrics,
            "weighted_metrics": weighted_metrics,
            "run_eagerly": run_eagerly,
            "steps_per_execution": steps_per_execution,
            "jit_compile": state.jit_compile,
        }
        if not auto_scale_loss:
            state.config["auto_scale_loss"] = False
        state.version += 1
        state.runners = {}
        state.stop_training = state.stop_evaluating = False
        state.compiled = True

    @property
    def _trainer(self):
        state = self.__dict__.get("_trainer_state")
        if state is None:
            state = State()
            self.__dict__["_trainer_state"] = state
        return state

    @property
    def compiled(self):
        return self._trainer.compiled

    @property
    def optimizer(self):
        """The optimizer that `compile` made, or `None`."""
        return self._trainer.optimizer

    @optimizer.setter
    def optimizer(self, optimizer):
        state = self._trainer
        state.optimizer = optimizer
        state.runners = {}

    @property
    def loss(self):
        return self._trainer.loss

    @property
    def run_eagerly(self):
        return self._trainer.run_eagerly

    @run_eagerly.setter
    def run_eagerly(self, value):
        self._trainer.run_eagerly = bool(value)
        self._trainer.runners = {}

    @property
    def jit_compile(self):
        return self._trainer.jit_compile

    @property
    def steps_per_execution(self):
        return self._trainer.steps_per_execution

    stop_training = flag("stop_training", "training")
    stop_evaluating = flag("stop_evaluating", "evaluation")
    stop_predicting = flag("stop_predicting", "prediction")

    def get_compile_config(self):
        """The arguments of `compile` as plain values: none of them (`{}`) when not compiled."""
        return registry.serialize_keras_object(self._trainer.config) if self.compiled else {}

    def compile_from_config(self, config):
        """Compiles as the model was compiled that `config` comes from, and makes the optimizer's variables.

        A class with a `compile` of its own is left uncompiled with a `UserWarning`, unless it defines this too.
        """
        if type(self).compile is not Trainer.compile:
            warnings.warn(
                f"{type(self).__name__} was loaded without being compiled, since its compile() is its own: call it, or "
                "define get_compile_config() and compile_from_config(config) beside it",
                stacklevel=2,
            )
            return
        self._compile_from(config)

    def _compile_from(self, config):
        config = {k: registry.deserialize_keras_object(v) for k, v in config.items()}
        self.compile(**config)
        if self.built and self.optimizer is not None and not self.optimizer.built:
            self.optimizer.build(self.trainable_variables)

    # ---------------------------------------------------------------- metrics

    @property
    def metrics(self):
        """The loss tracker, metrics of `compile`, each output's loss, then those of the model and its layers."""
        state = self._trainer
        found = [] if state.loss_tracker is None else [state.loss_tracker]
        if state.compile_metrics is not None:
            found.append(state.compile_metrics)
        if state.compile_loss is not None:
            found.extend(state.compile_loss.metrics)
        for layer in self._flatten_layers():
            own = getattr(layer, "_metrics", ())
            if own and (layer is self or not isinstance(layer, Trainer)):
                found.extend(m for m in own if not any(m is f for f in found))
        return found

    @property
    def metrics_names(self):
        return [m.name for m in self.metrics]

    @property
    def metrics_variables(self):
        return [v for m in self.metrics for v in m.variables]

    def reset_metrics(self):
        """Sets all metrics to their start."""
        for m in self.metrics:
            m.reset_state()

    def get_metrics_result(self):
        """The metrics' results by name."""
        logs = {}
        for m in self.metrics:
            result = m.result()
            if isinstance(result, dict):
                logs.update(result)
            else:
                logs[m.name] = result
        return logs

    # ---------------------------------------------------------------- steps, to be overridden

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """The total loss, a scalar: that of `compile` plus the losses that layers added."""
        total = None
        if self._trainer.compile_loss is not None:
            total = self._trainer.compile_loss(y, y_pred, sample_weight)
        for extra in self.losses:
            extra = ops.sum(ops.cast(extra, "float32"))
            total = extra if total is None else ops.add(total, extra)
        if total is None:
            raise ValueError(
                "[compute_loss] there is no loss to minimise: give compile() a `loss`, call add_loss() in a layer, or "
                "override compute_loss or train_step"
            )
        return total

    def _loss_of(self, **arguments):
        """`compute_loss`, also where a subclass overrides it without the argument `training`."""
        if not _takes_training(type(self).compute_loss):
            del arguments["training"]
        return self.compute_loss(**arguments)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        """Updates the metrics of `compile` and returns all results by name."""
        if self._trainer.compile_metrics is not None:
            self._trainer.compile_metrics.update_state(y, y_pred, sample_weight)
        return self.get_metrics_result()

    def train_step(self, data):
        """One update on a batch `x`, `(x, y)` or `(x, y, sample_weight)`; returns logs, a dict of scalars."""
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        with GradientTape() as tape:
            y_pred = self._forward(x, True)
            loss = self._loss_of(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=True)
            scaled = self.optimizer.scale_loss(loss)
        self._track_loss(loss, x)
        variables = self.trainable_variables
        if variables:
            self.optimizer.apply_gradients(zip(tape.gradient(scaled, variables), variables, strict=False))
        return self.compute_metrics(x, y, y_pred, sample_weight=sample_weight)

    def test_step(self, data):
        """As `train_step` without an update."""
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        y_pred = self._forward(x, False)
        loss = self._loss_of(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=False)
        self._track_loss(loss, x)
        return self.compute_metrics(x, y, y_pred, sample_weight=sample_weight)

    def predict_step(self, data):
        """The model's output on a batch."""
        x, _, _ = unpack_x_y_sample_weight(data)
        return self._forward(x, False)

    def _forward(self, x, training):
        """As in Keras, a `call` that does not take `training` leaves its layers without it."""
        return self(x, training=training) if self._call_has_training_arg else self(x)

    def _track_loss(self, loss, x):
        tracker = self._trainer.loss_tracker
        if tracker is not None:
            tracker.update_state(loss, sample_weight=float(nest.leaves(x)[0].shape[0]))

    # ---------------------------------------------------------------- runners

    def _forget_programs(self):
        """Drops every traced step: for a model whose layers change, as Sequential's `add` and `pop` do."""
        self._trainer.runners = {}

    def _fingerprint(self):
        """What a step of training or evaluation depends on besides the batch: another value is another program."""
        return (
            self._trainer.version,
            self._changes,
            tuple([(id(layer), layer.trainable, layer.dtype_policy) for layer in self._flatten_layers()]),
        )

    def _runner(self, kind, structure):
        state = self._trainer
        key = (kind, nest.skeleton(structure), self._changes if kind == "predict" else self._fingerprint())
        runner = state.runners.get(key)
        if runner is None:
            if len(state.runners) > 16:
                state.runners = {}
            runner = Runner(self._step(kind), structure, state.run_eagerly, self._loss_note())
            state.runners[key] = runner
        return runner

    def _step(self, kind):
        method = getattr(self, f"{kind}_step")

        def step(x, y, sample_weight):
            self._clear_losses()
            try:
                found = method(pack_x_y_sample_weight(x, y, sample_weight))
            finally:
                if ambient.trace is not None:
                    self._clear_losses()  # values inside the trace mean nothing outside it
            if kind != "predict" and not isinstance(found, dict):
                raise ValueError(f"[{kind}_step] must return a dict of logs, got {type(found).__name__}")
            return found

        return step

    def _loss_note(self):
        if self._trainer.loss is None:
            return ""
        names = sorted({object_name(x) if not isinstance(x, str) else x for x in nest.leaves(self._trainer.loss)})
        return f" (in the loss {', '.join(map(repr, names))} of model {self.name!r})"

    def _run_batches(self, kind, data, limit, callbacks):
        """Runs an epoch of steps over the data; the logs of the last step."""
        state = self._trainer
        stop = _STOP[kind]
        self._check_functions(kind)
        begin, end = callbacks.batch_hooks(kind)
        slow = callbacks.wants_every_batch(kind)
        chunk = state.steps_per_execution
        done, logs = 0, None
        if isinstance(data, ArrayData):
            runner = self._runner(kind, data.structure)
            for order, batch, first, count in data.segments(limit):
                last = first + count
                while first < last:
                    if slow:
                        begin(done)
                    steps = min(chunk, last - first) if slow else last - first
                    n, logs = runner.run_steps(data.leaves, order, batch, first, steps)
                    first += n
                    done += n
                    end(done - 1, logs)
                    if getattr(state, stop):
                        return logs
            return logs
        with data.epoch(limit) as batches:
            for batch in batches:
                begin(done)
                logs = self._runner(kind, batch).run(nest.leaves(batch))
                end(done, logs)
                done += 1
                if getattr(state, stop):
                    break
        return logs

    # ---------------------------------------------------------------- fit, evaluate, predict

    @filters_traceback
    def fit(
        self,
        x=None,
        y=None,
        batch_size=None,
        epochs=1,
        verbose="auto",
        callbacks=None,
        validation_split=0.0,
        validation_data=None,
        shuffle=True,
        class_weight=None,
        sample_weight=None,
        initial_epoch=0,
        steps_per_epoch=None,
        validation_steps=None,
        validation_batch_size=None,
        validation_freq=1,
    ):
        """Trains for `epochs - initial_epoch` epochs and returns a `History`.

        `x`, `y`, `sample_weight`: arrays of shape (samples, ...), or lists or dicts of them; or `x` alone a generator,
        an iterable or a `PyDataset` of batches `(x, y)` or `(x, y, sample_weight)`. `validation_split` takes the last
        part of the arrays, before shuffling. An epoch of `steps_per_epoch` steps goes on where the last one stopped;
        it ends early, with a warning, where the data does. Every validation sees the same first `validation_steps`
        batches. Raises `ValueError` when the model is not compiled, for empty data, and for lengths, shapes or labels
        that do not fit; the model stays usable.

        >>> history = model.fit(x, y, epochs=2, batch_size=32, validation_split=0.1)
        """
        self._assert_compiled("fit")
        epochs = arguments.epochs("epochs", epochs)
        if settings.max_epochs() is not None:
            epochs = min(epochs, settings.max_epochs())
        initial_epoch = arguments.epochs("initial_epoch", initial_epoch)
        steps_per_epoch = arguments.steps("steps_per_epoch", steps_per_epoch)
        validation_steps = arguments.steps("validation_steps", validation_steps)
        verbose = arguments.verbose(verbose)
        validates_at = arguments.validation_epochs(validation_freq)
        if class_weight is not None and sample_weight is not None:
            raise ValueError("[fit] give either class_weight or sample_weight, not both")
        if validation_split and validation_data is None:
            whole = make(x, y, sample_weight, batch_size)
            if not isinstance(whole, ArrayData):
                raise ValueError("[fit] validation_split needs arrays; pass validation_data for batches")
            (x, y, sample_weight), validation_data = whole.split(validation_split)
        data = make(x, y, sample_weight, batch_size, shuffle, class_weight)
        if isinstance(data, ArrayData):
            data.passes = epochs - initial_epoch
        validation = None
        if validation_data is not None:
            validation = arguments.validation_data(validation_data, validation_batch_size or batch_size)
            arguments.check_endless("fit", "validation_steps", validation, arguments.cap(validation_steps))
        limit = arguments.cap(steps_per_epoch)
        arguments.check_endless("fit", "steps_per_epoch", data, limit, epochs - initial_epoch)
        if not isinstance(callbacks, CallbackList):
            callbacks = CallbackList(
                callbacks,
                add_history=True,
                add_progbar=verbose != 0,
                verbose=verbose,
                epochs=epochs,
                steps=limit or data.steps,
                model=self,
            )
        self.stop_training = False
        logs = {}
        self._trainer.resumed_epoch = None
        callbacks.on_train_begin()
        if self._trainer.resumed_epoch is not None:
            initial_epoch = self._trainer.resumed_epoch
        for epoch in range(initial_epoch, epochs):
            if ended(data, f"training ends after {epoch} of {epochs} epochs"):
                break
            self.reset_metrics()
            callbacks.on_epoch_begin(epoch)
            logs = to_python(self._run_batches("train", data, limit, callbacks))
            if validation is not None and ended(validation, "there is no further validation"):
                validation = None
            if validation is not None and validates_at(epoch):
                self.reset_metrics()
                validation.reset()
                found = self._evaluate(validation, arguments.cap(validation_steps), callbacks)
                logs = dict(sorted({**logs, **{f"val_{k}": v for k, v in found.items()}}.items()))
            callbacks.on_epoch_end(epoch, logs)
            if self.stop_training:
                break
        if epochs > initial_epoch and hasattr(self.optimizer, "finalize_variable_values"):
            self.optimizer.finalize_variable_values(self.trainable_variables)
        callbacks.on_train_end(logs)
        return self.history

    @property
    def history(self):
        """The `History` of the last `fit`."""
        return self._trainer.__dict__.get("history")

    @history.setter
    def history(self, history):
        self._trainer.history = history

    def _evaluate(self, data, limit, callbacks):
        self._trainer.stop_evaluating = False
        callbacks.on_test_begin()
        logs = to_python(self._run_batches("test", data, limit, callbacks))
        callbacks.on_test_end(logs)
        return logs

    @filters_traceback
    def evaluate(
        self,
        x=None,
        y=None,
        batch_size=None,
        verbose="auto",
        sample_weight=None,
        steps=None,
        callbacks=None,
        return_dict=False,
        **kwargs,
    ):
        """The loss, or a list of loss and metrics in the order of `metrics_names` (a dict with `return_dict`).

        Data as in `fit`. Raises `ValueError` as `fit` does.
        """
        self._no_more("evaluate", kwargs)
        self._assert_compiled("evaluate")
        verbose = arguments.verbose(verbose)
        data = make(x, y, sample_weight, batch_size)
        limit = arguments.cap(arguments.steps("steps", steps))
        arguments.check_endless("evaluate", "steps", data, limit)
        if not isinstance(callbacks, CallbackList):
            callbacks = CallbackList(
                callbacks, add_progbar=verbose != 0, verbose=verbose, epochs=1, steps=limit or data.steps, model=self
            )
        self.reset_metrics()
        logs = self._evaluate(data, limit, callbacks)
        return logs if return_dict else self._flatten_logs(logs)

    @filters_traceback
    def predict(self, x, batch_size=None, verbose="auto", steps=None, callbacks=None):
        """The model's outputs on all samples as NumPy arrays, structured as the outputs.

        `x` as in `fit`; batches of an iterable may hold targets, which are ignored. Threads may call it at once.
        """
        self._check_functions("predict")
        if verbose == 0 and callbacks is None and steps is None and x.__class__ is np.ndarray:
            size = data_module.check_batch_size(batch_size) or 32
            if x.ndim and 0 < len(x) <= size:
                leaf = data_module.as_tensor(x, "x")
                result = self._runner("predict", (leaf, None, None)).run([leaf])
                return _writable(result)
        return self._predict(x, batch_size, arguments.verbose(verbose), arguments.steps("steps", steps), callbacks)

    def _predict(self, x, batch_size, verbose, steps, callbacks):
        data = make(x, None, None, batch_size)
        arguments.check_endless("predict", "steps", data, steps)
        if not isinstance(callbacks, CallbackList):
            callbacks = CallbackList(
                callbacks, add_progbar=verbose != 0, verbose=verbose, epochs=1, steps=steps or data.steps, model=self
            )
        found = []
        state = self._trainer
        state.stop_predicting = False
        callbacks.on_predict_begin()
        begin, end = callbacks.batch_hooks("predict")
        with data.epoch(steps) as batches:
            for i, (x, _, _) in enumerate(batches):
                begin(i)
                outputs = self._runner("predict", (x, None, None)).run(nest.leaves(x))
                found.append(outputs)
                end(i, {"outputs": outputs})
                if state.stop_predicting:
                    break
        callbacks.on_predict_end()
        if len(found) == 1:
            return _writable(found[0])
        columns = zip(*[nest.leaves(f) for f in found], strict=False)
        return nest.pack(found[0], [np.concatenate([t.numpy() for t in column]) for column in columns])

    @filters_traceback
    def train_on_batch(self, x, y=None, sample_weight=None, class_weight=None, return_dict=False):
        """One update; the logs of this batch, as `evaluate` returns them."""
        self._assert_compiled("train_on_batch")
        return self._on_batch("train", x, y, sample_weight, class_weight, return_dict)

    @filters_traceback
    def test_on_batch(self, x, y=None, sample_weight=None, return_dict=False):
        """As `train_on_batch` without an update."""
        self._assert_compiled("test_on_batch")
        return self._on_batch("test", x, y, sample_weight, None, return_dict)

    def _on_batch(self, kind, x, y, sample_weight, class_weight, return_dict):
        if class_weight is not None and sample_weight is not None:
            raise ValueError("[train_on_batch] give either class_weight or sample_weight, not both")
        data = ArrayData(x, y, sample_weight, class_weight=class_weight)
        self.reset_metrics()
        logs = to_python(self._runner(kind, data.structure).run(data.leaves))
        return logs if return_dict else self._flatten_logs(logs)

    @filters_traceback
    def predict_on_batch(self, x):
        """The outputs for one batch, as NumPy arrays."""
        data = ArrayData(x)
        return _writable(self._runner("predict", data.structure).run(data.leaves))

    # ---------------------------------------------------------------- helpers

    def _assert_compiled(self, method):
        if not self.compiled:
            raise ValueError(
                f"[{method}] the model {self.name!r} is not compiled: call compile(optimizer=..., "
                f"loss=...) before {method}()"
            )

    def _flatten_logs(self, logs):
        """A list in the order of `metrics`, other names after them, sorted; a single value stands alone."""
        if len(logs) == 1:
            return next(iter(logs.values()))
        names = []
        for m in self.metrics:
            names += [row[2].name for row in m.rows or ()] if isinstance(m, CompileMetrics) else [m.name]
        values = [logs[n] for n in names if n in logs]
        values += [logs[n] for n in sorted(logs) if n not in names]
        return values[0] if len(values) == 1 else values

    @staticmethod
    def _no_more(method, kwargs):
        if kwargs:
            raise ValueError(f"[{method}] unexpected arguments {sorted(kwargs)}")


def _writable(outputs):
    if outputs.__class__ is Tensor:
        return np.array(outputs.numpy())
    return nest.map_leaves(lambda t: np.array(t.numpy()), outputs)
