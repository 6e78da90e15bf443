import { z } from 'zod';
import { ProblemList, ProvisionError } from '../../model/error.ts';
import { shown } from '../../roles/variables/text.ts';

/**
 * What Alibaba Cloud's VPC API of 2016-04-28 answers to Describe* calls (its reference pages, "Response parameters").
 * Only what an inventory can say is read. Ports and rates come as text or as numbers, depending on the call's age; a
 * missing value comes as "" or not at all.
 */
const word = z
  .union([z.string(), z.number(), z.null()])
  .optional()
  .transform((value) => (value === undefined || value === null ? '' : String(value).trim()));

/** `{ "Thing": [ … ] }`; some answers hold one thing without a list. */
const listOf = <Item extends z.core.SomeType>(key: string, item: Item) =>
  z
    .object({ [key]: z.preprocess((value) => wrapped(value), z.array(item)).optional() })
    .transform((object) => (object[key] ?? []) as z.infer<Item>[]);

const wrapped = (value: unknown): unknown => (value === undefined || Array.isArray(value) ? value : [value]);

const forwardEntry = z.object({
  ForwardEntryId: word,
  ForwardEntryName: word,
  ExternalIp: word,
  ExternalPort: word,
  InternalIp: word,
  InternalPort: word,
  IpProtocol: word,
  NatGatewayId: word,
  ForwardTableId: word,
  Status: word,
});

const snatEntry = z.object({
  SnatEntryId: word,
  SnatEntryName: word,
  SnatIp: word,
  SourceCIDR: word,
  SourceVSwitchId: word,
  NatGatewayId: word,
  SnatTableId: word,
  Status: word,
});

const eipAddress = z.object({
  AllocationId: word,
  Name: word,
  IpAddress: word,
  Bandwidth: word,
  EipBandwidth: word,
  BandwidthPackageId: word,
  BandwidthPackageBandwidth: word,
  InstanceId: word,
  InstanceType: word,
});

const bandwidthPackage = z.object({
  BandwidthPackageId: word,
  Name: word,
  Bandwidth: word,
  Status: word,
  PublicIpAddresses: listOf('PublicIpAddresse', z.object({ AllocationId: word, IpAddress: word })).optional(),
});

const natGateway = z.object({
  NatGatewayId: word,
  Name: word,
  NetworkType: word,
  ForwardTableIds: listOf('ForwardTableId', z.string()).optional(),
  SnatTableIds: listOf('SnatTableId', z.string()).optional(),
  IpLists: listOf('IpList', z.object({ IpAddress: word, AllocationId: word })).optional(),
});

export type ForwardEntry = z.infer<typeof forwardEntry>;
export type SnatEntry = z.infer<typeof snatEntry>;
export type EipAddress = z.infer<typeof eipAddress>;
export type BandwidthPackage = z.infer<typeof bandwidthPackage>;
export type NatGateway = z.infer<typeof natGateway>;

/** Everything that was found in all files. */
export interface AliyunNat {
  readonly forwards: readonly ForwardEntry[];
  readonly snats: readonly SnatEntry[];
  readonly eips: readonly EipAddress[];
  readonly packages: readonly BandwidthPackage[];
  readonly gateways: readonly NatGateway[];
  /** Calls that name more than they hold: pages are missing. */
  readonly incomplete: readonly string[];
}

interface Kind {
  readonly key: string;
  readonly item: string;
  readonly schema: z.ZodType;
  /** Two of the same are one, as of pages that overlap. */
  readonly id: string;
}

const KINDS = {
  forwards: {
    key: 'ForwardTableEntries',
    item: 'ForwardTableEntry',
    schema: forwardEntry,
    id: 'ForwardEntryId',
  },
  snats: { key: 'SnatTableEntries', item: 'SnatTableEntry', schema: snatEntry, id: 'SnatEntryId' },
  eips: { key: 'EipAddresses', item: 'EipAddress', schema: eipAddress, id: 'AllocationId' },
  packages: {
    key: 'CommonBandwidthPackages',
    item: 'CommonBandwidthPackage',
    schema: bandwidthPackage,
    id: 'BandwidthPackageId',
  },
  gateways: { key: 'NatGateways', item: 'NatGateway', schema: natGateway, id: 'NatGatewayId' },
} as const satisfies Record<string, Kind>;

export interface NamedText {
  readonly file: string;
  readonly text: string;
}

