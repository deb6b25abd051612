"""Rows of the layer table: attention."""

from tests.builder.rows.row import Row

PAIR = ((5, 6), (4, 6))
TRIPLE = ((5, 6), (4, 6), (4, 3))

ROWS = {
    "heads": Row("MultiHeadAttention", {"num_heads": 2, "key_dim": 3}, PAIR, spread=True),
    "heads over the past": Row(
        "MultiHeadAttention", {"num_heads": 2, "key_dim": 3}, ((5, 6), (5, 6)), spread=True, call={"use_causal_mask": True}
    ),
    "heads with dropout over the past": Row(
        "MultiHeadAttention", {"num_heads": 2, "key_dim": 3, "dropout": 0.1}, PAIR, spread=True, call={"use_causal_mask": True}
    ),
    "heads with keys of their own": Row(
        "MultiHeadAttention", {"num_heads": 3, "key_dim": 2, "value_dim": 4, "dropout": 0.1}, TRIPLE, spread=True
    ),
    "heads without a bias": Row("MultiHeadAttention", {"num_heads": 2, "key_dim": 3, "use_bias": False}, PAIR, spread=True),
    "heads with a gate": Row(
        "MultiHeadAttention", {"num_heads": 2, "key_dim": 3, "use_gate": True, "value_dim": 5, "dropout": 0.1}, PAIR, spread=True
    ),
    "heads of another size": Row("MultiHeadAttention", {"num_heads": 2, "key_dim": 3, "output_shape": 7}, PAIR, spread=True),
    "heads of another shape": Row("MultiHeadAttention", {"num_heads": 2, "key_dim": 3, "output_shape": (2, 3)}, PAIR, spread=True),
    "heads with a window": Row("MultiHeadAttention", {"num_heads": 2, "key_dim": 3, "sliding_window": 2}, ((6, 4), (6, 4)), spread=True),
    "heads with a window over the past": Row(
        "MultiHeadAttention",
        {"num_heads": 2, "key_dim": 3, "sliding_window": 2},
        ((6, 4), (6, 4)),
        spread=True,
        call={"use_causal_mask": True},
    ),
    "heads over rows": Row("MultiHeadAttention", {"num_heads": 2, "key_dim": 3, "attention_axes": 2}, ((2, 5, 6), (2, 4, 6)), spread=True),
    "heads over columns": Row(
        "MultiHeadAttention", {"num_heads": 2, "key_dim": 3, "attention_axes": (1,)}, ((5, 2, 6), (4, 2, 6)), spread=True
    ),
    "heads over images": Row("MultiHeadAttention", {"num_heads": 2, "key_dim": 3}, ((2, 3, 6), (4, 2, 6)), spread=True),
    "heads in 16 bits": Row(
        "MultiHeadAttention", {"num_heads": 2, "key_dim": 3, "dtype": "mixed_float16"}, PAIR, tolerance=1e-2, spread=True
    ),
    "heads in groups": Row("GroupQueryAttention", {"head_dim": 3, "num_query_heads": 4, "num_key_value_heads": 2}, PAIR, spread=True),
    "heads in groups over the past": Row(
        "GroupQueryAttention",
        {"head_dim": 3, "num_query_heads": 4, "num_key_value_heads": 1, "dropout": 0.2, "use_bias": False},
        PAIR,
        spread=True,
        call={"use_causal_mask": True},
    ),
    "heads in groups with a gate": Row(
        "GroupQueryAttention",
        {"head_dim": 3, "num_query_heads": 2, "num_key_value_heads": 2, "use_gate": True, "sliding_window": 3},
        ((5, 6), (5, 6), (5, 6)),
        spread=True,
    ),
    "attention": Row("Attention", {}, PAIR, merged=True),
    "attention with keys": Row("Attention", {"use_scale": True}, ((5, 6), (4, 2), (4, 6)), merged=True),
    "attention over the past": Row("Attention", {"dropout": 0.5, "seed": 2}, PAIR, merged=True, call={"use_causal_mask": True}),
    "attention by tangents": Row("Attention", {"score_mode": "concat"}, PAIR, merged=True),
    "attention by scaled tangents": Row("Attention", {"score_mode": "concat", "use_scale": True}, PAIR, merged=True),
    "attention in 16 bits": Row("Attention", {"dtype": "mixed_float16"}, PAIR, tolerance=2e-2, merged=True),
    "additive attention": Row("AdditiveAttention", {}, PAIR, merged=True),
    "additive attention without a scale": Row("AdditiveAttention", {"use_scale": False}, PAIR, merged=True, call={"use_causal_mask": True}),
}
