"""Which pairs of images to ask a person about next: ambiguity-aware sampling and its rivals, one protocol."""
