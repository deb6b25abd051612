"""Trains the network of the demo in real Keras, on JAX, and saves it with the images that it never saw.

    KERAS_BACKEND=jax python tests/digits/train.py

Writes `digits.keras` and `held_out.npz` beside this file. See the README here for where the images come from.
"""

import os
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

HERE = Path(__file__).parent
SEED = 7
HELD_OUT = 360


def network() -> keras.Model:
    """A small Functional CNN with a residual connection around its second block."""
    image = keras.Input((8, 8, 1), name="image")
    x = layers.Conv2D(16, 3, padding="same", use_bias=False, name="stem")(image)
    x = layers.BatchNormalization(name="stem_norm")(x)
    x = entry = layers.ReLU(name="stem_relu")(x)
    x = layers.Conv2D(16, 3, padding="same", activation="relu", name="block_conv1")(x)
    x = layers.Conv2D(16, 3, padding="same", name="block_conv2")(x)
    x = layers.BatchNormalization(name="block_norm")(x)
    x = layers.Add(name="residual")([entry, x])
    x = layers.Activation("relu", name="block_relu")(x)
    x = layers.MaxPooling2D(name="pool")(x)
    x = layers.Conv2D(32, 3, padding="same", activation="relu", name="head_conv")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dropout(0.3, name="dropout")(x)
    digit = layers.Dense(10, activation="softmax", name="probabilities")(x)
    return keras.Model(image, digit, name="digits")


def main() -> None:
    keras.utils.set_random_seed(SEED)
    images, labels = load_digits(return_X_y=True)
    images = (images.reshape(-1, 8, 8, 1) / 16).astype("float32")
    seen, held_out, seen_labels, held_out_labels = train_test_split(images, labels, test_size=HELD_OUT, random_state=SEED, stratify=labels)
    model = network()
    model.compile(keras.optimizers.Adam(2e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(seen, seen_labels, epochs=30, batch_size=32, verbose=2)
    probabilities = np.asarray(model.predict(held_out, verbose=0))
    model.save(HERE / "digits.keras")
    np.savez_compressed(
        HERE / "held_out.npz",
        images=np.round(held_out * 16).astype(np.uint8),  # as the data set has them: 0 to 16
        labels=held_out_labels.astype(np.uint8),
        keras_probabilities=probabilities,
    )
    print(f"accuracy on the {HELD_OUT} held-out images: {np.mean(probabilities.argmax(1) == held_out_labels):.4f}")


if __name__ == "__main__":
    main()
