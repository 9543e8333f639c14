import { describe } from 'vitest';
import { awsBehaviours } from '../parity/aws.js';
import { kubernetesBehaviours } from '../parity/kubernetes.js';
import { openServers } from '../parity/servers.js';
import { present, testbed } from './real.js';

describe.skipIf(!present)('the real servers answer:', () => {
  kubernetesBehaviours(() => openServers(process.env));
  awsBehaviours(
    () => openServers(process.env),
    testbed
      ? {
          'DeletePolicy of an attached policy': 'moto deletes it',
          AddClientIDToOpenIDConnectProvider: 'moto has no such operation',
        }
      : {},
  );
});
