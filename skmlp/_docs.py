"""Docstrings that share sections."""


def with_sections(sections):
    """Return a decorator that fills the places ``<name>`` in the docstring of a class.

    Parameters
    ----------
    sections : dict of str to str
        The text for every name.
    """

    def fill(cls):
        if cls.__doc__:  # python -OO strips docstrings
            for name, text in sections.items():
                cls.__doc__ = cls.__doc__.replace(f"<{name}>", text)
        return cls

    return fill
