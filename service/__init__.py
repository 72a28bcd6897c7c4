"""What runs in production: HTTP, pages, the cascade, file formats, the catalogue. Needs no torch."""

import os

# The cascade multiplies many small matrices: a second BLAS thread gains a fifth on an idle machine and loses far more on a busy one.
# Networks have threads of their own (WHORL_THREADS). Read by numpy when it is first imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
