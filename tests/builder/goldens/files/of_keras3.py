"""Makes the files of one version of Keras 3 here, on JAX: KERAS_BACKEND=jax python of_keras3.py DIRECTORY

    pip install keras==3.0.5 jax scipy packaging        # and 3.3.3, 3.6.0, 3.10.0

NAME.keras, NAME.h5 and the like, and NAME.npz with inputs (x0, x1, ...) and what the network answers to them (y0, ...).
"""

import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers

where = Path(sys.argv[1])
version = tuple(int(part) for part in keras.__version__.split(".")[:2])
name = f"keras_{keras.__version__.replace('.', '_')}"
generator = np.random.default_rng(7)


def network() -> Any:
    """A model in a model and one layer in both, recurrent layers and attention, functions between layers."""
    both = layers.Dense(4, name="both")
    tower_in = keras.Input((5, 4), name="tower_in")
    tower = keras.Model(tower_in, layers.BatchNormalization()(both(tower_in)), name="tower")
    a, b = keras.Input((5, 4), name="a"), keras.Input((5, 4), name="b")
    y = layers.Bidirectional(layers.GRU(2, return_sequences=True))(tower(both(a)))
    y = layers.MultiHeadAttention(2, 3)(y, tower(b)) * 2.0
    y = layers.RNN([layers.LSTMCell(2), layers.SimpleRNNCell(3)], return_sequences=True)(y)
    y = keras.ops.concatenate([y, layers.TimeDistributed(layers.Dense(2))(y)[:, ::-1]], axis=-1)
    stack = keras.Sequential([layers.SeparableConv1D(3, 2, activation="silu"), layers.LayerNormalization(), layers.Dense(2)], name="stack")
    return keras.Model([a, b], [layers.GlobalMaxPooling1D()(stack(y)), layers.Flatten()(y)], name="network")


model = network()
for weight in model.weights:
    numbers = generator.normal(scale=0.5, size=weight.shape)
    weight.assign(np.abs(numbers) + 0.5 if "variance" in weight.name else numbers)
given = [generator.normal(size=(3, 5, 4)).astype("float32") for _ in range(2)]
answers = [np.asarray(array) for array in model(given)]
np.savez_compressed(where / f"{name}.npz", x0=given[0], x1=given[1], y0=answers[0], y1=answers[1])
model.save(where / f"{name}.keras")
if (3, 0) < version < (3, 10):  # 3.0 fails to write the file
    model.save(where / f"{name}.h5")
if version >= (3, 10):
    model.save(where / f"{name}_directory", zipped=False)
    model.save_weights(where / f"{name}.weights.json", max_shard_size=1e-6)
