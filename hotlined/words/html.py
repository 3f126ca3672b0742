"""HTML files that are complete in themselves: no script, no link, no other file, and a policy that forbids loading any.

The desk's pages are not made here: they are templates, with their policy in the headers of HTTP.
"""

import base64
import hashlib

from hotlined.language import spoken
from hotlined.words.harmless import harmless

# the same as `html.escape`; importing that module would keep two thousand names of characters in the desk's memory
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;"})


def text_in_html(value: object, newline: str = "⏎") -> str:
    """Write a value so that neither a browser nor a terminal obeys it; newlines become `newline`."""
    return harmless(str(value), newline).translate(_ESCAPES)


def whole_page(title: str, style: str, body: str) -> str:
    """Write a file of HTML in the current language.

    The policy names the one style sheet by its hash. So a stranger's text loads and runs nothing, even if it got into
    the page unescaped. The empty icon keeps a browser from asking for one.
    """
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return f"""<!DOCTYPE html>
<html lang="{spoken()}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'sha256-{digest}';\
 base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<link rel="icon" href="data:,">
<title>{text_in_html(title)}</title>
<style>{style}</style>
</head>
<body>
{body}</body>
</html>
"""
