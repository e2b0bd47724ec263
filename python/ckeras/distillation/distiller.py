"""A model that trains a student on labels and on what its teacher makes of the same inputs."""

import warnings

from ckeras import metrics, ops, tree
from ckeras.distillation.losses import loss_functions
from ckeras.models import Model, Sequential
from ckeras.saving import deserialize_keras_object, serialize_keras_object

_OUTPUT = "final_output"


def _check_alike(what, teacher, student):
    """Raises `ValueError` for symbolic inputs or outputs that differ in shape or dtype; subclassed models pass."""
    theirs, ours = (getattr(model, what, None) for model in (teacher, student))
    if theirs is None or ours is None:
        return

    def check(a, b):
        fits = len(a.shape) == len(b.shape) and all(m == n or None in (m, n) for m, n in zip(a.shape, b.shape))
        if not fits or a.dtype != b.dtype:
            raise ValueError(
                f"[Distiller] teacher and student must have {what} of equal shape and dtype; got {a.shape} {a.dtype} "
                f"of the teacher {teacher.name!r} and {b.shape} {b.dtype} of the student {student.name!r}"
            )

    tree.map_structure(check, theirs, ours)


class Distiller(Model):
    """Trains `student`; `teacher` is frozen. Both are kept as attributes, and predictions are the student's.

    The loss is `student_loss_weight` (0 to 1) times that given to `compile`, and the rest times the weighted sum of
    `distillation_losses`: one of `LogitsDistillation`, `FeatureDistillation` or your own `DistillationLoss`, or a list
    with `distillation_loss_weights` (1 each by default). Logs show `student_loss`, `distillation_loss` and `total_loss`
    too. Raises `ValueError` for models whose inputs or outputs differ in shape or dtype and for wrong weights. Hinton
    et al., "Distilling the Knowledge in a Neural Network", 2015.

    >>> teacher, student = (
    ...     ckeras.Sequential([ckeras.Input((4,)), ckeras.layers.Dense(n), ckeras.layers.Dense(3)]) for n in (64, 8)
    ... )
    >>> distiller = ckeras.distillation.Distiller(teacher, student, ckeras.distillation.LogitsDistillation(2.0))
    >>> distiller.compile("adam", ckeras.losses.SparseCategoricalCrossentropy(from_logits=True))
    >>> sorted(distiller.fit(np.ones((8, 4)), np.zeros(8), verbose=0).history)
    ['distillation_loss', 'loss', 'student_loss', 'total_loss']
    """

    def __init__(
        self,
        teacher,
        student,
        distillation_losses,
        distillation_loss_weights=None,
        student_loss_weight=0.5,
        name="distiller",
        **kwargs,
    ):
        super().__init__(name=name, **kwargs)
        for what, model in (("teacher", teacher), ("student", student)):
            if not isinstance(model, Model):
                raise ValueError(f"[Distiller] {what} must be a ckeras.Model, got {type(model).__name__}")
        for what in ("inputs", "outputs"):
            _check_alike(what, teacher, student)
        if not isinstance(student_loss_weight, (int, float)) or not 0 <= student_loss_weight <= 1:
            raise ValueError(
                f"[Distiller] student_loss_weight must be a number from 0 to 1, got {student_loss_weight!r}"
            )
        if distillation_losses is None:
            raise ValueError("[Distiller] distillation_losses must be a distillation loss or a list of them, got None")
        if not isinstance(distillation_losses, (list, tuple)):
            distillation_losses, distillation_loss_weights = [distillation_losses], None
        weights = [1.0] * len(distillation_losses) if distillation_loss_weights is None else distillation_loss_weights
        if len(weights) != len(distillation_losses):
            raise ValueError(
                f"[Distiller] distillation_loss_weights must have a number for each of the {len(distillation_losses)} "
                f"distillation_losses, got {len(weights)}"
            )
        for loss in distillation_losses:
            loss.validate_model_compatibility(teacher, student)
        self.teacher = teacher
        self.student = student
        self.distillation_losses = list(distillation_losses)
        self.distillation_loss_weights = list(weights)
        self.student_loss_weight = student_loss_weight
        teacher.trainable = False
        # Bound methods, which are not layers of this one: they share the layers of the models above.
        self._readers = tuple(self._reader(model, side) for side, model in (("teacher", teacher), ("student", student)))
        self.student_loss_tracker = metrics.Mean(name="student_loss")
        self.distillation_loss_tracker = metrics.Mean(name="distillation_loss")
        self.total_loss_tracker = metrics.Mean(name="total_loss")

    def _reader(self, model, side):
        """A function of inputs that gives the outputs of the layers that losses name, or `None` without such."""
        names = [getattr(loss, f"{side}_layer_name", None) for loss in self.distillation_losses]
        names = list(dict.fromkeys(n for n in names if n))
        if not names:
            return None
        last = model.layers[-1].output if isinstance(model, Sequential) else model.output
        outputs = {_OUTPUT: last, **{n: model.get_layer(name=n).output for n in names}}
        return Model(model.inputs, outputs, name=f"{model.name}_multi_feature_extractor").__call__

    def compile(self, optimizer="adam", loss=None, metrics=None, **kwargs):
        """As `Model.compile`; `loss` is the student's on labels and must be given, `metrics` a list."""
        if loss is None:
            raise ValueError("[Distiller.compile] loss must be given: it measures the student on labels")
        if metrics is not None and not isinstance(metrics, (list, tuple)):
            raise ValueError(f"[Distiller.compile] metrics must be a list or tuple, got {type(metrics).__name__}")
        self._student_loss = loss_functions(loss)
        super().compile(optimizer=optimizer, loss=None, metrics=metrics, **kwargs)

    def get_compile_config(self):
        config = super().get_compile_config()
        return config and {**config, "loss": serialize_keras_object(self._student_loss)}

    def compile_from_config(self, config):
        self._compile_from(config)

    def call(self, inputs, training=None, **kwargs):
        return self.student(inputs, training=training, **kwargs)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """The combined loss of a batch, and the trackers' next values. `sample_weight` is not used, with a warning."""
        if sample_weight is not None:
            warnings.warn("[Distiller] sample_weight is not used: every example counts alike", stacklevel=2)
        if y_pred is None:
            y_pred = self(x, training=training)
        student_loss = self._on_labels(y, y_pred) if self.student_loss_weight > 0 and y is not None else 0.0
        distilled = self._distilled(x, y_pred) if self.student_loss_weight < 1 else 0.0
        share = self.student_loss_weight
        total = ops.add(ops.multiply(share, student_loss), ops.multiply(1.0 - share, distilled))
        self.student_loss_tracker.update_state(student_loss)
        self.distillation_loss_tracker.update_state(distilled)
        self.total_loss_tracker.update_state(total)
        return total

    def _on_labels(self, y, y_pred):
        values = tree.flatten(tree.map_structure(lambda loss, a, b: loss(a, b), self._student_loss, y, y_pred))
        total = values[0] if len(values) == 1 else ops.sum(ops.stack(values))
        return ops.mean(total) if len(total.shape) else total

    def _distilled(self, x, y_pred):
        of_teacher, of_student = self._readers
        theirs = of_teacher(x, training=False) if of_teacher else {_OUTPUT: self.teacher(x, training=False)}
        ours = of_student(x, training=True) if of_student else {}
        total = 0.0
        for loss, weight in zip(self.distillation_losses, self.distillation_loss_weights):
            pair = theirs[_OUTPUT], y_pred
            if getattr(loss, "teacher_layer_name", None) is not None:
                name = getattr(loss, "student_layer_name", None) or _OUTPUT
                pair = theirs[loss.teacher_layer_name], ours[name] if ours else y_pred
            loss.validate_outputs(*pair)
            value = loss.compute_loss(*pair)
            if len(getattr(value, "shape", ())):
                raise ValueError(
                    f"[Distiller] compute_loss of {type(loss).__name__} must give a scalar, got shape {value.shape}; "
                    "take its mean"
                )
            total = ops.add(total, ops.multiply(weight, value))
        return total

    def get_config(self):
        return {
            **super().get_config(),
            "teacher": serialize_keras_object(self.teacher),
            "student": serialize_keras_object(self.student),
            "distillation_losses": [serialize_keras_object(loss) for loss in self.distillation_losses],
            "distillation_loss_weights": self.distillation_loss_weights,
            "student_loss_weight": self.student_loss_weight,
        }

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        for key in ("teacher", "student"):
            config[key] = deserialize_keras_object(config[key])
        config["distillation_losses"] = [deserialize_keras_object(loss) for loss in config["distillation_losses"]]
        return cls(**config)
