import type { Fields } from '../model/resource.ts';
import { sh } from '../shell/quote.ts';
import { defineResource } from './define.ts';

export interface PackageProps {
  /** The distribution's own name of the package. */
  readonly name: string;
}

interface PackageState {
  readonly saved: Fields | null;
}

/**
 * Services of a new package stay down until their configuration is written: invoke-rc.d(8) asks policy-rc.d(8),
 * 101 = not allowed. A reload is: without it D-Bus would not know the names of the new package, and firewalld would
 * wait for polkit until it gives up. An existing policy is put back as it was.
 */
const install = (name: string): string => `
if command -v apt-get >/dev/null; then
  export DEBIAN_FRONTEND=noninteractive
  policy=/usr/sbin/policy-rc.d
  kept=
  # Ours, left by a run that was killed, is not to be kept.
  if grep -qs 'made by provision' "$policy"; then rm -f "$policy"; fi
  if [ -e "$policy" ]; then kept=$(mktemp -p /usr/sbin .policy-rc.d.XXXXXXXX); cp -p "$policy" "$kept"; fi
  restore() { if [ -n "$kept" ]; then mv -f "$kept" "$policy"; else rm -f "$policy"; fi; }
  trap restore EXIT
  trap 'exit 143' TERM INT HUP
  printf '#!/bin/sh\\n# made by provision\\ncase "$2" in *start*) exit 101 ;; esac\\nexit 0\\n' > "$policy"
  chmod 0755 "$policy"
  get() { apt-get -q -y -o DPkg::Lock::Timeout=120 -o Dpkg::Options::=--force-confold --no-install-recommends install -- "$1"; }
  if ! get ${sh`${name}`}; then apt-get -q update; get ${sh`${name}`}; fi
elif command -v dnf >/dev/null; then ${sh`dnf -y -q install ${name}`}
elif command -v yum >/dev/null; then ${sh`yum -y -q install ${name}`}
else echo 'no package manager found (apt-get, dnf, yum)' >&2; exit 1
fi`;

/** A package of the distribution, installed. Packages are not taken away again. */
export const packageInstalled = defineResource<PackageProps, PackageState>({
  kind: 'package',
  name: ({ name }) => name,
  phase: 'package',
  desired: () => ({ saved: { installed: true } }),
  probe: ({ name }) => [{ package: name }],
  parse: ({ stdout }) => (stdout.trim() === 'installed' ? { saved: { installed: true } } : { saved: null }),
  transition: ({ to }, { name }) => ({ steps: to.saved === null ? [] : [install(name)] }),
  sentence: (_difference, { name }) => `package ${name} is not installed`,
});
