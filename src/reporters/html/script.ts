/**
 * What the page does when it is looked at: rows of the picture show what they are beside them, and what belongs to them;
 * arrows walk through all of them. It holds no data, asks nobody, and all that it says stands in the page already.
 */
export const PAGE_SCRIPT = `'use strict';
(() => {
  const svg = document.querySelector('svg.topology');
  const nodes = svg ? [...svg.querySelectorAll('.node')] : [];
  const links = svg ? [...svg.querySelectorAll('.link')] : [];
  const detailOf = (node) => document.getElementById('d-' + node.id);
  let pinned = null;
  /** What the filter has found; null = it is empty. */
  let found = null;
  let current = nodes[0];

  function hide() {
    document.querySelectorAll('.about.shown').forEach((one) => one.classList.remove('shown'));
    svg.classList.remove('looking');
    svg.querySelectorAll('.on, .pinned').forEach((one) => one.classList.remove('on', 'pinned'));
  }
  /** Beside, below or above the row: where it fits and hides least of what belongs to the row. */
  function place(detail, node) {
    const row = node.getBoundingClientRect();
    const width = detail.offsetWidth, height = detail.offsetHeight;
    const within = (value, size, room) => Math.max(8, Math.min(value, room - size - 8));
    const own = [...svg.querySelectorAll('.node.on')].map((one) => one.getBoundingClientRect());
    const corners = [
      [row.right + 10, row.top - 8],
      [row.left - 10 - width, row.top - 8],
      [row.left, row.bottom + 8],
      [row.left, row.top - 8 - height],
    ].map(([x, y]) => [within(x, width, innerWidth), within(y, height, innerHeight)]);
    const hidden = ([x, y]) => own.concat(row, row).reduce((sum, box) => {
      const across = Math.min(x + width, box.right) - Math.max(x, box.left);
      const down = Math.min(y + height, box.bottom) - Math.max(y, box.top);
      return sum + (across > 0 && down > 0 ? across * down : 0);
    }, 0);
    const [x, y] = corners.reduce((best, corner) => (hidden(corner) < hidden(best) ? corner : best));
    detail.style.left = x + 'px';
    detail.style.top = y + 'px';
  }
  function show(node) {
    hide();
    const detail = detailOf(node);
    if (!detail) return;
    const related = new Set((node.dataset.related || '').split(' '));
    nodes.forEach((one) => one.classList.toggle('on', related.has(one.id)));
    links.forEach((one) => one.classList.toggle('on', related.has(one.dataset.from) && related.has(one.dataset.to)));
    svg.classList.add('looking');
    if (node === pinned) node.classList.add('pinned');
    detail.classList.add('shown');
    place(detail, node);
  }
  /** Back to what stays marked when nobody points at anything: the row that is held, else what the filter has found. */
  function settle() {
    if (pinned) { show(pinned); return; }
    hide();
    if (!found) return;
    svg.classList.add('looking');
    found.forEach((node) => node.classList.add('on'));
  }
  function walkTo(node) {
    if (!node) return;
    current.setAttribute('tabindex', '-1');
    current = node;
    node.setAttribute('tabindex', '0');
    pinned = null;
    node.focus();
    node.scrollIntoView({ block: 'nearest', inline: 'nearest' });
    show(node);
  }
  /** The nearest row on the left (-1) or on the right (1). */
  function beside(node, way) {
    const from = node.getBoundingClientRect();
    let best = null, least = Infinity;
    for (const one of nodes) {
      const box = one.getBoundingClientRect();
      const across = way > 0 ? box.left - from.right : from.left - box.right;
      if (across < 0) continue;
      const far = across + 2 * Math.abs(box.top + box.height / 2 - from.top - from.height / 2);
      if (far < least) { least = far; best = one; }
    }
    return best;
  }

  nodes.forEach((node, index) => {
    node.setAttribute('tabindex', index === 0 ? '0' : '-1');
    node.addEventListener('pointerenter', (event) => { if (event.pointerType === 'mouse' && !pinned) show(node); });
    node.addEventListener('pointerleave', (event) => { if (event.pointerType === 'mouse' && !pinned) settle(); });
    node.addEventListener('focus', () => { if (node.matches(':focus-visible')) { pinned = null; show(node); } });
    node.addEventListener('click', (event) => {
      event.preventDefault();
      pinned = pinned === node ? null : node;
      current.setAttribute('tabindex', '-1');
      current = node;
      node.setAttribute('tabindex', '0');
      show(node);
      settle();
    });
    node.addEventListener('keydown', (event) => {
      const at = nodes.indexOf(node);
      const to = { ArrowDown: nodes[at + 1], ArrowUp: nodes[at - 1], Home: nodes[0], End: nodes.at(-1) }[event.key]
        || (event.key === 'ArrowRight' ? beside(node, 1) : event.key === 'ArrowLeft' ? beside(node, -1) : null);
      if (['ArrowDown', 'ArrowUp', 'ArrowLeft', 'ArrowRight', 'Home', 'End'].includes(event.key)) event.preventDefault();
      walkTo(to);
    });
  });
  svg && svg.addEventListener('focusout', () => setTimeout(() => { if (!svg.contains(document.activeElement)) settle(); }));
  document.addEventListener('keydown', (event) => { if (event.key === 'Escape' && svg) { pinned = null; settle(); } });
  document.addEventListener('pointerdown', (event) => {
    if (svg && !event.target.closest('.node, .about')) { pinned = null; settle(); }
  });
  addEventListener('scroll', () => { if (pinned) place(detailOf(pinned), pinned); }, { capture: true, passive: true });

  document.querySelectorAll('a[data-node]').forEach((link) => link.addEventListener('click', (event) => {
    const node = document.getElementById(link.dataset.node);
    if (!node) return;
    event.preventDefault();
    node.scrollIntoView({ block: 'center' });
    walkTo(node);
    pinned = node;
    show(node);
  }));

  const find = document.getElementById('find');
  find && find.addEventListener('input', () => {
    const wanted = find.value.trim().toLowerCase();
    const has = (element) => element.textContent.toLowerCase().includes(wanted);
    document.querySelectorAll('[data-find]').forEach((row) => row.classList.toggle('filtered', wanted !== '' && !has(row)));
    if (!svg) return;
    pinned = null;
    found = wanted === '' ? null : nodes.filter((node) => has(detailOf(node) || node));
    settle();
    if (wanted === '') return;
    document.querySelectorAll('details[data-open]').forEach((one) => { one.open = true; });
  });
  const theme = document.getElementById('theme');
  theme && theme.addEventListener('click', () => {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
    root.dataset.theme = dark ? 'light' : 'dark';
  });
  const size = document.getElementById('size');
  size && size.addEventListener('click', () => {
    const actual = document.querySelector('.canvas').classList.toggle('actual');
    size.setAttribute('aria-pressed', String(actual));
  });
  let closed = [];
  addEventListener('beforeprint', () => {
    closed = [...document.querySelectorAll('details:not([open])')];
    closed.forEach((one) => { one.open = true; });
  });
  addEventListener('afterprint', () => closed.forEach((one) => { one.open = false; }));
})();
`;
