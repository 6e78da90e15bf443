import { OUTSIDE } from './app-host-lab.ts';
import { EGRESS_APP } from './egress-apps.ts';

/** What the image runs: the app that does not bind, on port 8080. */
export const APP_COMMAND = ['/usr/bin/perl', '/app', '0.0.0.0', '8080', OUTSIDE];

/**
 * Shell text that makes the image `eip:latest` on a lab host out of its own perl-base: hosts of the lab reach no
 * registry. It runs the app of the seed.
 */
export const IMPORT_IMAGE = `
mkdir -p /root/image && cd /root/image
cat > app <<'PROGRAM'
${EGRESS_APP}PROGRAM
# The first process of a container has no default for SIGTERM: it would be killed after 10 seconds.
sed -i '2i $SIG{TERM} = sub { exit };' app
chmod 755 app
libraries=$(ldd /usr/bin/perl | grep -o '/lib[^ ]*' | sed 's,^/,,')
tar -c app -C / --dereference usr/bin/perl usr/lib/x86_64-linux-gnu/perl-base $libraries |
  docker import -c 'CMD ${JSON.stringify(APP_COMMAND)}' -c 'ENV FROM_IMAGE=yes' - eip:latest`;

/** A container of such an entry. */
export interface DockerApp {
  readonly name: string;
  readonly ip: string;
  readonly publish?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly restart?: string;
  readonly command?: readonly string[];
  readonly image?: string;
}

export interface DockerEntry {
  readonly name: string;
  readonly nic: string;
  readonly network: Readonly<Record<string, unknown>>;
  readonly containers?: readonly DockerApp[];
}

/** The inventory's `egress:` of app1 with these entries instead. JSON is YAML. */
export const withEntries =
  (entries: readonly DockerEntry[], more = '') =>
  (hosts: string): string => {
    const egress = entries.map((entry) => ({ scheme: 'docker', ...entry }));
    const found = /^ {10}egress:[\s\S]*?(?=^ {4}\S)/m;
    if (!found.test(hosts)) throw new Error('app1 of the inventory has no egress to replace');
    return hosts
      .replace(/^ {10}app_host:.*\n/m, '')
      .replace(found, () => `          egress: ${JSON.stringify(egress)}\n${more}`);
  };
