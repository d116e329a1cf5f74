"""The markup of a page: a title in the first line, then paragraphs, headings, lists, links and code."""

import html
import re

LINK = re.compile(r"\[([^\]]+)\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`]+)`")
STRONG = re.compile(r"\*\*([^*]+)\*\*")


def split_title(text):
    """The title, which is the first line without its `# `, and the rest of a page's text."""
    first, _, rest = text.lstrip().partition("\n")
    if not first.startswith("# "):
        raise ValueError(f"a page starts with '# Title', not with {first!r}")
    return first[2:].strip(), rest.strip()


def to_html(text):
    """The HTML of a page's text. Blocks are separated by blank lines."""
    return "\n".join(block_to_html(block) for block in re.split(r"\n\s*\n", text.strip()) if block)


def block_to_html(block):
    if block.startswith("## "):
        return f"<h2>{inline_to_html(block[3:])}</h2>"
    lines = block.splitlines()
    if all(line.startswith("- ") for line in lines):
        items = "".join(f"<li>{inline_to_html(line[2:])}</li>" for line in lines)
        return f"<ul>{items}</ul>"
    return f"<p>{inline_to_html(' '.join(lines))}</p>"


def inline_to_html(text):
    """Escapes the text, then makes links, code and strong words of what is left."""
    text = html.escape(text, quote=False)
    text = CODE.sub(r"<code>\1</code>", text)
    text = STRONG.sub(r"<strong>\1</strong>", text)
    return LINK.sub(lambda link: f'<a href="{html.escape(link[2])}">{link[1]}</a>', text)
