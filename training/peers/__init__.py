"""Other ways to cluster under constraints, beside NP3, on embeddings that do not change."""
