import pc from 'picocolors';

export type Colours = ReturnType<typeof pc.createColors>;

/** NO_COLOR and FORCE_COLOR decide (no-color.org, force-color.org); else only a terminal gets colours. */
export function coloursFor(stream: { readonly isTTY?: boolean }, env: NodeJS.ProcessEnv): Colours {
  if (env['NO_COLOR']) return pc.createColors(false);
  const force = env['FORCE_COLOR'];
  if (force !== undefined && force !== '') return pc.createColors(force !== '0' && force !== 'false');
  return pc.createColors(stream.isTTY === true && env['TERM'] !== 'dumb');
}
