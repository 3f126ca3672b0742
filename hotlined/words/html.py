"""HTML files that need nothing else: they have no script, no link and no other file, and tell the browser to load none.

The desk's pages are not made here: they are templates, with a policy in the headers of HTTP.
"""

import base64
import hashlib

from hotlined.language import spoken
from hotlined.words.harmless import harmless

# what `html.escape` does; that module brings two thousand names of characters, which the desk would keep
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;"})


def text_in_html(value: object, newline: str = "⏎") -> str:
    """Write a value so that neither a browser nor a terminal obeys it, newlines as `newline`."""
    return harmless(str(value), newline).translate(_ESCAPES)


def whole_page(title: str, style: str, body: str, *, dark: bool = False) -> str:
    """Write a file of HTML in the language in force; `dark` tells whether its style also suits a dark screen.

    The policy names the one style sheet by its hash. So what a stranger wrote loads and runs nothing, even if it got
    into the page unescaped. The empty icon keeps a browser from asking for one.
    """
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    schemes = '<meta name="color-scheme" content="light dark">\n' if dark else ""
    return f"""<!DOCTYPE html>
<html lang="{spoken()}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'sha256-{digest}';\
 base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
{schemes}<meta name="referrer" content="no-referrer">
<link rel="icon" href="data:,">
<title>{text_in_html(title)}</title>
<style>{style}</style>
</head>
<body>
{body}</body>
</html>
"""
