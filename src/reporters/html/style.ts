import { PICTURE_STYLE, themes } from '../picture/style.ts';

// The signs of the legend look as those of the picture.
const KEY_STYLE = PICTURE_STYLE.replaceAll('svg.topology', 'svg.topology-key');

/** Everything about how the page looks. `pictureWidth`: its natural one; it is never shown so small that nobody can read it. */
export const pageStyle = (pictureWidth: number): string => `${themes(':root')}${PICTURE_STYLE}${KEY_STYLE}
* { box-sizing: border-box; }
html { background: var(--ground); color: var(--text); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif; }
body { margin: 0 auto; max-width: 1560px; padding: 0 24px 48px; }
code, pre, .mono { font: 13px/1.5 ui-monospace, "SFMono-Regular", Menlo, Consolas, "Liberation Mono", monospace; }
code { overflow-wrap: anywhere; }
h1 { font-size: 24px; line-height: 1.25; margin: 0; font-weight: 650; overflow-wrap: anywhere; }
h2 { font-size: 17px; margin: 36px 0 10px; font-weight: 650; }
h3 { font-size: 15px; margin: 18px 0 6px; font-weight: 650; overflow-wrap: anywhere; }
a { color: var(--accent); }
.muted { color: var(--muted); }
.verdict { margin: 24px 0 0; padding: 16px 20px; border: 1px solid var(--line); border-left-width: 6px; border-radius: 8px; background: var(--raised); display: flex; gap: 8px 24px; flex-wrap: wrap; align-items: baseline; }
.verdict > div { flex: 1 1 520px; min-width: 0; }
.verdict.good { border-left-color: var(--good); }
.verdict.changed { border-left-color: var(--accent); }
.verdict.failed, .verdict.person { border-left-color: var(--bad); }
.verdict .numbers { margin: 4px 0 0; }
.verdict .run { flex: 0 1 auto; margin: 0; font-size: 13px; color: var(--muted); text-align: right; }
.todo { list-style: none; margin: 0; padding: 0; display: grid; gap: 8px; }
.todo li { border: 1px solid var(--line); border-left: 4px solid var(--bad); border-radius: 6px; padding: 10px 14px; background: var(--raised); overflow-wrap: anywhere; }
.todo .next { margin: 4px 0 0; }
.todo .next b { color: var(--accent); font-weight: 650; }
.todo .place { color: var(--muted); font-size: 13px; }
.tools { display: flex; gap: 8px 16px; align-items: center; flex-wrap: wrap; margin: 36px 0 10px; }
.tools h2 { margin: 0; flex: 1 1 auto; }
.tools input { font: inherit; font-size: 14px; width: 240px; padding: 4px 10px; color: inherit; background: var(--raised); border: 1px solid var(--line); border-radius: 6px; }
footer button, .tools button { font: inherit; font-size: 14px; padding: 4px 12px; color: var(--text); background: var(--raised); border: 1px solid var(--line); border-radius: 6px; cursor: pointer; }
.tools button:hover { background: var(--sunken); }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.canvas { overflow: auto; border: 1px solid var(--line); border-radius: 8px; background: var(--ground); }
svg.topology { display: block; width: 100%; height: auto; max-width: ${pictureWidth}px; min-width: ${Math.round(pictureWidth * 0.7)}px; margin: 0 auto; }
.actual svg.topology { width: ${pictureWidth}px; max-width: none; }
svg.topology .node { cursor: pointer; outline: none; }
svg.topology .node:hover .row, svg.topology .node:hover .head { fill: var(--accent-soft); }
svg.topology .node:focus-visible .row, svg.topology .node:focus-visible .head, svg.topology .node.pinned .row, svg.topology .node.pinned .head { fill: var(--accent-soft); stroke: var(--accent); stroke-width: 2; }
svg.topology.looking .node:not(.on) { opacity: 0.38; }
svg.topology.looking .card:not(:has(.on)) > .frame { opacity: 0.5; }
svg.topology.looking .link:not(.on) { opacity: 0.18; }
svg.topology .link.on { stroke: var(--accent); stroke-opacity: 1; stroke-width: 2.2; }
.legend { display: flex; gap: 4px 20px; flex-wrap: wrap; margin: 8px 0 0; padding: 0; list-style: none; font-size: 13px; color: var(--muted); align-items: center; }
.legend svg { vertical-align: -3px; margin-right: 6px; }
.about { display: none; }
.about:target, .about.shown { display: block; border: 1px solid var(--line); border-radius: 8px; background: var(--raised); padding: 12px 16px 14px; margin: 12px 0 0; max-width: 420px; font-size: 14px; overflow-wrap: anywhere; }
.about.shown { position: fixed; z-index: 2; width: 380px; max-width: calc(100vw - 16px); max-height: calc(100vh - 16px); overflow: auto; margin: 0; box-shadow: 0 6px 24px #0004; }
.about h3 { margin: 0 0 2px; }
.about .kind { color: var(--muted); font-size: 12px; }
.about dl { display: grid; grid-template-columns: auto 1fr; gap: 2px 12px; margin: 8px 0 0; }
.about dt { color: var(--muted); }
.about dd { margin: 0; }
.about h4 { font-size: 13px; margin: 12px 0 4px; }
.about ul { margin: 0; padding: 0; list-style: none; }
.about li + li { margin-top: 8px; }
.tag { display: inline-block; font-size: 12px; line-height: 1.5; font-weight: 600; padding: 0 8px; border-radius: 99px; background: var(--sunken); color: var(--muted); white-space: nowrap; }
.tag.pass, .tag.ok { background: var(--good-soft); color: var(--good); }
.tag.fail, .tag.bad { background: var(--bad-soft); color: var(--bad); }
.tag.unproven { background: var(--warn-soft); color: var(--warn); }
.tag.changed, .tag.planned { background: var(--accent-soft); color: var(--accent); }
.hint { margin: 4px 0 0; padding: 6px 10px; border-radius: 6px; background: var(--warn-soft); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
th { text-align: left; font-weight: 600; color: var(--muted); font-size: 13px; }
th, td { padding: 5px 14px 5px 0; border-bottom: 1px solid var(--faint); vertical-align: top; }
td { overflow-wrap: anywhere; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.few { color: var(--bad); font-weight: 600; }
details { margin: 8px 0 0; }
summary { cursor: pointer; color: var(--accent); }
.changes { margin: 0; padding: 0; list-style: none; }
.changes > li { padding: 6px 0; border-bottom: 1px solid var(--faint); overflow-wrap: anywhere; }
.changes .sign { display: inline-block; width: 18px; font-weight: 700; }
.changes .create .sign { color: var(--good); }
.changes .update .sign { color: var(--accent); }
.changes .delete .sign { color: var(--bad); }
.changes ul { margin: 2px 0 0; padding: 0 0 0 18px; list-style: none; }
.cut { color: var(--bad); padding-left: 18px; }
pre.diff { margin: 8px 0 0; padding: 10px 12px; overflow-x: auto; background: var(--sunken); border: 1px solid var(--faint); border-radius: 6px; font-size: 12.5px; }
pre.diff .plus { color: var(--good); }
pre.diff .minus { color: var(--bad); }
pre.diff .at { color: var(--muted); }
.bars { display: block; }
.p-probe { fill: var(--p1); background: var(--p1); } .p-plan { fill: var(--p2); } .p-apply { fill: var(--p3); } .p-verify { fill: var(--p4); } .p-confirm { fill: var(--p5); } .p-revert { fill: var(--p6); } .p-other { fill: var(--line); }
:root { --p1: #7c97c4; --p2: #a9b4c4; --p3: #c98a2b; --p4: #2f9e8f; --p5: #6f7f5b; --p6: #c9504a; }
footer { margin-top: 40px; padding-top: 12px; border-top: 1px solid var(--line); font-size: 13px; color: var(--muted); overflow-wrap: anywhere; }
.filtered { display: none; }
@media (max-width: 700px) { body { padding: 0 12px 32px; } .verdict .run { text-align: left; } }
@media print {
  html { font-size: 12px; } body { max-width: none; padding: 0; }
  .tools input, .tools button, #theme, .legend .keys, .about.shown, .about:target { display: none; }
  .canvas { overflow: visible; border: 0; } svg.topology { min-width: 0; width: 100%; }
  .todo li, .changes > li, tr, .verdict, .canvas { break-inside: avoid; }
  h2, h3 { break-after: avoid; } pre.diff { white-space: pre-wrap; overflow-wrap: anywhere; }
  a { color: inherit; text-decoration: none; }
}
`;
