# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Style: how a report's page looks: light, dark, on a phone, and on paper. It stands in Python, since only that is sent
with a module."""

from __future__ import annotations

_DARK = """
  --ground: #12161a; --card: #1a2026; --line: #2d363f; --line-strong: #74818d; --ink: #e6eaee; --quiet: #a3aeb9;
  --link: #86bdf5; --focus: #86bdf5; --wash: #232b33;
  --good: #7fd19d; --good-wash: #16301f; --bad: #ff9d94; --bad-wash: #3b1a18; --warn: #f3bd6c; --warn-wash: #35270f;
  --busy: #86bdf5; --busy-wash: #152c44; --rest: #c0b1f2; --rest-wash: #292341;
  color-scheme: dark;
"""
_LIGHT = """
  --ground: #f6f7f8; --card: #fff; --line: #dfe3e7; --line-strong: #87919c; --ink: #1b2127; --quiet: #5a6570;
  --link: #0b57a4; --focus: #0b57a4; --wash: #eef1f4;
  --good: #1a6b3c; --good-wash: #e6f3ea; --bad: #b3261e; --bad-wash: #fbeae8; --warn: #8a4b00; --warn-wash: #fdf1dd;
  --busy: #0b57a4; --busy-wash: #e5f0fb; --rest: #5b4b8a; --rest-wash: #efecf8;
  --s: .8125rem; --m: .9375rem; --l: 1.125rem; --xl: 1.625rem;
  --mono: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
  color-scheme: light;
"""
_COLOURS = (
    f":root {{{_LIGHT}}}\n:root[data-theme=dark] {{{_DARK}}}\n"
    f"@media (prefers-color-scheme: dark) {{ :root:not([data-theme=light]) {{{_DARK}}} }}\n"
)
STYLE = (
    _COLOURS
    + """
* { box-sizing: border-box; margin: 0; }
html { scroll-padding-top: 1rem; -webkit-text-size-adjust: 100%; }
body { background: var(--ground); color: var(--ink); font: var(--m)/1.5 system-ui, -apple-system, "Segoe UI", Roboto,
  "DejaVu Sans", sans-serif; font-variant-numeric: tabular-nums; overflow-wrap: anywhere;
  max-width: 78rem; padding: 0 1.25rem 3rem; margin: 0 auto; }
h1 { font-size: var(--xl); line-height: 1.25; font-weight: 650; letter-spacing: -.01em; }
h2 { font-size: var(--l); line-height: 1.3; font-weight: 650; margin: 2.25rem 0 .75rem; }
h3, .name { font-size: var(--m); font-weight: 600; }
a { color: var(--link); text-underline-offset: .15em; text-decoration-thickness: 1px; }
:focus-visible { outline: 3px solid var(--focus); outline-offset: 2px; border-radius: 4px; }
ul, ol { list-style: none; padding: 0; }
code { font: .8125rem/1.5 var(--mono); background: var(--wash); border-radius: 4px; padding: .1rem .35rem; }
button, select, input { font: inherit; color: inherit; background: var(--card); border: 1px solid var(--line-strong);
  border-radius: 6px; padding: .35rem .65rem; min-height: 2.25rem; }
button { cursor: pointer; } button:hover { background: var(--wash); }
[hidden] { display: none !important; }
.icon { width: 1em; height: 1em; flex: none; vertical-align: -.125em; fill: none; stroke: currentColor;
  stroke-width: 2.1;
  stroke-linecap: round; stroke-linejoin: round; }
