import { describe, expect, it } from '@jest/globals';
import { isProvisionError } from '../../../src/model/error.ts';
import { forwardingNics } from '../../../src/resources/index.ts';
import { captured, facts } from './conformance.ts';

const planned = (capture: string, nics: readonly string[]): string | null => {
  try {
    return forwardingNics({ nics }).plan(captured(capture), facts, {}) === null ? null : 'a change';
  } catch (error) {
    return isProvisionError(error) ? `${error.code}: ${error.message} ${error.hint}` : String(error);
  }
};

describe('NICs that firewalld forwards for', () => {
  it('must stand in a zone by name since firewalld 2: refused with what to type', () => {
    const refused = planned('debian-13-firewalld-2.3.1-nics-unnamed', ['eth0']);
    expect(refused).toContain(
      'host-unsupported: firewalld 2.3.1 forwards nothing for NICs that no zone names: eth0.',
    );
    expect(refused).toContain('firewall-cmd --permanent --zone=public --add-interface=eth0');
  });

  it('are fine where a zone names them, and each is looked at', () => {
    expect(planned('debian-13-firewalld-2.3.1-nics-named', ['eth0'])).toBeNull();
    expect(planned('debian-13-firewalld-2.3.1-nics-named', ['eth0', 'eth1'])).toContain('names: eth1.');
  });

  it('need no zone before firewalld 2, and none where it does not run', () => {
    const old = captured('debian-13-firewalld-2.3.1-nics-unnamed');
    const plan = (stdout: string) => forwardingNics({ nics: ['eth0'] }).plan({ stdout, code: 0 }, facts, {});
    expect(plan(old.stdout.replace('"2.3.1"', '"1.3.3"'))).toBeNull();
    expect(plan('\t\tpublic\n')).toBeNull();
  });
});
