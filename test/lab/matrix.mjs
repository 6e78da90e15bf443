// npm run test:matrix [-- FILE…]: the cases on real hosts, once for each release of Debian; fails when one of them does.
import { spawnSync } from 'node:child_process';

const RELEASES = ['debian-11', 'debian-12', 'debian-13'];
const wanted = process.env.PROVISION_LAB_RELEASE;
const files = process.argv.slice(2);
/** What is about the program, the way to a host, or rules that one host has from a person: the same on each release. */
const ONCE = ['adopt', 'hostile', 'import-host', 'init', 'lab', 'openssh', 'secrets', 'sudo'];
/** Variants of what the others hold; the soaks beside them take hours. */
const VARIANTS = [
  ...['app-host-bridge', 'app-host-docker-window', 'app-host-gateway', 'app-host-ifupdown', 'bandwidth'],
  ...['iptables-legacy', 'load-balancer-iptables', 'load-balancer-regions', 'nat-rules-iptables', 'sizing'],
];
const all = [
  'test/lab',
  `test/full/(${VARIANTS.join('|')})\\.test`,
  `--testPathIgnorePatterns=/lab/(${ONCE.join('|')})\\.test`,
];
const jest = [
  '--experimental-vm-modules',
  '--no-warnings',
  'node_modules/jest/bin/jest.js',
  '--maxWorkers=100%',
];
const failed = RELEASES.filter((release) => wanted === undefined || wanted === release).filter((release) => {
  console.log(`\n=== ${release} ===`);
  const { status } = spawnSync(process.execPath, [...jest, ...(files.length > 0 ? files : all)], {
    stdio: 'inherit',
    env: { ...process.env, PROVISION_LAB_RELEASE: release },
  });
  return status !== 0;
});
console.log(failed.length === 0 ? '\nall releases passed' : `\nfailed: ${failed.join(', ')}`);
process.exitCode = failed.length === 0 ? 0 : 1;
