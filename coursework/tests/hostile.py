"""All that a student could hand in to make a page act: each piece calls owned() if it runs."""

import base64
import io

import matplotlib.pyplot as plt
from pygments.lexers import get_all_lexers

CLOSE = "</script></style></textarea></title></pre></code></span></div>--></p>"
IMAGE = '<img src=x onerror="owned()">'
HTML = [
    "<script>owned()</script>",
    IMAGE,
    f"{CLOSE}{IMAGE}",
    f'"><svg onload="owned()">{IMAGE}',
    f"' onmouseover='owned()' autofocus onfocus='owned()' x='{IMAGE}",
    '<iframe srcdoc="<script>parent.owned()</script>"></iframe>',
    '<iframe src="javascript:parent.owned()"></iframe>',
    '<object data="javascript:owned()"></object><embed src="javascript:owned()">',
    "<details open ontoggle=owned()>x</details><marquee onstart=owned()>x</marquee>",
    "<input autofocus onfocus=owned()><video><source onerror=owned()></video>",
    '<form action="javascript:owned()"><button autofocus onfocus=owned()>x</button></form>',
    '<meta http-equiv=refresh content="0;url=javascript:owned()"><base href=//evil.example/>',
    '<link rel=stylesheet href=//evil.example/x.css><style>@import "//evil.example/y";</style>',
    '<img src="//evil.example/x.png" srcset="//evil.example/y.png 2x"><p style="position:fixed">',
    "<svg><script>owned()</script><animate onbegin=owned() attributeName=x></svg>",
    '<svg><a xlink:href="javascript:owned()"><text>x</text></a><use href="data:,x#y"/></svg>',
    f"<svg><style>{IMAGE}</style></svg><noscript><p title='</noscript>{IMAGE}'></noscript>",
    '<math href="javascript:owned()"><mi xlink:href="javascript:owned()">x</mi></math>',
    f'<math><annotation-xml encoding="text/html">{IMAGE}<script>owned()</script></annotation-xml>',
    "<math><mtext><table><mglyph><style><!--</style>"
    '<img title="--&gt;&lt;img src=1 onerror=owned()&gt;">',
    f"<![CDATA[{IMAGE}]]><?xml {IMAGE}?><!--{IMAGE}--!>{IMAGE}<!DOCTYPE x [{IMAGE}]>",
    f"<template>{IMAGE}</template><xmp>{IMAGE}</xmp><plaintext>{IMAGE}",
    '<script type="text/x-mathjax-config">owned()</script><p id=formgrader name=MathJax>',
    '<input class="score tabbable"><p class=modal data-toggle=tooltip data-template="<img/>">',
    "{{ 7 * 7 }}{% for x in ().__class__.__mro__ %}{% endfor %}",
]
ADDRESSES = [
    "javascript:owned()",
    "JaVaScRiPt:owned()",
    "\x01javascript:owned()",
    "java&#x09;script:owned()",
    "java%0ascript:owned()",
    "&#106;avascript&colon;owned()",
    "/files/javascript:owned()",
    "files/javascript:owned()",
    "vbscript:owned()",
    "data:text/html;base64,PHNjcmlwdD5vd25lZCgpPC9zY3JpcHQ+",
    "data:image/svg+xml,<svg/onload=owned()>",
    'data:image/png;base64,x"onerror="owned()',
    "//evil.example/x",
    "http://evil.example/x.png",
    "http://evil.example/&quot;onmouseover=&quot;owned()",
    "attachment:missing.png",
    "attachment:picture.svg",
    "#formgrader",
    "figure.png",
]
FORMULAS = [
    r"\href{javascript:owned()}{x}",
    r"\url{javascript:owned()} \unicode{60}img src=x onerror=owned()\unicode{62}",
    r"\class{score tabbable}{x} \cssId{notebook}{y}",
    r"\style{background:url(http://evil.example/x)}{x}",
    r"\require{html} \mmlToken{mi}[href='javascript:owned()' onclick='owned()']{x}",
    IMAGE,
    f"{CLOSE}{HTML[0]}",
    rf"\text{{{IMAGE}}} \mbox{{{CLOSE}{IMAGE}}} \operatorname{{{IMAGE}}}",
    r"\text{&lt;img src=x onerror=owned()&gt;} \text{&amp;lt;img src=x onerror=owned()&amp;gt;}",
    r'\hspace{1em" onclick="owned()} \color{red" onclick="owned()}{x} \rule{1em}{1em">}',
    rf"\begin{{array}}{{{IMAGE}}}1\end{{array}} \tag{{{IMAGE}}}",
    r"\newcommand{\x}{\href{javascript:owned()}{x}}\x \def\y{\y\y}\y",
    r"\includegraphics{http://evil.example/x.png} \input{x}",
    r"\sqrt{" * 200,
    r"\frac \left( \begin{matrix} & \\ ^ _ {",
]
LANGUAGES = sorted({alias for _, aliases, *_ in get_all_lexers() for alias in aliases})
LANGUAGES += ["mermaid", "mermaid {x}", "math", "vega", "vega-lite", "plotly", "{code-cell}", "x y"]
LANGUAGES += [f"x{piece}" for piece in HTML]


