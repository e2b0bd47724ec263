"""A variational autoencoder of handwritten digits, with a training step of its own.

Source: D. P. Kingma, M. Welling, "Auto-Encoding Variational Bayes", 2013. Data: the digits that scikit-learn carries.
"""

import numpy as np
from sklearn.datasets import load_digits

import ckeras as keras
from ckeras import layers, ops

LATENT = 4


class Sampling(layers.Layer):
    """Draws z from a normal distribution, given its mean and the logarithm of its variance."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seed_generator = keras.random.SeedGenerator(11)

    def call(self, inputs):
        mean, log_variance = inputs
        noise = keras.random.normal(ops.shape(mean), seed=self.seed_generator)
        return mean + ops.exp(0.5 * log_variance) * noise


class VariationalAutoencoder(keras.Model):
    def __init__(self, encoder, decoder, **kwargs):
        super().__init__(**kwargs)
        self.encoder, self.decoder = encoder, decoder
        self.loss_tracker = keras.metrics.Mean(name="loss")
        self.reconstruction_tracker = keras.metrics.Mean(name="reconstruction")

    @property
    def metrics(self):
        return [self.loss_tracker, self.reconstruction_tracker]

    def call(self, images):
        return self.decoder(self.encoder(images)[0])

    def train_step(self, data):
        with keras.GradientTape() as tape:
            mean, log_variance, z = self.encoder(data)
            reconstruction = ops.mean(
                ops.sum(keras.losses.binary_crossentropy(data[..., None], self.decoder(z)[..., None]), axis=-1)
            )
            divergence = -0.5 * ops.mean(ops.sum(1 + log_variance - ops.square(mean) - ops.exp(log_variance), axis=-1))
            loss = reconstruction + divergence
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply(gradients, self.trainable_variables)
        self.loss_tracker.update_state(loss)
        self.reconstruction_tracker.update_state(reconstruction)
        return {metric.name: metric.result() for metric in self.metrics}


def build_model():
    images = keras.Input((64,))
    hidden = layers.Dense(128, activation="relu")(images)
    mean = layers.Dense(LATENT, name="mean")(hidden)
    log_variance = layers.Dense(LATENT, name="log_variance")(hidden)
    encoder = keras.Model(images, [mean, log_variance, Sampling()([mean, log_variance])], name="encoder")
    decoder = keras.Sequential(
        [keras.Input((LATENT,)), layers.Dense(128, activation="relu"), layers.Dense(64, activation="sigmoid")],
        name="decoder",
    )
    return VariationalAutoencoder(encoder, decoder)


def picture(image):
    """An 8x8 image as text."""
    return "\n".join("".join(" .:-=+*#%@"[min(9, int(10 * v))] * 2 for v in row) for row in image.reshape(8, 8))


def main():
    keras.utils.set_random_seed(4)
    images = (load_digits().data / 16).astype("float32")
    train, test = images[:1500], images[1500:]

    model = build_model()
    model.compile(optimizer=keras.optimizers.Adam(2e-3))
    model.fit(train, epochs=60, batch_size=64, verbose=2)

    error = float(np.square(model.predict(test, verbose=0) - test).mean())
    baseline = float(np.square(train.mean(0) - test).mean())
    z = np.random.default_rng(0).normal(size=(1, LATENT)).astype("float32")
    print("a digit that nobody wrote:\n" + picture(model.decoder.predict(z, verbose=0)[0]))
    print(f"squared error of the mean image {baseline:.4f}")
    print(f"test error {error:.4f}, {error / baseline:.2f} of that")
    return error / baseline


if __name__ == "__main__":
    main()
