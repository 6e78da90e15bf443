import { reported } from '../model/reported.ts';
import { readHost } from '../engine/probe.ts';
import type { Facts } from '../model/resource.ts';
import { coloursFor } from '../reporters/colour.ts';
import { printable } from '../reporters/printable.ts';
import { problemLines } from '../reporters/problem.ts';
import { contactHosts } from './contact.ts';
import type { Answer, ContactFlags } from './contact.ts';
import { table } from './table.ts';

const HEADINGS = ['HOST', 'SYSTEM', 'KERNEL', 'INIT', 'SSH', 'IPV6 ROUTE', 'HOSTNAME'];

/** One row of the table. What a host says of itself is somebody else's text. */
function row(name: string, facts: Facts): string[] {
  const { os, kernel, init, sshPort, sshClient, ipv6Route, hostname } = facts;
  const ssh = `${sshPort === null ? '-' : `port ${sshPort}`}${sshClient === null ? '' : ` from ${sshClient}`}`;
  const words = [
    name,
    `${os.id} ${os.version}`.trim(),
    kernel,
    init,
    ssh,
    ipv6Route ? 'yes' : 'no',
    hostname,
  ];
  return words.map((word) => printable(word) || '-');
}

function entryOf({ target, value, error }: Answer<Facts>): object {
  return {
    name: target.name,
    ...(value ? { facts: value } : {}),
    ...(error ? { error: reported(error) } : {}),
  };
}

/** `provision facts`: what every run reads of a host before anything else. */
export async function facts(flags: ContactFlags): Promise<number> {
  const answers: Answer<Facts>[] = [];
  const exitCode = await contactHosts(
    flags,
    async (session, target) => (await readHost(session, target, [], [], { retry: false })).facts,
    (answer) => answers.push(answer),
  );
  if (flags.json) {
    process.stdout.write(`${JSON.stringify({ exitCode, hosts: answers.map(entryOf) }, null, 2)}\n`);
    return exitCode;
  }
  const rows = answers.flatMap(({ target, value }) => (value ? [row(target.name, value)] : []));
  if (rows.length > 0) table([HEADINGS, ...rows]).forEach((line) => process.stdout.write(`${line}\n`));
  const colours = coloursFor(process.stderr, process.env);
  answers
    .flatMap(({ error }) => (error ? problemLines(error, colours) : []))
    .forEach((line) => process.stderr.write(`${line}\n`));
  return exitCode;
}
