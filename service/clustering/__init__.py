"""Who belongs together: neighbours, distances, clusterings and the questions that settle them."""
