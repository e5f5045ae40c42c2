"""The report as one small HTML page, without anything from elsewhere."""

from __future__ import annotations

import re
from html import escape
from typing import Final

from anyvenue.testing.report import Report

__all__ = ["report_html"]

_CODE: Final = re.compile(r"`([^`]+)`")
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem;
       color: #1c1c1c; background: #fff }
table { border-collapse: collapse; width: 100% }
td.o { width: 7rem }
td, th { text-align: left; vertical-align: top; padding: .3rem .6rem; border-bottom: 1px solid #ddd }
h2 { margin: 2rem 0 .5rem; font-size: 1.1rem }
.o { white-space: nowrap; font-weight: 600 }
.passed { color: #176b2c } .skipped { color: #666 } .unproven { color: #8a5a00 } .failed { color: #b00020 }
small { color: #555 } pre { white-space: pre-wrap; margin: .2rem 0 0; font-size: 13px }
@media (prefers-color-scheme: dark) {
  body { color: #e6e6e6; background: #181818 } td, th { border-color: #3a3a3a } small { color: #aaa }
  .passed { color: #6fce86 } .skipped { color: #aaa } .unproven { color: #e6b454 } .failed { color: #ff7b8a }
}
"""


def report_html(report: Report) -> str:
    """Return the page."""
    title = f"Conformance of {escape(report.venue)}"
    counts = " &middot; ".join(f'<span class="{word}">{number} {word}</span>' for word, number in report.counts.items())
    head = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>'
    )
    parts = [head, f"<body><h1>{title}</h1><p>{counts}</p>"]
    if report.size:
        parts.append(f"<p><small>lines of code: {escape(report.size)}</small></p>")
    for subject in dict.fromkeys(one.subject for one in report.results):
        parts.append(f"<h2>{escape(subject)}</h2><table>")
        for one in report.results:
            if one.subject == subject:
                reason = f"<pre>{escape(one.reason)}</pre>" if one.reason else ""
                parts.append(
                    f'<tr><td class="o {one.outcome.value}">{one.outcome.value}</td>'
                    f"<td>{escape(one.behaviour)}<br><small>{_prose(one.meaning)}</small>{reason}</td></tr>"
                )
        parts.append("</table>")
    return "".join([*parts, "</body></html>\n"])


def _prose(text: str) -> str:
    return _CODE.sub(r"<code>\1</code>", escape(text))