.shapes { position: absolute; width: 0; height: 0; }
.quiet, small { color: var(--quiet); } .quiet .name { font-size: inherit; font-weight: 500; }
small, .quiet, .since { font-size: var(--s); font-weight: 400; }
.unseen, .skip:not(:focus) { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
.skip:focus { position: absolute; left: 1rem; top: .5rem; background: var(--card); padding: .5rem; z-index: 2; }
.number { display: inline-block; min-width: 1.6em; padding: 0 .45em; border-radius: 1em; background: var(--wash);
  color: var(--quiet); font-size: var(--s); font-weight: 600; text-align: center; vertical-align: .1em; }
.top { display: flex; flex-wrap: wrap; gap: .75rem 1.5rem; justify-content: space-between; align-items: flex-end;
  padding: 1.5rem 0 1rem; }
.top > div:first-child { flex: 1 1 24rem; min-width: 0; }
.crumb { font-size: var(--s); color: var(--quiet); } .tools { display: flex; gap: .5rem; font-size: var(--s); }

.verdict { display: flex; gap: 1rem; align-items: center; border-radius: 10px; padding: 1rem 1.25rem;
  background: var(--good-wash); color: var(--good); }
.verdict .icon { width: 1.75rem; height: 1.75rem; } .verdict.needs { background: var(--warn-wash);
  color: var(--warn); }
.verdict.unread { background: var(--bad-wash); color: var(--bad); }
.verdict p + p { color: var(--ink); } .big { font-size: var(--l); font-weight: 650; line-height: 1.3; }
.alarm { margin-top: .5rem; border-left: 4px solid var(--bad); border-radius: 6px; background: var(--card);
  padding: .6rem 1rem; } .alarm b { color: var(--bad); }

.columns { display: grid; grid-template-columns: minmax(0, 1fr) 23rem; gap: 0 2.5rem; align-items: start; }
.lot, .group, .cluster, aside, .filters { background: var(--card); border: 1px solid var(--line);
  border-radius: 10px; }
aside { padding: 0 1.1rem 1.1rem; margin-top: 2.25rem; position: sticky; top: 1rem; }
aside h2 { margin: 1rem 0 .75rem; }
.lot + .lot { margin-top: .75rem; } .none .quiet { font-size: var(--m); }
.lot > header { padding: .8rem 1.1rem; border-bottom: 1px solid var(--line); }
.lot > header p { font-size: var(--s); color: var(--quiet); } .lot > header .do { color: var(--ink); display: block; }
.cases > li { padding: .8rem 1.1rem; } .cases > li + li, details .cases > li { border-top: 1px solid var(--line); }
.line { display: flex; flex-wrap: wrap; gap: .15rem .75rem; align-items: baseline; }
.lot summary { padding: .6rem 1.1rem; border-top: 1px solid var(--line); cursor: pointer; color: var(--link); }
.since { color: var(--quiet); } .since time { white-space: nowrap; }

.badge { display: inline-flex; gap: .35em; align-items: center; border-radius: 1em; padding: .05rem .6rem;
  font-size: var(--s); font-weight: 600; white-space: nowrap; background: var(--c-wash); color: var(--c); }
.is-healthy, .is-online, .is-done { --c: var(--good); --c-wash: var(--good-wash); }
.is-suspended, .is-canceled { --c: var(--rest); --c-wash: var(--rest-wash); }
.is-needs_repair, .is-repair_disallowed, .is-not_allowed, .is-drained { --c: var(--warn);
  --c-wash: var(--warn-wash); }
.is-pending_repair, .is-running { --c: var(--busy); --c-wash: var(--busy-wash); }
.is-repair_failed, .is-failed, .is-offline, .is-unknown { --c: var(--bad); --c-wash: var(--bad-wash); }
.is-to_come { --c: var(--quiet); --c-wash: var(--wash); }
.command { display: flex; gap: .5rem; margin-top: .5rem; align-items: stretch; }
.command code { flex: 1 1 auto; min-width: 0; padding: .4rem .65rem; border: 1px solid var(--line);
  border-radius: 6px; }
.copy { display: inline-flex; gap: .4em; align-items: center; font-size: var(--s); flex: none; }
.steps { display: flex; flex-wrap: wrap; gap: .35rem .5rem; margin-top: .45rem; }
.steps li { border: 1px solid var(--line); border-radius: 6px; padding: .1rem .55rem; font-size: var(--s);
  font-weight: 600; }
.steps .icon { color: var(--c); } .steps li.is-running { border-color: var(--c); }

.diagram { width: 100%; height: auto; display: block; } .diagram text { font-size: 11.5px; fill: var(--quiet); }
.diagram .arrow { fill: none; stroke: var(--line-strong); stroke-width: 1.4; }
.diagram .tip { fill: var(--line-strong); }
.diagram .state rect { fill: var(--c-wash); stroke: var(--c); stroke-width: 1.4; }
.diagram .state { text-decoration: none; }
.diagram .state.zero rect { fill: var(--card); stroke: var(--line-strong); }
.diagram .state .icon { color: var(--c); } .diagram .state .count { font-size: 18px; font-weight: 650;
  fill: var(--ink); }
.diagram .state .label { font-size: 12.5px; fill: var(--ink); } .diagram .state:hover rect { stroke-width: 2.5; }
.diagram .state:focus-visible { outline: none; } .diagram .state:focus-visible rect { stroke: var(--focus);
  stroke-width: 3.5; }

.clusters { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(17rem, 100%), 1fr)); gap: .75rem; }
.clusters li { display: grid; } .cluster { padding: .8rem 1.1rem; } .cluster p { font-size: var(--s);
  color: var(--quiet); }
