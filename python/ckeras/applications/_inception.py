"""What the Inception networks share: chains of convolutions, their stem and their first module."""

from ckeras import layers
from ckeras.applications._build import Stack


class Inception(Stack):
    def chain(self, x, *steps, name=None):
        """Convolution, normalization and ReLU for each step (filters, kernel, [stride, padding])."""
        of = (lambda what: f"{name}{what}") if name else lambda what: None
        for filters, kernel, *rest in steps:
            stride, padding = rest or (1, "same")
            x = self.conv(x, filters, kernel, stride, padding, name=name)
            x = self.relu(self.norm(x, of("_bn"), scale=False), of("_ac"))
        return x

    def join(self, branches, name=None):
        return layers.Concatenate(axis=self.axis, name=name)(branches)

    def mean(self, x, filters):
        return self.chain(layers.AveragePooling2D(3, strides=1, padding="same")(x), (filters, 1))

    def shrink(self, x):
        return layers.MaxPooling2D(3, strides=2)(x)

    def stem(self, x):
        """Images to 192 channels of an eighth of their size."""
        x = self.shrink(self.chain(x, (32, 3, 2, "valid"), (32, 3, 1, "valid"), (64, 3)))
        return self.shrink(self.chain(x, (80, 1, 1, "valid"), (192, 3, 1, "valid")))

    def first(self, x, pointwise, pooled, name):
        """1x1, 5x5, 3x3 twice and a mean side by side; `pointwise`, `pooled`: filters of the first and the last."""
        branches = [self.chain(x, (pointwise, 1)), self.chain(x, (48, 1), (64, 5))]
        branches += [self.chain(x, (64, 1), (96, 3), (96, 3)), self.mean(x, pooled)]
        return self.join(branches, name)