def constructs(piece):
    """Yield a text in each place that Markdown has for one."""
    line = piece.replace("\n", " ")
    yield piece
    yield f"text {line} **{line}** _{line}_ ~~{line}~~ `{line}` ``{line}``"
    yield f"# {line}\n\n{line}\n---\n\n> {line}\n\n- {line}\n  1. {line}\n- [x] {line}"
    yield f"|{line}|b|\n|:-:|--:|\n|{line}|`{line}`|"
    yield f"{line}\n: {line}\n\nnote[^1]\n\n[^1]: {line}"
    yield f"    {line}\n\n~~~{line}\n{line}\n~~~\n\n```\n{line}\n```"
    yield f"<div {line}>\n{line}\n</div>\n\n<{line}>\n\n<!-- {line} -->"
    yield f'[{line}](http://x.example "{line}") ![{line}](x.png "{line}") [{line}][{line}]'
    yield f"[{line}]: http://x.example '{line}'\n[r]: <{line}>\n\n[r] ![r] [y]({line})"


def links(address):
    """Yield an address in each place that Markdown has for one."""
    yield f'[link]({address}) [link](<{address}> "title") ![picture]({address}) <{address}>'
    yield f"{address} [link][r] ![picture][r] [![picture]({address})]({address})\n\n[r]: {address}"


def formulas(formula):
    """Yield a formula in each place that Markdown has for one."""
    yield f"${formula}$ \\\\({formula}\\\\) ![${formula}$](x.png)"
    yield f"$${formula}$$\n\n\\\\[{formula}\\\\]\n\n\\begin{{align}}{formula}\\end{{align}}"


TEXTS = [
    *(text for piece in HTML for text in constructs(piece)),
    *(text for address in ADDRESSES for text in links(address)),
    *(text for formula in FORMULAS for text in formulas(formula)),
    *(f"```{language}\n{CLOSE}{IMAGE}\n```" for language in LANGUAGES),
    ">" * 3000 + IMAGE,
    "*" * 3000 + IMAGE,
    "[" * 3000 + IMAGE,
    IMAGE * 1000,  # more than Markdown is read for
]


def png():
    """Return a small picture in base64."""
    figure = plt.figure(figsize=(1, 1))
    figure.savefig(buffer := io.BytesIO())
    plt.close(figure)
    return base64.b64encode(buffer.getvalue()).decode()


TYPES = [
    "application/javascript application/json application/pdf application/vnd.jupyter.widget-view+json",
    "application/vnd.mermaid application/vnd.vegalite.v5+json image/jpeg image/png image/svg+xml",
    "text/html text/latex text/markdown text/plain text/vnd.mermaid",
]


def outputs():
    """Return what a cell could be made to report, as notebooks keep it."""
    found = []
    for piece in HTML:
        colored = f"\x1b[31m{piece}\x1b[0m \x1b[38;2;1;2;3m{piece} \x1b]8;;javascript:owned()\x07x"
        found.append({"output_type": "stream", "name": "stdout", "text": f"{piece}\n{colored}"})
        found.append({"output_type": "stream", "name": "stderr", "text": colored})
        error = {"ename": piece, "evalue": piece, "traceback": [piece, colored]}
        found.append({"output_type": "error", **error})
    for kind in " ".join(TYPES).split():
        for piece in [HTML[0], IMAGE, f'x"{IMAGE}', f"x' onerror='owned()' x='{CLOSE}{IMAGE}"]:
            metadata = {"width": piece, "height": piece, "alt": piece, kind: {"isolated": True}}
            found.append(
                {"output_type": "display_data", "data": {kind: piece}, "metadata": metadata}
            )
    return found


def evil_metadata():
    """Return metadata whose every value is hostile."""
    piece = f'x"{CLOSE}{IMAGE}'
    return {
        "title": piece,
        "tags": [piece],
        "name": piece,
        "magics_language": piece,
        "raw_mimetype": "text/html",
        "language_info": {"name": piece, "pygments_lexer": piece},
        "widgets": {"application/vnd.jupyter.widget-state+json": {"state": piece}},
        "alt": piece,
    }
