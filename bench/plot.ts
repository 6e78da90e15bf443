/** One line of a plot. */
export interface Line {
  readonly name: string;
  /** Size and what it cost, both above 0. */
  readonly points: readonly (readonly [number, number])[];
}

export interface Panel {
  readonly title: string;
  readonly unit: string;
  readonly lines: readonly Line[];
}

const [WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM] = [460, 300, 52, 40, 118, 40];
const COLOURS = ['#1f5fbf', '#1b7f4b', '#b0620a', '#8a3fb0'];

const decades = (values: readonly number[]): [number, number] => [
  Math.floor(Math.log10(Math.min(...values))),
  Math.ceil(Math.log10(Math.max(...values))),
];
const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_none, index) => from + index);

/** Names beside the plot, as high as their lines end, pushed down where they would cover each other. */
function spread(ends: readonly number[]): number[] {
  const order = ends.map((_end, index) => index).toSorted((a, b) => (ends[a] ?? 0) - (ends[b] ?? 0));
  const places = [...ends];
  order.forEach((index, rank) => {
    const above = places[order[rank - 1] ?? -1] ?? Number.NEGATIVE_INFINITY;
    places[index] = Math.max(places[index] ?? 0, above + 14);
  });
  return places;
}

function panel({ title, unit, lines }: Panel, offset: number): string {
  const points = lines.flatMap((line) => line.points);
  const [fromX, toX] = decades(points.map(([size]) => size));
  const [fromY, toY] = decades(points.map(([, cost]) => cost));
  const x = (value: number) => LEFT + ((Math.log10(value) - fromX) / (toX - fromX)) * (WIDTH - LEFT - RIGHT);
  const y = (value: number) =>
    HEIGHT - BOTTOM - ((Math.log10(value) - fromY) / (toY - fromY)) * (HEIGHT - TOP - BOTTOM);
  const text = (at: number, down: number, words: string, anchor = 'start', more = '') =>
    `<text x="${at.toFixed(1)}" y="${down.toFixed(1)}" text-anchor="${anchor}" ${more}>${words}</text>`;
  const grid = [
    ...range(fromX, toX).map((power) => {
      const at = x(10 ** power);
      return `<line x1="${at}" x2="${at}" y1="${TOP}" y2="${HEIGHT - BOTTOM}"/>${text(at, HEIGHT - BOTTOM + 16, (10 ** power).toLocaleString('en'), 'middle')}`;
    }),
    ...range(fromY, toY).map((power) => {
      const at = y(10 ** power);
      return `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${at}" y2="${at}"/>${text(LEFT - 6, at + 4, String(10 ** power), 'end')}`;
    }),
  ];
  const names = spread(lines.map(({ points: own }) => y(own.at(-1)?.[1] ?? 1)));
  const drawn = lines.map(({ name, points: own }, index) => {
    const colour = COLOURS[index % COLOURS.length] ?? '';
    const path = own.map(([size, cost]) => `${x(size).toFixed(1)},${y(cost).toFixed(1)}`);
    const dots = path.map(
      (at) => `<circle cx="${at.split(',')[0]}" cy="${at.split(',')[1]}" r="2.5" fill="${colour}"/>`,
    );
    const label = text(WIDTH - RIGHT + 10, (names[index] ?? 0) + 4, name, 'start', `fill="${colour}"`);
    return `<polyline points="${path.join(' ')}" fill="none" stroke="${colour}" stroke-width="1.5"/>${dots.join('')}${label}`;
  });
  return `<g transform="translate(${offset} 0)">${text(LEFT, 20, `${title}, ${unit}`, 'start', 'font-weight="600"')}<g stroke="#8884" stroke-width="1">${grid.join('').replaceAll('<text', '<text stroke="none"')}</g>${drawn.join('')}</g>`;
}

/** Panels side by side, both axes logarithmic: a straight line at 45 degrees is "twice the size costs twice as much". */
export function plot(panels: readonly Panel[]): string {
  const width = WIDTH * panels.length;
  const said = panels.map(({ title, unit }) => `${title} (${unit})`).join(' and ');
  return `<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="${said} against size" viewBox="0 0 ${width} ${HEIGHT}" width="${width}" height="${HEIGHT}" font-family="system-ui, sans-serif" font-size="11">
<style>text:not([fill]) { fill: #1b2430 } @media (prefers-color-scheme: dark) { text:not([fill]) { fill: #e4e9f0 } }</style>
${panels.map((each, index) => panel(each, index * WIDTH)).join('\n')}
</svg>
`;
}
