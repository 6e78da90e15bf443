/** More turns than that are more rules of nth than a new connection should pass (iptables). */
export const MOST_TURNS_BY_IPTABLES = 100;
/** Elements of one map of nft(8), where their number costs nothing but text. */
export const MOST_TURNS = 4096;
/** With up to so many slots for each unit of weight, few clients change their backend when another one goes. */
const SLOTS_PER_TURN = 16;

const divisor = (a: number, b: number): number => (b === 0 ? a : divisor(b, a % b));

/** Weights without what they have in common: 2, 4 → 1, 2. */
export function shares(weights: readonly number[]): number[] {
  const common = weights.reduce(divisor, 0);
  return common === 0 ? [...weights] : weights.map((weight) => weight / common);
}

/** How many turns it takes until each backend has had its share. */
export const countTurns = (weights: readonly number[]): number =>
  shares(weights).reduce((sum, share) => sum + share, 0);

/** Whose turn it is, by place in the list: in layers, so that a heavy one does not serve its share in one go (3, 1 → 0 1 0 0). */
export function turns(weights: readonly number[]): number[] {
  const left = shares(weights);
  const most = left.reduce((a, b) => Math.max(a, b), 0);
  return Array.from({ length: most }, (_none, layer) =>
    left.flatMap((share, index) => (share > layer ? [index] : [])),
  ).flat();
}

/** Slots of a hash: as many per turn as fit, so that a slot whose backend is gone moves few clients. */
export function slots(weights: readonly number[]): number[] {
  const once = turns(weights);
  const times = Math.max(1, Math.min(SLOTS_PER_TURN, Math.floor(MOST_TURNS / Math.max(1, once.length))));
  return Array.from({ length: times }, () => once).flat();
}
