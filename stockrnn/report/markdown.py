"""Text of any origin in a page of markdown: shown as it is, never read as markdown."""

import re

_MEANT = re.compile(r"[\\`*_\[\]<>|!#~&{}@]|:(?=//)|(?<=www)\.", re.IGNORECASE)
"""What formats, quotes, links or loads: also addresses and e-mails, which some renderers make links of."""
_FIRST = re.compile(r"^(\d*)([-+=.)])")
"""What makes a list, a heading or a line where it begins one."""


def escape_markdown(text: object) -> str:
    r"""Return a text in one line as markdown that shows it.

    >>> print(escape_markdown("- a_b <b>\n![x](http://y)"))
    \- a\_b \<b\> \!\[x\](http\://y)
    """
    printable = "".join(character if character.isprintable() else " " for character in str(text))
    return _FIRST.sub(r"\1\\\2", _MEANT.sub(r"\\\g<0>", " ".join(printable.split())))
