/** The message of whatever was thrown. By shape and not by class: a program may throw errors of another realm. */
export function causeMessage(cause: unknown): string {
  const message: unknown =
    typeof cause === 'object' && cause !== null && 'message' in cause ? cause.message : cause;
  return typeof message === 'string' ? message : 'unknown reason';
}

/** The code of an error of Node, as `ENOENT`; empty where there is none. */
export function causeCode(cause: unknown): string {
  const code: unknown = typeof cause === 'object' && cause !== null && 'code' in cause ? cause.code : '';
  return typeof code === 'string' ? code : '';
}
