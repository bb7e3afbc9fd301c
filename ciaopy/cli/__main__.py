"""`python -m ciaopy.cli WORDS` is the command `ciaopy WORDS`; shims use it."""

from ciaopy.cli.main import main

main()