/** Reads the answers in these texts, in any order. Throws a ProblemList of `inventory` with all that is no such answer. */
export function readAliyunResponses(texts: readonly NamedText[]): AliyunNat {
  const problems: ProvisionError[] = [];
  const documents = texts.flatMap(({ file, text }) => {
    try {
      return answersIn(file, text);
    } catch (error) {
      if (!(error instanceof Error) || error.name !== 'ProvisionError') throw error;
      problems.push(error as ProvisionError);
      return [];
    }
  });
  const found = Object.entries(KINDS).map(([name, kind]) => {
    const of = documents.filter(({ data }) => Object.hasOwn(data, kind.key));
    const items = of.flatMap(({ file, data }) => itemsOf(file, data[kind.key], kind, problems));
    const once = [...new Map(items.map((item, index) => [item[kind.id] || `#${index}`, item])).values()];
    const promised = Math.max(0, ...of.map(({ data }) => Number(data['TotalCount'] ?? 0) || 0));
    const note =
      promised > once.length
        ? [`${kind.key}: ${once.length} of ${promised} are here; ask for the other pages too (PageNumber)`]
        : [];
    return { name, once, note };
  });
  if (problems.length > 0) throw new ProblemList(problems);
  return {
    ...(Object.fromEntries(found.map(({ name, once }) => [name, once])) as unknown as AliyunNat),
    incomplete: found.flatMap(({ note }) => note),
  };
}

type Data = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Data =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const wrong = (file: string, message: string, hint: string, place = {}): ProvisionError =>
  new ProvisionError('inventory', message, { hint, place: { file, ...place } });

const CALLS =
  'Give what `aliyun vpc Describe…` prints for ForwardTableEntries, SnatTableEntries, EipAddresses, CommonBandwidthPackages or NatGateways.';

/** The answers in one text: one, or a list of them, each perhaps in an object with the name of its call. */
function answersIn(file: string, text: string): { file: string; data: Data }[] {
  const json = parsed(file, text);
  return (Array.isArray(json) ? json : [json]).map((answer: unknown) => {
    if (!isObject(answer)) throw wrong(file, `an answer is an object, this is ${kindOf(answer)}`, CALLS);
    const [inner] = Object.entries(answer).flatMap(([key, value]) =>
      /^Describe\w+Response$/.test(key) && isObject(value) ? [value] : [],
    );
    const data = inner ?? answer;
    if (Object.values(KINDS).some(({ key }) => Object.hasOwn(data, key))) return { file, data };
    if (typeof data['Code'] === 'string')
      throw wrong(
        file,
        `this is an error of the cloud: ${shown(data['Code'])}`,
        'Mend the call, and keep what it answers.',
      );
    throw wrong(file, 'this is none of the answers that can be imported', CALLS);
  });
}

function parsed(file: string, text: string): unknown {
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (error) {
    const { message } = error as Error;
    const hint = 'Keep what the call prints as it is: `aliyun vpc … > FILE`.';
    throw wrong(file, `this is no JSON: ${message}`, hint, placeIn(text, message));
  }
}

/** V8 tells the offset in some messages, the text around it in others; of a text that is cut off it is the end. */
function placeIn(text: string, message: string): { line?: number; column?: number } {
  const told = /position (\d+)/.exec(message)?.[1] ?? (/end of JSON/.test(message) ? text.length : undefined);
  if (told === undefined) return {};
  const before = text.slice(0, Number(told)).split('\n');
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
}

function itemsOf(
  file: string,
  value: unknown,
  kind: Kind,
  problems: ProvisionError[],
): Record<string, string>[] {
  const read = listOf(kind.item, kind.schema).safeParse(value);
  if (read.success) return read.data as Record<string, string>[];
  for (const { path } of read.error.issues) {
    const where = [kind.key, ...path].map((part) =>
      typeof part === 'number' ? `[${part}]` : `.${String(part)}`,
    );
    const bad = path.reduce<unknown>((at, part) => (at as Data | undefined)?.[part as string], value);
    const message = `${where.join('').slice(1)} is ${kindOf(bad)}, which the cloud does not print there`;
    problems.push(wrong(file, message, 'Give the file as the call printed it.'));
  }
  return [];
}

const kindOf = (value: unknown): string =>
  value === null
    ? 'null'
    : Array.isArray(value)
      ? 'a list'
      : typeof value === 'object'
        ? 'an object'
        : shown(value);
