"""Rows of the layer table: recurrent."""

from tests.builder.rows.row import Inner, Row

SEQUENCE = ((5, 3),)
LONG = ((20, 3),)

ROWS = {
    "lstm": Row("LSTM", {"units": 4}, SEQUENCE),
    "lstm of sequences": Row("LSTM", {"units": 4, "return_sequences": True}, SEQUENCE),
    "lstm backwards": Row("LSTM", {"units": 4, "return_sequences": True, "go_backwards": True}, SEQUENCE),
    "lstm backwards to the first": Row("LSTM", {"units": 4, "go_backwards": True}, SEQUENCE),
    "lstm without a bias": Row("LSTM", {"units": 4, "use_bias": False, "unit_forget_bias": False}, SEQUENCE),
    "lstm with activations of its own": Row(
        "LSTM", {"units": 4, "activation": "softsign", "recurrent_activation": "hard_sigmoid"}, SEQUENCE
    ),
    "lstm with linear activations": Row("LSTM", {"units": 4, "activation": "linear", "recurrent_activation": "hard_sigmoid"}, SEQUENCE),
    "lstm with activations that ONNX Runtime lacks": Row("LSTM", {"units": 4, "activation": "gelu", "return_sequences": True}, SEQUENCE),
    "lstm in a loop": Row("LSTM", {"units": 4, "activation": "silu", "return_sequences": True, "go_backwards": True}, LONG),
    "lstm in a loop to the last": Row("LSTM", {"units": 4, "activation": "mish"}, LONG),
    "lstm written out": Row("LSTM", {"units": 4, "unroll": True}, SEQUENCE),
    "lstm in 16 bits": Row("LSTM", {"units": 4, "dtype": "mixed_float16"}, SEQUENCE, tolerance=1e-2),
    "lstm with dropout": Row("LSTM", {"units": 4, "dropout": 0.5, "recurrent_dropout": 0.2, "seed": 1}, SEQUENCE),
    "gru": Row("GRU", {"units": 4}, SEQUENCE),
    "gru of sequences backwards": Row("GRU", {"units": 4, "return_sequences": True, "go_backwards": True}, SEQUENCE),
    "gru that resets before": Row("GRU", {"units": 4, "reset_after": False}, SEQUENCE),
    "gru without a bias": Row("GRU", {"units": 4, "use_bias": False}, SEQUENCE),
    "gru that resets before without a bias": Row("GRU", {"units": 4, "reset_after": False, "use_bias": False}, SEQUENCE),
    "gru with activations that ONNX Runtime lacks": Row("GRU", {"units": 4, "activation": "gelu", "return_sequences": True}, SEQUENCE),
    "gru in a loop that resets before": Row("GRU", {"units": 4, "activation": "gelu", "reset_after": False}, LONG),
    "gru with relu": Row("GRU", {"units": 4, "activation": "relu", "recurrent_activation": "hard_sigmoid"}, SEQUENCE),
    "simple recurrence": Row("SimpleRNN", {"units": 4}, SEQUENCE),
    "simple recurrence of sequences": Row("SimpleRNN", {"units": 4, "return_sequences": True, "activation": "elu"}, SEQUENCE),
    "simple recurrence without a bias": Row("SimpleRNN", {"units": 4, "use_bias": False, "activation": "softplus"}, SEQUENCE),
    "simple recurrence in a loop": Row("SimpleRNN", {"units": 4, "activation": "selu", "return_sequences": True}, LONG),
    "cell of an lstm": Row("LSTMCell", {"units": 4}, ((3,), (4,), (4,)), cell=True),
    "cell of an lstm without a bias": Row("LSTMCell", {"units": 4, "use_bias": False}, ((3,), (4,), (4,)), cell=True),
    "cell of a gru": Row("GRUCell", {"units": 4}, ((3,), (4,)), cell=True),
    "cell of a gru that resets before": Row("GRUCell", {"units": 4, "reset_after": False}, ((3,), (4,)), cell=True),
    "cell of a simple recurrence": Row("SimpleRNNCell", {"units": 4, "activation": "gelu"}, ((3,), (4,)), cell=True),
    "cells on top of each other": Row(
        "StackedRNNCells",
        {"cells": [Inner("GRUCell", {"units": 3, "name": "a"}), Inner("SimpleRNNCell", {"units": 2, "name": "b"})]},
        ((3,), (3,), (2,)),
        cell=True,
    ),
    "recurrence of a cell": Row("RNN", {"cell": Inner("LSTMCell", {"units": 4, "name": "cell"}), "return_sequences": True}, SEQUENCE),
    "recurrence of a gru's cell backwards": Row(
        "RNN", {"cell": Inner("GRUCell", {"units": 4, "name": "cell"}), "go_backwards": True}, SEQUENCE
    ),
    "recurrence of cells": Row(
        "RNN",
        {
            "cell": Inner(
                "StackedRNNCells",
                {"cells": [Inner("LSTMCell", {"units": 4, "name": "a"}), Inner("GRUCell", {"units": 3, "name": "b"})], "name": "cells"},
            )
        },
        SEQUENCE,
    ),
    "recurrence of cells backwards": Row(
        "RNN",
        {
            "cell": Inner(
                "StackedRNNCells",
                {
                    "cells": [
                        Inner("SimpleRNNCell", {"units": 4, "name": "a"}),
                        Inner("LSTMCell", {"units": 3, "activation": "gelu", "name": "b"}),
                    ],
                    "name": "cells",
                },
            ),
            "go_backwards": True,
            "return_sequences": True,
        },
        SEQUENCE,
    ),
    "both ways": Row("Bidirectional", {"layer": Inner("LSTM", {"units": 4, "return_sequences": True, "name": "inner"})}, SEQUENCE),
    "both ways to the ends": Row("Bidirectional", {"layer": Inner("GRU", {"units": 4, "name": "inner"})}, SEQUENCE),
    "both ways, summed": Row("Bidirectional", {"layer": Inner("SimpleRNN", {"units": 4, "name": "inner"}), "merge_mode": "sum"}, SEQUENCE),
    "both ways, averaged": Row(
        "Bidirectional", {"layer": Inner("LSTM", {"units": 4, "return_sequences": True, "name": "inner"}), "merge_mode": "ave"}, SEQUENCE
    ),
    "both ways, multiplied": Row(
        "Bidirectional", {"layer": Inner("GRU", {"units": 4, "return_sequences": True, "name": "inner"}), "merge_mode": "mul"}, SEQUENCE
    ),
    "both ways, by two layers": Row(
        "Bidirectional",
        {
            "layer": Inner("LSTM", {"units": 4, "return_sequences": True, "name": "inner"}),
            "backward_layer": Inner("GRU", {"units": 4, "return_sequences": True, "go_backwards": True, "name": "other"}),
        },
        SEQUENCE,
    ),
    "both ways step by step": Row(
        "Bidirectional", {"layer": Inner("LSTM", {"units": 4, "activation": "gelu", "return_sequences": True, "name": "inner"})}, SEQUENCE
    ),
    "both ways in 16 bits": Row(
        "Bidirectional",
        {"layer": Inner("GRU", {"units": 4, "dtype": "mixed_float16", "name": "inner"}), "dtype": "mixed_float16"},
        SEQUENCE,
        tolerance=1e-2,
    ),
    "dense on each step": Row("TimeDistributed", {"layer": Inner("Dense", {"units": 4, "name": "inner"})}, SEQUENCE),
    "convolution on each step": Row(
        "TimeDistributed", {"layer": Inner("Conv2D", {"filters": 2, "kernel_size": 2, "name": "inner"})}, ((3, 5, 4, 2),)
    ),
    "flattening of each step": Row("TimeDistributed", {"layer": Inner("Flatten", {"name": "inner"})}, ((3, 5, 2),)),
    "lstm on each step": Row(
        "TimeDistributed", {"layer": Inner("LSTM", {"units": 2, "return_sequences": True, "name": "inner"})}, ((3, 5, 2),)
    ),
    "lstm of rows": Row("ConvLSTM1D", {"filters": 3, "kernel_size": 2, "return_sequences": True}, ((4, 6, 2),)),
    "lstm of images": Row("ConvLSTM2D", {"filters": 2, "kernel_size": (2, 3), "padding": "same"}, ((3, 4, 5, 2),)),
    "lstm of images in steps backwards": Row(
        "ConvLSTM2D",
        {"filters": 2, "kernel_size": 3, "padding": "same", "strides": 2, "go_backwards": True, "return_sequences": True},
        ((3, 5, 4, 2),),
    ),
    "lstm of images with the channels first": Row(
        "ConvLSTM2D",
        {"filters": 2, "kernel_size": 2, "dilation_rate": 2, "data_format": "channels_first", "use_bias": False},
        ((3, 2, 5, 5),),
    ),
    "lstm of images in a loop": Row(
        "ConvLSTM2D", {"filters": 2, "kernel_size": 2, "activation": "relu", "return_sequences": True}, ((18, 3, 4, 2),)
    ),
    "lstm of volumes": Row("ConvLSTM3D", {"filters": 2, "kernel_size": 2}, ((2, 3, 3, 4, 2),)),
}
