"""Synthetic animals with coats from reaction-diffusion: labelled photos for tests and for the demo."""

from export.synthetic.dataset import GENERATOR_VERSION, generate

__all__ = ["GENERATOR_VERSION", "generate"]
