"""How the HTML page of a session log looks. Colours never speak alone: a word or a sign always stands beside them."""

from __future__ import annotations

PALETTE = """
:root{--ink:#0f172a;--soft:#475569;--line:#e2e8f0;--paper:#fff;--back:#f8fafc;--ok:#15803d;--bad:#b91c1c;
  --warn:#b45309;--cut:#475569;--step:#c7d2fe;--http:#bae6fd;--sent:#4338ca;--in:#0f766e;--failed:#fecaca}
"""

PARTS = """
figure{margin:0}
.label{background:#fff;color:var(--soft);border-radius:8px;padding:8px;text-align:center;font-size:12px;flex:none}
.label img{display:block;max-width:400px;max-height:240px;border:1px solid var(--line)}
dl{display:grid;grid-template-columns:repeat(auto-fill,minmax(285px,1fr));gap:8px 24px;margin:0}
dt{color:var(--soft);font-size:12px}
dd{margin:0;font-weight:600;overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%}
td,th{padding:3px 8px;text-align:left;vertical-align:top}
th{color:var(--soft);font-size:12px;font-weight:500}
td.number,th.number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.spent td:first-child{width:90px}
.spent .number{width:90px}
.share svg{display:block;width:100%;height:14px;margin-top:3px;fill:var(--step)}
tr.bad td,tr.failed td{color:var(--bad)}
tr.bad .share svg{fill:var(--failed)}
a{color:inherit;text-decoration-color:#94a3b8;text-underline-offset:2px}
ol{margin:0;padding-left:20px}
svg{display:block;width:100%;height:auto;font:11px system-ui,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
svg .rule,svg .grid{stroke:var(--line)}
svg .grid{stroke-dasharray:2 3}
svg .axis,svg .lost{fill:var(--soft)}
svg .lost{text-anchor:middle;fill:var(--warn);font-weight:600}
svg .row{font-weight:600;fill:var(--ink)}
svg .in{fill:var(--ink);pointer-events:none}
svg .step.ok{fill:var(--step)}
svg .http.ok{fill:var(--http)}
svg .step.bad,svg .http.bad{fill:var(--failed);stroke:var(--bad)}
svg .tx{fill:var(--sent)}
svg .rx{fill:var(--in)}
svg .failed{fill:var(--bad)}
svg .wave{fill:none;stroke:var(--sent);stroke-width:1.5}
svg .lost-back{fill:#fffbeb}
svg .lost-line{fill:#fde68a}
.legend{margin:0 0 8px;color:var(--soft);font-size:12px}
.legend span{margin-right:18px;white-space:nowrap}
.legend i{display:inline-block;width:14px;height:10px;border-radius:2px;margin-right:5px;background:var(--step)}
.legend .http{background:var(--http)}
.legend .bad{background:var(--failed);border:1px solid var(--bad)}
.legend .tx{background:var(--sent)}
.legend .rx{background:var(--in)}
.legend .gap{background:repeating-linear-gradient(45deg,#fde68a 0 2px,#fffbeb 2px 5px)}
.events{font:12px/1.5 ui-monospace,"DejaVu Sans Mono",monospace;table-layout:fixed}
.events td{overflow-wrap:anywhere;border-top:1px solid #f1f5f9;padding:1px 8px}
.events th:nth-child(1){width:84px}
.events th:nth-child(2){width:110px}
.events td:nth-child(1){text-align:right;color:var(--soft)}
.events td:nth-child(2){color:var(--soft)}
.events i{color:var(--soft);font-style:normal}
.events tr:target td{background:#fef9c3}
.events .step td{background:#eef2ff;font-weight:600}
.events .given td{color:#64748b}
.events .req td:nth-child(3),.events .resp td:nth-child(3){color:#075985}
.events .failed td:nth-child(3){color:var(--bad);font-weight:600}
.events .end td{background:#f1f5f9;font-weight:600}
.events .gap td{background:#fffbeb;color:var(--warn);text-align:center!important}
.events .aside td{font-style:italic}
details{display:inline-block;margin-left:8px;vertical-align:top}
details[open]{display:block;margin-left:0}
summary{cursor:pointer;color:var(--sent)}
pre{margin:4px 0;padding:8px 12px;background:var(--back);border:1px solid var(--line);border-radius:6px;
  white-space:pre-wrap;overflow-wrap:anywhere;color:var(--ink);font-weight:400}
"""
"""The pieces of ``html.parts``; any page that shows them needs the palette too."""

_FRAME = """
*{box-sizing:border-box}
body{margin:0 auto;padding:20px;max-width:1280px;
  font:14px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;color:var(--ink);
  background:var(--back)}
header{display:flex;gap:24px;justify-content:space-between;align-items:center;border-radius:12px;padding:18px 26px;
  color:#fff}
header.pass{background:var(--ok)}
header.fail{background:var(--bad)}
header.error{background:var(--warn)}
header.aborted,header.cut{background:var(--cut)}
header p{margin:0}
.outcome{font-size:52px;font-weight:700;line-height:1.1}
.code{font-size:19px;font-weight:600}
.action{font-size:16px}
.about{font-size:15px;opacity:.9;margin-top:6px!important}
.message{margin-top:8px!important;font:13px/1.4 ui-monospace,"DejaVu Sans Mono",monospace;opacity:.92;
  overflow-wrap:anywhere}
section{background:var(--paper);border:1px solid var(--line);border-radius:12px;padding:14px 20px;margin-top:14px}
h2{margin:0 0 8px;font-size:15px}
.pair{display:grid;grid-template-columns:1fr 1fr;gap:28px}
footer{margin:14px 4px;color:var(--soft);font-size:12px}
@media(max-width:760px){.pair{grid-template-columns:1fr}header{display:block}}
@media print{body{background:#fff;max-width:none}section,header{break-inside:avoid;-webkit-print-color-adjust:exact;
  print-color-adjust:exact}section:last-of-type{break-inside:auto}}
"""

STYLE = PALETTE + _FRAME + PARTS
