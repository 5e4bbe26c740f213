"""The compiled road, `skmlp/_fast`. All else about the package is said in pyproject.toml.

The extension is optional: where it cannot be built, the install says so in a warning and succeeds,
and the package runs on NumPy.
"""

import sys
from pathlib import Path

from setuptools import Extension, setup

SOURCE = "skmlp/_fast/src"
# errno and traps of floating point are not looked at, which lets loops with a branch or a square
# root become vector code. Nothing here allows to reassociate or to assume that NaN does not occur.
GNU_FLAGS = ["-O3", "-fno-math-errno", "-fno-trapping-math", "-fopenmp-simd", "-Wall", "-Wextra"]


def extensions():
    """Return the extensions, or none without what it takes to translate them to C."""
    try:
        import numpy as np
        from Cython.Build import cythonize
    except ImportError as error:
        print(f"warning: the compiled road is left out: {error}", file=sys.stderr)
        return []
    common = {
        "depends": [str(path) for path in sorted(Path(SOURCE).glob("*.h"))],
        "include_dirs": [SOURCE, np.get_include()],
        "extra_compile_args": ["/O2"] if sys.platform == "win32" else GNU_FLAGS,
    }
    kernels = [str(path) for path in sorted(Path(SOURCE).glob("*.c"))]
    sources = [
        Extension("skmlp._fast._executor", ["skmlp/_fast/_executor.pyx", *kernels], **common),
        # Gets the kernels from the executor at run time.
        Extension("skmlp._fast._linear", ["skmlp/_fast/_linear.pyx"], **common),
    ]
    built = cythonize(sources, build_dir="build/cython", language_level=3)
    for extension in built:
        # Said here, since cythonize does not pass it on.
        extension.optional = True
    return built


setup(ext_modules=extensions())
