"""Removes what may be a credential from URLs in messages and log lines."""

import re
from urllib.parse import urlsplit

_URL = re.compile(r"""(?<![\w+.-])[A-Za-z][A-Za-z0-9+.-]{0,31}://[^\s<>"'`]*""")
_QUERY = re.compile(r"""\?[^\s<>"'`]*=[^\s<>"'`]*""")
_USERINFO = re.compile(r"""//[^\s/<>"'`]*@""")
_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029]")


def redact_url(url: str) -> str:
    """Scheme, host, port and path: no user name, password, query string or fragment. Never raises."""
    plain = _UNPRINTABLE.sub("", url)
    try:
        parts = urlsplit(plain)
        _ = parts.port  # "user:pass/word@host" has an impossible port
    except ValueError:
        return _cut(plain)
    if not (parts.scheme and parts.netloc):
        return _cut(plain)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def redact_text(text: str) -> str:
    """`text` with every URL redacted, and without query strings and user names that have no scheme before them."""
    redacted = _URL.sub(lambda found: redact_url(found[0]), text)
    return _QUERY.sub("", _USERINFO.sub("//", redacted))


def _cut(text: str) -> str:
    """The part of a text that is no URL before any query, and behind any user name."""
    return re.split(r"[?#]", text, maxsplit=1)[0].rpartition("@")[2]
