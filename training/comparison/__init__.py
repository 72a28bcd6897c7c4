"""All samplers on the same data sets, splits and chance: learning curves, effects, cost."""
