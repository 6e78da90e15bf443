import { describe, expect, it } from '@jest/globals';
import { packageInstalled } from '../../../src/resources/index.ts';
import { captured, describeResource, facts } from './conformance.ts';

describeResource('package', {
  resource: packageInstalled({ name: 'firewalld' }),
  matching: captured('debian-12-package-installed'),
  absent: captured('debian-12-package-absent'),
  different: captured('debian-12-package-absent'),
  differs: ['saved.installed'],
  hostile: (text) => packageInstalled({ name: text }),
});

describe('package', () => {
  const change = packageInstalled({ name: 'firewalld' }).plan(captured('debian-12-package-absent'), facts);

  it('keeps new services from starting until they are configured', () => {
    expect(change?.apply.steps[0]).toContain('policy-rc.d');
    expect(change?.apply.steps[0]).toContain('exit 101');
  });

  it('is not taken away again', () => {
    expect(change?.revert.steps).toEqual([]);
  });
});
