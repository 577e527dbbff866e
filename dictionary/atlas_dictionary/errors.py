"""The one error of the dictionary package.

It is raised where the cause is known: by the reader for a file that must be refused, by the
importers for a source that cannot be read (the message names file and line), by the compiler for
what cannot be written. The command line turns it into one line and exit status 1.
"""


class DictionaryError(Exception):
    """A dictionary cannot be read, built or used; the message is one line that says why."""


class UnusableLineError(DictionaryError):
    """A line of a source is well formed, and names nothing that the dictionary can hold."""
