"""The style sheet of a tear sheet."""

STYLE = """
:root{color-scheme:light dark;--paper:#fff;--card:#f6f7f9;--ink:#1a1d21;--soft:#626a75;--rule:#dfe3e8;--up:#17845b;--down:#c2403c;
--s0:#2463c4;--s1:#d9822b;--s2:#2b9a72;--s3:#9251c4;--s4:#c2403c;--s5:#6b7480;--s6:#b08a00;--s7:#1793a8}
@media(prefers-color-scheme:dark){:root{--paper:#14171a;--card:#1d2126;--ink:#e6e8eb;--soft:#9aa3ae;--rule:#30363d;--up:#3fb487;--down:#ec6b66;
--s0:#6ea3f2;--s1:#f0a455;--s2:#55c49b;--s3:#bd8be6;--s4:#ec6b66;--s5:#a2abb6;--s6:#d8b53c;--s7:#4dbfd2}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:14px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif}
main{max-width:1020px;margin:0 auto;padding:24px 20px 48px}
h1{font-size:26px;margin:0}
h2{font-size:15px;margin:28px 0 8px}
header p,.note,.none{color:var(--soft);margin:2px 0}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(130px,1fr));gap:8px;margin-top:16px}
.tiles div{background:var(--card);border-radius:8px;padding:10px 12px;cursor:help}
.tiles b{display:block;font-size:20px;font-variant-numeric:tabular-nums}
.tiles span{color:var(--soft);font-size:12px}
svg{display:block;width:100%;height:auto}
.grid{stroke:var(--rule);stroke-width:1}
.base{stroke:var(--soft);stroke-width:1}
.tick{fill:var(--soft);font-size:11px;font-variant-numeric:tabular-nums}
.line{fill:none;stroke:var(--c);stroke-width:1.5;stroke-linejoin:round}
.area{fill:var(--c);opacity:.18}
.bar,.dot{fill:var(--c)}
.s0{--c:var(--s0)}.s1{--c:var(--s1)}.s2{--c:var(--s2)}.s3{--c:var(--s3)}
.s4{--c:var(--s4)}.s5{--c:var(--s5)}.s6{--c:var(--s6)}.s7{--c:var(--s7)}
.legend{margin:4px 0 0 58px;color:var(--soft);display:flex;flex-wrap:wrap;gap:4px 18px;font-size:12px}
.legend i{display:inline-block;width:14px;height:3px;border-radius:2px;margin-right:6px;vertical-align:middle;background:var(--c)}
.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{padding:4px 8px;border-bottom:1px solid var(--rule);text-align:right;white-space:nowrap}
th{font-weight:500;color:var(--soft)}
tbody th{text-align:left}
thead th{white-space:normal;vertical-align:bottom;font-size:12px}
caption{text-align:left;font-weight:600;padding:0 8px 4px}
.months{table-layout:fixed;min-width:680px}
.months th:first-child{width:60px}
.months thead th{text-align:right}
.months td{padding:4px 6px;font-size:13px}
.months .up{background:color-mix(in srgb,var(--up) var(--a),transparent)}
.months .down{background:color-mix(in srgb,var(--down) var(--a),transparent)}
.months .year{font-weight:600}
.groups{display:grid;grid-template-columns:repeat(auto-fit,minmax(320px,1fr));gap:20px 32px;align-items:start}
.groups tr[title]{cursor:help}
.groups tbody th span{border-bottom:1px dotted var(--soft)}
[title]{cursor:help}
dl{display:grid;grid-template-columns:max-content 1fr;gap:4px 20px}
dt{font-weight:500}
dd{margin:0;color:var(--soft)}
summary{cursor:pointer;color:var(--soft)}
@media print{main{max-width:none;padding:0}section{break-inside:avoid}}
"""
