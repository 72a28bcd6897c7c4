"""Active learning and fine-tuning: a few hundred answers -> a model for a new species. Its artifacts go to `export`."""
