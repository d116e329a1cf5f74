"""A site: a folder of pages made into a folder of HTML files."""

import json
import pathlib
import shutil
import string

from . import markup

TEMPLATE = string.Template(
    """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>$title</title><link rel="stylesheet" href="style.css"></head>
<body>
<nav>$navigation</nav>
<main>
<h1>$title</h1>
$content
</main>
<footer>Built from $revision</footer>
</body>
</html>
"""
)


def build(source, target, revision):
    """Writes each page of `source` to `target`, which is emptied first. Answers the names of the files.

    `revision` is what the footer of every page says it was built from."""
    source, target = pathlib.Path(source), pathlib.Path(target)
    pages = {path.stem: markup.split_title(path.read_text(encoding="utf-8")) for path in sorted(source.glob("*.md"))}
    if "index" not in pages:
        raise ValueError(f"{source} has no index.md")
    if target.exists():
        shutil.rmtree(target)
    target.mkdir(parents=True)

    navigation = " ".join(f'<a href="{name}.html">{title}</a>' for name, (title, _) in pages.items())
    for name, (title, text) in pages.items():
        page = TEMPLATE.substitute(
            title=title, navigation=navigation, content=markup.to_html(text), revision=revision
        )
        (target / f"{name}.html").write_text(page, encoding="utf-8")
    shutil.copy(source / "style.css", target / "style.css")
    (target / "site.json").write_text(json.dumps({"revision": revision, "pages": sorted(pages)}) + "\n")
    return sorted(path.name for path in target.iterdir())
