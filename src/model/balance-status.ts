/** Where lb-checker of a load balancer lies, finds what it needs, and keeps what it knows (templates/lb). */
export const BALANCE = {
  checker: '/etc/provision/lb-checker',
  conf: '/etc/provision/lb.conf',
  /** A file per service: which of its backends are up, since when. Gone at a reboot. */
  state: '/run/provision/lb',
  lock: '/run/provision/lb.lock',
  known: '/run/provision/lb.known',
  unit: 'provision-lb-checker.service',
} as const;

/** How one backend of a listener stands. */
export interface BackendStatus {
  readonly address: string;
  /** Null = the port that the client used. */
  readonly port: number | null;
  readonly weight: number;
  /** `unchecked` = its listener has no health. */
  readonly state: 'active' | 'down' | 'draining' | 'disabled' | 'unchecked';
  /** When its health last changed: ISO 8601, UTC; null = nobody knows. */
  readonly since: string | null;
  /** Why it is down; empty = it is not. */
  readonly why: string;
  /** New connections since the rules were loaded. */
  readonly hits: number;
}

/** How one listener of a load balancer stands. */
export interface ListenerStatus {
  readonly name: string;
  readonly addresses: readonly string[];
  readonly ports: readonly string[];
  readonly protocols: readonly string[];
  /** False = the kernel does not hold its rules. */
  readonly loaded: boolean;
  /** False = its backends are checked, and the checker does not run. */
  readonly watched: boolean;
  readonly backends: readonly BackendStatus[];
}

/** Shell text that prints what `parseBalance` reads; nothing where there is no load balancer. */
export const BALANCE_STATUS = `
[ -f ${BALANCE.checker} ] && [ -f ${BALANCE.conf} ] || exit 0
systemctl -q is-active ${BALANCE.unit} && echo watched || echo alone
bash ${BALANCE.checker} status`;

const words = (text: string): string[] => text.split(' ').filter((word) => word !== '');

function backend(fields: readonly string[], checked: boolean): BackendStatus {
  const [address = '', port = '', weight = '', declared = '', health = '', since = '', hits = '', why = ''] =
    fields;
  const state =
    declared === 'draining' || declared === 'disabled'
      ? declared
      : !checked
        ? 'unchecked'
        : health === 'down'
          ? 'down'
          : 'active';
  const seconds = /^\d{1,11}$/.test(since) ? Number(since) : null;
  return {
    address,
    port: /^\d{1,5}$/.test(port) ? Number(port) : null,
    weight: Number(weight) || 0,
    state,
    since: seconds === null ? null : new Date(seconds * 1000).toISOString(),
    why: health === 'down' ? why : '',
    hits: Number(hits) || 0,
  };
}

/** What `BALANCE_STATUS` printed, which is a host's text; null = no load balancer. */
export function parseBalance(text: string): readonly ListenerStatus[] | null {
  const [first = '', ...lines] = text.split('\n');
  if (first !== 'watched' && first !== 'alone') return null;
  const found: { -readonly [Key in keyof ListenerStatus]: ListenerStatus[Key] }[] = [];
  let checked = false;
  for (const line of lines) {
    const [kind, ...fields] = line.split('\t');
    const last = found.at(-1);
    if (kind === 'service') {
      const [name = '', addresses = '', ports = '', protocols = '', check = '', loaded = ''] = fields;
      checked = check === 'checked';
      found.push({
        name,
        addresses: words(addresses),
        ports: words(ports).map((range) => range.replace(/^(\d+)-\1$/, '$1')),
        protocols: words(protocols),
        loaded: loaded === 'yes',
        watched: !checked || first === 'watched',
        backends: [],
      });
    } else if (kind === 'backend' && last) last.backends = [...last.backends, backend(fields, checked)];
  }
  return found;
}
