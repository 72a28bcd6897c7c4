"""The stages of a cycle, each of which leaves a file."""
