import { Document, YAMLMap } from 'yaml';
import { FILL_IN, onOneLine, oneLine, remark } from './import-yaml.ts';

/** An EIP of a gateway that is to be built; `private` null = a person must fill it in. */
export interface ImportedEip {
  readonly name: string;
  readonly public: string;
  readonly private: string | null;
  /** As `200mbit`. */
  readonly peak: string | null;
  readonly remark: string | null;
}

export interface ImportedSnat {
  readonly source: string;
  readonly to: readonly string[];
  readonly remark: string | null;
}

/** `port` null = protocol any, the whole address but SSH; `toPort` null = the public one. */
export interface ImportedDnat {
  readonly name: string;
  readonly eip: string;
  readonly protocol: 'tcp' | 'udp' | 'tcp+udp' | 'any';
  readonly port: string | null;
  readonly to: string;
  readonly toPort: string | null;
  readonly remark: string | null;
}

export interface ImportedPackage {
  readonly name: string;
  readonly cap: string;
  readonly eips: readonly string[];
  readonly remark: string | null;
}

/** A gateway in the words of an inventory, and what could not be said in them. */
export interface ImportedGateway {
  /** What it was, in words. */
  readonly source: string;
  readonly eips: readonly ImportedEip[];
  readonly snat: readonly ImportedSnat[];
  readonly dnat: readonly ImportedDnat[];
  readonly bandwidth: readonly ImportedPackage[];
  readonly notes: readonly string[];
}

const withPrefix = (address: string): string => (address.includes('/') ? address : `${address}/${FILL_IN}`);
const plain = (address: string): string => address.split('/')[0] ?? address;

/** All on one NIC: how many there will be, a cloud's NAT gateway does not tell. */
function nicsOf(eips: readonly ImportedEip[]): object {
  const [address = FILL_IN, ...secondary] = eips.map((eip) =>
    eip.private === null ? FILL_IN : withPrefix(eip.private),
  );
  return { eth0: { address, ...(secondary.length > 0 ? { secondary } : {}) } };
}

export const number = (port: string): number | string => (/^\d+$/.test(port) ? Number(port) : port);

export const dnatFields = ({ name, eip, protocol, port, to, toPort }: ImportedDnat): object => ({
  name,
  eip,
  ...(port === null ? {} : { port: number(port) }),
  protocol,
  to,
  ...(toPort === null ? {} : { to_port: number(toPort) }),
  ...(protocol === 'any' ? { except_ports: [22] } : {}),
});

const variablesOf = ({ eips, snat, dnat, bandwidth }: ImportedGateway): Record<string, unknown> => ({
  nics: nicsOf(eips),
  eips: Object.fromEntries(
    eips.map((eip) => [
      eip.name,
      {
        public: eip.public,
        private: eip.private === null ? FILL_IN : plain(eip.private),
        ...(eip.peak === null ? {} : { peak: eip.peak }),
      },
    ]),
  ),
  nat: {
    snat: snat.map(({ source, to }) => ({ source, to: to.length === 1 ? to[0] : to })),
    dnat: dnat.map(dnatFields),
  },
  ...(bandwidth.length === 0
    ? {}
    : {
        bandwidth: bandwidth.map(({ name, cap, eips: members }) => ({
          name,
          cap,
          eips: members,
          direction: 'both',
        })),
      }),
});

function headOf({ source, notes }: ImportedGateway): string {
  const lines = [
    `Made by \`provision import aliyun-nat\` from ${source}.`,
    ...(notes.length > 0 ? ['Look at these before you use it:', ...notes.map((note) => `- ${note}`)] : []),
  ];
  return lines.map(oneLine).join('\n');
}

/** The gateway as YAML: a file of host_vars, or, with the name of a host, a whole inventory. */
export function importedYaml(gateway: ImportedGateway, host: string | undefined): string {
  const document = new Document(variablesOf(gateway), { aliasDuplicateObjects: false });
  const at = (...path: (string | number)[]): unknown => document.getIn(path, true);
  ['nics', 'eips', 'bandwidth'].forEach((key) => onOneLine(at(key), 1));
  onOneLine(at('nat'), 2);
  gateway.eips.forEach((eip) => remark(at('eips', eip.name), eip.remark));
  gateway.snat.forEach((entry, index) => remark(at('nat', 'snat', index), entry.remark));
  gateway.dnat.forEach((entry, index) => remark(at('nat', 'dnat', index), entry.remark));
  gateway.bandwidth.forEach((entry, index) => remark(at('bandwidth', index), entry.remark));
  const whole = host === undefined ? document : new Document({});
  if (host !== undefined) {
    whole.setIn(['all', 'children', 'nat-gateway', 'hosts', host], document.contents ?? new YAMLMap());
  }
  whole.commentBefore = headOf(gateway);
  return whole.toString({ lineWidth: 0 });
}
