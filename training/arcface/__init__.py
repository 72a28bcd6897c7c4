"""Dual-backbone ArcFace, one a species (Semenova 2025, stage 4): two backbones, a batch norm each, side by side, an angular margin."""
