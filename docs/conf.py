"""The site: `python3 -m sphinx -W -b html docs build/site` (after `python3 -m pip install '.[docs]'`)."""

import os
import sys
from pathlib import Path

EXTENSIONS = str(Path(__file__).parent / "_extensions")
sys.path.insert(0, EXTENSIONS)
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (EXTENSIONS, os.environ.get("PYTHONPATH"))))  # of the threads

from ciaopy.version import __version__  # noqa: E402

project = "ciaopy"
author = "the ciaopy developers"
copyright = "2026, the ciaopy developers"
version = release = __version__

extensions = [
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "tool_pages",
    "api_pages",
    "flow_pages",
]
exclude_patterns = ["tools/*", "fluximage.ipynb", "surveys.ipynb", "_build"]
master_doc = "index"

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

# Threads are run when the site is built, each in a folder of its own; one that fails is an error.
nb_execution_mode = "cache"
nb_execution_in_temp = True
nb_execution_timeout = 300
nb_execution_raise_on_error = True
nb_merge_streams = True

autosummary_generate = True
autosummary_imported_members = True
autodoc_typehints = "none"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

html_theme = "pydata_sphinx_theme"
html_title = f"ciaopy {version}"
html_theme_options = {"show_prev_next": True, "navigation_with_keys": False, "show_toc_level": 2}
