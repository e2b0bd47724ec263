"""More networks people build: mobile blocks, a U-Net, GRUs, dilated convolutions, a causal decoder, channels first."""

from network import Network, nn, torch

WORDS = 5000
MOBILE = [(16, 1, 1), (24, 6, 2), (24, 6, 1), (32, 6, 2), (32, 6, 1), (64, 6, 2), (64, 6, 1), (96, 6, 1)]
DILATIONS = (1, 2, 4, 8, 16, 32)


# ---- ckeras and Keras: `k` is the package


def mobile(k):
    """Inverted residuals of MobileNetV2: expand, depthwise, project."""
    image = k.Input((64, 64, 3))
    x = k.layers.Conv2D(16, 3, 2, padding="same", use_bias=False)(image)
    x = k.layers.ReLU(6.0)(k.layers.BatchNormalization()(x))
    for filters, factor, strides in MOBILE:
        width, y = x.shape[-1], x
        if factor > 1:
            y = k.layers.Conv2D(width * factor, 1, use_bias=False)(y)
            y = k.layers.ReLU(6.0)(k.layers.BatchNormalization()(y))
        y = k.layers.DepthwiseConv2D(3, strides, padding="same", use_bias=False)(y)
        y = k.layers.ReLU(6.0)(k.layers.BatchNormalization()(y))
        y = k.layers.BatchNormalization()(k.layers.Conv2D(filters, 1, use_bias=False)(y))
        x = k.layers.Add()([x, y]) if strides == 1 and filters == width else y
    return k.Model(image, k.layers.Dense(2)(k.layers.GlobalAveragePooling2D()(x)))


def unet(k):
    """Down by max pooling and up by nearest neighbours, with the fine maps beside."""

    def two(x, filters):
        for _ in range(2):
            x = k.layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
        return x

    image = x = k.Input((64, 64, 3))
    fine = []
    for filters in (16, 32):
        x = two(x, filters)
        fine.append(x)
        x = k.layers.MaxPooling2D()(x)
    x = two(x, 64)
    for filters in (32, 16):
        x = two(k.layers.Concatenate()([k.layers.UpSampling2D()(x), fine.pop()]), filters)
    return k.Model(image, k.layers.Conv2D(2, 1)(x))


def two_grus(k):
    return k.Sequential(
        [
            k.Input((100,), dtype="int32"),
            k.layers.Embedding(WORDS, 64),
            k.layers.Bidirectional(k.layers.GRU(96, return_sequences=True)),
            k.layers.GRU(64),
            k.layers.Dense(2),
        ]
    )


def dilated(k):
    stack = [k.Input((512, 8))]
    stack += [k.layers.Conv1D(48, 3, padding="causal", dilation_rate=d, activation="relu") for d in DILATIONS]
    return k.Sequential([*stack, k.layers.GlobalAveragePooling1D(), k.layers.Dense(2)])


def decoder(k):
    words = k.Input((128,), dtype="int32")
    x = k.layers.Embedding(WORDS, 128)(words)
    for _ in range(2):
        y = k.layers.LayerNormalization()(x)
        x = x + k.layers.MultiHeadAttention(4, 32)(y, y, use_causal_mask=True)
        y = k.layers.LayerNormalization()(x)
        x = x + k.layers.Dense(128)(k.layers.Dense(512, activation="gelu")(y))
    return k.Model(words, k.layers.Dense(WORDS)(x))


def channels_first(k):
    how = {"padding": "same", "activation": "relu", "data_format": "channels_first"}
    stack = [k.Input((3, 32, 32))]
    for filters in (32, 64):
        stack += [k.layers.Conv2D(filters, 3, **how), k.layers.MaxPooling2D(data_format="channels_first")]
    return k.Sequential([*stack, k.layers.Flatten(), k.layers.Dense(2)])


# ---- PyTorch


