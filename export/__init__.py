"""Labelled photos and pretrained networks -> sealed bundles, galleries, fitted policies, honest figures."""

import service as service  # sets the number of BLAS threads before numpy is imported
