"""The colours and the style sheet of the figures."""

import re

_LIGHT = """color-scheme:light;--paper:#fff;--ink:#1b1f24;--soft:#59636e;--rule:#dfe3e8;--none:#eceff2;--tile:#f6f7f9;
--a:#5b95cc;--b:#12355b;--c:#6bb3a6;--d:#0b5d57;--e:#6bb3a6;--f:#8f1d1d"""
_DARK = """color-scheme:dark;--paper:#14171c;--ink:#e8ebef;--soft:#9aa5b1;--rule:#2d333b;--none:#252b33;--tile:#1b2027;
--a:#4484bf;--b:#d9e9f8;--c:#2f7d72;--d:#a5e0d5;--e:#2f7d72;--f:#ff9d8a"""
_COLOURS = f":root{{{_LIGHT}}}\n@media screen and (prefers-color-scheme:dark){{:root{{{_DARK}}}}}\n"
FIGURES = _COLOURS
FIGURES += """.tiles{display:grid;grid-template-columns:repeat(3,1fr);gap:.75rem;margin:1.75rem 0 0}
.tiles div{background:var(--tile);border-radius:8px;padding:.75rem .875rem;display:flex;flex-direction:column}
figcaption,.before,dt{color:var(--soft)}
.tiles dt{font-size:.8rem;line-height:1.3;flex:1}
.tiles dd{margin:0;font-size:1.4rem;font-weight:600;line-height:1.3}
.tiles dd.before{font-size:.8rem;font-weight:400}
figure{margin:0}
figcaption{font-size:.9rem;margin-bottom:.75rem}
svg{display:block;overflow:visible;margin-top:.5rem}
.beside{padding-left:2.75rem}
svg text{font-size:12px;fill:var(--soft)}
svg .name{font-size:14px;fill:var(--ink)}
svg .says{font-size:12px;fill:var(--soft)}
.end{text-anchor:end}
.middle{text-anchor:middle}
line{stroke:var(--rule);shape-rendering:crispEdges}
line.floor{stroke:var(--soft)}
.key{display:flex;flex-wrap:wrap;gap:1.25rem;margin:0;font-size:.9rem}
.key i{display:inline-block;width:.8em;height:.8em;border-radius:2px;margin-right:.45em}
.a{fill:var(--a);background:var(--a)}.b{fill:var(--b);background:var(--b)}.c{fill:var(--c);background:var(--c)}
.d{fill:var(--d);background:var(--d)}.e{fill:var(--e);background:var(--e)}.f{fill:var(--f);background:var(--f)}
.none{fill:var(--none);background:var(--none)}
.part rect{opacity:.45}
.about{font-size:1.1rem}
details{margin-top:.75rem;font-size:.9rem}
summary{cursor:pointer;color:var(--soft);width:max-content}
details div{overflow-x:auto;margin-top:.5rem}
.counted,.in-words{border-collapse:collapse;width:auto;min-width:min(100%,24rem)}
:is(.counted,.in-words) :is(th,td){padding:.2rem .75rem .2rem 0;text-align:right;border-bottom:1px solid var(--rule)}
:is(.counted,.in-words) :is(th,td){white-space:nowrap}
:is(.counted,.in-words) th:first-child,.in-words :last-child{text-align:left}
:is(.counted,.in-words) th{font-weight:400}
:is(.counted,.in-words) thead th{color:var(--soft)}
@media screen and (max-width:48rem){.says{display:none}}
@media (max-width:24rem){.medium{display:none}}
@media (max-width:36rem){.minor{display:none}.tiles{grid-template-columns:1fr 1fr}}
@media print{section,.tiles div{break-inside:avoid}
details{display:none}*{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
"""
"""The style of figures and drawings, for a page that has a style of its own."""

_LIGHT_COLOURS = dict(each.split(":") for each in _LIGHT.replace("\n", "").split(";"))
_DRAWN = """text{font:13px "DejaVu Sans",Arial,sans-serif;fill:var(--soft)}
.heading{font-size:18px;font-weight:bold;fill:var(--ink)}.name{fill:var(--ink)}.paper{fill:var(--paper)}
.end{text-anchor:end}.middle{text-anchor:middle}line{stroke:var(--rule)}line.floor{stroke:var(--soft)}
.a{fill:var(--a)}.b{fill:var(--b)}.c{fill:var(--c)}.d{fill:var(--d)}.e{fill:var(--e)}.f{fill:var(--f)}
.none{fill:var(--none)}.part rect{opacity:.45}"""
PICTURE = re.sub(r"var\((--\w+)\)", lambda found: _LIGHT_COLOURS[found[1]], _DRAWN)
"""The style of a drawing in a file of its own; without CSS variables, because not every program knows them."""
