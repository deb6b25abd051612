"""Makes the files of Keras 2 here, with TensorFlow's copy of it: python of_tf_keras.py DIRECTORY

    pip install tensorflow-cpu tf-keras        # written with 2.21

For each network: NAME.h5 or NAME.keras, and NAME.npz with inputs (x0, x1, ...) and what it answers to them (y0, ...).
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras as keras

layers = keras.layers
where = Path(sys.argv[1])
generator = np.random.default_rng(7)


def scattered(model: Any) -> Any:
    """The model with weights that are all different, variances positive."""
    for weight in model.weights:
        numbers = generator.normal(scale=0.5, size=weight.shape)
        weight.assign(np.abs(numbers) + 0.5 if "variance" in weight.name else numbers)
    return model


def write(model: Any, name: str, *endings: str, inputs: Any = None) -> None:
    scattered(model)
    given = inputs or [generator.normal(size=(3, *tensor.shape[1:])).astype("float32") for tensor in model.inputs]
    answers = model(given[0] if len(given) == 1 else given)
    answers = answers if isinstance(answers, list | tuple) else [answers]
    arrays = {f"x{index}": array for index, array in enumerate(given)} | {
        f"y{index}": np.asarray(array) for index, array in enumerate(answers)
    }
    np.savez_compressed(where / f"{name}.npz", **arrays)
    for ending in endings:
        model.save(where / f"{name}{ending}")
    keras.backend.clear_session()


def dense() -> Any:
    x = keras.Input((4,), name="x")
    y = layers.BatchNormalization(name="norm")(layers.Dense(3, activation="gelu", name="first")(x))
    y = layers.LeakyReLU(alpha=0.1)(layers.Dropout(0.5)(y))
    return keras.Model(x, layers.Dense(2, "softmax", name="second", kernel_regularizer="l2")(y))


def images() -> Any:
    """The first layer says what the input is."""
    return keras.Sequential(
        [
            layers.SeparableConv2D(4, 3, padding="same", activation="relu", input_shape=(8, 8, 3)),
            layers.BatchNormalization(scale=False),
            layers.DepthwiseConv2D(3, depth_multiplier=2),
            layers.Conv2DTranspose(2, 2, strides=2),
            layers.LayerNormalization(),
            layers.PReLU(shared_axes=[1, 2]),
            layers.ReLU(max_value=2.0, negative_slope=0.1),
            layers.MaxPooling2D(),
            layers.UpSampling2D(interpolation="bilinear"),
            layers.ZeroPadding2D(1),
            layers.GlobalAveragePooling2D(),
            layers.Dense(2),
        ]
    )


def recurrent() -> Any:
    x = keras.Input((5, 3), name="x")
    y = layers.LSTM(3, recurrent_activation="hard_sigmoid", return_sequences=True)(x)
    y = layers.Bidirectional(layers.GRU(2, return_sequences=True, recurrent_activation="hard_sigmoid"))(y)
    y = layers.RNN([layers.LSTMCell(2), layers.GRUCell(3, reset_after=False)], return_sequences=True)(y)
    y = layers.TimeDistributed(layers.Dense(3, activation="hard_sigmoid"))(y)
    state = layers.Dense(4)(layers.SimpleRNN(3)(y))
    return keras.Model(x, layers.GRU(4, reset_after=False)(y, initial_state=state))


def nested() -> Any:
    """A model in a model, called twice; in a legacy file its trainable weights come before all others."""
    tower_in = keras.Input((4,), name="tower_in")
    inner = keras.Sequential([layers.Dense(3), layers.BatchNormalization(), layers.Dense(3)], name="inner")
    y = layers.BatchNormalization()(layers.Dense(4)(tower_in))
    tower = keras.Model(tower_in, inner(y), name="tower")
    frozen = keras.Sequential([keras.Input((3,)), layers.Dense(3), layers.BatchNormalization()], name="frozen")
    frozen.layers[0].trainable = False
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    joined = layers.Concatenate()([tower(a), frozen(tower(b))])
    return keras.Model([a, b], [layers.Dense(2)(joined), tower(layers.Dense(4)(joined))])


def attention() -> Any:
    ids = keras.Input((6,), name="ids")
    y = layers.Embedding(9, 4, mask_zero=True)(ids)
    y = layers.MultiHeadAttention(2, 3)(y, y, use_causal_mask=True)
    y = layers.LayerNormalization(epsilon=1e-5)(y)
    y = layers.Attention()([y, y])
    return keras.Model(ids, layers.LSTM(3)(y))


def functions() -> Any:
    """Functions of TensorFlow between layers."""
    x = keras.Input((4, 6), name="x")
    a, b = tf.split(x, 2, axis=-1)
    c, d, e = tf.split(x, [1, 2, 3], axis=2)
    y = tf.concat([a * 2.0, 1.5 - b, tf.pad(c, [[0, 0], [0, 0], [1, 1]]), d + e[..., 1:]], axis=-1)
    y = tf.transpose(tf.nn.relu(y) + tf.math.square(y), [0, 2, 1])
    y = tf.reduce_mean(y, axis=1, keepdims=True) / (tf.reduce_sum(tf.abs(y), axis=[1], keepdims=True) + 1.0) + y**2
    z = tf.matmul(y, y, transpose_a=True) + tf.matmul(y, y, transpose_a=True)[:, 0:1]
    z = tf.squeeze(tf.expand_dims(tf.nn.softmax(z), 1), axis=1)
    z = tf.where(z > 0.2, z, tf.math.sqrt(z))
    z = tf.stack([z, tf.clip_by_value(z, 0.1, 0.5)], axis=1)
    z = tf.reshape(z, [tf.shape(z)[0], 32])
    w = tf.cast(tf.argmax(z, axis=1), tf.float32)[:, None] + tf.math.reduce_std(z, axis=-1, keepdims=True)
    return keras.Model(x, [layers.Dense(3)(z), tf.math.l2_normalize(tf.tile(w, [1, 2]), axis=-1), tf.math.squared_difference(z, w)])


def table() -> Any:
    """One call of each other TensorFlow function that has a counterpart."""
    x = keras.Input((2, 4), name="x")
    y = tf.nn.sigmoid(x) + 0.1
    maths, nn = tf.math, tf.nn
    one = [tf.abs, maths.negative, maths.reciprocal, tf.sqrt, maths.rsqrt, tf.exp, maths.expm1, maths.log, maths.log1p, tf.sin, tf.cos]
    one += [tf.tan, tf.sinh, tf.cosh, tf.tanh, tf.sigmoid, maths.erf, tf.floor, maths.ceil, tf.round, tf.sign, tf.asin, tf.acos, tf.atan]
    one += [maths.softplus, maths.log_sigmoid, tf.identity, tf.stop_gradient, tf.zeros_like, tf.ones_like, nn.relu6, nn.elu, nn.selu]
    one += [nn.softsign, nn.leaky_relu, nn.gelu, nn.silu, nn.log_softmax, tf.linalg.l2_normalize, nn.tanh, nn.softplus]
    two = [tf.add, tf.subtract, tf.multiply, tf.divide, maths.truediv, tf.math.floordiv, maths.floormod, tf.pow, tf.maximum, tf.minimum]
    two += [maths.divide_no_nan, tf.greater_equal, tf.less, tf.less_equal, tf.equal, tf.not_equal]
    reduced = [tf.reduce_max, tf.reduce_min, tf.reduce_prod, maths.reduce_variance, maths.reduce_logsumexp]
    found = [function(y) for function in one] + [function(y, x) for function in two] + [function(y, axis=-1) for function in reduced]
    high, low = y > 0.5, tf.math.is_nan(x)
    found += [tf.logical_and(high, low), tf.logical_or(high, low), tf.logical_not(high), tf.reduce_any(high, 1), tf.reduce_all(high, 1)]
    found += [
        tf.argmin(y, axis=2),
        tf.cumsum(y, axis=1),
        maths.add_n([y, x, y]),
        maths.scalar_mul(3.0, y),
        nn.bias_add(y, [1.0, 2.0, 3.0, 4.0]),
    ]
    found += [*tf.unstack(y, axis=2)[:2], tf.tensordot(y, tf.constant([[1.0], [2.0], [3.0], [4.0]]), axes=1), *tf.math.top_k(y, k=2)]
    found += [tf.gather(y, [2, 0], axis=2), tf.one_hot(tf.cast(high, tf.int32), 3), tf.repeat(y, 2, axis=1), tf.reverse(y, [1])]
    found += [
        tf.roll(y, shift=1, axis=2),
        nn.depth_to_space(y[:, None], 2),
        nn.space_to_depth(y[..., None], 2),
        tf.broadcast_to(y[:1, :1], [3, 2, 4]),
        tf.transpose(y, [0, 2, 1]),
    ]
    found += [tf.reshape(y, [tf.shape(y)[0], -1, 2])[:, 0], tf.reshape(y, tf.stack([tf.shape(y)[0], 8])), nn.softmax(y), nn.swish(y)]
    return keras.Model(x, found)


def shared() -> Any:
    """One layer in two models, which a file says by its `shared_object_id`."""
    dense = layers.Dense(4, name="both")
    a_in, b_in = keras.Input((4,), name="a_in"), keras.Input((4,), name="b_in")
    a, b = keras.Model(a_in, layers.ReLU()(dense(a_in)), name="a"), keras.Model(b_in, dense(dense(b_in)), name="b")
    x = keras.Input((4,), name="x")
    return keras.Model(x, b(a(x)))


write(dense(), "tf_dense", ".h5", ".keras")
write(images(), "tf_images", ".h5", ".keras")
write(recurrent(), "tf_recurrent", ".h5", ".keras")
write(nested(), "tf_nested", ".h5", ".keras")
write(attention(), "tf_attention", ".h5", ".keras", inputs=[np.array([[1, 2, 3, 0, 0, 0], [4, 8, 1, 1, 2, 3]], "float32")])
write(functions(), "tf_functions", ".h5")
write(table(), "tf_table", ".h5")
write(shared(), "tf_shared", ".h5", ".keras")
weights = scattered(dense())
weights.save_weights(where / "tf_dense.weights.h5")
weights.save_weights(where / "tf_dense_weights.h5", save_format="h5")
