"""Text from outside on a page is shown as it is: a renderer of markdown makes nothing else of it."""

import re
from datetime import UTC, datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from stockrnn.report.markdown import escape_markdown
from stockrnn.report.pages import describe_night, describe_ticker
from stockrnn.steps.outcomes import Outcome

RENDERER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
HOSTILE = (
    "<script>alert(1)</script>", "![x](http://evil.example/x.png)", "[a](javascript:alert(1))", "`code`",
    "a | b\n--|--\nc | d",
    "<img src=x onerror=alert(1)>", "\n\n# heading\n\n- item", "<http://evil.example>", "&lt;b&gt; &#35;",
    "**bold** _it_ ~~no~~",
    "[a]: http://evil.example", "\\", "```\nfence", "1. first", "+ plus", "===",
    "---", "    code", "<!-- ", "www.evil.example",
    "me@evil.example", "\u202eright to left", "\x00", "> quote", "]]>", "![",
)  # fmt: skip
TEXTS = st.one_of(
    st.text(max_size=40), st.text("\\`*_{}[]<>()#+-.!|~&:/@1a \n\t=\"'", max_size=30), st.sampled_from(HOSTILE)
)
PLAIN = {"text", "text_special", "softbreak"}
PAGE_TAGS = {"h1", "h2", "ul", "li", "p", "strong"}


def plain(text):
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())


def inline(markdown):
    return [child for token in RENDERER.parse(markdown) for child in token.children or ()]


@pytest.mark.parametrize("where", ["{}", "- {}", "**Failed:** {}", "# {}", "x {} y"])
def test_a_text_is_shown_as_it_is_wherever_it_stands(where):
    @settings(max_examples=25)
    @given(TEXTS)
    @example("- - a")
    def check(text):
        shown = "".join(child.content for child in inline(where.format(escape_markdown(text))))
        assert " ".join(shown.split()) == plain(where.replace("**", "").lstrip("#- ").format(plain(text)))

    check()


@settings(max_examples=50)
@given(st.lists(TEXTS, min_size=1, max_size=4))
@example(list(HOSTILE))
def test_no_text_makes_a_link_a_picture_html_code_or_a_heading(texts):
    for text in texts:
        escaped = escape_markdown(f"x{text}")
        assert {child.type for child in inline(escaped)} <= PLAIN
        assert not re.search(r"(?<!\\):(?=//)|(?<!\\)@|www\.", escaped, re.IGNORECASE)
        assert "\n" not in escaped


def tags(page):
    found = [token for block in RENDERER.parse(page) for token in (block, *(block.children or ()))]
    assert not [token for token in found if "html" in token.type or token.type in {"image", "fence", "code_block"}]
    return {token.tag for token in found if token.tag}


@pytest.mark.parametrize("text", HOSTILE)
def test_the_pages_of_a_night_hold_what_they_say_and_nothing_more(text):
    bad = Outcome(ticker=f"T{text}", spec=f"s{text}", error=text)
    page = describe_ticker([bad])
    assert tags(page) <= PAGE_TAGS
    night = describe_night(
        [bad],
        as_of=datetime(2024, 1, 5, tzinfo=UTC),
        summary=text,
        failures=[text],
        warnings=[text],
        issues=[(text, text, text, text)] * 2,
    )
    assert tags(night) <= PAGE_TAGS
    assert night.count("\n## ") == 5
