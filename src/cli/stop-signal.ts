export interface StopSignal {
  readonly signal: AbortSignal;
  /** 130 after Ctrl-C, 143 after SIGTERM, undefined when neither came. */
  exitCode(): number | undefined;
  release(): void;
}

const CODES = { SIGINT: 130, SIGTERM: 143 } as const;

/** The first signal lets what runs on hosts end and starts nothing new; the second one leaves at once. */
export function stopSignal(): StopSignal {
  const controller = new AbortController();
  let code: number | undefined;
  const listeners = (Object.keys(CODES) as (keyof typeof CODES)[]).map((name) => {
    const listener = (): void => {
      if (code !== undefined) process.exit(code);
      code = CODES[name];
      process.stderr.write(
        `\n${name}: stopping; what has begun on a host is ended first (again to leave at once)\n`,
      );
      controller.abort();
    };
    process.on(name, listener);
    return [name, listener] as const;
  });
  return {
    signal: controller.signal,
    exitCode: () => code,
    release: () => listeners.forEach(([name, listener]) => process.off(name, listener)),
  };
}
