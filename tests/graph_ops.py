"""One call an operation that a saved graph may hold, in the words of either package."""

# x, y: floats (2, 4, 4) between 0 and 1; s: symmetric, positive; i, j: integers below 4; m: images (2, 4, 6, 3).
_BINARY = """
    add arctan2 cdist correlate cross divide divide_no_nan dot equal floor_divide fmax fmin fmod greater greater_equal
    heaviside hypot inner isclose kron less less_equal logaddexp logaddexp2 logical_and logical_or logical_xor matmul
    maximum minimum mod multiply nextafter not_equal outer power subtract vdot append isin
    binary_crossentropy categorical_crossentropy
"""
_INTEGER = "bitwise_and bitwise_or bitwise_xor gcd lcm left_shift right_shift"
_SYMMETRIC = "cholesky det eigh inv logdet lu_factor matrix_rank norm pinv qr slogdet svd"
_CALLS = {
    **{op: f"ops.{op}(x, y)" for op in _BINARY.split()},
    **{op: f"ops.{op}(i, j)" for op in _INTEGER.split()},
    **{op: f"ops.{op}(s)" for op in _SYMMETRIC.split()},
    "adaptive_average_pool": "ops.adaptive_average_pool(m, (2, 3))",
    "adaptive_max_pool": "ops.adaptive_max_pool(m, (2, 3))",
    "affine_transform": "ops.image.affine_transform(m, ops.array([[0.9, 0.1, 0.2, 0.1, 0.8, 0.3, 0, 0]] * 2))",
    "append": "ops.append(x, y, axis=1)",
    "average": "ops.average(x, axis=1, weights=ops.array([1.0, 2.0, 3.0, 4.0]))",
    "argpartition": "ops.argpartition(x, 2, axis=-1)",
    "array_split": "ops.array_split(x, 3, axis=1)",
    "average_pool": "ops.average_pool(m, 2, strides=1, padding='same')",
    "batch_normalization": "ops.batch_normalization(x, y[0, 0], x[0, 0], -1, x[0, 1], y[1, 1], epsilon=0.1)",
    "bitwise_not": "ops.bitwise_not(i)",
    "broadcast_to": "ops.broadcast_to(x, (3, 2, 4, 4))",
    "cholesky_inverse": "ops.cholesky_inverse(s[0])",
    "cast": "ops.cast(x, 'int32')",
    "clip": "ops.clip(x, 0.3, 0.6)",
    "concatenate": "ops.concatenate([x, y], axis=1)",
    "conv": "ops.conv(x, ops.ones((2, 4, 3)), padding='same')",
    "conv_transpose": "ops.conv_transpose(x, ops.ones((2, 3, 4)), strides=2, data_format='channels_last')",
    "corrcoef": "ops.corrcoef(ops.reshape(x, (8, 4)))",
    "correlate": "ops.correlate(ops.reshape(x, (32,)), ops.reshape(y, (32,)), mode='same')",
    "crop_images": "ops.image.crop_images(m, 1, 1, target_height=2, target_width=3)",
    "cross": "ops.cross(x[..., :3], y[..., :3], axis=-1)",
    "cdist": "ops.cdist(x, y)",
    "ctc_decode": "ops.ctc_decode(x, i[:, 0, 0] * 0 + 3, 'beam_search', beam_width=5, mask_index=1)",
    "ctc_loss": "ops.ctc_loss(i[:, 0, :2] % 3 + 1, x, i[:, 0, 0] * 0 + 2, i[:, 0, 0] * 0 + 4)",
    "depth_to_space": "ops.depth_to_space(ops.concatenate([m, m, m, m], axis=-1), 2)",
    "depthwise_conv": "ops.depthwise_conv(m, ops.ones((2, 2, 3, 1)))",
    "diag": "ops.diag(ops.reshape(x, (8, 4)), k=1)",
    "diagflat": "ops.diagflat(x, k=1)",
    "diagonal": "ops.diagonal(x, offset=1, axis1=1, axis2=2)",
    "digitize": "ops.digitize(x, ops.array([0.2, 0.5]))",
    "dot_product_attention": "ops.dot_product_attention(*[ops.reshape(t, (2, 4, 2, 2)) for t in (x, y, s)], scale=0.3)",
    "dsplit": "ops.dsplit(x, 2)",
    "dstack": "ops.dstack([x, y])",
    "einsum": "ops.einsum('bij,bkj->bik', x, y)",
    "expand_dims": "ops.expand_dims(x, (1, 2))",
    "extract_patches": "ops.image.extract_patches(m, (2, 3), strides=(1, 2), padding='same')",
    "extract_sequences": "ops.extract_sequences(x, 3, 1)",
    "fft": "ops.fft((x, y))",
    "fft2": "ops.fft2((x, y))",
    "flip": "ops.flip(x, axis=1)",
    "fold": "ops.fold(ops.reshape(x, (2, 4, 4)), (3, 3), 2)",
    "full_like": "ops.full_like(x, 3)",
    "gaussian_blur": "ops.image.gaussian_blur(m, (3, 3), (1.0, 2.0), data_format='channels_last')",
    "get_item": "x[:, 1:, ::2]",
    "glu": "ops.glu(x)",
    "hsplit": "ops.hsplit(x, 2)",
    "hstack": "ops.hstack([x, y])",
    "hsv_to_rgb": "ops.image.hsv_to_rgb(m)",
    "ifft2": "ops.ifft2((x, y))",
    "in_top_k": "ops.in_top_k(i[:, 0, 0], x[:, 0], 2)",
    "irfft": "ops.irfft((x, y), fft_length=5)",
    "istft": "ops.istft(ops.stft(x, 3, 1, 4), 3, 1, 4)",
    "layer_normalization": "ops.layer_normalization(x, y[0, 0], x[0, 1], epsilon=0.1)",
    "ldexp": "ops.ldexp(x, i)",
    "lstsq": "ops.lstsq(s[0], x[0])",
    "map_coordinates": "ops.image.map_coordinates(x[0], y[0, :2] * 3.0, 1, fill_mode='nearest')",
    "max_pool": "ops.max_pool(m, (2, 2), strides=(1, 2), data_format='channels_last')",
    "meshgrid": "ops.meshgrid(x[0, 0], y[0, 0], indexing='ij')",
    "moments": "ops.moments(x, axes=[1])",
    "moveaxis": "ops.moveaxis(x, 1, 2)",
    "multi_hot": "ops.multi_hot(i[:, 0], 5)",
    "nanpercentile": "ops.nanpercentile(x, 30, axis=1)",
    "nanquantile": "ops.nanquantile(x, 0.3, axis=1)",
    "one_hot": "ops.one_hot(i, 5)",
    "pad": "ops.pad(x, ((0, 0), (1, 2), (0, 1)))",
    "pad_images": "ops.image.pad_images(m, 1, 1, target_height=7, target_width=9)",
    "percentile": "ops.percentile(x, 30, axis=1, method='nearest')",
    "perspective_transform": (
        "ops.image.perspective_transform(m, *(ops.array([[[0.0, 0], [0, 3], [3, 0], [3, k]]] * 2) for k in (3, 4)))"
    ),
    "psnr": "ops.psnr(x, y, 1.0)",
    "quantile": "ops.quantile(x, 0.3, keepdims=True)",
    "repeat": "ops.repeat(x, 2, axis=1)",
    "reshape": "ops.reshape(x, (-1, 2))",
    "resize": "ops.image.resize(m, (3, 5), interpolation='bicubic', antialias=True)",
    "rfft": "ops.rfft(x)",
    "rgb_to_grayscale": "ops.image.rgb_to_grayscale(m)",
    "rgb_to_hsv": "ops.image.rgb_to_hsv(m)",
    "roll": "ops.roll(x, 2, axis=1)",
    "rms_normalization": "ops.rms_normalization(x, y[0, 0], epsilon=0.1)",
    "rot90": "ops.rot90(x, k=3, axes=(1, 2))",
    "round": "ops.round(x, 1)",
    "saturate_cast": "ops.saturate_cast(x * 999.0, 'uint8')",
    "scale_and_translate": (
        "ops.image.scale_and_translate(m, (2, 3, 5, 3), ops.array([0.5, 0.7]), ops.array([0.1, 0.2]), (1, 2), 'linear')"
    ),
    "scatter": "ops.scatter(i[0], x[0, :, 0], (4, 4, 4, 4))",
    "scatter_update": "ops.scatter_update(x, ops.array([[0, 1, 2], [1, 1, 1]]), y[0, 0, :2], reduction='add')",
    "searchsorted": "ops.searchsorted(ops.sort(x[0, 0]), y[0, 0], side='right')",
    **{f"segment_{n}": f"ops.segment_{n}(x[0], i[0, 0], num_segments=4)" for n in ("max", "min", "prod", "sum")},
    "select": "ops.select([x > 0.5, x > 0.2], [x, y], 3.0)",
    "separable_conv": "ops.separable_conv(m, ops.ones((2, 2, 3, 1)), ops.ones((1, 1, 3, 2)))",
    "slice": "ops.slice(x, (0, 1, 1), (2, 2, 3))",
    "slice_update": "ops.slice_update(x, (0, 1, 1), y[:, :2, :2])",
    "solve": "ops.solve(s, x)",
    "solve_triangular": "ops.solve_triangular(s, x, lower=True)",
    "sobel_edges": "ops.image.sobel_edges(m)",
    "space_to_depth": "ops.space_to_depth(m, 2)",
    "sparse_categorical_crossentropy": "ops.sparse_categorical_crossentropy(i[:, 0], x)",
    "split": "ops.split(x, [1, 3], axis=2)",
    "squeeze": "ops.squeeze(x[:, :, :1], axis=2)",
    "ssim": "ops.image.ssim(m, m * m, filter_size=3)",
    "stack": "ops.stack([x, y], axis=1)",
    "stft": "ops.stft(x, 3, 1, 4)",
    "swapaxes": "ops.swapaxes(x, 1, 2)",
    "take": "ops.take(x, i[0, 0], axis=1)",
    "take_along_axis": "ops.take_along_axis(x, i, axis=1)",
    "tensordot": "ops.tensordot(x, y, axes=[[1, 2], [1, 2]])",
    "threshold": "ops.threshold(x, 0.5, 2.0)",
    "tile": "ops.tile(x, (1, 2, 1))",
    "true_divide": "x / (y + 1.0) + 2.0 / x",
    "trapezoid": "ops.trapezoid(x, dx=0.5, axis=1)",
    "top_k": "ops.top_k(x, 2)",
    "trace": "ops.trace(x, axis1=1, axis2=2)",
    "unfold": "ops.unfold(m, 2)",
    "unravel_index": "ops.unravel_index(i, (2, 2))",
    "unstack": "ops.unstack(x, axis=1)",
    "vander": "ops.vander(x[0, 0], 3, increasing=True)",
    "vsplit": "ops.vsplit(x, 2)",
    "vstack": "ops.vstack([x, y])",
    "where": "ops.where(x > 0.5, x, y)",
}


def expression(op):
    return _CALLS.get(op, f"ops.{op}(x)")


def model(k, op):
    """A model of the operation; its inputs stand for the batch of 2 of `batch`."""
    shapes = [((2, 4, 4), "float32")] * 3 + [((2, 4, 4), "int32")] * 2 + [((2, 4, 6, 3), "float32")]
    inputs = {n: k.Input(batch_shape=s, dtype=d, name=n) for n, (s, d) in zip("xysijm", shapes)}
    text = expression(op)
    out = eval(text, {"ops": k.ops, **inputs})
    return k.Model([inputs[n] for n in "xysijm"], k.tree.flatten(out))


def batch(np):
    rng = np.random.default_rng(0)
    x, y = rng.uniform(0.1, 0.9, (2, 2, 4, 4)).astype("float32")
    a = rng.normal(size=(2, 4, 4)).astype("float32")
    i, j = rng.integers(0, 4, (2, 2, 4, 4)).astype("int32")
    return [
        x,
        y,
        a @ a.swapaxes(1, 2) + 4 * np.eye(4, dtype="float32"),
        i,
        j,
        rng.uniform(0, 1, (2, 4, 6, 3)).astype("float32"),
    ]