.cluster.bad { border-color: var(--bad); } .cluster .badge { margin: .3rem 0; }
.groups { display: grid; gap: .75rem; } .group { padding: .8rem 1.1rem 1.1rem; margin-top: .25rem; }
.group header { display: flex; flex-wrap: wrap; gap: .1rem .75rem; align-items: baseline; }
.group-tags { margin: .2rem 0; }
.nodes { display: grid; grid-template-columns: repeat(auto-fill, minmax(9.5rem, 1fr)); gap: .5rem;
  margin-top: .6rem; }
.nodes li { display: grid; } .node { display: grid; grid-template-columns: auto 1fr; gap: 0 .5rem;
  align-items: center;
  padding: .45rem .65rem; border: 1px solid var(--line); border-left: 4px solid var(--c); border-radius: 6px;
  color: var(--ink); text-decoration: none; min-width: 0; }
.node .icon { color: var(--c); } .node:hover { border-color: var(--c); } .node .held { grid-column: 2; }
.node:not(.is-online) { background: var(--c-wash); } .node .word { grid-column: 2; color: var(--c); }
.node .held, .node .word { font-size: var(--s); line-height: 1.35; } .node .word { font-weight: 600; }

.filters { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .75rem; align-items: end;
  padding: .9rem 1.1rem; } .filters label { display: grid; gap: .2rem; font-size: var(--s); color: var(--quiet);
  min-width: 0; }
.filters input, .filters select { width: 100%; color: var(--ink); font-size: var(--m); }
#tally { margin: .75rem 0 .4rem; font-size: var(--s); color: var(--quiet); }
table { width: 100%; border-collapse: collapse; table-layout: fixed; }
th, td { text-align: left; vertical-align: top; padding: .5rem .75rem .5rem 0; border-top: 1px solid var(--line); }
thead th { border: 0; font-size: var(--s); color: var(--quiet); font-weight: 600; } th small { display: block; }
.c-instance { width: 34%; } .c-state { width: 11.5rem; } .c-since { font-size: var(--s); }
td .name { font-weight: 400; }
td .badge { white-space: normal; }
button.title { display: flex; border: 0; background: none; padding: 0; min-height: 0; color: var(--link);
  text-align: left; }
button.title::before { content: "▸"; flex: none; width: 1.1em; color: var(--quiet); }
button.title[aria-expanded=true]::before { content: "▾"; } .more > td { border: 0; padding: 0 0 .9rem 1.1em; }
.more.shut { display: none; } .whole { display: grid; gap: .35rem; } .whole > div { display: grid;
  grid-template-columns: 6rem minmax(0, 1fr); gap: .75rem; } dt { color: var(--quiet); font-size: var(--s); }
.whole .command, .whole .steps { margin-top: 0; } .error { color: var(--bad); }
.reasons summary, summary { cursor: pointer; } .reasons > div { padding: .6rem 0;
  border-top: 1px solid var(--line); display: grid;
  grid-template-columns: 11rem minmax(0, 1fr); gap: .25rem 1rem; } .reasons dt { color: var(--ink);
  font-weight: 600; }
.reasons .do { color: var(--quiet); } footer { margin-top: 2.5rem; color: var(--quiet); font-size: var(--s); }

@media (max-width: 62rem) { .columns { grid-template-columns: minmax(0, 1fr); } aside { max-width: 27rem;
  width: 100%; } }
@media (max-width: 40rem) {
  body { padding: 0 .75rem 2rem; } .c-placement, .c-since, thead { display: none; }
  table, tbody, .more, .more > td { display: block; } .row { display: grid; gap: .5rem;
  grid-template-columns: minmax(0, 1fr) max-content; border-top: 1px solid var(--line); }
  .row > * { border: 0; padding-right: 0; }
  .filters { grid-template-columns: repeat(2, minmax(0, 1fr)); } .filters label:first-child { grid-column: 1 / -1; }
  .badge { font-size: .75rem; padding: .05rem .45rem; }
.command { flex-direction: column; }
  .copy { align-self: flex-start; } .reasons > div, .whole > div { grid-template-columns: minmax(0, 1fr); gap: 0; }
  .nodes { grid-template-columns: repeat(auto-fill, minmax(7.5rem, 1fr)); } .lot > header, .cases > li, .lot summary,
  .group, .filters { padding-left: .8rem; padding-right: .8rem; } aside { padding: 0 .6rem .8rem; }
}
@media print {
  body { max-width: none; padding: 0; font-size: 10pt; }
.tools, .filters, .skip, .copy, .other, .diagram .arrow { display: none; }
  .columns { display: block; } .lot, .group, aside, .verdict, .more > td, .cases > li, .row { break-inside: avoid; }
  .more.shut { display: table-row; } a { color: inherit; text-decoration: none; } aside { max-width: 12cm; }
  details::details-content { content-visibility: visible; } button.title::before { content: ""; width: 0; }
}
"""
)
