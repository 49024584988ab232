"""Articles and how a question finds one: an index in memory, file formats and the answer policy."""

import os

# Every matrix here is small: a second BLAS thread makes a decision three times slower, and one more per
# worker process only fights for the same cores. It must be said before numpy is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