def torch_mobile():
    def unit(a, b, size, strides=1, groups=1, bounded=True):
        conv = nn.Conv2d(a, b, size, strides, size // 2, groups=groups, bias=False)
        return [conv, nn.BatchNorm2d(b), *([nn.ReLU6()] if bounded else [])]

    class Block(nn.Module):
        def __init__(self, width, filters, factor, strides):
            super().__init__()
            wide = width * factor
            expand = unit(width, wide, 1) if factor > 1 else []
            depthwise = unit(wide, wide, 3, strides, wide)
            self.body = nn.Sequential(*expand, *depthwise, *unit(wide, filters, 1, bounded=False))
            self.adds = strides == 1 and filters == width

        def forward(self, x):
            return x + self.body(x) if self.adds else self.body(x)

    parts, width = unit(3, 16, 3, 2), 16
    for filters, factor, strides in MOBILE:
        parts.append(Block(width, filters, factor, strides))
        width = filters
    return nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 2))


def torch_unet():
    def two(a, b):
        return nn.Sequential(nn.Conv2d(a, b, 3, 1, 1), nn.ReLU(), nn.Conv2d(b, b, 3, 1, 1), nn.ReLU())

    class UNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.down = nn.ModuleList([two(3, 16), two(16, 32)])
            self.middle = two(32, 64)
            self.up = nn.ModuleList([two(96, 32), two(48, 16)])
            self.head = nn.Conv2d(16, 2, 1)

        def forward(self, x):
            fine = []
            for block in self.down:
                x = block(x)
                fine.append(x)
                x = nn.functional.max_pool2d(x, 2)
            x = self.middle(x)
            for block in self.up:
                x = block(torch.cat([nn.functional.interpolate(x, scale_factor=2.0), fine.pop()], 1))
            return self.head(x)

    return UNet()


def torch_two_grus():
    class Words(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(WORDS, 64)
            self.first = nn.GRU(64, 96, bidirectional=True, batch_first=True)
            self.second = nn.GRU(192, 64, batch_first=True)
            self.head = nn.Linear(64, 2)

        def forward(self, x):
            return self.head(self.second(self.first(self.embedding(x))[0])[1][0])

    return Words()


def torch_dilated():
    class Sound(nn.Module):
        def __init__(self):
            super().__init__()
            widths = [8] + [48] * len(DILATIONS)
            convs = [nn.Conv1d(a, b, 3, dilation=d) for a, b, d in zip(widths, widths[1:], DILATIONS)]
            self.convs = nn.ModuleList(convs)
            self.head = nn.Linear(48, 2)

        def forward(self, x):
            x = x.transpose(1, 2)
            for conv, d in zip(self.convs, DILATIONS):
                x = torch.relu(conv(nn.functional.pad(x, (2 * d, 0))))
            return self.head(x.mean(2))

    return Sound()


def torch_decoder():
    class Decoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(WORDS, 128)
            how = {"dropout": 0.0, "activation": "gelu", "batch_first": True, "norm_first": True}
            self.blocks = nn.TransformerEncoder(
                nn.TransformerEncoderLayer(128, 4, 512, **how), 2, enable_nested_tensor=False
            )
            self.head = nn.Linear(128, WORDS)
            self.mask = nn.Transformer.generate_square_subsequent_mask(128)

        def forward(self, x):
            return self.head(self.blocks(self.embedding(x), self.mask, is_causal=True))

    return Decoder()


def torch_channels_first():
    convs = [nn.Conv2d(3, 32, 3, 1, 1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3, 1, 1), nn.ReLU()]
    return nn.Sequential(*convs, nn.MaxPool2d(2), nn.Flatten(), nn.Linear(64 * 64, 2))


NETWORKS = [
    Network("MobileNetV2 blocks on 64x64", mobile, torch_mobile, (64, 64, 3), 32),
    Network("U-Net 16-32-64 on 64x64", unet, torch_unet, (64, 64, 3), 16, targets=(64, 64)),
    Network("Embedding, Bidirectional(GRU(96)), GRU(64), 100 steps", two_grus, torch_two_grus, (100,), 32, WORDS),
    Network("six dilated causal convolutions, 512 steps", dilated, torch_dilated, (512, 8), 32),
    Network(
        "causal decoder, 2 blocks, 128 steps, 5000 words", decoder, torch_decoder, (128,), 16, WORDS, (128,), WORDS
    ),
    Network("convnet 32-64 in NCHW", channels_first, torch_channels_first, (3, 32, 32), 64, transposed=False),
]
