"""`python -m training cycle`: from photos on disk to a run, and from a run to a model."""
