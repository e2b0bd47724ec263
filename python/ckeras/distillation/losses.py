"""What a student's outputs are measured by, beside its teacher's."""

from ckeras import losses, ops, tree
from ckeras.saving import deserialize_keras_object, serialize_keras_object


def loss_functions(loss):
    """A structure of losses or their names, with names looked up; `None` stays."""
    return tree.map_structure(lambda item: losses.get(item) if isinstance(item, str) else item, loss)


def _check_some(where, loss):
    if all(item is None for item in tree.flatten(loss)):
        raise ValueError(f"[{where}] loss must name a loss for at least one output, got {loss!r}")


class DistillationLoss:
    """Base class: subclasses define `compute_loss(teacher_outputs, student_outputs)`, which gives a scalar.

    >>> class Closer(ckeras.distillation.DistillationLoss):
    ...     def compute_loss(self, teacher_outputs, student_outputs, **kwargs):
    ...         return ckeras.ops.mean(ckeras.ops.square(teacher_outputs - student_outputs))
    """

    def compute_loss(self, teacher_outputs, student_outputs, **kwargs):
        """The scalar loss of tensors, or structures of them, of equal structure."""
        raise NotImplementedError(f"{type(self).__name__} must define compute_loss(teacher_outputs, student_outputs)")

    def validate_outputs(self, teacher_outputs, student_outputs):
        """Raises `ValueError` where the outputs are structures that differ."""
        tree.assert_same_structure(teacher_outputs, student_outputs)

    def validate_model_compatibility(self, teacher, student):
        """Raises `ValueError` for models that the loss cannot serve; called once, by the `Distiller`."""


class _StructuredLoss(DistillationLoss):
    """A loss of its own for each output; the sum of those that are not `None`."""

    def _sum(self, one, teacher_outputs, student_outputs):
        def of(loss, teacher, student):
            return 0.0 if loss is None else ops.mean(one(loss, teacher, student))

        values = tree.map_structure(of, self.loss, teacher_outputs, student_outputs)
        return ops.sum(ops.stack(tree.flatten(values)))

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "loss": deserialize_keras_object(config["loss"])})


class FeatureDistillation(_StructuredLoss):
    """The distance of what two layers give, or of the models' outputs where no layers are named (Romero et al., 2015).

    `loss`: a loss, its name, or a structure of them like the outputs, `None` for those that do not count. Layers are
    found by name in functional and `Sequential` models. Raises `ValueError` for names that are not there, for layers of
    subclassed models, and for a structure of nothing but `None`.

    >>> ckeras.distillation.FeatureDistillation("mse").compute_loss(ckeras.ops.ones((2, 3)), ckeras.ops.zeros((2, 3)))
    Tensor(1., dtype=float32)
    """

    def __init__(self, loss="mse", teacher_layer_name=None, student_layer_name=None):
        self.teacher_layer_name = teacher_layer_name
        self.student_layer_name = student_layer_name
        self.loss = loss_functions(loss)
        _check_some("FeatureDistillation", self.loss)

    def validate_model_compatibility(self, teacher, student):
        sides = (("teacher", teacher, self.teacher_layer_name), ("student", student, self.student_layer_name))
        if any(name is not None for _, _, name in sides):
            for side, model, _ in sides:
                if getattr(model, "inputs", None) is None:
                    raise ValueError(
                        f"[FeatureDistillation] layers are found by name in functional and Sequential models, but the "
                        f"{side} {model.name!r} is subclassed (or not built); leave the layers' names out to compare "
                        "outputs, or use LogitsDistillation"
                    )
        for side, model, name in sides:
            if name is not None:
                try:
                    model.get_layer(name=name)
                except ValueError as e:
                    raise ValueError(f"[FeatureDistillation] in the {side}: {e}") from None

    def validate_outputs(self, teacher_outputs, student_outputs):
        super().validate_outputs(teacher_outputs, student_outputs)
        try:
            tree.assert_same_structure(self.loss, teacher_outputs)
        except (TypeError, ValueError) as e:
            raise ValueError(f"[FeatureDistillation] loss must have the structure of the outputs: {e}") from None

    def compute_loss(self, teacher_outputs, student_outputs, **kwargs):
        return self._sum(lambda loss, teacher, student: loss(teacher, student), teacher_outputs, student_outputs)

    def get_config(self):
        return {
            "loss": serialize_keras_object(self.loss),
            "teacher_layer_name": self.teacher_layer_name,
            "student_layer_name": self.student_layer_name,
        }


class LogitsDistillation(_StructuredLoss):
    """The distance of logits divided by `temperature` (Hinton et al., "Distilling the Knowledge in a Neural Network").

    `loss`: a loss, its name, or a structure of them like the outputs, `None` for those that do not count. The
    Kullback-Leibler divergence is that of the softmax of both, times the temperature's square, which keeps its gradient
    as large as that of other losses. Raises `ValueError` for a temperature that is not positive, and for a structure of
    nothing but `None`.

    >>> x = ckeras.ops.ones((2, 3))
    >>> float(ckeras.distillation.LogitsDistillation(temperature=2.0).compute_loss(x, x))
    0.0
    """

    def __init__(self, temperature=3.0, loss="kl_divergence"):
        self.temperature = temperature
        self.loss = loss_functions(loss)
        _check_some("LogitsDistillation", self.loss)
        if not isinstance(temperature, (int, float)) or not temperature > 0:
            raise ValueError(f"[LogitsDistillation] temperature must be a positive number, got {temperature!r}")

    def compute_loss(self, teacher_outputs, student_outputs, **kwargs):
        def one(loss, teacher, student):
            if isinstance(loss, losses.KLDivergence) or loss is losses.kl_divergence:
                return loss(ops.softmax(teacher), ops.softmax(student)) * self.temperature**2
            return loss(teacher, student)

        cooler = [
            tree.map_structure(lambda x: ops.divide(x, self.temperature), outputs)
            for outputs in (teacher_outputs, student_outputs)
        ]
        return self._sum(one, *cooler)

    def get_config(self):
        return {"temperature": self.temperature, "loss": serialize_keras_object(self.loss)}
