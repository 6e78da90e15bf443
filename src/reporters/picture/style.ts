/** Colours of both themes, for the page and for a picture that stands alone. Text has at least 4.5 to 1 on its ground (WCAG AA). */
const LIGHT = `
  --ground: #ffffff; --raised: #ffffff; --sunken: #f6f7f9; --line: #d5dae1; --faint: #e8ebef;
  --text: #1b2430; --muted: #566171; --accent: #1f5fbf; --accent-soft: #e6effb;
  --good: #1b7f4b; --good-soft: #e3f4ea; --bad: #c02b2b; --bad-soft: #fbe9e9; --warn: #8a5a00; --warn-soft: #fbf1dc;
  --on-sign: #ffffff;`;
const DARK = `
  --ground: #12161c; --raised: #1a2029; --sunken: #161b23; --line: #343d4a; --faint: #262d38;
  --text: #e4e9f0; --muted: #9da8b6; --accent: #7fb0f5; --accent-soft: #1d2c42;
  --good: #5cc98d; --good-soft: #16302380; --bad: #f28585; --bad-soft: #3b1f2280; --warn: #e3b558; --warn-soft: #3a2e1580;
  --on-sign: #12161c;`;

/** `root` holds the variables; a page may be told its theme by `data-theme`. */
export const themes = (root: string): string => `
${root} {${LIGHT}
  color-scheme: light dark;
}
@media (prefers-color-scheme: dark) { ${root}:not([data-theme=light]) {${DARK} } }
${root}[data-theme=dark] {${DARK}
  color-scheme: dark;
}
${root}[data-theme=light] { color-scheme: light; }
@media print { ${root}:not(#always) {${LIGHT} } }
`;

/** How cards, rows, signs and lines look. */
export const PICTURE_STYLE = `
svg.topology { font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif; }
svg.topology .frame { fill: var(--raised); stroke: var(--line); }
svg.topology .card.bad > .frame { stroke: var(--bad); stroke-width: 1.5; }
svg.topology .kind-outside > .frame, svg.topology .kind-backends > .frame { stroke-dasharray: 4 3; }
svg.topology .kind-network > .frame { fill: var(--sunken); }
svg.topology .head, svg.topology .row { fill: transparent; }
svg.topology .chips .k-member .row { fill: var(--raised); stroke: var(--faint); }
svg.topology text { fill: var(--text); }
svg.topology .card-title { font-size: 13px; font-weight: 650; }
svg.topology .card-detail { font-size: 11px; fill: var(--muted); }
svg.topology .heading { font-size: 11px; font-weight: 600; fill: var(--muted); letter-spacing: 0.02em; }
svg.topology .bracket { fill: none; stroke: var(--accent); stroke-width: 1.5; }
svg.topology .title { font-size: 13px; }
svg.topology .detail { font: 11.5px ui-monospace, "SFMono-Regular", Menlo, Consolas, "Liberation Mono", monospace; fill: var(--muted); text-anchor: end; }
svg.topology .status { font-size: 11px; fill: var(--muted); text-anchor: end; }
svg.topology .status.changed, svg.topology .status.planned { fill: var(--accent); }
svg.topology .bad.status, svg.topology .detail.bad { fill: var(--bad); font-weight: 600; }
svg.topology .sign.pass { fill: var(--good); }
svg.topology .sign.fail { fill: var(--bad); }
svg.topology .sign.unproven { fill: var(--warn); }
svg.topology .sign.none { fill: var(--line); }
svg.topology .stroke { fill: none; stroke: var(--on-sign); stroke-width: 1.7; stroke-linecap: round; stroke-linejoin: round; }
svg.topology .change { fill: var(--accent-soft); stroke: var(--accent); }
svg.topology .change-sign { font-size: 12px; font-weight: 700; fill: var(--accent); text-anchor: middle; }
svg.topology .link { fill: none; stroke: var(--muted); stroke-opacity: 0.55; stroke-width: 1.3; }
svg.topology .link.fail { stroke: var(--bad); stroke-opacity: 1; stroke-width: 1.8; }
svg.topology .c-fail .title, svg.topology .node.bad .title { fill: var(--bad); font-weight: 600; }
`;
