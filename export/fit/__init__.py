"""Fit what a policy needs, on gallery individuals only, through the serving code: calibrators, fusion, thresholds."""
