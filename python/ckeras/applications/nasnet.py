"""NASNet-A (Zoph et al., "Learning Transferable Architectures for Scalable Image Recognition", 2018)."""

from ckeras import layers
from ckeras.applications._build import COMMON, Stack, channels_last, images, model_of, pooled, public, published
from ckeras.applications.imagenet_utils import decode_predictions as decode_predictions
from ckeras.applications.imagenet_utils import preprocessor

# Filters of the last cells, cells of a stage, filters of the stem, whether a stage's first cell sees the one two before
# it, image size, file of the weights, its MD5 with and without the top.
_NETWORKS = {
    "nasnet_mobile": (
        1056,
        4,
        32,
        False,
        224,
        "NASNet-mobile",
        ("020fb642bf7360b370c678b08e0adf61", "1ed92395b5b598bdda52abe5c0dbfd63"),
    ),
    "nasnet_large": (
        4032,
        6,
        96,
        True,
        331,
        "NASNet-large",
        ("11577c9a518f0070763c2b964a382f17", "d81d89dc07e6e56530c4e77faddd61b5"),
    ),
}
_INITIAL = {"kernel_initializer": "he_normal"}


class _Cells(Stack):
    """Two kinds of cells, each of the results of the two before it; `block` names its layers."""

    def separable(self, x, filters, kernel, strides, block):
        """ReLU, separable convolution and normalization, twice."""
        x = self.relu(x)
        if strides == 2:
            x = self.pad(x, kernel, f"separable_conv_1_pad_{block}")
        for i, step in ((1, strides), (2, 1)):
            x = self.relu(x) if i == 2 else x
            x = layers.SeparableConv2D(
                filters,
                kernel,
                strides=step,
                padding="same" if step == 1 else "valid",
                use_bias=False,
                name=f"separable_conv_{i}_{block}",
            )(x)
            x = self.norm(x, f"separable_conv_{i}_bn_{block}")
        return x

    def squeezed(self, x, filters, kind, block):
        x = self.conv(self.relu(x), filters, name=f"{kind}_conv_1_{block}", **_INITIAL)
        return self.norm(x, f"{kind}_bn_1_{block}")

    def adjusted(self, before, x, filters, block):
        """What came before `x`, in the size and with the filters of this cell."""
        if before is None:
            return x
        if before.shape[2] != x.shape[2]:
            before = self.relu(before, f"adjust_relu_1_{block}")
            moved = layers.Cropping2D(((1, 0), (1, 0)))(layers.ZeroPadding2D(((0, 1), (0, 1)))(before))
            halves = []
            for i, y in ((1, before), (2, moved)):
                y = layers.AveragePooling2D(1, strides=2, name=f"adjust_avg_pool_{i}_{block}")(y)
                halves.append(self.conv(y, filters // 2, name=f"adjust_conv_{i}_{block}", **_INITIAL))
            return self.norm(layers.Concatenate()(halves), f"adjust_bn_{block}")
        if before.shape[3] != filters:
            before = self.conv(self.relu(before), filters, name=f"adjust_conv_projection_{block}", **_INITIAL)
            return self.norm(before, f"adjust_bn_{block}")
        return before

    def normal(self, x, before, filters, block):
        p = self.adjusted(before, x, filters, block)
        h = self.squeezed(x, filters, "normal", block)

        def convolved(y, kernel, side):
            return self.separable(y, filters, kernel, 1, f"normal_{side}_{block}")

        def mean(y, side):
            return layers.AveragePooling2D(3, strides=1, padding="same", name=f"normal_{side}_{block}")(y)

        pairs = (
            lambda: [convolved(h, 5, "left1"), convolved(p, 3, "right1")],
            lambda: [convolved(p, 5, "left2"), convolved(p, 3, "right2")],
            lambda: [mean(h, "left3"), p],
            lambda: [mean(p, "left4"), mean(p, "right4")],
            lambda: [convolved(h, 3, "left5"), h],
        )
        sums = [layers.Add(name=f"normal_add_{i}_{block}")(pair()) for i, pair in enumerate(pairs, start=1)]
        return layers.Concatenate(name=f"normal_concat_{block}")([p, *sums]), x

    def reduction(self, x, before, filters, block):
        p = self.adjusted(before, x, filters, block)
        h = self.squeezed(x, filters, "reduction", block)
        padded = self.pad(h, 3, f"reduction_pad_1_{block}")

        def convolved(y, kernel, side, strides=2):
            return self.separable(y, filters, kernel, strides, f"reduction_{side}_{block}")

        def pool(layer, y, side, **options):
            return layer(3, **{"strides": 2, **options}, name=f"reduction_{side}_{block}")(y)

        def add(name, *pair):
            return layers.Add(name=name and f"reduction_{name}_{block}")(list(pair))

        largest, mean = layers.MaxPooling2D, layers.AveragePooling2D
        one = add("add_1", convolved(h, 5, "left1"), convolved(p, 7, "right1"))
        two = add("add_2", pool(largest, padded, "left2"), convolved(p, 7, "right2"))
        three = add("add3", pool(mean, padded, "left3"), convolved(p, 5, "right3"))
        four = add(None, two, pool(mean, one, "left4", strides=1, padding="same"))
        five = add("add4", convolved(one, 3, "left4", 1), pool(largest, padded, "right5"))
        return layers.Concatenate(name=f"reduction_concat_{block}")([two, three, four, five]), x


_TAKES = {"input_shape": None, **COMMON}


def nasnet(kind, include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name):
    channels_last(kind)
    last, count, stem, skips, size, file, hashes = _NETWORKS[kind]
    if not include_top and input_shape is None:
        input_shape = (size, size, 3)
    inputs = images(kind, weights, include_top, classes, input_tensor, input_shape, size, 32)
    s, filters = _Cells(0.9997), last // 24
    x, p = s.norm(s.conv(inputs, stem, 3, 2, "valid", name="stem_conv1", **_INITIAL), "stem_bn1"), None
    for i, share in ((1, 4), (2, 2)):
        x, p = s.reduction(x, p, filters // share, f"stem_{i}")
    for stage in range(3):
        if stage:
            x, before = s.reduction(x, p, filters << stage, f"reduce_{stage * count}")
            p = p if skips else before
        for i in range(count):
            x, p = s.normal(x, p, filters << stage, f"{stage * count + i + (stage > 0)}")
    x = s.relu(x)
    if include_top:
        x = layers.GlobalAveragePooling2D()(x)
        x = layers.Dense(classes, activation=classifier_activation, name="predictions")(x)
    else:
        x = pooled(x, pooling, named=False)
    return model_of(inputs, x, name, weights, published(f"nasnet/{file}", hashes, include_top, "-no-top"))


NASNetMobile = public(nasnet, "NASNetMobile", "nasnet_mobile", 5_326_716, 224, takes=_TAKES)
NASNetLarge = public(nasnet, "NASNetLarge", "nasnet_large", 88_949_818, 331, takes=_TAKES)

preprocess_input = preprocessor("tf")
